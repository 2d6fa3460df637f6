"""Training a classifier from the command line: everything is checked before it begins."""

import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Self

import keras

from playmask.architectures import Architecture
from playmask.checkpoints import build
from playmask.checkpoints.save import write_json
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS, find, read_json
from playmask.cli.guard import Interrupted
from playmask.cli.output import note, note_skipped, print_table
from playmask.cli.reading import split
from playmask.cli.settings import CURVE, LONGEST, RUN, Job, Options, check_out, is_ours, settle
from playmask.data.readers import Examples, labels_of, read_examples
from playmask.draw import training_curve
from playmask.errors import ConfigError, DataError
from playmask.parts import Learned
from playmask.tasks import TextClassifier, load_task
from playmask.tasks.task import TASK, load_reader
from playmask.tokenizers import Tokenizer
from playmask.train.fitting import BACKUP, HISTORY

FILES = (TASK, ARCHITECTURE, "tokenizer.json", WEIGHTS, HISTORY, RUN, CURVE)


class Stopping(keras.callbacks.Callback):
    """Ctrl-C that no bare `except:` in a library can swallow: it is raised again at the next batch.

    Used as a context, around the training that it is a callback of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self.before: Any = None
        self.unraisable: Any = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.before = signal.signal(signal.SIGINT, self._ask)
            self.unraisable, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
            sys.unraisablehook = self.unraisable

    def _swallowed(self, what: Any) -> None:
        """Say nothing of a Ctrl-C that came where Python can raise none; it is raised again."""
        if not issubclass(what.exc_type, KeyboardInterrupt):
            self.unraisable(what)

    def _ask(self, number: int, frame: Any) -> None:
        self.asked = True
        raise KeyboardInterrupt

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop, if that was asked for."""
        if self.asked:
            raise KeyboardInterrupt


def run(job: Job, given: Options) -> None:
    """Train, and leave the task, its history and the picture of it in `job.out`."""
    going_on = check_out(job, given.get("model"))
    options = settle(job, given)
    labels = split(options["labels"])
    if going_on:
        labels = read_json(job.out / TASK)["settings"]["labels"]
    examples, checks = _read(job, labels)
    task = load_task(job.out) if going_on else _new_task(options, examples, labels)
    _announce(task, options, examples, checks)
    if going_on and (job.out / HISTORY).exists():
        done = len(read_json(job.out / HISTORY)["loss"])
        note(f"going on after epoch {done} of {options['epochs']}")
    _clear(job.out, everything=not going_on)
    write_json(job.out / RUN, {"format": 1, "finished": False, "options": options})
    history = _fit(task, examples, checks, options, job.out, going_on)
    write_json(job.out / RUN, {"format": 1, "finished": True, "options": options})
    training_curve(history, job.out / CURVE)
    _print_result(history, job.out)


