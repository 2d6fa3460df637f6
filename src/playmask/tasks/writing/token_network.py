"""A Transformer of which the logits of tokens are taken, and how these are learnt."""

from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from playmask.errors import ConfigError
from playmask.generation.facts import TARGETS, check
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_place
from playmask.runtime.compiled import Compiled
from playmask.tasks.network import TaskNetwork
from playmask.tasks.objective import Objective, accuracy, crossentropy
from playmask.tasks.writing.settings import BY_LABEL, BY_NORM


class TokenNetwork(TaskNetwork):
    """A Transformer, of which the logits of tokens are taken; it has no weights of its own.

    Shapes: inputs as a Transformer's -> {"logits": (B, R, vocabulary)}
    """

    further_inputs: ClassVar[Inputs] = {"read": by_place("read")}

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(transformer)
        a = transformer.architecture
        self.generates = a.decoder is not None or a.order != "full"
        self.build(None)

    @property
    def text_model(self) -> Transformer:
        """What goes on from texts."""
        transformer: Transformer = self.transformer
        return transformer

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        return {"logits": self.transformer(inputs, training=training)["logits"]}

    def likeliest(self, inputs: dict[str, Tensor], best: int, size: int) -> dict[str, Tensor]:
        """The likeliest of the first `size` tokens everywhere, and their chances: (B, T, best)."""
        logits = self(inputs, training=False)["logits"][..., :size]
        chances, tokens = ops.top_k(ops.softmax(logits, axis=-1), best)
        return {"chances": chances, "tokens": tokens}


def language_network(
    transformer: Transformer, condition: str | None, labels: Sequence[str]
) -> TokenNetwork:
    """The logits of a Transformer that is a language model of a condition.

    Raises: ConfigError for one that is none, or labels that do not go with the condition
    """
    if (condition in BY_LABEL) != bool(labels):
        raise ConfigError(
            f"condition={condition!r} and labels={list(labels)} do not go together: "
            f"{', '.join(map(repr, BY_LABEL))} take distinct labels, others none."
        )
    check(transformer)
    a = transformer.architecture
    if a.decoder is not None or a.order != "lm":
        raise ConfigError(
            f"A language model has no decoder and the order 'lm', not {a.order!r}; load with "
            "mask='lm'."
        )
    size = None if a.condition is None else a.condition.size
    needed = len(labels) if condition == "label" else size
    if size != needed or (size is not None) != (condition in BY_NORM):
        raise ConfigError(
            f"The model's norms depend on a condition of the size {size}, which "
            f"condition={condition!r} with {len(labels)} labels does "
            f"not go with; load with condition_size={needed or '…'}."
        )
    return TokenNetwork(transformer)


def writing_network(transformer: Transformer) -> TokenNetwork:
    """The logits of a Transformer that can write on from a source.

    Raises: ConfigError for one that cannot
    """
    check(transformer)
    a = transformer.architecture
    if a.decoder is None and a.order not in TARGETS:
        raise ConfigError(
            f"One stack writes targets in the order 'unilm', not {a.order!r}; load with "
            "mask='unilm'."
        )
    if not a.encoder:
        raise ConfigError("A decoder alone reads no source; load the encoder too.")
    return TokenNetwork(transformer)


def token_sums(network: TaskNetwork) -> Compiled:
    """Nats, weights and right answers of a batch, added up: (inputs, targets, weights) -> (3,)."""

    def sums(inputs: Any, targets: Any, weights: Any) -> Any:
        logits = network(inputs, training=False)["logits"]
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        each = ops.take_along_axis(logs, ops.expand_dims(targets, -1), axis=-1)[..., 0]
        right = ops.cast(ops.argmax(logs, axis=-1) == targets, "float32")
        return ops.stack([ops.sum(x * weights) for x in (-each, ops.ones_like(each), right)])

    return Compiled(network, sums)


def token_objective() -> Objective:
    """Cross-entropy in nats a token, and the accuracy of tokens."""
    metrics = {"logits": [accuracy()]}
    return Objective({"logits": crossentropy()}, metrics=metrics, targets="tokens")


def log_probability(logits: Tensor, tokens: Tensor) -> Tensor:
    """The log-probability of tokens (R,), each at its own logits (B, R, vocabulary): (B,)."""
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    tokens = ops.broadcast_to(tokens[None, :, None], (*logs.shape[:2], 1))
    return ops.sum(ops.take_along_axis(logs, tokens, axis=-1), axis=(1, 2))
