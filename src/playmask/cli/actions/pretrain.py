"""Pretraining from the command line: everything is checked before it begins."""

from pathlib import Path
from typing import NamedTuple

import keras

from playmask.checkpoints import build, load
from playmask.checkpoints.save import expressed
from playmask.cli.actions.run_folder import (
    CURVE,
    RUN,
    TABLES,
    Options,
    check_folder,
    defaults_of,
    goes_on,
    options_of,
    with_interrupted,
)
from playmask.cli.actions.train import Stopping, print_result, reached
from playmask.cli.actions.train_progress import progress
from playmask.cli.guard import Interrupted
from playmask.cli.input_texts import split
from playmask.cli.output import no_results, note
from playmask.errors import ConfigError
from playmask.files import make_directory, read_json, write_json
from playmask.inspection.draw import training_curve
from playmask.pretraining.new_architecture import architecture_from
from playmask.pretraining.registry import objective_class
from playmask.pretraining.saving import DESCRIPTION, read_pretraining
from playmask.pretraining.settings import PretrainingSettings
from playmask.pretraining.training import CORPUS, CORPUS_OF_CHECKS, Pretraining
from playmask.runtime.devices import data_parallel, rows_for_devices
from playmask.runtime.peer_processes import agree, is_first
from playmask.runtime.train.backup import position_in
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.history import History
from playmask.runtime.train.watching.measures import Measure, best_epoch
from playmask.tasks.writing.tokens import perplexity
from playmask.tokenizers import Tokenizer

NEW_RATE = 1e-4  # of a model with random weights
ORIGIN = ("model", "family", "architecture", "tokenizer")


class Job(NamedTuple):
    """What to train on, and where; the options of the training itself are kept in run.json."""

    texts: list[Path]
    validation: list[Path] | None
    out: Path
    resume: bool
    force: bool
    dialects: str | None


def run(kind: type[PretrainingSettings], job: Job, options: Options) -> None:
    """Train, and leave the model, its history and the picture of it in `job.out`."""
    check_folder(job.out, options["model"], DESCRIPTION, resume=job.resume, force=job.force)
    going_on = goes_on(job.out, DESCRIPTION, resume=job.resume)
    options = _settle(kind, job, options)
    training, settings = options_of(TrainingOptions, options), options_of(kind, options)
    pretraining = Pretraining.load(job.out) if going_on else _begin(settings, options)
    for dialect in _dialects(job):
        for model in pretraining.models.values():
            expressed(model, dialect)  # refuses what cannot be
    agree("the options", repr((job, options)))  # before the first process writes
    if is_first():
        make_directory(job.out)
        _record(kind, job, options, finished=False)
    _announce(pretraining, job, training)
    if going_on:
        note(f"going on after {reached(job.out)} of {training.epochs}")
    history = _fit(pretraining, job, training, going_on)
    if not is_first():
        return  # another process writes, and says what came of it
    finished = position_in(job.out) is None
    _record(kind, job, options, finished=finished)
    training_curve(history, job.out / CURVE, steps=history.steps)
    for dialect in _dialects(job) if finished else ():
        pretraining.save(job.out / dialect, dialect)
    if not finished:
        note(f"time is over after {reached(job.out)}; go on with --resume")
    best = best_epoch(history, Measure.of(training.best))
    print_result(history, best, {}, job.out, f"inspect {job.out}")
    losses = history.get("val_loss", ())
    if len(losses) > best and [*pretraining.objective.losses.losses] == ["logits"]:
        note(f"perplexity of a token in the validation texts: {perplexity(losses[best]):.2f}")


def _dialects(job: Job) -> list[str]:
    """The dialects that are also saved."""
    return [name for name in split(job.dialects) or () if name]


def _record(kind: type[PretrainingSettings], job: Job, options: Options, *, finished: bool) -> None:
    """Keep the objective and the options of a training in its folder."""
    said = {"format": 1, "finished": finished, "objective": kind.objective, "options": options}
    write_json(job.out / RUN, said)