def _read(job: Job, labels: list[str] | None) -> tuple[Examples, Examples | None]:
    """Read both files, with one set of labels."""
    columns = split(job.columns)
    examples = read_examples(job.train, labels=labels, columns=columns, skip_bad=job.skip_bad)
    note_skipped(job.train, examples.skipped)
    labels = labels or labels_of(examples)
    if len(labels) < 2:
        raise DataError(f"{job.train} has one label only ({labels[0]!r}); there is no choice.")
    if len(labels) > max(20, len(examples) // 2):
        raise DataError(
            f"{job.train} has {len(labels)} labels in {len(examples)} lines; if its columns are "
            "the other way round, give --columns label,text."
        )
    if job.validation is None:
        note("no --validation: the last epoch is kept, not the best")
        return examples, None
    checks = read_examples(job.validation, labels=labels, columns=columns, skip_bad=job.skip_bad)
    note_skipped(job.validation, checks.skipped)
    for path, some in ((job.train, examples), (job.validation, checks)):
        if any((e.pair is None) != (examples[0].pair is None) for e in some):
            raise DataError(f"{path} mixes single texts and pairs with the other lines; give one.")
    return examples, checks


def _new_task(options: Options, examples: Examples, labels: list[str] | None) -> TextClassifier:
    """A fresh classifier on a pretrained or on a new encoder."""
    keras.utils.set_random_seed(options["seed"])
    heads = "pool" if options["pooling"] == "pooled" else ()
    if options["new"]:
        model, tokenizer = _new_model(options, examples, heads)
    else:
        tokenizer = Tokenizer.load(find(options["model"]).directory)
        model = load_reader(options["model"], family=options["family"], heads=heads)
        _fit_length(options, model.architecture)
    task = TextClassifier.new(
        model,
        labels or labels_of(examples),
        tokenizer=tokenizer,
        max_length=options["max_length"],
        pooling=options["pooling"],
    )
    return task


def _new_model(options: Options, examples: Examples, heads: Any) -> tuple:
    texts = (text for e in examples for text in (e.text, e.pair) if text)
    tokenizer = Tokenizer.from_texts(texts, size=options["vocabulary"])
    options["max_length"] = options["max_length"] or LONGEST
    architecture = Architecture(
        family="bert",
        vocabulary=len(tokenizer),
        width=options["width"],
        depth=options["depth"],
        attention_heads=options["attention_heads"],
        inner=4 * options["width"],
        position=Learned(options["max_length"]),
        pad=tokenizer.pad,
    )
    return build(architecture, heads), tokenizer


def _fit_length(options: Options, architecture: Architecture) -> None:
    """Keep texts as short as the positions that a model has."""
    positions = architecture.limit
    if options["max_length"] is None:
        options["max_length"] = min(LONGEST, positions or LONGEST)
    elif positions is not None and options["max_length"] > positions:
        raise ConfigError(
            f"--max-length is {options['max_length']}, but the model has {positions} positions."
        )


def _announce(
    task: TextClassifier, options: Options, examples: Examples, checks: Examples | None
) -> None:
    number = {label: 0 for label in task.labels}
    for example in examples:
        number[str(example.label)] += 1
    shown = ", ".join(f"{label} ({count:,})" for label, count in list(number.items())[:12])
    more = f" and {len(number) - 12} more" if len(number) > 12 else ""
    beside = f", {len(checks):,} for validation" if checks is not None else ""
    note(f"data: {len(examples):,} examples for training{beside}; labels {shown}{more}")
    kind = "new" if options["new"] else "pretrained"
    count = task.network.count_params()
    note(f"model: {kind}, {count:,} parameters; texts of at most {task.settings['max_length']}")
    note(f"learning rate: {options['learning_rate']:g}, {options['epochs']} epochs")


def _clear(out: Path, *, everything: bool) -> None:
    """Drop what another training left, so that the folder never mixes two."""
    out.mkdir(parents=True, exist_ok=True)
    if everything and is_ours(out):
        for name in FILES:
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / BACKUP, ignore_errors=True)


def _fit(
    task: TextClassifier,
    examples: Examples,
    checks: Examples | None,
    options: Options,
    out: Path,
    going_on: bool,
) -> dict[str, list[float]]:
    names = ("epochs", "batch_size", "learning_rate", "warm_up", "weight_decay", "seed")
    try:
        with Stopping() as stopping:
            return task.fit(
                examples,
                checks,
                **{name: options[name] for name in names},
                directory=out,
                resume=going_on,
                callbacks=[stopping],
                verbose=1 if sys.stdout.isatty() else 2,
            )
    except KeyboardInterrupt:
        kept = f"the best epoch so far is saved in {out}; go on with --resume"
        if not (out / WEIGHTS).exists():
            kept = "no epoch was complete yet, nothing is kept"
        raise Interrupted(f"interrupted; {kept}") from None


def _print_result(history: dict[str, list[float]], out: Path) -> None:
    """Show the metrics of the epoch that was kept."""
    done = len(history["loss"])
    watched = history.get("val_loss")
    best = watched.index(min(watched)) if watched else done - 1
    rows = []
    for name in (n for n in history if not n.startswith("val_")):
        both = (history[name], history.get(f"val_{name}"))
        rows.append([name, *(f"{v[best]:.4f}" if v and len(v) > best else "–" for v in both)])
    header = ("", "training", "validation")
    print_table(f"kept: epoch {best + 1} of {done}", rows, header=header, numbers=True)
    note(f"saved in {out}; try it: playmask predict {out} --text …")
