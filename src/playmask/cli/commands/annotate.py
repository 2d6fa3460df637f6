"""`playmask annotate`: what a task finds in texts, coloured."""

from pathlib import Path
from typing import Annotated

import typer


def annotate(
    task_directory: Annotated[Path, typer.Argument(metavar="TASK_DIR", help="A saved task.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="One text per line, or a .tsv, .csv, .xlsx or .jsonl (.gz).",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A text, in place of a file; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="An .html page to write.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
) -> None:
    """Mark mentions, relations or events in texts, in the terminal or on a page."""
    from rich.text import Text

    from playmask import load_task
    from playmask.cli.actions.predict import inputs_in
    from playmask.cli.actions.progress import items_done
    from playmask.cli.output import note, note_skipped, print_styled
    from playmask.errors import ConfigError
    from playmask.inspection.draw.mention_page import mention_page
    from playmask.inspection.draw.mentions import in_terminal
    from playmask.inspection.wording import counted
    from playmask.tasks.extraction.extractor import Extractor

    if bool(text) == bool(file):
        raise ConfigError("Give a file or --text, and not both.")
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out is an .html, not {out.name!r}.")
    task = load_task(task_directory)
    if not isinstance(task, Extractor):
        raise ConfigError(f"{task_directory} is a task {task.name!r}, which marks nothing.")
    skipped: list[str] = []
    texts = text or [
        each.text for each in inputs_in(task, file or Path(), None, skipped if skip_bad else None)
    ]
    with items_done("texts", len(texts)) as pace:
        pace.group(len(texts))
        answers = task.predict(texts)
    marked = [(each, *task.mark(each, items)) for each, items in zip(texts, answers, strict=True)]
    note_skipped(file or "--text", skipped)
    if out is not None:
        count = sum(len(mentions) for _, mentions, _ in marked)
        among = counted(len(marked), "text")
        about = f"{counted(count, 'mention')} in {among}, found by {task_directory}"
        title = f"{file.name}: {about}" if file else about
        mention_page(marked, task.marks, out, title=title)
        note(f"The page is {out}.")
        return
    for each, mentions, lines in marked:
        below = [Text(f"  {line}") for line in lines]
        print_styled(in_terminal(each, mentions, task.marks), *below)
