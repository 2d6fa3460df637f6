"""Tag sequences from logits: a CRF, a maximum entropy Markov model, or a softmax for each token.

All three are layers with `loss`, the nats of the right tags, and `decode`, the best tags with the
probabilities of their spans. In a functional model a tagger hands its logits on, so that its
weights are the model's; `TagCrossentropy` is then the loss, and `ViterbiDecoder` reads tags off.
"""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.chains import Chain, Steady, backward, best, forward, log_total
from playmask.labelling.decoding import Array, Tagged
from playmask.labelling.divergences import softmax_kl
from playmask.labelling.losses import serializable
from playmask.model.masks import Tensor

Shape = tuple[int | None, ...]


class Tagger(keras.layers.Layer):
    """Base of what makes tag sequences of logits; it hands logits on as they are.

    Shapes:  logits (B, T, L); tags int (B, T); valid bool (B, T), padding only at the end
    """

    def __init__(self, tags: int, **options: Any) -> None:
        super().__init__(**options)
        self.tags = tags

    def build(self, shape: Shape | None = None) -> None:
        """Create the weights, of which there may be none."""

    def call(self, logits: Tensor) -> Tensor:
        """Return the logits: what a loss and a decoder add to them needs the tags."""
        return logits

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the logits."""
        return shape

    def loss(self, logits: Tensor, tags: Tensor, valid: Tensor) -> Tensor:
        """Nats of the right tags, summed over a text: (B,)."""
        raise NotImplementedError

    def divergence(self, p: Tensor, q: Tensor, valid: Tensor) -> Tensor:
        """KL(p ‖ q) of what two logits say of each token's tag by itself, summed over a text: (B,).

        Exact where tags do not depend on each other.
        """
        return ops.sum(ops.where(valid, softmax_kl(p, q), 0.0), axis=1)

    def decode(self, logits: Tensor, valid: Tensor) -> Tagged:
        """Find the best tags, and the probabilities of their spans."""
        raise NotImplementedError

    def constants(self) -> dict[str, Array]:
        """What it adds to logits, as `decoding.decode` takes it; here nothing."""
        return {}

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        return {**super().get_config(), "tags": self.tags}


@serializable
class Softmax(Tagger):
    """Softmax over each token's tags by itself."""

    def loss(self, logits: Tensor, tags: Tensor, valid: Tensor) -> Tensor:
        """Nats of the right tags, summed over a text: (B,)."""
        logs = picked(ops.log_softmax(logits, axis=-1), tags)
        return -ops.sum(ops.where(valid, logs, 0.0), axis=1)

    def decode(self, logits: Tensor, valid: Tensor) -> Tagged:
        """Take the likeliest tag of each token."""
        logs = ops.log_softmax(logits, axis=-1)
        tags = ops.cast(ops.argmax(logs, axis=-1), "int32")
        logs = picked(logs, tags)
        sums = ops.cumsum(logs, axis=1)
        return Tagged(tags, logs - sums, sums)


