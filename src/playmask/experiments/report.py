"""The report of an experiment: claims beside what was measured, as Markdown, pictures and data."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playmask.data.lines import read_lines
from playmask.errors import DataError
from playmask.experiments.forest import forest
from playmask.experiments.pictures import Panel, dots
from playmask.experiments.plan import METRICS, SCALES, Experiment, Published, Task
from playmask.experiments.runner import Result, learned_below, taking_part
from playmask.experiments.verdicts import CONFIDENCE, Verdict, verdict
from playmask.files import make_directory, replacing, write_lines

ALWAYS = ("steps_per_second", "parameters", "operations")
SPEED = "steps_per_second"
RAW = "raw"  # the folder beside the page where results are, a trial a line
REMEMBERED = "quoted from memory, not checked against the paper"
Cells = Sequence[str]


def write(experiment: Experiment, scale: str, results: Sequence[Result], folder: Path) -> Path:
    """Write NAME-SCALE.md, its pictures and raw/NAME-SCALE.jsonl into a folder; returns the page.

    Raises: DataError where there are no results
    """
    if not results:
        raise DataError(f"{experiment.name} has no results at the scale {scale}.")
    make_directory(folder)
    page = folder / f"{experiment.name}-{scale}.md"
    picture = page.with_suffix(".png")
    dots(
        panels(experiment, results),
        list(dict.fromkeys(r["settings"]["variant"] for r in results)),
        picture,
        title=f"{experiment.title} ({scale})",
    )
    verdicts = [verdict(claim, results) for claim in experiment.claims]
    claims = page.with_name(f"{page.stem}-claims.png")
    if any(verdicts):
        forest(verdicts, claims, title=f"The claims: {experiment.title} ({scale})")
    blocks = [
        f"# {experiment.title}",
        f"After {experiment.source}. Measured, drawn and written by "
        f"`playmask experiment {experiment.name} --scale {scale} --report …`.",
        f"![{experiment.title}]({picture.name})",
        *_claims(verdicts, experiment, claims.name),
        *(block for task in experiment.tasks for block in _task(experiment, task, scale, results)),
        *_circumstances(experiment, scale, results),
    ]
    make_directory(folder / RAW)
    write_lines(_raw(experiment, scale, folder), results)
    with replacing(page) as (beside,):
        beside.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return page


def read(experiment: Experiment, scale: str, folder: Path) -> list[Result]:
    """The results that a report in a folder was written from.

    Raises: DataError naming the file where there is none, or the line that is no result
    """
    file = _raw(experiment, scale, folder)
    if not file.is_file():
        raise DataError(f"{file} does not exist: there are no raw results to write a report from.")
    results = []
    for number, line in enumerate(read_lines(file), 1):
        try:
            results.append(json.loads(line))
            results[-1]["metrics"], results[-1]["settings"]["seed"]
        except (ValueError, TypeError, KeyError):
            raise DataError(f"{file}:{number}: This is not the result of a trial.") from None
    return results


def _raw(experiment: Experiment, scale: str, folder: Path) -> Path:
    return folder / RAW / f"{experiment.name}-{scale}.jsonl"


def panels(experiment: Experiment, results: Sequence[Result]) -> list[Panel]:
    """The first metrics of each task, then the speed at the first task."""
    first = [(task, metric) for task in experiment.tasks for metric in task.metrics[: task.drawn]]
    return [
        Panel(
            f"{task.name}: {METRICS[metric].label}",
            METRICS[metric].higher,
            _by_variant(results, task.name, metric),
        )
        for task, metric in [*first, (experiment.tasks[0], SPEED)]
    ]


def _by_variant(results: Iterable[Result], task: str, metric: str) -> dict[str, list[float]]:
    """The values of each variant's seeds."""
    values: dict[str, list[float]] = {}
    for result in results:
        if result["settings"]["task"] == task and metric in result["metrics"]:
            values.setdefault(result["settings"]["variant"], []).append(result["metrics"][metric])
    return values


def _claims(verdicts: Sequence[Verdict | None], experiment: Experiment, picture: str) -> list[str]:
    """What was claimed, what was measured, and whether that decides it."""
    if not experiment.claims:
        return []
    pairs = zip(experiment.claims, verdicts, strict=True)
    rows = [(str(n), claim.text, *_measured(own)) for n, (claim, own) in enumerate(pairs, 1)]
    return [
        "## The claims",
        table(("", "claim", "measured here", "better by", "seeds", "verdict"), rows),
        *([f"![The claims]({picture})"] if any(verdicts) else []),
    ]


def _measured(own: Verdict | None) -> tuple[str, str, str, str]:
    """Both means; how much better left is, with its standard error and interval; seeds; verdict."""
    if own is None:
        return "not measured", "", "0", ""
    claim, metric = own.claim, METRICS[own.claim.metric]
    means = (
        f"{metric.label} ({claim.task}): {claim.left} {_number(own.left, metric.digits)}, "
        f"{claim.right} {_number(own.right, metric.digits)}"
    )
    gain = f"{own.gain:+,.{metric.digits}f}"
    if len(own.gains) > 1:
        low, high = (f"{each:+,.{metric.digits}f}" for each in own.interval)
        gain += f" ± {_number(own.error, metric.digits)} ({low} to {high})"
    return means, gain, str(len(own.gains)), f"**{own.word}**"


