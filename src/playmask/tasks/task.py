"""The interface that every task shares: new, fit, evaluate, predict, save, and loading again."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from playmask.checkpoints import safetensors
from playmask.checkpoints.load import in_dtype, policy_of
from playmask.checkpoints.save import check_can_be_saved, describe
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.errors import ConfigError, InputError
from playmask.files import make_directory, read_json, write_json
from playmask.model.architecture import Architecture
from playmask.model.masks import Tensor
from playmask.model.recipes import to_json
from playmask.model.transformer import PREDICT, Transformer
from playmask.runtime.batches import Batch, Batches, Row
from playmask.runtime.compiled import Compiled
from playmask.runtime.gradients import value_and_gradient
from playmask.runtime.lazy_weights import blank, fill
from playmask.runtime.planning import price_of
from playmask.runtime.predictor import Predictor
from playmask.runtime.train.fitting import TrainingPlan, train
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.explaining import Question, among_few
from playmask.tasks.saving import TASK, arrays_of, fill_weights, load_reader
from playmask.tokenizers import Encoding, Tokenizer


class TaskNetwork(OpenStep):
    """A Transformer with what a task puts on it; weights of the task's own are "task/…"."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(name="task")
        self.transformer = transformer

    def build(self, shape: Any = None) -> None:
        """Create the task's own weights, where it has any."""

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """Refused, as a Transformer's."""
        raise InputError(PREDICT)