@serializable
class ConditionalRandomField(Tagger):
    """Linear-chain conditional random field (CRF): a learnt score for each tag after another.

    ends: scores of the first and of the last tag are learnt too; multiplier: the scores learn so
    many times faster, since pretrained models need rates at which they would hardly move (kexue
    7196)

    Shapes:  logits (B, T, L) -> the same; tags int (B, T); valid bool (B, T)
    Units:   `loss` in nats
    Raises:  ConfigError for a multiplier that is not above 0
    Source:  Lafferty et al. 2001; reproduces bert4keras' ConditionalRandomField without `ends`

    Example:
        >>> crf = playmask.ConditionalRandomField(3)
        >>> logits = crf(keras.layers.Dense(3)(keras.Input((None, 8))))
        >>> crf.decode(ops.ones((2, 5, 3)), ops.ones((2, 5), "bool")).tags.shape
        (2, 5)

    """

    def __init__(
        self, tags: int, *, ends: bool = False, multiplier: float = 1.0, **options: Any
    ) -> None:
        super().__init__(tags, **options)
        self.ends, self.multiplier = ends, _above_zero(multiplier)

    def build(self, shape: Shape | None = None) -> None:
        """Create the scores, smaller by the multiplier than they count."""
        initializer = scaled(keras.initializers.GlorotUniform(), 1 / self.multiplier)
        self.kernel = self.add_weight(
            name="transitions", shape=(self.tags, self.tags), initializer=initializer
        )
        self.stored_ends = None
        if self.ends:
            self.stored_ends = self.add_weight(
                name="ends", shape=(2, self.tags), initializer="zeros"
            )

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        return {**super().get_config(), "ends": self.ends, "multiplier": self.multiplier}

    @property
    def transitions(self) -> Tensor:
        """The score of each tag (column) after another (row): (L, L)."""
        return ops.convert_to_tensor(self.kernel) * self.multiplier

    def chain(self, logits: Tensor, valid: Tensor) -> Steady:
        """The scores of all sequences."""
        transitions = self.transitions
        first, last = logits[:, 0], ops.zeros_like(logits[:, 0])
        ends = self._ends()
        if ends is not None:
            first, last = first + ends[0], last + ends[1]
        return Steady(first, last, logits, transitions, valid)

    def _ends(self) -> Tensor | None:
        """The scores of the first and of the last tag: (2, L), where there are any."""
        if self.stored_ends is None:
            return None
        return ops.convert_to_tensor(self.stored_ends) * self.multiplier

    def constants(self) -> dict[str, Array]:
        """The transitions, and the scores of both ends where there are any."""
        ends = self._ends()
        arrays = {"transitions": self.transitions, **({} if ends is None else {"ends": ends})}
        return {name: ops.convert_to_numpy(array) for name, array in arrays.items()}

    def loss(self, logits: Tensor, tags: Tensor, valid: Tensor) -> Tensor:
        """Nats of the right sequence among all: (B,)."""
        chain = self.chain(logits, valid)
        along = ops.sum(self._along(chain, logits, tags), axis=1)
        return log_total(chain) - along - _last_tag(chain.last, tags, valid)

    def divergence(self, p: Tensor, q: Tensor, valid: Tensor) -> Tensor:
        """KL(p ‖ q) of the distributions over whole sequences, by the same transitions: (B,).

        Only the logits differ, so it is Σ_t Σ_y p(y_t) · (p - q) - ln Z_p + ln Z_q, by the exact
        marginals p(y_t).
        """
        chain = self.chain(p, valid)
        ahead = forward(chain)
        total = ops.logsumexp(ahead[:, -1] + chain.last, axis=-1)
        chances = ops.exp(ahead + backward(chain) - total[:, None, None])
        along = ops.where(valid, ops.sum(chances * (p - q), axis=-1), 0.0)
        return ops.sum(along, axis=1) - total + log_total(self.chain(q, valid))

    def decode(self, logits: Tensor, valid: Tensor) -> Tagged:
        """Find the best sequence (Viterbi), and the exact marginal probabilities of its spans."""
        chain = self.chain(logits, valid)
        tags = best(chain.chain)
        ahead, behind = picked(forward(chain), tags), picked(backward(chain), tags)
        sums = ops.cumsum(self._along(chain, logits, tags), axis=1)
        return Tagged(tags, ahead - sums, sums + behind - log_total(chain)[:, None])

    def _along(self, chain: Steady, logits: Tensor, tags: Tensor) -> Tensor:
        """What each token adds to the score of a sequence: (B, T)."""
        pairs = tags[:, :-1] * self.tags + tags[:, 1:]
        after = ops.take(ops.reshape(self.transitions, (-1,)), pairs)
        steps = ops.where(chain.valid[:, 1:], picked(logits[:, 1:], tags[:, 1:]) + after, 0.0)
        return ops.concatenate([picked(chain.first[:, None], tags[:, :1]), steps], axis=1)


