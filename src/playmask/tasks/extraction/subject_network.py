"""The network of CasRel: pointers to subjects, and to objects that know their subject."""

from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from playmask.labelling.candidates import HIDDEN
from playmask.labelling.divergences import Divergence, mean_over_valid
from playmask.model.dense import Dense
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.norms import Condition, Norm, Normalize
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_place
from playmask.tasks.extraction.candidate_counts import LIKELY, OBJECTS, SUBJECTS
from playmask.tasks.extraction.settings import RelationSettings
from playmask.tasks.network import TaskNetwork

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
