"""A Transformer of which the logits of tokens are taken, and how these are learnt."""

from typing import Any, ClassVar

from keras import ops

from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_place
from playmask.runtime.compiled import Compiled
from playmask.tasks.network import TaskNetwork
from playmask.tasks.objective import Objective, accuracy, crossentropy


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

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        return {"logits": self.transformer(inputs, training=training)["logits"]}

    def likeliest(self, inputs: dict[str, Tensor], best: int, size: int) -> dict[str, Tensor]:
        """The likeliest of the first `size` tokens everywhere, and their chances: (B, T, best)."""
        logits = self(inputs, training=False)["logits"][..., :size]
        chances, tokens = ops.top_k(ops.softmax(logits, axis=-1), best)
        return {"chances": chances, "tokens": tokens}


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
