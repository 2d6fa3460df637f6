"""Low-rank adaptation (LoRA): small matrices beside frozen kernels are all that is trained."""

from typing import Any

from playmask.errors import ConfigError
from playmask.model.transformer import Transformer
from playmask.runtime.adapters import attach, attached, freeze_all_but_adapters, merge
from playmask.runtime.train.hooks import OpenStep, StepHook


class LowRankAdaptation(StepHook):
    """Low-rank adaptation (LoRA) of a task's Transformer, as a hook of `fit`.

    The Transformer's weights are frozen; to the output of each dense layer whose path matches
    `pattern`, such as blocks/0/attention/query, x A B · alpha / rank is added, which is trained
    with what the task has put on the Transformer. In the end it is merged into the kernels; int8
    kernels stay, and the adapters beside them.
    alpha: None is 2 · rank; pattern: a regular expression, searched for in the path
    Raises: ConfigError for a pattern that matches no dense layer, a rank that saves nothing, and a
            model that has adapters of another kind already
    Source: Hu et al. 2021, eq. 3; on int8: Dettmers et al. 2023

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, callbacks=[LowRankAdaptation(rank=2)], verbose=0)
        >>> sorted(model.adapters.matrices)[0]
        'blocks/0/attention/key'

    """

    adapts = True

    def __init__(self, rank: int = 8, alpha: float | None = None, pattern: str = "attention"):
        super().__init__()
        if rank < 1:
            raise ConfigError(f"LoRA's rank is from 1, not {rank!r}.")
        if alpha is not None and not alpha > 0:
            raise ConfigError(f"LoRA's alpha is above 0, not {alpha!r}.")
        self.choice = rank, float(2 * rank if alpha is None else alpha), pattern
        self.frozen: list[Any] = []

    def begin(self, network: OpenStep) -> None:
        """Put adapters on the Transformer, or go on with those it has, and freeze the rest."""
        model: Transformer = network.transformer
        if not attached(model):
            attach(model, *self.choice)
        elif model.adapters.choice != self.choice:
            rank, alpha, pattern = model.adapters.choice
            raise ConfigError(
                f"The model has adapters of rank={rank},alpha={alpha:g},pattern={pattern} already, "
                "which int8 keeps; go on with those, or remove_adapters first."
            )
        self.frozen = freeze_all_but_adapters(model)

    def end(self, network: OpenStep) -> None:
        """Let everything learn again, and merge what was learnt."""
        for variable in self.frozen:
            variable.trainable = True
        self.frozen = []
        merge(network.transformer)
