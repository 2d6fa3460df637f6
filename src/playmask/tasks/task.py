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
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.load import architecture, in_dtype, load, policy_of
from playmask.checkpoints.save import check_can_be_saved, describe
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.errors import CheckpointError, ConfigError, InputError, nearest
from playmask.files import make_directory, read_json, write_json
from playmask.model.architecture import Architecture
from playmask.model.masks import Tensor
from playmask.model.transformer import PREDICT, Transformer, weights_by_name
from playmask.runtime.batches import Batch, Batches, Row
from playmask.runtime.compiled import Compiled
from playmask.runtime.gradients import value_and_gradient
from playmask.runtime.lazy_weights import blank, fill, undisturbed
from playmask.runtime.planning import price_of
from playmask.runtime.predictor import Predictor
from playmask.runtime.train.fitting import TrainingPlan, train
from playmask.tasks.explaining import Question, among_few
from playmask.tokenizers import Encoding, Tokenizer

TASK = "task.json"


class TaskNetwork(keras.Model):
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
        *,
        epochs: int = 3,
        batch_size: int = 32,
        learning_rate: float = 2e-5,
        warm_up: float = 0.1,
        weight_decay: float = 0.01,
        clip: float | None = 1.0,
        multiplier: float = 1.0,
        seed: int = 0,
        directory: str | Path | None = None,
        resume: bool = False,
        skip_bad: bool = False,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: Any = "auto",
    ) -> dict[str, list[float]]:
        """Train with Keras' fit and keep the best epoch; returns the history of each metric.

        data: a file or examples, all checked before training starts; learning_rate: per step, it
        warms up over the first part of the steps and decays linearly to 0; directory: where the
        best epoch is saved as soon as it is reached, and where resume=True finds the training
        that was interrupted; multiplier: what the task puts on its Transformer learns so many
        times faster. The best epoch has the highest `best` of the task on (at most 1,000 of) the
        validation data ("val_f1" in the history), or the lowest loss where it names none; without
        validation data it is the last one.
        Raises: DataError for a bad example; KeyboardInterrupt passes, with the best epoch kept
        """
        examples = self.read(train_data, skip_bad=skip_bad)
        checks = None if validation is None else self.read(validation, skip_bad=skip_bad)
        self.settings |= self.facts(examples)
        data = hashlib.sha256("\n".join(map(repr, examples)).encode()).hexdigest()
        keras.utils.set_random_seed(seed)
        price = price_of(self.network.count_params(), passes=3) / max(epochs, 1)
        batches = self._batches(examples, batch_size, seed=seed, shuffle=True, price=price)
        rates = (learning_rate, warm_up, weight_decay, clip, multiplier)
        plan = TrainingPlan(epochs, *rates, resume=resume, data=data)
        return train(
            self,
            batches,
            None if checks is None else self._batches(checks, batch_size, shuffle=False),
            plan,
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
            ask=self.ask,
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
        arrays = _arrays(self.network)
        (directory / WEIGHTS).unlink(missing_ok=True)
        write_json(directory / TASK, {"format": 1, "task": self.kind, "settings": self.settings})
        write_json(directory / ARCHITECTURE, describe(self.transformer))
        self.tokenizer.save(directory)
        safetensors.write(directory / WEIGHTS, arrays)
        return directory

    def save_weights(self, directory: Path) -> None:
        """Write the weights of a task that is saved already, whole or not at all."""
        safetensors.write(directory / WEIGHTS, _arrays(self.network))

    def load_weights(self, directory: Path) -> None:
        """Take back the weights that were saved."""
        _put(self.network, safetensors.read(directory / WEIGHTS), lambda v, array: v.assign(array))

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
        _put(network, safetensors.read(directory / WEIGHTS), fill)
        network.transformer.tokenizer = tokenizer
        in_dtype(network.transformer, dtype)
        return cls(network, tokenizer, settings)


def all_weights(network: keras.Model) -> dict[str, Any]:
    """A task network's weights: the Transformer's by their own names, the rest as "task/…"."""
    inside = weights_by_name(network.transformer)
    known = {id(variable) for variable in inside.values()}
    return inside | {v.path: v for v in network.weights if id(v) not in known}


def _arrays(network: keras.Model) -> dict[str, np.ndarray]:
    """A task network's weights as arrays."""
    return {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value))
        for name, variable in all_weights(network).items()
    }


def _put(network: keras.Model, tensors: Tensors, put: Callable[[Any, np.ndarray], Any]) -> None:
    """Give every weight its tensor, after seeing that each has one of its shape."""
    weights = all_weights(network)
    odd = sorted(set(weights) ^ set(tensors))
    if odd:
        raise CheckpointError(
            f"{tensors.path} is not of the task beside it: {odd[0]} is only in one of them."
        )
    for name, variable in weights.items():
        shape = tensors.spec(name).shape
        if shape != tuple(variable.shape):
            raise CheckpointError(
                f"{tensors.path}: {name} has the shape {shape}, the task needs {variable.shape}."
            )
    arrays = {name: tensors[name] for name in weights}
    for name, variable in weights.items():
        put(variable, arrays[name])


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


def load_reader(path: str | Path, *, family: str | None = None, **options: Any) -> Transformer:
    """Load a model to read texts with: of an encoder-decoder its encoder alone."""
    if architecture(path, family=family).decoder is not None:
        options["decoder"] = None
    return load(path, family=family, **options)


@undisturbed()
def load_task(directory: str | Path, *, dtype: Any = None) -> Any:
    """Load a task of any kind from the directory it was saved in.

    dtype: to hold its Transformer's weights and compute in, as of `playmask.load`
    Raises: CheckpointError where there is none, or only half of one
    """
    from playmask.tasks import TASKS

    directory = Path(directory)
    if not (directory / TASK).is_file():
        raise CheckpointError(f"There is no task in {directory}: it has no {TASK}.")
    saved = read_json(directory / TASK)
    if saved.get("format") != 1 or saved.get("task") not in TASKS:
        raise CheckpointError(
            f"{directory / TASK} holds a task {saved.get('task')!r} of format "
            f"{saved.get('format')!r}.{nearest(str(saved.get('task')), TASKS)}"
        )
    return TASKS[saved["task"]].restore(directory, saved["settings"], dtype)
