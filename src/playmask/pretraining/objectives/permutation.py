"""Permutation language modelling (Yang et al. 2019, XLNet), by two streams."""

from typing import Any

import numpy as np
from keras import ops

from playmask.model.inputs import two_streams
from playmask.model.transformer import Transformer
from playmask.pretraining.network import PackedNetwork, apart, numbered
from playmask.pretraining.objectives.masked import ChoosingObjective
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import PermutationSettings
from playmask.runtime.padding import Batch

RANKS = "ranks"  # (B, T): when each token comes


class StreamsNetwork(PackedNetwork):
    """A Transformer with a query stream at the places that are read.

    Shapes: inputs tokens, texts, positions, valid, ranks (B, T), read (B, R) ->
            {"logits": (B, R, vocabulary)}
    """

    def __init__(self, transformer: Transformer, token: int) -> None:
        super().__init__(transformer)
        self.token = token

    def packed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The content of the rows, and behind it the queries."""
        a, own = self.transformer.architecture, dict(inputs)
        ranks, read, extra = own.pop(RANKS), own.pop("read"), own.pop("extra", None)
        streams = two_streams(numbered(own, a), ranks, self.token, a, at=read)
        if extra is not None:
            added = ops.zeros((*ops.shape(read), ops.shape(extra)[-1]), extra.dtype)
            streams["extra"] = ops.concatenate([extra, added], axis=1)
        return apart(streams)


class PermutationLanguageModelling(ChoosingObjective[PermutationSettings]):
    """Predicts the tokens that come last in a random order, each from those that come before it.

    All others come first, and see each other. The query stream stands at the predicted tokens
    alone: its vector is the model's own, where it has one, as XLNet, or else that of [MASK].
    Source: Yang et al. 2019, §2.2 and §2.3
    """

    def build_network(self, model: Transformer) -> StreamsNetwork:
        """The network with two streams."""
        return StreamsNetwork(model, -1 if self.architecture.query_vector else self.mask)

    def prepare(self, rows: PackedRows, random: np.random.Generator) -> Batch:
        """Choose the tokens that come last, and draw their order."""
        taken = self.choose(rows, random)
        places, targets, weights = self.places(rows, taken)
        draws = np.where(taken, random.random(taken.shape), -1.0)
        last = draws.argsort(axis=1).argsort(axis=1) + 1 - (~taken).sum(axis=1, keepdims=True)
        ranks = np.where(taken, last, 0).astype("int32")
        return {**rows.inputs, RANKS: ranks, "read": places}, targets, weights
