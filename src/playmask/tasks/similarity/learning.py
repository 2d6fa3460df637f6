"""What an encoder of sentences can learn by: a table of losses, and how batches are laid out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.data.examples import Examples
from playmask.data.sentences import Sentences
from playmask.errors import ConfigError, DataError
from playmask.model.architecture import Architecture
from playmask.runtime.padding import Batch
from playmask.tasks.objective import Objective
from playmask.tasks.similarity.momentum_queue import MomentumQueue
from playmask.tasks.similarity.pairs import scores_of
from playmask.tasks.similarity.sentence_batches import (
    NEGATIVES,
    SCORE,
    TEXTS,
    contrastive_targets,
    split,
    twice,
    with_repetitions,
)
from playmask.tasks.similarity.sentences import check_alike, distinct_texts, positives
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_losses import (
    ALL,
    ONE_WAY,
    TEXT,
    TWO_WAYS,
    AtSizes,
    Candidates,
    Contrast,
    Cosent,
    TripletMargin,
    VectorDistance,
)

SIMBERT_SCALE, SCALE = 30.0, 20.0


class Layout(NamedTuple):
    """How rows of a batch become sentences; frame: how many tokens stand before and after one."""

    settings: EncoderSettings
    frame: tuple[int, int]

    @property
    def longest(self) -> int:
        """Tokens of a sentence at most."""
        return self.settings.max_length


class VectorLoss(NamedTuple):
    """A loss: the form of examples that it learns from, its batches, and what it compares by.

    form: of FORMS; lay_out: (batch, layout, random numbers) -> batch; loss: of the settings
    """

    form: str
    lay_out: Callable[[Batch, Layout, np.random.Generator], Batch]
    loss: Callable[[EncoderSettings], keras.losses.Loss]


def _contrastive(candidates: Candidates) -> Callable[..., Batch]:
    """Batches of pairs and their negatives, of whose roles those with candidates count."""
    roles = [role for role, those in enumerate(candidates) if those]

    def lay_out(batch: Batch, layout: Layout, random: np.random.Generator) -> Batch:
        inputs, targets, weights = batch
        texts = int(targets[0, TEXTS])
        inputs = split(inputs, texts, layout.longest, layout.frame[0])
        table = contrastive_targets(inputs, weights, texts, targets[:, NEGATIVES])
        return _weighted(inputs, table, np.tile(weights, texts), roles)

    return lay_out


def _weighted(
    inputs: Any, table: npt.NDArray[Any], weights: npt.NDArray[Any], roles: list[int]
) -> Batch:
    """A batch in which sentences of some roles count."""
    counts = weights * np.isin(table[:, 2], roles)
    return inputs, {"vectors": table}, {"vectors": counts.astype("float32")}


def _scored(batch: Batch, layout: Layout, random: np.random.Generator) -> Batch:
    """Batches of pairs with their scores."""
    inputs, targets, weights = batch
    inputs = split(inputs, 2, layout.longest, layout.frame[0])
    table = np.stack([targets[:, SCORE], weights], 1).astype("float32")
    return inputs, {"vectors": np.tile(table, (2, 1))}, {"vectors": np.tile(weights, 2)}


def _doubled(batch: Batch, layout: Layout, random: np.random.Generator) -> Batch:
    """Batches of texts, each twice: two dropouts make two vectors of it."""
    inputs, _, weights = batch
    inputs = {name: inputs[name] for name in ("tokens", "valid")}
    none = np.zeros(len(weights), int)
    table = contrastive_targets(twice(inputs), weights, 2, none)
    return _weighted(twice(inputs), table, np.tile(weights, 2), [TEXT])


def _repeated(batch: Batch, layout: Layout, random: np.random.Generator) -> Batch:
    """Batches of texts, the second time with some tokens repeated."""
    once, targets, counts = _doubled(batch, layout, random)
    size = len(once["tokens"]) // 2
    half = {name: rows[:size] for name, rows in once.items()}
    rate = layout.settings.repetition
    other = with_repetitions(half, rate, random, layout.frame, layout.longest)
    more = other["tokens"].shape[1] - half["tokens"].shape[1]
    both = {
        name: np.concatenate([np.pad(rows, ((0, 0), (0, more))), other[name]])
        for name, rows in half.items()
    }
    return both, targets, counts


def _taught(batch: Batch, layout: Layout, random: np.random.Generator) -> Batch:
    """Batches of texts with the vectors that a teacher makes of them."""
    inputs, targets, weights = batch
    inputs = {name: inputs[name] for name in ("tokens", "valid")}
    return inputs, {"vectors": targets}, {"vectors": weights}


def scale_of(settings: EncoderSettings) -> float:
    """The scale of cosines: what the settings say, or the loss' paper."""
    default = SIMBERT_SCALE if settings.loss == "contrast" else SCALE
    return default if settings.scale is None else settings.scale


