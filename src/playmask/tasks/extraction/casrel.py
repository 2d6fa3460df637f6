"""CasRel: pointers to subjects, then, for each subject, pointers to its objects.

Source: the half-pointer, half-tagging baseline of DuIE (Su 2020, kexue 6671 and 7161)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.labelling.divergences import Divergence, mean_over_valid
from playmask.labelling.losses import HIDDEN
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.norms import Condition, Norm, Normalize
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_place
from playmask.runtime.batches import Batch
from playmask.tasks.extraction.relation_method import Pair, RelationMethod
from playmask.tasks.extraction.settings import RelationSettings
from playmask.tasks.network import TaskNetwork
from playmask.tasks.windows import Outputs, Window, decided

SUBJECTS, OBJECTS = 16, 64  # candidates in a window
LIKELY = 0.4  # from which probability a token is the first or the last one, as in the baseline
POWERS = {"subjects": 2, "objects": 4}
"""Probabilities are powers of logistic functions: few tokens are ends, so they begin small."""
BEGIN = -1.5
"""Where their logits begin: at probabilities of 0.03 and 0.001, about as many ends as there are."""


class States(NamedTuple):
    """The states (B, T, D) that subjects are taken from, and those that objects are sought in."""

    subjects: Tensor
    objects: Tensor


class SubjectNetwork(TaskNetwork):
    """A Transformer, pointers to subjects, and pointers to objects that know the subject.

    The subject's first and last vector condition the norm that the others pass. With bare states
    the Transformer has no last norm, and `last` stands for it.
    Shapes: inputs as a Transformer's, and "subject" int (B, 2), first and last token ->
            {"subjects": (B, T, 2), "objects": (B, T, labels, 2)}, log-probabilities
    """

    further_inputs: ClassVar[Inputs] = {"subject": by_place("subjects", 2)}

    def __init__(self, transformer: Transformer, settings: RelationSettings) -> None:
        super().__init__(transformer)
        width = transformer.architecture.width
        initializer = transformer.architecture.initializer()
        begin = keras.initializers.Constant(BEGIN)
        options = {
            "kernel_initializer": initializer,
            "bias_initializer": begin,
            "dtype": "float32",
        }
        self.labels = len(settings.labels)
        self.dropout = Dropout(settings.dropout)
        self.bare = settings.bare
        self.last = Normalize(Norm(), None, name="last", dtype="float32") if self._is_bare else None
        self.subjects = Dense(2, name="subjects", **options)
        self.norm = Normalize(Norm(), Condition(2 * width), name="norm", dtype="float32")
        self.objects = Dense(2 * self.labels, name="objects", **options)
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the weights of the pointers and of the norm."""
        for layer in (self.last, self.subjects, self.norm, self.objects):
            if layer is not None:
                layer.build((None, None, self.transformer.architecture.width))

    @property
    def _is_bare(self) -> bool:
        return self.bare != "none"

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Point to all subjects, and to the objects of one."""
        inputs = dict(inputs)
        subject = inputs.pop("subject")[:, None]  # (B, 1, 2)
        states, subjects = self._subjects(inputs, training)
        objects = self._objects(states, subject[..., 0], subject[..., 1])
        return {"subjects": subjects, "objects": objects[:, 0]}

    def _subjects(self, inputs: dict[str, Tensor], training: bool) -> tuple[States, Tensor]:
        """Hidden states, and which tokens are subjects' ends."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        bare = ops.cast(self.dropout(hidden, training=training), "float32")
        hidden = bare if self.last is None else self.last(bare)
        states = States(bare, bare if self.bare == "all" else hidden)
        return states, POWERS["subjects"] * ops.log_sigmoid(self.subjects(hidden))

    def _objects(self, states: States, first: Tensor, last: Tensor) -> Tensor:
        """Which tokens are ends of objects of the subjects first … last, (B, K) each."""
        hidden = states.objects
        ends = [_at(states.subjects, place) for place in (first, last)]
        condition = ops.concatenate(ends, axis=-1)[:, :, None]  # (B, K, 1, 2D)
        logits = self.objects(self.norm(hidden[:, None], condition))  # (B, K, T, 2 labels)
        logits = ops.reshape(logits, (*ops.shape(logits)[:-1], self.labels, 2))
        return POWERS["objects"] * ops.log_sigmoid(logits)

    def exported(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """All subjects, and the objects of those that are named: (B, K, T, labels, 2).

        "subject": int (B, K, 2), first and last tokens
        """
        inputs = dict(inputs)
        subject = inputs.pop("subject")
        states, subjects = self._subjects(inputs, training=False)
        objects = self._objects(states, subject[..., 0], subject[..., 1])
        return {"subjects": subjects, "objects": objects}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best subjects with the best of their objects: labels and tokens, (B, N) each.

        score: the product of the four probabilities; 0 where there is no such object
        """
        states, subjects = self._subjects(inputs, training=False)
        valid = self.transformer.valid(inputs)
        subjects = ops.exp(ops.where(valid[..., None], subjects, HIDDEN))
        length = subjects.shape[1]
        begins, first = ops.top_k(subjects[..., 0], min(SUBJECTS, length))
        behind = ops.broadcast_to(subjects[:, None, :, 1], (*first.shape, length))
        last, chance = nearest_end(behind, first)
        chance = chance * likely(begins)
        objects = ops.exp(self._objects(states, first, last))
        objects = ops.where(valid[:, None, :, None, None], objects, 0.0)
        there = ops.where(chance <= 0, 0.0, 1.0)[..., None, None, None]
        objects = ops.transpose(objects, (0, 1, 3, 4, 2)) * there
        flat = ops.reshape(objects, (-1, first.shape[1] * self.labels, 2, length))
        begins, places = ops.top_k(
            ops.reshape(flat[:, :, 0], (-1, flat.shape[1] * length)),
            min(OBJECTS, flat.shape[1] * length),
        )
        which, start = places // length, places % length
        rows = ops.take_along_axis(flat[:, :, 1], which[..., None], axis=1)
        end, behind = nearest_end(rows, start)
        subject = which // self.labels

        def of(each: Tensor) -> Tensor:
            return ops.take_along_axis(each, subject, axis=1)

        return {
            "score": of(chance) * likely(begins) * behind,
            "label": which % self.labels,
            "subject first": of(first),
            "subject last": of(last),
            "first": start,
            "last": end,
        }


def _at(hidden: Tensor, places: Tensor) -> Tensor:
    """The vectors of (B, T, D) at some places (B, K): (B, K, D)."""
    return ops.take_along_axis(hidden, places[..., None], axis=1)


def likely(chances: Tensor) -> Tensor:
    """Probabilities, 0 where they are not likely; NaN stays, for the predictor to refuse."""
    return ops.where(chances <= LIKELY, 0.0, chances)


def nearest_end(chances: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """The first likely end that is not before a token, and its probability, 0 if there is none.

    Shapes: chances (B, K, T); first int (B, K) -> int (B, K), (B, K)
    """
    places = ops.arange(chances.shape[-1], dtype=first.dtype)
    ends = ops.logical_and(likely(chances) != 0, places >= first[..., None])
    last = ops.cast(ops.argmax(ops.cast(ends, "int32"), axis=-1), first.dtype)
    chance = ops.take_along_axis(chances, last[..., None], axis=-1)[..., 0]
    return last, ops.where(ops.any(ends, axis=-1), chance, 0.0)


def _ends_kl(p: Tensor, q: Tensor, valid: Tensor) -> Tensor:
    """KL(p ‖ q) of tokens being ends, by log-probabilities (B, T, …, 2): of each text (B,)."""
    against, others = (ops.log1p(-ops.minimum(ops.exp(x), 1 - 1e-6)) for x in (p, q))
    nats = ops.exp(p) * (p - q) + (1 - ops.exp(p)) * (against - others)
    return mean_over_valid(ops.sum(nats, axis=tuple(range(2, len(nats.shape)))) / 2, valid)


class SpanEndsCrossentropy(keras.losses.Loss):
    """Cross-entropy of a token being an end: of both ends the mean, over labels the sum.

    y_true (B, T, …, 2): 1, 0, or -1 for padding; y_pred: log-probabilities
    """

    divergence = Divergence(_ends_kl, ops.exp, logits=False)

    def __init__(self) -> None:
        super().__init__(reduction="mean_with_sample_weight", name="ends")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats a token, of each text: (B,)."""
        targets = ops.cast(y_true, "float32")
        counts = ops.cast(targets >= 0, "float32")
        against = ops.log1p(-ops.minimum(ops.exp(y_pred), 1 - 1e-6))
        nats = -counts * (targets * y_pred + (1 - targets) * against) / 2
        axes = tuple(range(1, len(nats.shape)))
        tokens = ops.sum(ops.max(counts, axis=axes[1:]), axis=1)
        return ops.sum(nats, axis=axes) / ops.maximum(tokens, 1.0)


class CasRel(RelationMethod):
    """Half-pointers: a subject is drawn in each epoch, its objects are learnt.

    Its last token is drawn by itself, so that there are also spans that are no subjects.
    """

    @staticmethod
    def build_network(transformer: Transformer, settings: RelationSettings) -> SubjectNetwork:
        """The pointers to subjects, and to the objects of one."""
        return SubjectNetwork(transformer, settings)

    @property
    def losses(self) -> Mapping[str, keras.losses.Loss]:
        """Nats a token, of subjects and of objects."""
        return {"subjects": SpanEndsCrossentropy(), "objects": SpanEndsCrossentropy()}

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Draw a subject for each text, and say where its objects are."""
        inputs, every, weights = batch
        valid = inputs["valid"]
        subjects = np.where(valid[..., None], 0, -1).astype("int8")
        subjects = np.repeat(subjects, 2, axis=-1)
        objects = np.repeat(subjects[:, :, None], len(self.labels), axis=2)
        drawn = np.zeros((len(every), 2), "int32")
        for row, filled_up in enumerate(every):
            relations = filled_up[filled_up[:, 0] >= 0]
            if not len(relations):
                continue
            label, first, last, start, end = relations.T
            subjects[row, first, 0] = subjects[row, last, 1] = 1
            drawn[row, 0] = random.choice(np.unique(first))
            drawn[row, 1] = random.choice(np.unique(last[last >= drawn[row, 0]]))
            its = (first == drawn[row, 0]) & (last == drawn[row, 1])
            objects[row, start[its], label[its], 0] = 1
            objects[row, end[its], label[its], 1] = 1
        return {**inputs, "subject": drawn}, {"subjects": subjects, "objects": objects}, weights

    def pairs(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[Window, Pair]]:
        """The likely objects of likely subjects."""
        return decided(windows, outputs, self._pairs)

    def _pairs(
        self, window: Window, output: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[int, int, Pair]]:
        names = ("subject first", "subject last", "first", "last")
        above = np.nonzero(output["score"] > 0)[0]
        places = np.stack([output[name][above] for name in names], 1) + window.first - window.head
        low, high = places.min(1), places.max(1)
        inside = (low >= window.first) & (high < window.last)
        columns = (output["label"][above], low, high, output["score"][above])
        rows = zip(*(column[inside] for column in (places, *columns)), strict=True)
        for (first, last, start, end), label, least, most, score in rows:
            pair = (int(label), (int(first), int(last)), (int(start), int(end)), float(score))
            yield int(least), int(most), pair
