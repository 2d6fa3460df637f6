"""Evaluating from the command line: scores, scores by class, and every answer beside the target."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli.actions.progress import items_done
from playmask.cli.bars import waiting
from playmask.cli.input_texts import split
from playmask.cli.output import note, note_all, note_skipped, print_json, print_table, print_text
from playmask.errors import ConfigError
from playmask.files import write_lines
from playmask.inspection.draw import confusion_picture, confusion_text
from playmask.inspection.draw.sheet import check_picture
from playmask.tasks.call_options import cut_vectors
from playmask.tasks.loading import load_task
from playmask.tasks.reports import ClassReport
from playmask.tasks.task import Task

WIDEST = 20  # classes of a confusion matrix in the terminal


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    task_directory: Path
    data: Path
    columns: str | None
    metric: str | None
    output: Path | None
    confusion: Path | None
    size: int | None
    skip_bad: bool
    as_json: bool


def run(request: Request) -> None:
    """Measure a task, and show what it measured."""
    with waiting("loading…"):
        task = load_task(request.task_directory)
    cut_vectors(task, request.size)
    _check(task, request)
    data, skip_bad = request.data, request.skip_bad
    examples = task.read_references(data, columns=split(request.columns), skip_bad=skip_bad)
    note_skipped(data, examples.skipped)
    note_all(data, [*examples.notes, *task.alignment_notes(examples)])
    report = None
    if task.scores_answers:
        with items_done("examples", len(examples)) as pace:
            pace.group(len(examples))
            answers = task.answer(examples)
        scores = {**task.measure(examples, answers, request.metric), "examples": len(examples)}
        report = task.report(examples, answers)
        if request.output:
            write_lines(request.output, _lines(task, examples, answers))
            note(f"{len(answers):,} answers, each beside the right one, are in {request.output}")
    else:
        with items_done("examples", len(examples)) as pace:
            pace.group(len(examples))
            scores = task.evaluate(examples)
    _print(request, {**scores, "skipped": len(examples.skipped)}, report)
    if request.confusion and report is not None:
        confusion_picture(report.matrix, report.names, request.confusion, title=str(data))
        note(f"The confusion matrix is {request.confusion}")


def _check(task: Task[Any], request: Request) -> None:
    """Refuse what the task cannot do, or nobody can write, before anything is read."""
    if request.metric:
        task.metric(request.metric)
    if not task.scores_answers and (request.output or request.confusion):
        option = "--output" if request.output else "--confusion"
        raise ConfigError(f"A task {task.name!r} compares no answers; {option} is not for it.")
    if request.confusion and task.report([], []) is None:
        raise ConfigError(f"A task {task.name!r} has no classes; --confusion is not for it.")
    if request.confusion:
        check_picture(request.confusion)
    if request.output and not request.output.absolute().parent.is_dir():
        raise ConfigError(f"{request.output} cannot be written: its folder does not exist.")


def _lines(
    task: Task[Any], examples: Sequence[Any], answers: Sequence[Any]
) -> Iterator[dict[str, Any]]:
    """Each example with its target and the task's answer."""
    for example, answer in zip(examples, answers, strict=True):
        yield {
            **task.example_json(example),
            "target": task.target_json(example),
            "answer": task.answer_json(example, answer),
        }


def _print(request: Request, scores: dict[str, Any], report: ClassReport | None) -> None:
    if request.as_json:
        by_class = {} if report is None else report.by_class
        classes = {name: each._asdict() for name, each in by_class.items()}
        print_json({**scores, **({"by_class": classes} if classes else {})})
        return
    skipped = scores.pop("skipped")
    totals = [(name, _shortened(value)) for name, value in scores.items()]
    totals += [("skipped", _shortened(skipped))] if skipped else []
    print_table(f"{request.task_directory} on {request.data}", totals, numbers=True)
    if report is None:
        return
    rows = [(name, *map(_shortened, each)) for name, each in report.by_class.items()]
    header = ("class", "precision", "recall", "F1", "support")
    print_table("by class", rows, header=header, numbers=True)
    if len(report.names) <= WIDEST:
        print_text(confusion_text(report.matrix, report.names))
    else:
        note(f"{len(report.names)} classes are too many for a matrix here; --confusion draws it")


def _shortened(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
