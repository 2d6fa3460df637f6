"""Extraction by tags: a tag for each token, decoded by a CRF, a MEMM or alone."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.data.annotated import Mention
from playmask.data.formats.tag_columns import tags_to_mentions
from playmask.labelling.losses import HIDDEN
from playmask.labelling.tag_sequences import TagCrossentropy
from playmask.labelling.taggers import TAGGERS, Tagged
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled
from playmask.runtime.padding import Batch, bucket, buckets
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import EventSettings, TaggerSettings, tagger_options
from playmask.tasks.network import TaskNetwork
from playmask.tasks.windows import Outputs, Window

Settings = TaggerSettings | EventSettings

LENGTHS = buckets(1 << 20)
TOGETHER = (1, 32)  # texts whose tags are decoded at once


class TaggerNetwork(TaskNetwork):
    """A Transformer, a dense layer over the tags, and what makes tags of its logits.

    Shapes: inputs as a Transformer's -> {"logits": (B, T, tags)}
    """

    def __init__(self, transformer: Transformer, tags: int, settings: Settings) -> None:
        super().__init__(transformer)
        self.dropout = Dropout(settings.dropout)
        initializer = transformer.architecture.initializer()
        self.dense = Dense(tags, kernel_initializer=initializer, dtype="float32", name="tags")
        self.tagger = TAGGERS[settings.tagger](
            tags, **tagger_options(settings), dtype="float32", name="tagger"
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the weights of the dense layer and of the tagger."""
        self.dense.build((None, None, self.transformer.architecture.width))
        self.tagger.build()

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tags of every token."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        return {"logits": self.dense(self.dropout(hidden, training=training))}


class Tagging(Method[Any]):
    """Tags for tokens; mentions are runs of them, and stand apart."""

    scores_mentions: ClassVar[bool] = True

    def __init__(self, network: keras.Model, settings: Settings) -> None:
        super().__init__(network, settings)
        self.tags = settings.tag_set
        if settings.tagger == "softmax":
            self.kind = "tags"
        self.classes = [mark.label or mark.letter for mark in self.tags.marks]

    @staticmethod
    def build_network(transformer: Transformer, settings: Settings) -> TaggerNetwork:
        """A tagger of all labels."""
        return TaggerNetwork(transformer, len(settings.tag_set.tags), settings)

    @property
    def function(self) -> None:
        """The network itself."""
        return

    @property
    def losses(self) -> Mapping[str, keras.losses.Loss]:
        """Nats a token."""
        return {"logits": TagCrossentropy(self.network.tagger)}

    def mention_targets(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """The mention's tokens and their tags."""
        tags = self.tags.of_mention(last - first + 1, label)
        return np.arange(first, last + 1, dtype="int32"), np.array(tags, "int32")

    def mention_score(self, outputs: dict[str, Tensor], *targets: Tensor) -> Tensor:
        """The log-odds of a mention's tags against all others, added up, in nats: (B,)."""
        tokens, tags = targets
        logits = ops.take(outputs["logits"], tokens, axis=1)
        ours = ops.arange(len(self.tags.tags), dtype="int32") == tags[:, None]
        others = ops.logsumexp(ops.where(ours, HIDDEN, logits), axis=-1)
        return ops.sum(ops.sum(ops.where(ours, logits, 0.0), axis=-1) - others, axis=1)

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """The tags of each window's tokens, -1 behind its end: int16 (windows, max_length)."""
        tags = np.full((len(windows), self.settings.max_length), -1, "int16")
        for row, window in zip(tags, windows, strict=True):
            row[: len(window.encoding)] = self.tags.outside
            for mention in examples[window.text].mentions:
                cut = window.tokens_of(mention.start, mention.end)
                if cut is not None:
                    count = cut.last - cut.first + 1 + cut.left + cut.right
                    numbers = self.tags.of_mention(count, mention.label)
                    numbers = numbers[cut.left : count - cut.right]
                    first = window.head + cut.first
                    row[first : first + len(numbers)] = numbers
        return tags

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The tags of the tokens that are there; a text counts as many times as it has tokens."""
        inputs, tags, weights = batch
        tags = tags[:, : inputs["tokens"].shape[1]]
        return inputs, tags, weights * (tags >= 0).sum(1).astype("float32")

    def extract(self, windows: Sequence[Window], outputs: Outputs) -> list[tuple[int, Mention]]:
        """Decode each text's tags from the logits of its windows."""
        both = zip(windows, (output["logits"] for output in outputs), strict=True)
        groups = [[*group] for _, group in groupby(both, key=lambda each: each[0].text)]
        logits, offsets = zip(*map(merged, groups), strict=True)
        mentions = []
        for group, tagged, places in zip(groups, self._decode(logits), offsets, strict=True):
            window = group[0][0]
            tags = [self.tags.spelled(i) for i in tagged.tags[window.head :][: window.total]]
            before, behind = tagged.before[window.head :], tagged.behind[window.head :]
            for start, end, label, _ in tags_to_mentions(tags):
                chance = float(np.exp(min(0.0, before[start] + behind[end - 1])))
                first, last = places[start][0], places[end - 1][1]
                if first < last:
                    mentions.append((window.text, Mention(first, last, label, chance)))
        return mentions

    @cached_property
    def _decoding(self) -> Compiled:
        return Compiled(self.network, self.network.tagger.decode)

    def _decode(self, logits: Sequence[np.ndarray]) -> list[Tagged]:
        """The best tags of each text's logits (T, tags)."""
        results: list[Tagged] = [Tagged(*[np.zeros(0)] * 3)] * len(logits)
        order = sorted(range(len(logits)), key=lambda i: len(logits[i]))
        for length, group in groupby(order, key=lambda i: bucket(len(logits[i]), LENGTHS)):
            members = [*group]
            for start in range(0, len(members), TOGETHER[-1]):
                these = members[start : start + TOGETHER[-1]]
                size = bucket(len(these), TOGETHER)
                padded = np.zeros((size, length, len(self.tags.tags)), "float32")
                valid = np.zeros((size, length), "bool")
                valid[:, 0] = True
                for row, i in enumerate(these):
                    padded[row, : len(logits[i])] = logits[i]
                    valid[row, : len(logits[i])] = True
                decoded = [ops.convert_to_numpy(x) for x in self._decoding(padded, valid)]
                for row, i in enumerate(these):
                    results[i] = Tagged(*(each[row] for each in decoded))
        return results


def merged(group: Sequence[tuple[Window, np.ndarray]]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The logits of a text, each token's from the window that shows most around it, and offsets.

    What frames the text is taken from its first and its last window.
    """
    (first, logits), (last, final) = group[0], group[-1]
    if len(group) == 1:
        return logits[: len(first.encoding)], first.offsets
    both = pairwise(window for window, _ in group)
    turns = [0, *((one.last + other.first + 1) // 2 for one, other in both), first.total]
    rows, offsets = [logits[: first.head]], []
    for (window, scores), turn, stop in zip(group, turns, turns[1:], strict=False):
        start, end = turn - window.first, stop - window.first
        rows.append(scores[window.head + start : window.head + end])
        offsets += window.offsets[start:end]
    rows.append(final[last.head + last.last - last.first : len(last.encoding)])
    return np.concatenate(rows), offsets
