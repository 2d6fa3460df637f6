"""Pretraining a Transformer on texts without labels, by the engine that trains tasks."""

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
from keras import ops

from playmask.checkpoints import load
from playmask.checkpoints.save import save
from playmask.errors import ConfigError, DataError, NotFiniteError
from playmask.generation.search import NOT_FINITE
from playmask.model.recipes import to_json
from playmask.model.transformer import Transformer
from playmask.pretraining.corpus import Corpus, corpus_of
from playmask.pretraining.objectives.objective import PretrainingObjective
from playmask.pretraining.registry import objective_class, settings_class
from playmask.pretraining.saving import assign_models, read_pretraining, save_pretraining
from playmask.pretraining.settings import ELSEWHERE, PretrainingSettings
from playmask.pretraining.step_batches import StepBatches
from playmask.pretraining.teaching import taught
from playmask.pretraining.tokenization import Array, CorpusTokenizer
from playmask.runtime.access import one_state, writing
from playmask.runtime.compiled import Compiled
from playmask.runtime.train.fitting import TrainingPlan, batch_size_within, train
from playmask.runtime.train.freezing import freezing
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.history import History
from playmask.tasks.network import open_model
from playmask.tasks.writing.tokens import perplexity
from playmask.tokenizers import Tokenizer

MEASURED = 32  # rows whose loss is computed at a time
CORPUS, CORPUS_OF_CHECKS = "corpus", "validation"  # folders of tokenised texts, in the directory


class Data(NamedTuple):
    """A corpus, and the numbers of the documents in use."""

    corpus: Corpus
    documents: Array


