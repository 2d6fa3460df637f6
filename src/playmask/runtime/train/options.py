"""How a task is trained: one value that `fit`, the command line and task.json share."""

from typing import Any, Literal

from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe
from playmask.runtime.train.methods import METHODS, method_of, specification
from playmask.runtime.train.units import seconds, size_in_bytes
from playmask.runtime.train.watching.logs import check_logs
from playmask.runtime.train.watching.measures import Measure

RATE, AVERAGES = "Optimizer and rate", "Averages of the weights"
ROBUST = "Adversarial and consistent"
MEMORY, DATA, SMALLER = "Memory and time", "Data and losses", "Compression and LoRA"
WATCHING = "Watching"

CLASHES = {
    ("lora", "theseus"): "lora trains adapters alone, theseus whole blocks",
    ("lora", "unfreeze"): "lora trains adapters alone, which unfreeze does not know",
    ("label_by_teacher", "stream"): "label_by_teacher answers all texts first, stream holds none",
    ("accumulate", "unfreeze"): "unfreeze may change what learns between batches of one update",
}
"""Options that do not go together, and why."""

BELOW_1 = ("label_smoothing", "replace_targets")  # shares, from 0 on


@recipe
class TrainingOptions(Options):
    """How long, how fast and in which batches a task is trained.

    warm_up: part of the steps in which the rate rises; weight_decay: decoupled, none on biases and
    norms; clip: the global norm of gradients (None = as they are); multiplier: how many times the
    rate what the task puts on its Transformer learns at. Methods are named by specifications,
    `name:value,key=value`; a number stands for itself, and an optimizer of Keras' for what Keras
    writes of it.
    Units:   learning_rate per step
    Raises:  ConfigError for a value that cannot be

    Example:
        >>> options = TrainingOptions(epochs=5, learning_rate=1e-3)
        >>> options.batch_size, options.change(batch_size=16).epochs
        (32, 5)

    """

    # What all trainings say
    epochs: int = option(default=3, text="Passes over the training data.", minimum=1)
    batch_size: int = option(default=32, text="Examples in a batch.", minimum=1)
    learning_rate: float = option(default=2e-5, text="Learning rate per step; 1e-3 with --new.")
    seed: int = option(default=0, text="Seed of everything random.")

    # Optimizer and rate
    optimizer: str = option(
        default="adamw",
        text="Optimizer by name: adamw, lion, tiger, lamb, muon … as lion:beta_2=0.98.",
        group=RATE,
    )
    schedule: str = option(
        default="linear",
        text="Course of the rate: linear, cosine:0.1 (end), constant or piecewise:0=0,0.1=1,1=0.",
        group=RATE,
    )
    warm_up: float = option(
        default=0.1, text="Part of the steps in which the rate rises.", group=RATE
    )
    weight_decay: float = option(
        default=0.01, text="Decoupled weight decay; none on biases and norms.", group=RATE
    )
    clip: float | None = option(
        default=1.0, text="Largest global norm of the gradients.", group=RATE
    )
    multiplier: float = option(
        default=1.0, text="The task's own weights learn so much faster.", group=RATE
    )
    layer_decay: float = option(
        default=1.0, text="Each block learns at this part of the rate above it: 0.9.", group=RATE
    )
    rates: str | None = option(
        default=None,
        text="Factors of the rate, of weights by name: 'embeddings=0.1;task/=5'.",
        group=RATE,
    )
    freeze: str | None = option(
        default=None,
        text="Weights that do not learn, by name: 'embeddings|blocks/[0-5]/'.",
        group=RATE,
    )
    unfreeze: str | None = option(
        default=None,
        text="From the top, a block more learns each epochs=1 or steps=200.",
        group=RATE,
    )
    lookahead: str | None = option(
        default=None, text="Slow weights follow after so many updates: 5,alpha=0.5.", group=RATE
    )
    lazy_embeddings: bool = option(
        default=False, text="Rows of tokens not in the batch stay as they are.", group=RATE
    )

    # Averages of the weights
    ema: str | None = option(
        default=None, text="Exponential moving average of the weights: 0.999.", group=AVERAGES
    )
    swa: str | None = option(
        default=None,
        text="Mean of the weights from a part of the steps on: 0.75, or 0.75,every=100.",
        group=AVERAGES,
    )

    # Adversarial and consistent
    adversarial: str | None = option(
        default=None,
        text="Adversarial steps: fgm:0.5, pgd:0.5,steps=3, awp:0.01, penalty:1 or vat:1.",
        group=ROBUST,
    )
    r_drop: str | None = option(
        default=None, text="Two dropouts are to answer alike, alpha: 4.", group=ROBUST
    )
    mixup: str | None = option(
        default=None,
        text="Mix hidden states in parts by Beta(a, a): 0.2 or 0.2,after=2.",
        group=ROBUST,
    )
    temporal_ensembling: str | None = option(
        default=None,
        text="Keep answers near those of earlier epochs, averaged by alpha: 0.6.",
        group=ROBUST,
    )
    unlabelled: str | tuple[Any, ...] | None = option(
        default=None,
        text="A file of texts without labels, for --r-drop and vat: lines or a table.",
        group=ROBUST,
    )

    # Memory and time
    accumulate: int = option(
        default=1, text="Batches to an update, as one large batch.", minimum=1, group=MEMORY
    )
    memory: str | None = option(
        default=None, text="As large a batch as fits, in place of --batch-size: 8G.", group=MEMORY
    )
    precision: Literal["float32", "bfloat16", "float16"] = option(
        default="float32", text="Precision of what is computed; weights stay float32.", group=MEMORY
    )
    rematerialize: bool = option(
        default=False, text="Compute blocks anew in the backward pass.", group=MEMORY
    )
    max_steps: int | None = option(
        default=None, text="Updates at most; the rate decays by them.", minimum=1, group=MEMORY
    )
    time_limit: str | None = option(
        default=None, text="End, to be resumed, after 2h, 30m or 90s.", group=MEMORY
    )
    save_every: int | None = option(
        default=None, text="Updates after which --resume can go on.", minimum=1, group=MEMORY
    )

    # Data and losses
    class_weights: str | None = option(
        default=None, text="Weights of labels in the loss: balanced, or LABEL=NUMBER,….", group=DATA
    )
    focal: float = option(
        default=0.0, text="Exponent by which sure answers count less.", minimum=0, group=DATA
    )
    label_smoothing: float = option(
        default=0.0, text="The targets' share that all classes divide.", minimum=0, group=DATA
    )
    sampling: Literal["all", "balanced"] = option(
        default="all", text="Each example once an epoch, or as many of each label.", group=DATA
    )
    curriculum: Literal["none", "length"] = option(
        default="none", text="Take short texts first, all from half of the steps on.", group=DATA
    )
    replace_targets: float = option(
        default=0.0, text="Share of a target's tokens exchanged while read.", minimum=0, group=DATA
    )
    limit: int | None = option(
        default=None,
        text="Learn from so many examples at most, the first ones.",
        minimum=1,
        group=DATA,
    )
    stream: bool = option(
        default=False, text="Read the file as it is needed, for one beyond memory.", group=DATA
    )
    buffer: int = option(
        default=10_000, text="Examples that --stream shuffles among.", minimum=1, group=DATA
    )

    # Compression and LoRA
    teacher: str | None = option(
        default=None, text="The folder of a task to learn from, which has the same labels.",
        group=SMALLER,
    )  # fmt: skip
    distil: str | None = option(
        default=None,
        text="What of the teacher is learnt: logits=1,hidden=0.5,temperature=2,targets=1.",
        group=SMALLER,
    )
    label_by_teacher: bool = option(
        default=False,
        text="The training file has texts alone; the teacher's answers are their labels.",
        group=SMALLER,
    )
    theseus: str | None = option(
        default=None,
        text="Replace the teacher's blocks by so many: 3,start=0.5,until=0.5.",
        group=SMALLER,
    )
    lora: str | None = option(
        default=None,
        text="Train low-rank adapters alone: rank=8,alpha=16,pattern=attention.",
        group=SMALLER,
    )
    # Watching
    best: str | None = option(
        default=None,
        text="The measure of the best epoch: f1, loss, wer:lowest. Default: the task's own.",
        group=WATCHING,
    )
    stop_after: int | None = option(
        default=None,
        text="Stop after so many epochs without a better one.",
        minimum=1,
        group=WATCHING,
    )
    log: tuple[str, ...] = option(
        default=(),
        text="Logs that are written to OUT/logs: csv, jsonl, tensorboard, wandb, mlflow.",
        group=WATCHING,
    )
    log_every: int = option(default=10, text="Steps to a line of a log.", minimum=1, group=WATCHING)

    def __post_init__(self) -> None:
        for field in METHODS:
            object.__setattr__(self, field, specification(getattr(self, field)))
        super().__post_init__()
        for field in METHODS:
            if getattr(self, field) != getattr(type(self), field):
                method_of(field, getattr(self, field))  # refuses what is wrong
        for pair, reason in CLASHES.items():
            if all(getattr(self, name) != getattr(type(self), name) for name in pair):
                raise ConfigError(f"{reason}; give one of them.")
        Measure.of(self.best)
        check_logs(self.log)
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be between 0 and 1, not {self.learning_rate}.")
        if not 0 <= self.warm_up < 1:
            raise ConfigError(f"warm_up is a part of the training, 0 to 1, not {self.warm_up}.")
        for field in BELOW_1:
            if not getattr(self, field) < 1:
                raise ConfigError(f"{field} is a share below 1, not {getattr(self, field)!r}.")
        if not self.multiplier > 0:
            raise ConfigError(f"multiplier is above 0, not {self.multiplier!r}.")
        if not 0 < self.layer_decay <= 1:
            raise ConfigError(f"layer_decay is above 0, at most 1, not {self.layer_decay!r}.")
        for check, text in ((seconds, self.time_limit), (size_in_bytes, self.memory)):
            if text is not None:
                check(text)