def _settle(kind: type[PretrainingSettings], job: Job, options: Options) -> Options:
    """Put together the command's options, those of the interrupted training, and the defaults."""
    chosen = {name: str(x) if isinstance(x, Path) else x for name, x in options.items()}
    if job.resume:
        _check_objective(kind, job.out)
        chosen = with_interrupted(chosen, job.out)
    _check_model(chosen)
    defaults = defaults_of(TrainingOptions) | defaults_of(kind)
    if chosen["architecture"]:
        defaults |= {"learning_rate": NEW_RATE}
    return {name: defaults.get(name) if v is None else v for name, v in chosen.items()}


def _check_objective(kind: type[PretrainingSettings], out: Path) -> None:
    """See that the interrupted training in a folder, if there is one, is by the same objective."""
    said = read_json(out / RUN).get("objective") if (out / RUN).exists() else None
    if said is None and (out / DESCRIPTION).exists():
        said = read_pretraining(out).objective
    if said not in (None, kind.objective):
        raise ConfigError(
            f"Objective {kind.objective} differs from the interrupted training's {said}; go on "
            f"with pretrain {said}, or begin anew with --force."
        )


def _check_model(options: Options) -> None:
    model, architecture, tokenizer = (options[n] for n in ("model", "architecture", "tokenizer"))
    if model and architecture:
        raise ConfigError(
            "--model goes on with a pretrained model, --architecture begins with random weights; "
            "give one of them."
        )
    if not model and not architecture:
        raise ConfigError(
            "Give --model PATH to go on with a pretrained model, or --architecture FILE for one "
            "with random weights."
        )
    if architecture and not tokenizer:
        raise ConfigError(
            "A new model needs --tokenizer: a vocab.txt, a tokenizer.json or a folder with one "
            "(Tokenizer.from_texts learns one)."
        )
    if model and tokenizer:
        raise ConfigError("--tokenizer is for --architecture; a pretrained model has its own.")


def _begin(settings: PretrainingSettings, options: Options) -> Pretraining:
    """The pretraining of a pretrained model, or of a new one."""
    keras.utils.set_random_seed(options["seed"])
    kind = objective_class(type(settings))
    needed = kind.model_options(settings)
    if options["model"]:
        model = load(options["model"], family=options["family"], **needed)
        tokenizer = model.tokenizer
    else:
        tokenizer = Tokenizer.load(options["tokenizer"])
        heads = needed.pop("heads")
        architecture = architecture_from(options["architecture"], tokenizer)
        model = build(architecture.change(**needed), heads)
    return Pretraining.new(settings, model, tokenizer=tokenizer)


def _announce(pretraining: Pretraining, job: Job, training: TrainingOptions) -> None:
    """Tokenise, and say what is trained on what."""
    note(f"tokenising into {job.out / CORPUS}, unless it is there")
    corpus = pretraining.corpus(job.texts, job.out / CORPUS)
    beside = ""
    if job.validation:
        checks = pretraining.corpus(job.validation, job.out / CORPUS_OF_CHECKS)
        beside = f"; {checks.documents:,} for validation"
    elif not pretraining.settings.hold_out:
        note("no --validation or --hold-out: the last epoch is kept, not the best")
    note(f"data: {corpus.documents:,} documents of {len(corpus.tokens):,} tokens{beside}")
    count, length = pretraining.network.count_params(), pretraining.settings.max_length
    note(f"model: {count:,} parameters; rows of {length} tokens")
    rows, together = training.batch_size, pretraining.objective.batches_class.rows_together
    if training.memory is None and rows_for_devices(rows, together) > rows:
        note(
            f"batch size: {rows_for_devices(rows, together)}, {rows} rounded up for "
            f"{data_parallel()} devices"
        )
    note(f"learning rate: {training.learning_rate:g}, {training.epochs} epochs")


def _fit(pretraining: Pretraining, job: Job, training: TrainingOptions, going_on: bool) -> History:
    training = training.change(log=tuple(dict.fromkeys((TABLES, *training.log))))
    try:
        with Stopping() as stopping, no_results(), progress() as watching:
            return pretraining.fit(
                job.texts,
                job.validation,
                training,
                directory=job.out,
                resume=going_on,
                callbacks=[stopping, *watching],
                verbose=0,
            )
    except KeyboardInterrupt:
        state = "nothing is kept but the tokenised texts"
        if position_in(job.out) is not None:
            state = f"{reached(job.out)} is saved in {job.out}; go on with --resume"
        raise Interrupted(f"interrupted; {state}") from None
