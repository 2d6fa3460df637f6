"""What an experiment is: claims, tasks and variants, as data."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from playmask.experiments.corpora import Corpus
from playmask.model.recipes import to_json

Changes = Mapping[str, Any]  # what `Architecture.change` gets


class Metric(NamedTuple):
    """What a number is called, whether more of it is better, and how many digits are shown."""

    label: str
    higher: bool
    digits: int


METRICS = {
    "accuracy": Metric("accuracy", True, 3),
    "at_operations": Metric("nats at equal operations", False, 3),
    "at_seconds": Metric("nats at equal seconds", False, 3),
    "at_steps": Metric("nats at equal steps", False, 3),
    "agreement": Metric("asked sentiment met", True, 3),
    "bleu": Metric("BLEU", True, 2),
    "exact": Metric("exact captions", True, 3),
    "first_epoch": Metric("accuracy after one epoch", True, 3),
    "loss": Metric("loss, nats", False, 3),
    "loss_of_wrong": Metric("loss given the other label", False, 3),
    "perplexity": Metric("perplexity per word", False, 2),
    "spearman": Metric("Spearman", True, 3),
    "sees_itself": Metric("sees itself, nats", False, 3),
    "seconds_per_epoch": Metric("seconds per epoch", False, 1),
    "steps_per_second": Metric("steps/s", True, 2),
    "parameters": Metric("parameters", False, 0),
    "operations": Metric("multiply-adds", False, 0),
    "operations_ratio": Metric("multiply-adds beside the dot product's", False, 2),
    "seconds_ratio": Metric("seconds a step beside the dot product's", False, 2),
}
"""Every number that a report may show; an experiment adds its own."""


@dataclass(frozen=True)
class Sizes:
    """How large a model and its training are.

    vocabulary, length: in tokens; steps of `batch` texts; rate: per step, at its peak;
    train, test: texts at most (None = all); more: what one task alone wants to know.
    """

    width: int
    depth: int
    heads: int
    inner: int
    vocabulary: int
    length: int
    steps: int
    batch: int
    rate: float
    dropout: float = 0.1
    train: int | None = None
    test: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Scale(NamedTuple):
    """How large everything is.

    body: the model's sizes, the same for all tasks; crossed: whether all variants learn all tasks,
    else each the first it takes part in, and the first one all; invent: whether made-up texts
    will do where there are no others; must_learn: a variant that learns nothing is an error
    """

    about: str
    body: Mapping[str, int]
    seeds: tuple[int, ...]
    crossed: bool = True
    invent: bool = False
    must_learn: bool = False


SCALES = {
    "smoke": Scale(
        "about a minute: tiny models, on made-up texts if need be, that must learn something",
        {"width": 32, "depth": 1, "heads": 4, "inner": 128},
        seeds=(0,),
        crossed=False,
        invent=True,
        must_learn=True,
    ),
    "default": Scale(
        "for two cores and hours: tasks, seeds and what claims name decide how many",
        {"width": 128, "depth": 2, "heads": 4, "inner": 512},
        seeds=(0, 1, 2),
    ),
    "gpu": Scale(
        "for a machine with an accelerator",
        {"width": 512, "depth": 6, "heads": 8, "inner": 2048},
        seeds=(0, 1, 2),
    ),
}
"""The scales that every experiment has, from small to large."""


def sized(scale: str, **training: Any) -> Sizes:
    """The sizes of a task at a scale: those of the scale's body, unless the task says otherwise."""
    return Sizes(**{**SCALES[scale].body, **training})


class Watch:
    """Follows a run; this one is silent, a command line's shows what it is told."""

    def begin(self, trial: "Trial", number: int, count: int, cached: bool) -> None:
        """Trial `number` of `count` begins, or its result is kept from an earlier run."""

    def step(self, doing: str, part: float) -> None:
        """What the trial does now, and how much of that is done, 0 to 1."""