class Pretraining:
    """Trains a Transformer on texts without labels, from random weights or a checkpoint's.

    Documents are packed into full rows, in which texts do not see each other. `network` learns,
    `transformer` is what is meant to come out.

    Units:  `loss` of `evaluate` in nats per predicted token
    Raises: ConfigError for a setting that cannot be, or does not go with the model

    Example:
        >>> training = Pretraining.new("mlm", model, max_length=16)
        >>> history = training.fit(["今天天气好。味道不错。"] * 9, epochs=2, verbose=0)
        >>> len(history["loss"]), sorted(training.evaluate(["今天天气好。"]))
        (2, ['accuracy', 'loss', 'perplexity'])

    """

    best: ClassVar[str | None] = None

    def __init__(
        self, objective: PretrainingObjective[Any], network: Any, tokenizer: Tokenizer
    ) -> None:
        self.objective, self.network, self.tokenizer = objective, network, tokenizer
        self.settings: PretrainingSettings = objective.settings
        self.training: TrainingOptions | None = None

    @classmethod
    def new(
        cls,
        objective: str | PretrainingSettings,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        **fields: Any,
    ) -> Self:
        """Prepare to train a Transformer, or the checkpoint at a path, by an objective.

        objective: "mlm", "lm", "unilm", "permutation", "electra" or "simbert", or a value of its
        settings; fields: of these
        Raises: ConfigError for what there is not, or does not go with the model
        """
        if isinstance(objective, PretrainingSettings):
            settings = objective.change(**fields)
        else:
            settings = settings_class(objective).of(**fields)
        kind = objective_class(type(settings))
        options = kind.model_options(settings)
        model, tokenizer = open_model(model, tokenizer, lambda path: load(path, **options))
        lacking = [name for name in options["heads"] if name not in model.heads]
        if lacking:
            raise ConfigError(
                f"{settings.objective} needs a model with the head {lacking[0]!r}; load or build "
                f"it with heads={list(options['heads'])}."
            )
        own = kind(settings, tokenizer, model.architecture)
        return cls(own, own.build_network(model), tokenizer)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Open what a pretraining has saved, as to go on with it."""
        directory = Path(directory)
        settings = read_pretraining(directory)
        kind = objective_class(type(settings))
        return cls.new(kind.settings_in(settings, directory), directory)

    @property
    def transformer(self) -> Transformer:
        """The Transformer that is trained."""
        result: Transformer = self.network.transformer
        return result

    @property
    def models(self) -> dict[str, Transformer]:
        """What is saved, by the folder inside."""
        return self.objective.models(self.network)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its losses and metrics."""
        self.objective.losses.compile(self.network, optimizer)

    def fit(
        self,
        texts: Any,
        validation: Any = None,
        options: TrainingOptions | None = None,
        *,
        directory: str | Path | None = None,
        resume: bool = False,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: Any = "auto",
        **changes: Any,
    ) -> History:
        """Train, keep the best epoch, and return the history of each measure.

        texts, validation: paths of .txt and .jsonl (.gz too), or lists of documents; options: of
        the training, each of which may also be given by its name (`teacher` may be a model, whose
        states and logits `distil` names are learnt too); directory: where tokenised texts
        are kept, the best epoch is saved, and resume=True finds what was interrupted
        Raises: DataError for texts that cannot be read; ConfigError for an option that cannot be;
                BusyError where another thread trains the model; NotFiniteError; Ctrl-C
        """
        folder = None if directory is None else Path(directory)
        own = [*self.objective.losses.hooks, *callbacks]
        with taught(self, options, changes, own) as chosen:
            data, checks = self._read(texts, validation, check_options(chosen), folder)
            with writing(self.network, lasts=True):
                return self._train(
                    data, checks, chosen, folder, own, resume=resume, verbose=verbose
                )

    def _read(
        self, texts: Any, validation: Any, options: TrainingOptions, folder: Path | None
    ) -> tuple[Data, Data | None]:
        """The documents to learn from, and those to validate on."""
        corpus = self.corpus(texts, folder and folder / CORPUS)
        documents = np.arange(corpus.documents)[: options.limit]
        if validation is not None:
            checks = self.corpus(validation, folder and folder / CORPUS_OF_CHECKS)
            return Data(corpus, documents), Data(checks, np.arange(checks.documents))
        count = int(np.ceil(self.settings.hold_out * len(documents)))
        if not count:
            return Data(corpus, documents), None
        if count >= len(documents):
            raise DataError(f"hold_out leaves none of {len(documents)} documents to learn from.")
        order = np.random.default_rng(0).permutation(documents)
        return Data(corpus, np.sort(order[count:])), Data(corpus, np.sort(order[:count]))

    def corpus(self, texts: Any, folder: Path | None = None) -> Corpus:
        """The tokens of texts."""
        tokenize = CorpusTokenizer(self.tokenizer, self.objective.words)
        return corpus_of(texts, tokenize, folder=folder, workers=self.settings.workers)

    def batches(self, data: Data, batch_size: int, **options: Any) -> StepBatches:
        """Rows of documents, as the network learns them; options of `StepBatches`."""
        result: StepBatches = self.objective.batches_class(
            data.corpus,
            data.documents,
            self.objective.prepare,
            length=self.settings.max_length,
            frame=self.objective.frame,
            batch_size=batch_size,
            pad=self.transformer.architecture.pad or 0,
            **options,
        )
        return result

    def _train(
        self,
        data: Data,
        checks: Data | None,
        options: TrainingOptions,
        folder: Path | None,
        callbacks: list[Any],
        *,
        resume: bool,
        verbose: Any,
    ) -> History:
        with freezing(self.network, options.freeze):
            if options.memory is not None:
                one = self.batches(data, 2)
                size = batch_size_within(self, one, options, callbacks, one.rows_of_pass)
                options = options.change(batch_size=size)
            self.training, size = options, options.batch_size
            keras.utils.set_random_seed(options.seed)
            batches: Any = self.batches(
                data, size, seed=options.seed, steps=self.settings.epoch_steps
            )
            validation: Any = None if checks is None else self.batches(checks, size, fixed=True)
            return train(
                self,
                batches,
                validation,
                TrainingPlan(options, resume=resume, data=self._fingerprint(data)),
                checks=() if validation is None else validation,
                directory=folder,
                callbacks=callbacks,
                verbose=verbose,
            )

    def _fingerprint(self, data: Data) -> str:
        """A hash of what the order of rows depends on."""
        settings = json.dumps(to_json(self.settings.change(workers=0)), sort_keys=True)
        said = f"{data.corpus.fingerprint} {len(data.documents)} {settings}"
        return hashlib.sha256(said.encode()).hexdigest()

    @one_state
    def evaluate(self, data: Any) -> dict[str, float]:
        """Measure on texts, with what is masked drawn the same each time.

        Returns: loss, perplexity and accuracy of tokens, and those of other outputs by their names
        """
        batches = data
        if not isinstance(data, StepBatches):
            corpus = self.corpus(data)
            batches = self.batches(Data(corpus, np.arange(corpus.documents)), MEASURED, fixed=True)
        parts = [ops.convert_to_numpy(self._sums(*batches[i])) for i in range(len(batches))]
        totals = np.sum(parts, axis=0, dtype="float64")
        if not np.isfinite(totals).all():
            raise NotFiniteError(NOT_FINITE)
        scores: dict[str, float] = {}
        for name, (nats, count, right) in zip(self.objective.losses.losses, totals, strict=True):
            prefix = "" if name == "logits" else f"{name}_"
            scores[f"{prefix}loss"] = float(nats / max(count, 1.0))
            scores[f"{prefix}accuracy"] = float(right / max(count, 1.0))
        return {**scores, "perplexity": perplexity(scores["loss"])}

    @cached_property
    def _sums(self) -> Compiled:
        """Of each output nats, weights and right answers of a batch, added up: (outputs, 3)."""
        names = [*self.objective.losses.losses]

        def sums(inputs: Any, targets: Any, weights: Any) -> Any:
            outputs = self.network(inputs, training=False)
            one = not isinstance(targets, dict)
            rows = []
            for name in names:
                target, weight = (x if one else x[name] for x in (targets, weights))
                nats, right = scored(outputs[name], target)
                parts = (nats, ops.ones_like(nats), right)
                rows.append(ops.stack([ops.sum(x * weight) for x in parts]))
            return ops.stack(rows)

        return Compiled(self.network, sums)

    @one_state
    def save(self, directory: str | Path, dialect: str = "playmask") -> Path:
        """Save what was trained, for `playmask.load`; dialect: one that the model's family has.

        Raises: CheckpointError for a dialect that there is not, or that cannot express the model
        """
        directory, models = Path(directory), self.models
        if dialect == "playmask":
            return save_pretraining(directory, models, self.tokenizer, self.settings, self.training)
        for name, model in models.items():
            save(model, directory / name, dialect, tokenizer=self.tokenizer)
        return directory

    def save_weights(self, directory: Path) -> None:
        """Write the weights of what is saved already."""
        self.save(directory)

    def load_weights(self, directory: Path) -> None:
        """Take back the weights that were saved."""
        with writing(self.network):
            assign_models(directory, self.models)


def scored(logits: Any, targets: Any) -> tuple[Any, Any]:
    """Nats of each target, and 1 where it is the likeliest; targets are classes, or 0 and 1.

    Shapes: logits (…, K), targets int (…); or logits (…, 1), targets (…, 1) -> (…) each
    """
    logits = ops.cast(logits, "float32")
    if len(logits.shape) == len(targets.shape):
        logits, is_one = logits[..., 0], targets[..., 0] > 0.5
        nats = ops.softplus(ops.where(is_one, -logits, logits))
        return nats, ops.cast((logits > 0) == is_one, "float32")
    logs = ops.log_softmax(logits, axis=-1)
    each = ops.take_along_axis(logs, ops.expand_dims(targets, -1), axis=-1)[..., 0]
    return -each, ops.cast(ops.argmax(logs, axis=-1) == targets, "float32")


def check_options(options: TrainingOptions) -> TrainingOptions:
    """The options themselves, none of which pretraining has no use for; else ConfigError."""
    for name, reason in ELSEWHERE.items():
        if getattr(options, name) != getattr(TrainingOptions, name):
            raise ConfigError(f"{name} is not for pretraining: {reason}; leave it out.")
    return options