class Task(ABC):
    """A network around a Transformer, its tokenizer, and the settings that made them.

    A task says how examples become rows and targets, how its network is compiled, and how outputs
    are read; training, saving and running are the same for all. Every task's settings hold
    max_length, the tokens a text is cut to.
    """

    kind: ClassVar[str]
    metrics: ClassVar[Mapping[str, Any]] = {}  # ways to score answers, the default first
    best: ClassVar[str | None] = None  # of `evaluate`, highest in the best epoch; None: lowest loss

    def __init__(
        self, network: keras.Model, tokenizer: Tokenizer, settings: Mapping[str, Any]
    ) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.settings = dict(settings)
        self.training: TrainingOptions | None = None
        self._check_length()
        self.predictor = self.make_predictor()

    def make_predictor(self, function: Any = None) -> Predictor:
        """What runs the network, or a function of it, on texts."""
        return Predictor(
            self.network,
            limits={
                "tokens": len(self.tokenizer),
                "segments": self.transformer.architecture.segment_ids,
            },
            maximum=self.settings["max_length"],
            function=function,
        )

    def _check_length(self) -> None:
        longest, positions = self.settings["max_length"], self.transformer.architecture.limit
        if positions is not None and longest > positions:
            raise ConfigError(f"max_length is {longest}, but the model has {positions} positions.")

    # What a task says of itself

    @classmethod
    @abstractmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer; its own weights are named "task/…"."""

    @abstractmethod
    def read(self, data: Any, *, skip_bad: bool = False) -> Sequence[Any]:
        """Read labelled examples from a file, or check those given."""

    def suitable(self, example: Any) -> Any:
        """An example of a file as the task learns it; BadExample where it cannot."""
        return example

    @abstractmethod
    def rows(self, examples: Sequence[Any]) -> list[Row]:
        """The network's inputs for each example."""

    @abstractmethod
    def targets(self, examples: Sequence[Any]) -> np.ndarray:
        """What the network should answer, one per example."""

    @abstractmethod
    def evaluate(self, data: Any, *, skip_bad: bool = False) -> dict[str, float]:
        """Measure on labelled examples."""

    @abstractmethod
    def predict(self, texts: Any) -> Any:
        """Answer for one text, or for a list of them."""

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its loss and metrics: cross-entropy and accuracy of the logits.

        Means over weights: what only fills a batch has the weight 0 and counts nowhere.
        """
        self.network.compile(
            optimizer,
            loss={
                "logits": keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True, reduction="mean_with_sample_weight"
                )
            },
            weighted_metrics={"logits": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]},
            jit_compile=keras.backend.backend() == "jax",
        )

    def metric(self, name: str | None = None) -> Any:
        """The way to score answers that has a name; without one, the default."""
        if not self.metrics:
            raise ConfigError(
                f"A task of the kind {self.kind!r} is measured in one way; no metric is chosen."
            )
        if name is not None and name not in self.metrics:
            raise ConfigError(
                f"There is no metric {name!r}; a task of the kind {self.kind!r} knows "
                f"{', '.join(self.metrics)}."
            )
        return self.metrics[name or next(iter(self.metrics))]

    def facts(self, examples: Sequence[Any]) -> dict[str, Any]:
        """What training learns about the data besides weights; it joins the settings."""
        return {}

    def read_wanted(self, data: Any, *, skip_bad: bool = False, **how: Any) -> Sequence[Any]:
        """Read examples to be measured on, where learning asks more of them; options of `read`."""
        return self.read(data, skip_bad=skip_bad, **how)

    def inputs(self, encoding: Encoding) -> Row:
        """Its tokens and their segments, where these are no tokens too."""
        if self.transformer.architecture.segments == "tokens":
            return {"tokens": encoding.ids}
        return {"tokens": encoding.ids, "segments": encoding.segments}

    def row(self, text: Any) -> Row:
        """The network's inputs for one text (or pair), as `predict` takes it."""
        return self.rows([text])[0]

    def scores(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """How strongly the outputs speak for each answer: (B,) each; the highest is the answer.

        It is what explanations explain, so it must be differentiable.
        """
        raise ConfigError(
            f"A task of the kind {self.kind!r} cannot be explained: its class "
            f"{type(self).__name__} has no method `scores`."
        )

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How a text, or a pair, is read when an answer is explained; None = the task's own."""
        return among_few(self, texts, answer)

    def score(self, outputs: dict[str, Tensor], *told: Tensor) -> Tensor:
        """How strongly the outputs speak for the answer of a question: (B,)."""
        (number,) = told
        return ops.take(ops.stack(list(self.scores(outputs).values()), 1), number, axis=1)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """What a padded batch of inputs, targets and weights asks of the network: here, as it is.

        It may change with each epoch, by what it draws, and give each token a target and a weight.
        """
        return batch

    # What all tasks share

    @property
    def transformer(self) -> Transformer:
        """The Transformer inside."""
        return self.network.transformer

    @cached_property
    def slopes(self) -> Compiled:
        """The score of an answer and its gradient, for vectors in place of tokens.

        Shapes: vectors (B, T, E); inputs, dict of (B, …); told, of a Question -> (B,), (B, T, E)
        """

        def score(vectors: Tensor, inputs: dict[str, Tensor], *told: Tensor) -> Tensor:
            outputs = self.network({**inputs, "vectors": vectors}, training=False)
            return self.score(outputs, *told)

        return value_and_gradient(self.network, score)

    def fit(
        self,
        train_data: Any,
        validation: Any = None,
        options: TrainingOptions | None = None,
        *,
        directory: str | Path | None = None,
        resume: bool = False,
        skip_bad: bool = False,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: Any = "auto",
        **changes: Any,
    ) -> dict[str, list[float]]:
        """Train with Keras' fit and keep the best epoch; returns the history of each metric.

        data: a file or examples, all checked before training starts; options: of the training,
        each of which may also be given by its name (`epochs=5`); directory: where the best epoch
        is saved as soon as it is reached, and where resume=True finds the training that was
        interrupted; callbacks: of Keras, StepHooks among them. The best epoch has the highest
        `best` of the task on (at most 1,000 of) the validation data ("val_f1" in the history), or
        the lowest loss where it names none; without validation data it is the last one.
        Raises: DataError for a bad example; ConfigError for an option that cannot be;
                KeyboardInterrupt passes, with the best epoch kept
        """
        options = (options or TrainingOptions()).change(**changes)
        examples = self.read(train_data, skip_bad=skip_bad)
        checks = None if validation is None else self.read(validation, skip_bad=skip_bad)
        self.settings |= self.facts(examples)
        self.training = options
        data = hashlib.sha256("\n".join(map(repr, examples)).encode()).hexdigest()
        keras.utils.set_random_seed(options.seed)
        price = price_of(self.network.count_params(), passes=3) / options.epochs
        size, seed = options.batch_size, options.seed
        return train(
            self,
            self._batches(examples, size, seed=seed, shuffle=True, price=price),
            None if checks is None else self._batches(checks, size, shuffle=False),
            TrainingPlan(options, resume=resume, data=data),
            checks=checks or (),
            directory=None if directory is None else Path(directory),
            callbacks=list(callbacks),
            verbose=verbose,
        )

    def _batches(self, examples: Sequence[Any], batch_size: int, **options: Any) -> Batches:
        return Batches(
            self.rows(examples),
            self.targets(examples),
            batch_size=min(batch_size, len(examples)),
            lengths=self.predictor.lengths,
            padding={"tokens": self.transformer.architecture.pad or 0},
            prepare=self.ask,
            **options,
        )

    def save(self, directory: str | Path) -> Path:
        """Save into a directory: task.json, architecture.json, tokenizer.json, weights.safetensors.

        The new weights are gathered first; then the old ones go, and the new ones come last, in
        one file: a directory never holds half of one task and half of another.
        """
        check_can_be_saved(self.transformer)
        directory = Path(directory)
        make_directory(directory)
        arrays = arrays_of(self.network)
        (directory / WEIGHTS).unlink(missing_ok=True)
        write_json(directory / TASK, self._described())
        write_json(directory / ARCHITECTURE, describe(self.transformer))
        self.tokenizer.save(directory)
        safetensors.write(directory / WEIGHTS, arrays)
        return directory

    def _described(self) -> dict[str, Any]:
        """What task.json holds: the task, its settings, and how it was trained last."""
        training = {} if self.training is None else {"training": to_json(self.training)}
        return {"format": 1, "task": self.kind, "settings": self.settings, **training}

    def save_weights(self, directory: Path) -> None:
        """Write the weights of a task that is saved already, whole or not at all."""
        safetensors.write(directory / WEIGHTS, arrays_of(self.network))

    def load_weights(self, directory: Path) -> None:
        """Take back the weights that were saved."""
        fill_weights(
            self.network, safetensors.read(directory / WEIGHTS), lambda v, array: v.assign(array)
        )

    @classmethod
    def restore(cls, directory: Path, settings: Mapping[str, Any], dtype: Any = None) -> Self:
        """Load what `save` wrote; `load_task` calls this for the right class."""
        made = read_json(directory / ARCHITECTURE)
        architecture = Architecture.from_json(made["architecture"])
        heads, policy = made["heads"], policy_of(dtype)
        network = blank(
            lambda: cls.make_network(Transformer(architecture, heads, dtype=policy), settings)
        )
        tokenizer = Tokenizer.load(directory)
        fill_weights(network, safetensors.read(directory / WEIGHTS), fill)
        network.transformer.tokenizer = tokenizer
        in_dtype(network.transformer, dtype)
        return cls(network, tokenizer, settings)


def open_model(
    model: Transformer | str | Path,
    tokenizer: Tokenizer | None,
    read: Callable[[Any], Transformer] | None = None,
) -> tuple:
    """A Transformer and its tokenizer, from a model or from the path of one.

    read: what loads it (default: `load_reader`)
    """
    if not isinstance(model, Transformer):
        model = (read or load_reader)(model)
    tokenizer = tokenizer or model.tokenizer
    if tokenizer is None:
        raise ConfigError(
            "The model has no tokenizer (no tokenizer.json, vocab.txt, *.model, or vocab.json with "
            "merges.txt lay beside it); pass one."
        )
    if len(tokenizer) > model.architecture.vocabulary:
        raise ConfigError(
            f"The tokenizer has {len(tokenizer)} tokens, the model only "
            f"{model.architecture.vocabulary}; they do not belong together."
        )
    return model, tokenizer
