"""The interface that every task shares: new, fit, evaluate, predict, save, and loading again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np

from playmask.data.examples import Examples
from playmask.data.gathering import read_checked
from playmask.data.inputs import is_table, read_table
from playmask.errors import ConfigError
from playmask.runtime.access import one_state, writing
from playmask.runtime.padding import Batch, Row
from playmask.runtime.predictor import Predictor
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks import on_demand
from playmask.tasks.encoded import Encoded
from playmask.tasks.loss_changes import LossChanges
from playmask.tasks.question import Question
from playmask.tasks.reports import ClassReport, rule_of
from playmask.tasks.selection import WHOLE, Network, Selection, predictor_of
from playmask.tasks.settings import TaskSettings
from playmask.tokenizers import Encoding, Tokenizer

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.runtime.batches import Batches
    from playmask.runtime.compiled import Compiled
    from playmask.runtime.train.watching.history import History
    from playmask.tasks.network import TaskNetwork
    from playmask.tasks.objective import Objective

S = TypeVar("S", bound=TaskSettings)
Columns = Sequence[str] | None
Fields = dict[str, Any]


class Task(ABC, Generic[S]):
    """A network around a Transformer, its tokenizer, and the settings that made them.

    A task says how files become examples, how these become rows and targets, by which losses it
    learns, and how outputs are read; training, saving and running are the same for all. What
    needs Keras is imported when it is used: an exported task answers without (`exported.py`).
    """

    settings_class: type[S]
    metrics: ClassVar[Mapping[str, Any]] = {}  # rules to score answers by, the default first
    scores_answers: ClassVar[bool] = True  # `evaluate` compares answers; else it takes the loss
    streams: ClassVar[bool] = False  # `parse` also takes lazily=, and each example is one row
    best: ClassVar[str | None] = None  # of `evaluate`, highest in the best epoch; None: lowest loss
    fresh: ClassVar[Mapping[str, Any]] = {}  # changes of the architecture of a small new model
    dialects: ClassVar[Mapping[str, Any]] = {"playmask": "playmask.tasks.saving:save_task"}
    selection: Selection = WHOLE  # of the network's outputs, what `predict` reads
    submission: ClassVar[Callable[..., None] | None] = None  # writes answers as a competition does

    def __init_subclass__(cls, **options: Any) -> None:
        """Whatever a task's answers take, they read one state of its weights."""
        super().__init_subclass__(**options)
        for name in {"predict", "evaluate"} & vars(cls).keys():
            setattr(cls, name, one_state(vars(cls)[name]))

    def __init__(self, network: Network, tokenizer: Tokenizer, settings: S) -> None:
        self.network: Any = network
        self.tokenizer, self.settings = tokenizer, settings
        self.training: TrainingOptions | None = None
        self.loss_changes = LossChanges()  # of the training that is compiled for
        self.check_length()
        self.predictor = self.make_predictor()

    def __reduce__(self) -> Any:  # all that it is, by value; an exported one is opened again
        return getattr(self.network, "opening", None) or on_demand.reduced(self)

    @classmethod
    def new(
        cls,
        model: "Transformer | str | Path",
        *values: Any,
        tokenizer: Tokenizer | None = None,
        **fields: Any,
    ) -> Self:
        """Put what the task needs on a Transformer, or on the checkpoint at a path.

        values, fields: the settings (see `settings_class`), in their order or by name; or a value
        of that class itself, of which `fields` change some
        Raises: ConfigError for a setting that there is not, or that does not go with the model
        """
        if values and isinstance(values[0], cls.settings_class):
            settings = values[0].change(**fields)
        else:
            settings = cls.settings_class.of(*values, **fields)
        load = partial(cls.open, settings=settings)
        transformer, tokenizer = on_demand.open_model(model, tokenizer, load)
        return cls(cls.build_network(transformer, tokenizer, settings), tokenizer, settings)

    @classmethod
    def open(cls, path: str | Path, settings: S | None = None, **options: Any) -> "Transformer":
        """Load a pretrained model as the task needs it; options as of `playmask.load`."""
        needed = cls.model_options(settings or cls.settings_class())
        return on_demand.load_reader(path, **{**needed, **options})

    @classmethod
    def model_options(cls, settings: S) -> Fields:
        """What a model is loaded, or built, with for the task: its heads, mask and condition."""
        return {"heads": ()}

    @classmethod
    @abstractmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: S
    ) -> "TaskNetwork":
        """Build the network around a Transformer; its own weights are named "task/…"."""

    @classmethod
    @abstractmethod
    def parse(
        cls, settings: S, path: str | Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read the labelled examples of a file, whatever labels they have."""

    @classmethod
    def parse_references(cls, settings: S, path: str | Path, **options: Any) -> Examples[Any]:
        """Read the examples of a file to be measured on; options of `parse`."""
        return cls.parse(settings, path, **options)

    @abstractmethod
    def check(self, example: Any) -> Any:
        """An example as the task learns it, also from a tuple; raises BadExample if it cannot."""

    def check_reference(self, example: Any) -> Any:
        """An example to be measured on, where learning asks more of it."""
        return self.check(example)

    def learnable(self, references: Examples[Any]) -> Examples[Any]:
        """Those of examples to be measured on, or what of them, that can be learnt from."""
        return references

    def check_notes(self, before: Examples[Any], after: Examples[Any]) -> Iterable[str]:
        """Notes on what checking has changed in examples."""
        return ()

    def alignment_notes(self, examples: Sequence[Any]) -> Iterable[str]:
        """Notes on what no token's ends meet; in training, encoding adds them to the examples'."""
        return ()

    @classmethod
    def names(cls, example: Any) -> Iterable[str]:
        """The labels that an example has."""
        return ()

    @classmethod
    def learn(cls, settings: S, examples: Examples[Any]) -> S:
        """The settings, with what only the training data say."""
        return settings

    @abstractmethod
    def encode_examples(self, examples: Sequence[Any]) -> Encoded:
        """The rows that the network learns from, and their targets."""

    @abstractmethod
    def row(self, text: Any) -> Row:
        """The network's inputs for one text (or pair), or its beginning, as `predict` takes it."""

    @property
    @abstractmethod
    def objective(self) -> "Objective":
        """The losses that the task learns by."""

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The last change to a padded batch, by what is drawn in each epoch: here none."""
        return batch

    @abstractmethod
    def predict(self, texts: Any) -> Any:
        """Answer for one text, or for a list of them."""

    def measure(
        self, examples: Sequence[Any], answers: Sequence[Any], metric: str | None = None
    ) -> dict[str, float]:
        """Scores of answers, by one of the task's `metrics` where it has several."""
        raise ConfigError(f"A task {self.name!r} is not measured by its answers.")

    def report(self, examples: Sequence[Any], answers: Sequence[Any]) -> ClassReport | None:
        """Scores by class, where there are classes."""
        return None

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line; else it is read by `read_inputs`."""
        return not is_table(path)

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read what is to be predicted from a table, or from a competition's file."""
        return read_table(path, columns, skip_bad=skip_bad)

    def input_of(self, example: Any) -> Any:
        """What `predict` takes of an example."""
        return example.text if example.pair is None else (example.text, example.pair)

    def example_json(self, example: Any) -> Fields:
        """What stands for an example in JSON."""
        return {"text": example.text, **({} if example.pair is None else {"pair": example.pair})}

    def answer_json(self, example: Any, answer: Any) -> Fields:
        """What stands for an answer in JSON."""
        return {"output": answer}

    def target_json(self, example: Any) -> Fields:
        """What stands for the right answer in JSON."""
        return {"target": example.label}

    def scores(self, outputs: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """How strongly the outputs speak for each answer, differentiable: (B,); the best wins."""
        raise ConfigError(f"A task {self.name!r} cannot be explained: it scores no answers.")

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How a text, or a pair, is read when an answer is explained; None = the task's own."""
        return on_demand.among_few(self, texts, answer)

    def score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """How strongly the outputs speak for the answer of a question: (B,)."""
        return on_demand.score_of(self.scores(outputs), *targets)

    @cached_property
    def slopes(self) -> "Compiled":
        """The score of an answer and its gradient, see `slopes_of`."""
        return on_demand.slopes_of(self)

    @property
    def name(self) -> str:
        """The task's name, in task.json and as a command."""
        return self.settings.task

    @property
    def transformer(self) -> "Transformer":
        """The Transformer inside."""
        return cast("Transformer", self.network.transformer)

    def check_length(self) -> None:
        """See that rows are not longer than the model has positions."""
        longest, positions = self.settings.row_length, self.network.positions
        if positions is not None and longest > positions:
            raise ConfigError(f"max_length is {longest}, but the model has {positions} positions.")

    def make_predictor(self) -> Predictor:
        """What runs the network on rows, and keeps what the task selects."""
        return predictor_of(self, self.selection)

    def inputs(self, encoding: Encoding) -> Row:
        """Its tokens and their segments, where these are no tokens too."""
        also = {"segments": encoding.segments} if "segments" in self.network.takes else {}
        return {"tokens": encoding.ids, **also}

    def read(self, data: Any, *, skip_bad: bool = False, columns: Columns = None) -> Examples[Any]:
        """Read labelled examples from a file, or check those of a sequence, each once.

        skip_bad: leave bad ones out and list them in `.skipped`; `.notes` say what was guessed
        Raises: DataError for a bad example, and where there is none
        """
        parse = partial(self.parse, self.settings, columns=columns, skip_bad=skip_bad)
        return read_checked(data, parse, (self.check,), skip_bad=skip_bad, notes=self.check_notes)

    def read_references(
        self, data: Any, *, skip_bad: bool = False, columns: Columns = None
    ) -> Examples[Any]:
        """Read examples to be measured on, as `read` does; learning may ask more of them."""
        parse = partial(self.parse_references, self.settings, columns=columns, skip_bad=skip_bad)
        checks = (self.check_reference, self.check)
        return read_checked(data, parse, checks, skip_bad=skip_bad, notes=self.check_notes)

    def metric(self, name: str | None = None) -> Any:
        """The rule to score answers by that has a name; without one, the default, if any."""
        return rule_of(self.name, self.metrics, name)

    def answer(self, examples: Sequence[Any]) -> Any:
        """What the task answers to each of some examples."""
        return self.predict([*map(self.input_of, examples)])

    @one_state
    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """Measure on labelled examples, by one of the task's `metrics` where it has several."""
        self.metric(metric)  # refuses what there is not, before anything is read
        examples = self.read_references(data, skip_bad=skip_bad)
        return {**self.measure(examples, self.answer(examples), metric), "examples": len(examples)}

    def compile(self, optimizer: "keras.optimizers.Optimizer") -> None:
        """Give the network its losses and metrics."""
        self.objective.changed(self.loss_changes).compile(self.network, optimizer)

    def fit(
        self,
        train_data: Any,
        validation: Any = None,
        options: TrainingOptions | None = None,
        *,
        directory: str | Path | None = None,
        resume: bool = False,
        skip_bad: bool = False,
        callbacks: "Iterable[keras.callbacks.Callback]" = (),
        verbose: Any = "auto",
        **changes: Any,
    ) -> "History":
        """Train with Keras' fit and keep the best epoch; returns the history of each metric.

        data: a file or examples, all checked first; options: of the training, each also by its name
        (`epochs=5`; `teacher` may be a task); directory: where the best epoch is saved at once, and
        resume=True finds the interrupted training; callbacks: of Keras, StepHooks among them. The
        best epoch has the highest `best` of the task on (at most 1,000 of) the validation data
        ("val_f1"), or the lowest loss where it names none; without validation data the last.
        Predictions of other threads are waited for, later ones refused.
        Raises: DataError for a bad example; ConfigError for an option that cannot be; BusyError
                where another thread trains it; NotFiniteError for a loss that is not finite; Ctrl-C
        """
        own: Fields = {"directory": directory, "callbacks": [*callbacks], "verbose": verbose}
        own |= {"resume": resume, "skip_bad": skip_bad}
        training = on_demand.taught(self, train_data, options, changes, own["callbacks"])
        with training as (data, options), writing(self.network, lasts=True):
            return on_demand.fit_task(self, (data, validation), options, **own)

    def batches(self, examples: Sequence[Any], batch_size: int, **options: Any) -> "Batches":
        """Padded batches of examples, as the network learns them; options of `Batches`."""
        return on_demand.batches_of(self, examples, batch_size, **options)

    @one_state
    def save(self, directory: str | Path, dialect: str = "playmask", **options: Any) -> Path:
        """Save as a task of playmask's or as a published class: see `save_as`, also for options."""
        return on_demand.save_as(self, directory, dialect, **options)

    @one_state
    def export(self, directory: str | Path, **options: Any) -> Any:
        """Export as ONNX, for runtimes without Keras: see `playmask.export`, also for options."""
        return on_demand.export(self, directory, **options)

    @one_state
    def save_weights(self, directory: Path) -> None:
        """Write the weights of a task that is saved already, whole or not at all."""
        on_demand.save_weights(self.network, directory)

    def load_weights(self, directory: Path) -> None:
        """Take back the weights that were saved, when the predictions that run are done."""
        with writing(self.network):
            on_demand.assign_weights(self.network, Path(directory))
