"""Filling gaps with a masked language model: mask-predict, and Gibbs sampling of whole texts."""

import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError, InputError, NotFiniteError
from playmask.generation.search import FORBIDDEN, NOT_FINITE, Sample
from playmask.model.masks import Tensor
from playmask.model.rng import uniform
from playmask.model.transformer import Transformer
from playmask.runtime.access import reading
from playmask.runtime.compiled import Compiled
from playmask.runtime.padding import bucket, buckets, pad

Rows = Sequence[Sequence[int]]
Inputs = dict[str, Any]
LENGTHS, PLACES, SIZES = buckets(1 << 20), buckets(1 << 20, smallest=4), buckets(1024, smallest=1)


class Filled(NamedTuple):
    """Rows with their gaps filled, and the log-probability in nats of what fills each gap."""

    tokens: list[list[int]]
    scores: list[list[float]]


def fill(
    model: Transformer,
    tokens: Rows,
    *,
    iterations: int = 10,
    mask: int | None = None,
    forbid: Iterable[int] | None = None,
) -> Filled:
    """Fill the masked places of texts by mask-predict (iterative parallel decoding).

    All gaps are filled at once; then the ones that the model is least sure of are masked again and
    filled anew, fewer each time, so that later guesses see earlier ones. iterations=1 fills each
    gap by itself.
    mask: the id of a gap (default: the tokenizer's [MASK]); forbid: ids that may not fill one
    (default: the tokenizer's special tokens)
    Raises:  InputError for a row without a gap; ConfigError for a model that sees no whole texts
    Source:  Ghazvininejad et al. 2019 (Mask-Predict), §3

    Example:
        >>> ids = tokenizer.encode("味道不错").ids
        >>> ids[2] = tokenizer.mask
        >>> filled = fill(model, [ids])
        >>> filled.tokens[0][:2] == ids[:2], len(filled.scores[0])
        (True, 1)

    """
    if type(iterations) is not int or iterations < 1:
        raise InputError(f"iterations is a whole number from 1, not {iterations!r}.")
    texts = Texts.of(model, tokens, mask=mask, forbid=forbid)
    gaps = texts.gaps(lambda row: np.flatnonzero(row == texts.mask), "gap to fill")
    run = _program(model, "fill", _filling)
    filled, scores = run(texts.inputs(), gaps, texts.barred, texts.mask, np.int32(iterations))
    filled, scores = map(keras.ops.convert_to_numpy, (filled, scores))
    there = gaps >= 0
    _check_finite(np.isnan(scores[there]))
    return Filled(
        texts.rows(filled),
        [scores[i][there[i]].tolist() for i in range(len(tokens))],
    )


def gibbs(
    model: Transformer,
    tokens: Rows,
    *,
    steps: int,
    every: int | None = None,
    places: Rows | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    mask: int | None = None,
    forbid: Iterable[int] | None = None,
) -> list[list[list[int]]]:
    """Gibbs sampling of texts from a masked language model: mask a place, draw it anew, and so on.

    places: which places of each row are drawn (default: all but its special tokens)
    every: keep the texts each so many steps; None = only the last ones
    Shapes:  -> for each time that was kept, the rows
    Source:  Wang & Cho 2019; kexue.fm 8119 (10,000 steps of which the first 1,000 are left out)

    Example:
        >>> rows = [tokenizer.encode("味道不错").ids]
        >>> texts = gibbs(model, rows, steps=4, every=2)
        >>> len(texts), len(texts[-1][0]) == len(rows[0])
        (2, True)

    """
    texts = Texts.of(model, tokens, mask=mask, forbid=forbid)
    special = np.array([*texts.special, texts.mask])
    if places is None:
        gaps = texts.gaps(lambda row: np.flatnonzero(~np.isin(row, special)), "token but specials")
    else:
        chosen = [np.asarray(row, "int32") for row in places]
        gaps = texts.gaps(lambda row: chosen.pop(0), "place to draw")
    draw = Sample(temperature=temperature, top_k=top_k)
    run = _program(model, ("gibbs", draw), lambda model: _drawing(model, draw))
    inputs, snapshots, step = texts.inputs(), [], 0
    with reading(run.weights):
        while step < steps:
            until = min(steps, step + (every or steps))
            seeds = np.array([seed, step], "int32")
            drawn, lost = run(inputs, gaps, texts.barred, texts.mask, seeds, np.int32(until))
            _check_finite(keras.ops.convert_to_numpy(lost))
            inputs = {**inputs, "tokens": keras.ops.convert_to_numpy(drawn)}
            snapshots.append(texts.rows(inputs["tokens"]))
            step = until
    return snapshots