def _contrast(candidates: Candidates) -> Callable[[EncoderSettings], keras.losses.Loss]:
    return lambda settings: Contrast(scale_of(settings), candidates)


LOSSES: dict[str, VectorLoss] = {
    "contrast": VectorLoss("pairs", _contrastive(ALL), _contrast(ALL)),
    "infonce": VectorLoss("pairs", _contrastive(ONE_WAY), _contrast(ONE_WAY)),
    "symmetric": VectorLoss("pairs", _contrastive(TWO_WAYS), _contrast(TWO_WAYS)),
    "cosent": VectorLoss("scores", _scored, lambda settings: Cosent(scale_of(settings))),
    "triplet": VectorLoss(
        "triples", _contrastive(ONE_WAY), lambda settings: TripletMargin(settings.margin)
    ),
    "simcse": VectorLoss("texts", _doubled, _contrast(ONE_WAY)),
    "esimcse": VectorLoss("texts", _repeated, _contrast(ONE_WAY)),
    "mse": VectorLoss("texts", _taught, lambda settings: VectorDistance(cosine=False)),
    "cosine": VectorLoss("texts", _taught, lambda settings: VectorDistance(cosine=True)),
}
"""What `EncoderSettings.loss` names."""


def objective_of(settings: EncoderSettings) -> Objective:
    """The loss of vectors that settings name, how often a pair is the most similar, and hooks."""
    loss: Any = LOSSES[settings.loss].loss(settings)
    measured, hooks = {}, []
    if isinstance(loss, Contrast):
        accuracy = keras.metrics.MeanMetricWrapper(loss.accuracy, name="pair_accuracy")
        measured = {"vectors": [accuracy]}
        if settings.loss == "esimcse" and settings.queue:
            hooks = [MomentumQueue(loss, settings.queue, settings.momentum, settings.sizes)]
    if settings.sizes:
        loss = AtSizes(loss, settings.sizes)
    return Objective({"vectors": loss}, metrics=measured, hooks=hooks)


def check_training(settings: EncoderSettings, architecture: Architecture, writes: bool) -> None:
    """See that a model and the loss go together; raises ConfigError where they do not.

    writes: whether the network has the logits of what is written
    """
    loss, rate = settings.loss, settings.dropout
    rates = architecture.dropout, architecture.attention_dropout
    if writes and loss != "contrast":
        raise ConfigError(
            f"This encoder writes too, which only the loss 'contrast' learns, not {loss!r}; make "
            "one with language_model=0."
        )
    if rate is not None and rates != (rate, rate):
        raise ConfigError(
            f"dropout is {rate}, but the model has {rates[0]} and {rates[1]}; load it with "
            f"dropout={rate}, attention_dropout={rate}."
        )
    if loss in ("simcse", "esimcse") and not any(rates):
        raise ConfigError(
            f"The loss {loss!r} compares two dropouts, and the model has none; load it with "
            "dropout=0.1, attention_dropout=0.1."
        )


def learnt_settings(settings: EncoderSettings, examples: Examples[Any]) -> EncoderSettings:
    """Settings with the score from which on pairs are similar, where nobody has said it.

    Raises: DataError for scores that teach nothing
    """
    scored = check_alike(examples)
    if LOSSES[settings.loss].form == "scores" and len({*scores_of(examples)}) < 2:
        raise DataError(
            f"{examples.source}All pairs have the score {examples[0].label:g}; the loss "
            f"{settings.loss!r} learns from their order."
        )
    if settings.similar_from is not None or not scored:
        return settings
    return settings.change(similar_from=float(scores_of(examples).max()))


def learnt_from(settings: EncoderSettings, examples: Examples[Sentences]) -> Examples[Sentences]:
    """The examples that a loss learns from: texts, each once, or the similar ones of pairs."""
    form = LOSSES[settings.loss].form
    if form == "texts":
        return distinct_texts(examples)
    return examples if form == "scores" else positives(examples, settings.similar_from)
