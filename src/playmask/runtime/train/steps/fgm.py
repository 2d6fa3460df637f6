"""Adversarial training: the fast gradient method on embeddings (FGM)."""

from typing import Any, ClassVar

import keras

from playmask.errors import ConfigError, nearest
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero, along


class FastGradientMethod(StepHook):
    """Adversarial training by the fast gradient method (FGM), as a hook of `fit`.

    Adds the loss on embeddings moved by epsilon along their gradient.
    of: what moves by that length. "text", as Miyato et al. have it: the embeddings of each text by
    their own; "table", as Su's post and its copies have it: the token table as a whole, so that a
    token moves alike in all texts of the batch, and these share one length
    Units:  epsilon, the length of a move
    Raises: ConfigError for an epsilon that is not above 0, or a table that does not learn
    Source: Miyato et al. 2017, eq. 5; Su 2020 (kexue 7234) with of="table"

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [FastGradientMethod()]
        >>> history = task.fit(data, epochs=1, callbacks=hooks, verbose=0)
        >>> history["loss"][0] > 1  # of two classes, without it about ln 2
        True

    """

    differentiates: ClassVar[bool] = True

    def __init__(self, epsilon: float = 1.0, of: str = "text") -> None:
        super().__init__()
        self.epsilon = above_zero("epsilon, the length of a move,", epsilon)
        if of not in MOVES:
            raise ConfigError(f"FGM moves no {of!r:.60}.{nearest(of, MOVES)}")
        self.of = of

    def check(self, network: OpenStep) -> None:
        """A table that moves has a gradient."""
        if self.of == "table" and not _table(network).trainable:
            raise ConfigError("The token table is frozen and has no gradient; move of=text.")

    def add_loss(self, step: Step) -> Any:
        """The loss of the moved batch."""
        return MOVES[self.of](step, self.epsilon)


def _moved_texts(step: Step, epsilon: float) -> Any:
    return step.loss_of(step.forward(extra=along(step.gradient_of_embeddings(), epsilon)))


def _moved_table(step: Step, epsilon: float) -> Any:
    table = _table(step.network)
    (gradient,) = step.gradients_of_weights([table])
    return step.loss_with([(table, table.value + along(gradient, epsilon, None))])


def _table(network: Any) -> keras.Variable:
    (table, *_) = network.transformer.embeddings.tokens.weights
    return table


MOVES = {"text": _moved_texts, "table": _moved_table}