class Texts(NamedTuple):
    """Rows of ids, checked, and what may not fill a gap: bool (V,)."""

    tokens: list[np.ndarray]
    length: int
    mask: np.int32
    special: list[int]
    barred: np.ndarray

    @classmethod
    def of(
        cls, model: Transformer, tokens: Rows, *, mask: int | None, forbid: Iterable[int] | None
    ) -> "Texts":
        """Check a model and rows against each other."""
        a, tokenizer = model.architecture, model.tokenizer
        if a.order != "full" or a.decoder is not None or "mlm" not in model.head_names:
            raise ConfigError(
                "Filling needs a model of the order 'full' with a vocabulary head; load it with "
                "heads='mlm'."
            )
        mask = mask if mask is not None or tokenizer is None else tokenizer.mask
        if mask is None:
            raise InputError("What stands for a gap is not known; give mask=… (an id).")
        special = [] if tokenizer is None else [*tokenizer.special.values()]
        rows = [np.asarray(row) for row in tokens]
        for i, row in enumerate(rows):
            if row.ndim != 1 or not row.size or row.dtype.kind not in "iu":
                raise InputError(f"Row {i} is {tokens[i]!r:.60}; give a row of whole numbers.")
            if row.min() < 0 or row.max() >= a.vocabulary:
                raise InputError(f"Row {i} holds an id outside 0 to {a.vocabulary - 1}.")
        longest = max(map(len, rows), default=1)
        if a.limit is not None and longest > a.limit:
            raise InputError(f"A row has {longest} tokens; the model has {a.limit} positions.")
        length = bucket(longest, LENGTHS)
        barred = np.zeros(a.vocabulary, bool)
        barred[[mask, *(special if forbid is None else forbid)]] = True
        length = length if a.limit is None else min(length, a.limit)
        return cls(rows, length, np.int32(mask), special, barred)

    @property
    def size(self) -> int:
        """How many rows a batch of these has, those that fill it among them."""
        return bucket(len(self.tokens), SIZES)

    def inputs(self) -> dict[str, np.ndarray]:
        """The rows as a model's inputs; the batch is filled with copies of the first."""
        rows = [*self.tokens, *[self.tokens[0]] * (self.size - len(self.tokens))]
        lengths = np.array([*map(len, rows)])
        valid = np.arange(self.length) < lengths[:, None]
        return {"tokens": pad([row.tolist() for row in rows], self.length), "valid": valid}

    def gaps(self, find: Callable[[np.ndarray], npt.ArrayLike], missing: str) -> np.ndarray:
        """Places in each row: int32 (B, M), -1 where there are fewer."""
        gaps = [np.asarray(find(row), "int32") for row in self.tokens]
        for i, places in enumerate(gaps):
            if not places.size:
                raise InputError(f"Row {i} has no {missing}.")
            if places.min() < 0 or places.max() >= len(self.tokens[i]):
                raise InputError(f"Row {i} has {len(self.tokens[i])} tokens; a place lies outside.")
        width = bucket(max(map(len, gaps)), PLACES)
        table = np.full((self.size, width), -1, "int32")
        for row, places in zip(table, gaps, strict=False):
            row[: len(places)] = places
        table[len(gaps) :] = table[0]
        return table

    def rows(self, tokens: np.ndarray) -> list[list[int]]:
        """The rows of a batch, without padding."""
        return [tokens[i, : len(row)].tolist() for i, row in enumerate(self.tokens)]


_PROGRAMS: "weakref.WeakKeyDictionary[Transformer, dict[Any, Compiled]]" = (
    weakref.WeakKeyDictionary()
)


def _program(
    model: Transformer, name: Hashable, make: Callable[[Transformer], Callable[..., Any]]
) -> Compiled:
    """A compiled function of a model, kept as long as it lives with these weights."""
    programs = _PROGRAMS.setdefault(model, {})  # threads that come at once compile the same one
    key = (name, tuple(id(variable) for variable in model.variables))
    if key in programs:
        return programs[key]
    proxy: Any = weakref.proxy(model)  # what is kept for a model must not keep it alive
    return programs.setdefault(key, Compiled(model, make(proxy)))