def numbers(task: Task, results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    """The table of a task, a line for each variant: header and lines."""
    metrics = [*task.metrics, *ALWAYS]
    values = {metric: _by_variant(results, task.name, metric) for metric in metrics}
    rows = [
        [name, *(_spread(values[metric][name], metric) for metric in metrics)]
        for name in values[metrics[0]]
    ]
    return ["", *(METRICS[metric].label for metric in metrics)], rows


def _task(experiment: Experiment, task: Task, scale: str, results: Sequence[Result]) -> list[str]:
    """One task: its sizes, and the table of its variants with others' numbers beside them."""
    own = [r for r in results if r["settings"]["task"] == task.name]
    if not own:
        return []
    published = [p for p in experiment.published if p.task == task.name]
    beside = [p for p in published if p.values.keys() & taking_part(experiment, task, scale).keys()]
    header, rows = numbers(task, results)
    header += map(_column, beside)
    rows = [[*row, *(str(p.values.get(row[0], "")) for p in beside)] for row in rows]
    return [
        f"## {task.title}",
        _sizes(task, scale, own),
        table(header, rows, numbers=True),
        *_shown(own),
        *_elsewhere([p for p in published if p not in beside]),
        *_sources(published),
    ]


def _sizes(task: Task, scale: str, own: Sequence[Result]) -> str:
    """How large all this was, in words."""
    sizes, first = task.sizes[scale], own[0]
    facts = "; ".join(f"{name}: {value}" for name, value in first["facts"].items())
    seconds = np.mean([r["seconds"] for r in own])
    steps = first["training"]["steps"][-1]
    body = first["architecture"]
    further = "".join(f", {name} {value}" for name, value in sizes.more.items())
    return (
        f"`{task.name}`: width {body['width']}, {body['depth']} blocks, "
        f"{body['attention_heads']} heads, inner {body['inner']}, {body['vocabulary']:,} tokens in "
        f"the vocabulary and at most {sizes.length} in a text; {steps:,} steps of {sizes.batch}, "
        f"rate {sizes.rate:g}, dropout {sizes.dropout:g}{further}. Texts: "
        f"{first['settings']['data']}; {facts}. A trial took {seconds:.0f} s on average. "
        + task.baseline.format(first["baseline"])
        + _unlearned(own)
    )


def _unlearned(own: Sequence[Result]) -> str:
    """The variants that know little more than frequencies."""
    names = dict.fromkeys(
        r["settings"]["variant"] for r in own if r["loss"] >= learned_below(r["baseline"])
    )
    return f" **Learned next to nothing:** {', '.join(names)}." if names else ""


def _shown(own: Sequence[Result]) -> list[str]:
    """What is shown of each variant, of its first seed."""
    first = {r["settings"]["variant"]: r["shown"] for r in reversed(own)}
    header = ["", *dict.fromkeys(name for samples in first.values() for name in samples)]
    rows = [[n, *(s.get(name, "") for name in header[1:])] for n, s in reversed(first.items())]
    return [table(header, rows)] if len(header) > 1 else []


def _column(published: Published) -> str:
    return published.column + (" †" if published.remembered else "")


def _elsewhere(published: Sequence[Published]) -> list[str]:
    """Numbers of others whose models are none of the variants."""
    if not published:
        return []
    names = dict.fromkeys(name for p in published for name in p.values)
    rows = [[name, *(str(p.values.get(name, "")) for p in published)] for name in names]
    return ["Elsewhere:", table(["", *map(_column, published)], rows, numbers=True)]


def _sources(published: Sequence[Published]) -> list[str]:
    if not published:
        return []
    sources = dict.fromkeys((p.source, p.remembered) for p in published)
    said = "; ".join(f"{source}{' †' if old else ''}" for source, old in sources)
    mark = f" († {REMEMBERED})" if any(old for _, old in sources) else ""
    return [f"Numbers of others: {said}{mark}."]


def _circumstances(experiment: Experiment, scale: str, results: Sequence[Result]) -> list[str]:
    """Scale, seeds, machine; a machine a line, where there were several."""
    seeds = sorted({r["settings"]["seed"] for r in results})
    machines = {", ".join(f"{k} {v}" for k, v in r["environment"].items()) for r in results}
    return [
        "## How this was measured",
        "\n".join(
            [
                f"- Scale `{scale}`: {SCALES[scale].about}. {len(results)} trials, "
                f"{sum(r['seconds'] for r in results) / 60:.0f} minutes, seeds "
                f"{', '.join(map(str, seeds))}; ± is the standard deviation over seeds; in claims "
                "it is the standard error of the mean over pairs of equal seeds, and the interval "
                f"is that of {CONFIDENCE:.0%} by Student's t.",
                "- steps/s is that of the fastest part of a training, batches made on "
                "the host included; multiply-adds are those of a forward pass over one text; "
                "parameters are those that are trained.",
                *(f"- {machine}" for machine in sorted(machines)),
                *(f"- {note}" for note in experiment.notes),
            ]
        ),
    ]


def _spread(values: Sequence[float], metric: str) -> str:
    """The mean, and the standard deviation where there are several values."""
    digits = METRICS[metric].digits
    mean, several = _number(float(np.mean(values)), digits), len(set(values)) > 1
    return f"{mean} ± {_number(float(np.std(values, ddof=1)), digits)}" if several else mean


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def table(header: Cells, rows: Iterable[Cells], *, numbers: bool = False) -> str:
    """A Markdown table; with numbers, all columns but the first are set to the right."""
    rule = ["---", *(["---:" if numbers else "---"] * (len(header) - 1))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: Any) -> str:
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|")