@serializable
class MaximumEntropyMarkovModel(Tagger):
    """Bidirectional maximum entropy Markov model (MEMM): each tag after, and before, another.

    The loss needs no sum over sequences, so that training is faster than a CRF's.
    rank: transitions are a product of two (L, rank) matrices; multiplier: as of a CRF

    Shapes:  logits (B, T, L) -> the same; tags int (B, T); valid bool (B, T)
    Units:   `loss` in nats
    Raises:  ConfigError for a multiplier that is not above 0
    Source:  Su 2020 (kexue 7213); reproduces bert4keras' MaximumEntropyMarkovModel

    Example:
        >>> memm = playmask.MaximumEntropyMarkovModel(4, rank=2)
        >>> memm(ops.ones((2, 5, 4))).shape, [tuple(weight.shape) for weight in memm.weights]
        ((2, 5, 4), [(4, 2), (4, 2)])

    """

    def __init__(
        self, tags: int, *, rank: int | None = None, multiplier: float = 1.0, **options: Any
    ) -> None:
        super().__init__(tags, **options)
        self.rank, self.multiplier = rank, _above_zero(multiplier)

    def build(self, shape: Shape | None = None) -> None:
        """Create the transitions, smaller by the multiplier than they count."""
        initializer = scaled(keras.initializers.GlorotUniform(), 1 / self.multiplier)
        shapes = {"transitions": (self.tags, self.tags)}
        if self.rank is not None:
            shapes = {name: (self.tags, self.rank) for name in ("left", "right")}
        self.kernels = [
            self.add_weight(name=name, shape=shape, initializer=initializer)
            for name, shape in shapes.items()
        ]

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        return {**super().get_config(), "rank": self.rank, "multiplier": self.multiplier}

    @property
    def transitions(self) -> Tensor:
        """What each tag (row) adds to the logits of the next one (column): (L, L)."""
        left, *right = (ops.convert_to_tensor(w) * self.multiplier for w in self.kernels)
        return ops.matmul(left, ops.transpose(right[0])) if right else left

    def constants(self) -> dict[str, Array]:
        """The transitions."""
        return {"transitions": ops.convert_to_numpy(self.transitions)}

    def loss(self, logits: Tensor, tags: Tensor, valid: Tensor) -> Tensor:
        """Nats of the right tags, the mean of both directions, summed over a text: (B,)."""
        here, both = logits[:, 1:], ops.logical_and(valid[:, 1:], valid[:, :-1])
        onward = (here + ops.take(self.transitions, tags[:, :-1], axis=0)) / 2
        back = (logits[:, :-1] + ops.take(ops.transpose(self.transitions), tags[:, 1:], axis=0)) / 2
        logs = picked(_logs(onward), tags[:, 1:]) + picked(_logs(back), tags[:, :-1])
        first, last = self._ends(logits, valid)
        ends = picked(first[:, None], tags[:, :1])[:, 0] + _last_tag(last, tags, valid)
        return -(ends + ops.sum(ops.where(both, logs, 0.0), axis=1) / 2)

    def decode(self, logits: Tensor, valid: Tensor) -> Tagged:
        """Find the sequence of least loss; span probabilities are conditional on what is before."""
        transitions = self.transitions

        def step(before: Tensor, now: Tensor) -> Tensor:
            onward = _logs((now[:, None] + transitions) / 2)  # (B, from, to)
            back = _logs((before[:, None] + ops.transpose(transitions)) / 2)  # (B, to, from)
            return (onward + ops.swapaxes(back, 1, 2)) / 2

        shifted = ops.concatenate([logits[:, :1], logits[:, :-1]], axis=1)
        first, last = self._ends(logits, valid)
        tags = best(Chain(first, last, (shifted, logits), step, valid))
        after = (logits[:, 1:] + ops.take(transitions, tags[:, :-1], axis=0)) / 2
        conditional = ops.concatenate([logits[:, :1], after], axis=1)
        logs = picked(_logs(conditional), tags)
        sums = ops.cumsum(logs, axis=1)
        return Tagged(tags, logs - sums, sums)

    def _ends(self, logits: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Half of the first token's onward and of the last one's backward log-probabilities."""
        logs = _logs(logits) / 2
        return logs[:, 0], _at_end(logs, valid)


def _above_zero(multiplier: float) -> float:
    if not multiplier > 0:
        raise ConfigError(f"multiplier is above 0, not {multiplier!r}.")
    return multiplier


def picked(values: Tensor, tags: Tensor) -> Tensor:
    """Gather the values of tags: (B, T, L), (B, T) -> (B, T)."""
    return ops.take_along_axis(values, ops.expand_dims(tags, -1), axis=-1)[..., 0]


def scaled(initializer: Any, by: float) -> Any:
    """An initializer whose values are so many times as large."""
    return lambda shape, dtype=None: initializer(shape, dtype) * by


def _logs(logits: Tensor) -> Tensor:
    return ops.log_softmax(logits, axis=-1)


def _last_tag(values: Tensor, tags: Tensor, valid: Tensor) -> Tensor:
    """Of values (B, L) that of each text's last tag: (B,)."""
    return ops.take_along_axis(values, _at_end(tags, valid)[:, None], axis=1)[:, 0]


def _at_end(values: Tensor, valid: Tensor) -> Tensor:
    """The values (B, T, …) of each text's last token: (B, …)."""
    end = ops.sum(ops.cast(valid, "int32"), axis=1) - 1
    end = ops.reshape(end, (-1, *[1] * (len(values.shape) - 1)))
    return ops.take_along_axis(values, end, axis=1)[:, 0]


TAGGERS: dict[str, Any] = {
    "crf": ConditionalRandomField,
    "memm": MaximumEntropyMarkovModel,
    "softmax": Softmax,
}