def _logs(
    model: Transformer, inputs: Inputs, tokens: Tensor, places: Tensor, barred: Tensor
) -> Tensor:
    """The log-probabilities of what may stand at places (B, M): (B, M, V)."""
    out = model({**inputs, "tokens": tokens, "read": ops.maximum(places, 0)}, training=False)
    logits = ops.where(barred, FORBIDDEN, ops.cast(out["logits"], "float32"))
    return ops.log_softmax(logits, axis=-1)


def _written(tokens: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Write values (B, M) at places (B, M) of tokens (B, T); a place below 0 is none."""
    here = ops.expand_dims(places, -1) == ops.arange(tokens.shape[1], dtype="int32")
    new = ops.max(ops.where(here, ops.expand_dims(values, -1), -1), axis=1)
    return ops.where(new >= 0, new, tokens)


def _filling(model: Transformer) -> Callable[..., tuple[Tensor, Tensor]]:
    """Mask-predict: inputs, places (B, M), … -> tokens (B, T) and scores (B, M)."""

    def run(
        inputs: Inputs, places: Tensor, barred: Tensor, mask: Tensor, iterations: Tensor
    ) -> tuple[Tensor, Tensor]:
        there = ops.cast(places >= 0, "int32")
        count = ops.sum(there, axis=1, keepdims=True)

        def step(i: Tensor, tokens: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            # The least sure go first: their rank among the gaps, from 0.
            again = count * (iterations - i) // iterations
            sure = ops.where(places >= 0, scores, 1.0)
            order = ops.argsort(ops.argsort(sure, axis=1), axis=1)
            chosen = ops.where(ops.cast(order, "int32") < again, places, -1)
            masked = _written(tokens, chosen, ops.zeros_like(places) + mask)
            logs = _logs(model, inputs, masked, places, barred)
            best = ops.cast(ops.argmax(logs, axis=-1), "int32")
            scores = ops.where(chosen >= 0, ops.max(logs, axis=-1), scores)
            return i + 1, _written(masked, chosen, best), scores

        first = ops.convert_to_tensor(0, "int32")
        start = (first, ops.cast(inputs["tokens"], "int32"), ops.cast(there, "float32") * FORBIDDEN)
        _, tokens, scores = ops.while_loop(lambda i, *_: i < iterations, step, start)
        return tokens, scores

    return run


def _check_finite(lost: npt.NDArray[Any]) -> None:
    if lost.any():
        raise NotFiniteError(NOT_FINITE)


def _drawing(model: Transformer, draw: Sample) -> Callable[..., tuple[Tensor, Tensor]]:
    """Gibbs sampling: inputs, places (B, M), … -> tokens (B, T), and where logits were NaN (B,)."""

    def run(
        inputs: Inputs, places: Tensor, barred: Tensor, mask: Tensor, seeds: Tensor, until: Tensor
    ) -> tuple[Tensor, Tensor]:
        count = ops.sum(ops.cast(places >= 0, "int32"), axis=1, keepdims=True)
        rows = ops.arange(places.shape[0], dtype="int32")

        def step(i: Tensor, tokens: Tensor, lost: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            dice = uniform(seeds[0], i, rows, size=1)
            which = ops.minimum(ops.cast(dice * ops.cast(count, "float32"), "int32"), count - 1)
            place = ops.take_along_axis(places, which, axis=1)
            masked = _written(tokens, place, ops.zeros_like(place) + mask)
            logs = _logs(model, inputs, masked, place, barred)
            draws = uniform(seeds[0] + 1, i, rows, size=logs.shape[-1])[:, None]
            race = draw.filtered(draw.tempered(logs)) - ops.log(-ops.log1p(-draws))
            drawn = ops.cast(ops.argmax(race, axis=-1), "int32")
            lost = ops.logical_or(lost, ops.isnan(logs[:, 0, 0]))  # one NaN makes all NaN
            return i + 1, _written(masked, place, drawn), lost

        none = ops.zeros(places.shape[0], "bool")
        start = (seeds[1], ops.cast(inputs["tokens"], "int32"), none)
        _, tokens, lost = ops.while_loop(lambda i, *_: i < until, step, start)
        return tokens, lost

    return run