class Desk(NamedTuple):
    """What a trial works with.

    texts: what the task prepared; source: where they come from; watch: who is told how it goes on;
    folder: where what other trials use too is kept; encoder: what fine-tuning starts from
    """

    texts: Any
    source: str
    watch: Watch
    folder: Path
    encoder: Path | None = None


class Training(NamedTuple):
    """How a training went: steps and the mean loss up to each since the one before."""

    steps: list[int]
    losses: list[float]
    steps_per_second: float
    seconds: float


class Outcome(NamedTuple):
    """What a trial found.

    loss, baseline: nats a token (or a text) on texts held out, the model's and that of one who
    knows only how frequent each answer is; facts: about the texts, for the report; samples: of this
    variant, such as an example, for the report
    """

    metrics: dict[str, float]
    loss: float
    baseline: float
    training: Training
    model: dict[str, Any]
    facts: dict[str, str]
    samples: dict[str, str]


@dataclass(frozen=True)
class Task:
    """Something to learn: where its texts come from, how large it is, and how it is measured.

    metrics: the first one is drawn, or as many as `drawn`; prepare: what a corpus is turned into,
    once for all trials; variants: those that take part (empty = all); baseline: what is said of the
    loss of one who knows nothing of the texts, a format string of its number
    """

    name: str
    title: str
    corpus: str
    metrics: tuple[str, ...]
    sizes: Mapping[str, Sizes]
    prepare: Callable[[Corpus, Sizes], Any]
    run: Callable[["Trial", Desk], Outcome]
    variants: tuple[str, ...] = ()
    baseline: str = "Knowing only how frequent each answer is costs {:.3f} nats."
    drawn: int = 1


@dataclass(frozen=True)
class Trial:
    """One variant, learning one task from one seed."""

    experiment: str
    task: Task
    variant: str
    changes: Changes
    scale: str
    seed: int

    @property
    def sizes(self) -> Sizes:
        """The task's sizes at this scale."""
        return self.task.sizes[self.scale]

    def settings(self, source: str, encoder: Path | None = None) -> dict[str, Any]:
        """All that decides what comes out, as JSON.

        source: where the texts come from; encoder: what fine-tuning starts from
        """
        return {
            "experiment": self.experiment,
            "task": self.task.name,
            "variant": self.variant,
            "changes": {name: to_json(value) for name, value in sorted(self.changes.items())},
            "sizes": asdict(self.sizes),
            "seed": self.seed,
            "data": source,
            **({} if encoder is None else {"encoder": encoder.resolve().name}),
        }


def digest(settings: Mapping[str, Any]) -> str:
    """A short name for settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


RELATIONS = {
    "better": (0.0, math.inf),
    "worse": (-math.inf, 0.0),
    "no worse": (-1.0, math.inf),
    "no better": (-math.inf, 1.0),
    "equal": (-1.0, 1.0),
}
"""What a claim says of left and right: between which gains of left it holds, in margins."""


class Claim(NamedTuple):
    """A sentence of a paper or a post, and the two variants whose difference speaks to it.

    relation: of left to right, a name in RELATIONS; margin: what counts as no difference where the
    relation is not strict, in parts of what the right one has
    """

    text: str
    task: str
    metric: str
    left: str
    right: str
    relation: str = "better"
    margin: float = 0.02


class Published(NamedTuple):
    """Numbers of others for a task's variants.

    remembered: they were quoted from memory, not read off the paper
    """

    task: str
    column: str
    source: str
    remembered: bool
    values: Mapping[str, float | str]


@dataclass(frozen=True)
class Experiment:
    """Claims, the tasks they are tested on, and the variants that are compared.

    variants: for the sizes of a task, what each changes in the architecture
    """

    name: str
    title: str
    source: str
    claims: tuple[Claim, ...]
    tasks: tuple[Task, ...]
    variants: Callable[[Sizes], Mapping[str, Changes]]
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
