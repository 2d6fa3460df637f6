"""`playmask evaluate`: a saved task, measured on labelled data."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    task_directory: Annotated[Path, typer.Argument(metavar="TASK_DIR", help="A saved task.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled, as for training.")],
    columns: Annotated[
        str | None, typer.Option(help="The file's columns, such as text,label; _ is ignored.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="How answers are scored, where a task knows several ways.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a saved task on labelled data."""
    from playmask import load_task
    from playmask.cli.input_texts import rechecked, split
    from playmask.cli.output import note_skipped, print_json, print_table
    from playmask.tasks.extraction.mentions import MentionTask

    task = load_task(task_directory)
    chosen = {"metric": metric} if metric else {}
    if metric:
        task.metric(metric)  # refuses what there is not, before anything is read
    how = {"columns": split(columns)} if columns else {}
    if isinstance(task, MentionTask):
        held = task.read_file(data, labels=task.labels, skip_bad=skip_bad, **how)
        examples = rechecked(data, held, task.suitable, skip_bad=skip_bad)
    else:
        examples = rechecked(
            data, task.read_wanted(data, skip_bad=skip_bad, **how), skip_bad=skip_bad
        )
    note_skipped(data, examples.skipped)
    results = task.evaluate(examples, **chosen)
    if as_json:
        print_json({**results, "skipped": len(examples.skipped)})
        return
    rows = [(name, _shown(value)) for name, value in results.items()]
    print_table(f"{task_directory} on {data}", rows, numbers=True)


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
