"""What a model is asked: rows of token ids become inputs, the wanted answers, and their weights.

Rows are arrays with one line a text, padded with the id `pad`, which no text contains. An objective
turns some of them into a batch; what it draws at random comes from the generator it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from playmask.model.architecture import Architecture
from playmask.model.inputs import two_streams
from playmask.runtime.padding import pad as padded
from playmask.tasks.writing.mask_fill import hidden
from playmask.tasks.writing.tokens import chosen
from playmask.tokenizers import Tokenizer

Rows = Mapping[str, np.ndarray]
Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
Objective = Callable[[Rows, np.random.Generator], Batch]


class Texts(NamedTuple):
    """A task's texts, prepared: rows to learn from and to be measured on, facts for the report.

    extra: what one task alone needs of them
    """

    tokenizer: Tokenizer
    train: Rows
    test: Rows
    facts: dict[str, str]
    extra: Any = None

    @property
    def pad(self) -> int:
        """The id that is padding."""
        return self.tokenizer.pad or 0


def rows_of(encodings: Sequence[Any], length: int, pad: int, **others: Any) -> Rows:
    """Encodings as rows of one length; others: further values, one for each text."""
    return {
        "tokens": padded([e.ids for e in encodings], length, pad),
        "segments": padded([e.segments for e in encodings], length),
        **{name: np.asarray(values) for name, values in others.items()},
    }


def labelled(rows: Rows, random: np.random.Generator) -> Batch:
    """Which label a text has.

    Shapes: label (B,) -> wanted (B,), weights (B,)
    """
    inputs = {name: values for name, values in rows.items() if name != "label"}
    return inputs, rows["label"], np.ones(len(rows["label"]), "float32")


def next_tokens(pad: int) -> Objective:
    """Which token comes next, everywhere.

    Shapes: tokens (B, T + 1) -> tokens (B, T), wanted (B, T), weights (B, T)
    """

    def ask(rows: Rows, random: np.random.Generator) -> Batch:
        tokens = rows["tokens"]
        inputs = {**rows, "tokens": tokens[:, :-1]}
        if "segments" in rows:
            inputs["segments"] = rows["segments"][:, :-1]
        return inputs, tokens[:, 1:], (tokens[:, 1:] != pad).astype("float32")

    return ask


def targets(pad: int, count: int) -> Objective:
    """Which token comes next in the second part of a text; `count` is the longest such part.

    Shapes: tokens, segments (B, T) -> the same and read (B, count), wanted and weights (B, count)
    """

    def ask(rows: Rows, random: np.random.Generator) -> Batch:
        tokens = rows["tokens"]
        places, weights = chosen((rows["segments"] == 1) & (tokens != pad), count)
        inputs = {**rows, "read": np.maximum(places - 1, 0)}
        return inputs, np.take_along_axis(tokens, places, 1), weights

    return ask


def answers(pad: int) -> Objective:
    """Which token comes next in the text that a decoder writes about another.

    Shapes: tokens (B, S), target (B, T + 1) -> tokens, target_tokens (B, T), wanted, weights (B, T)
    """

    def ask(rows: Rows, random: np.random.Generator) -> Batch:
        target = rows["target"]
        inputs = {"tokens": rows["tokens"], "target_tokens": target[:, :-1]}
        return inputs, target[:, 1:], (target[:, 1:] != pad).astype("float32")

    return ask


def masked(pad: int, mask: int, special: Sequence[int], vocabulary: int) -> Objective:
    """Which token stood where one was hidden, of a share of all tokens.

    Shapes: tokens (B, T) -> the same and read (B, R), wanted and weights (B, R)
    Source: Devlin et al. 2018, §3.1
    """
    others = np.arange(len(special) + 1, vocabulary)

    def ask(rows: Rows, random: np.random.Generator) -> Batch:
        tokens = rows["tokens"]
        hideable = ~np.isin(tokens, [pad, *special])
        corrupted, places, weights = hidden(tokens, hideable, mask, others, random)
        inputs = {**rows, "tokens": corrupted, "read": places}
        return inputs, np.take_along_axis(tokens, places, 1), weights

    return ask


def permuted(a: Architecture, pad: int, mask: int, count: int, *, strict: bool = True) -> Objective:
    """Which token stands at a place, given what comes before it in a random order.

    The first part of a text (segment 0) has the rank 0 and is not asked for, unless there is no
    second; a query for each place is a second stream.
    strict: off, a query sees its own rank too, the mistake that gives every answer away.
    Shapes: tokens, segments (B, T) -> inputs (B, 2T), read (B, count), wanted, weights (B, count)
    Source: Yang et al. 2019, §2.2–2.3
    """

    def ask(rows: Rows, random: np.random.Generator) -> Batch:
        tokens, segments = rows["tokens"], rows["segments"]
        targets = (tokens != pad) & (segments == segments.max(axis=1, keepdims=True))
        targets[:, 0] = False  # the first place, [CLS], is always known
        lots = np.where(targets, random.random(tokens.shape), 2.0)
        ranks = np.where(targets, lots.argsort(axis=1).argsort(axis=1) + 1, 0)
        places, weights = chosen(targets, count)
        both = two_streams({"tokens": tokens, "segments": segments}, ranks, mask, a)
        inputs = {name: np.array(ops.convert_to_numpy(value)) for name, value in both.items()}
        size = tokens.shape[1]
        inputs["order"][:, size:] += int(not strict)
        return {**inputs, "read": places + size}, np.take_along_axis(tokens, places, 1), weights

    return ask
