"""`playmask rerank`: the passages of a file by how relevant they are to a text."""

from pathlib import Path
from typing import Annotated, Any

import typer


def rerank(
    task_directory: Annotated[
        Path,
        typer.Argument(metavar="TASK_DIR", help="A saved reranker, or a published cross-encoder."),
    ],
    file: Annotated[
        Path, typer.Argument(metavar="PASSAGES", help="What is ranked: one a line (.gz).")
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="A query; may be repeated. Default: lines of stdin."),
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Passages to print for each query.", min=1)] = 5,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
) -> None:
    """Rank the passages of a file by their relevance to a query, each read together with it.

    Prints one line of JSON for each query: the best passages, and their scores.
    """
    import sys

    from playmask import Reranker, load_task
    from playmask.cli import input_texts
    from playmask.cli.actions.progress import items_done
    from playmask.cli.output import note_skipped, print_json_lines
    from playmask.errors import ConfigError

    if any(not each.strip() for each in text or ()):
        raise ConfigError("A --text is empty.")
    task = load_task(task_directory)
    if not isinstance(task, Reranker):
        raise ConfigError(f"{task_directory} is a task {task.name!r}, which ranks no passages.")
    skipped: list[str] = []
    passages = [e.text for e in input_texts.in_file(file, skipped if skip_bad else None)]
    note_skipped(file, skipped)
    skip = skipped.append if skip_bad else None
    arriving = input_texts.arriving(sys.stdin.buffer, skip)
    groups: Any = [text] if text else ([query.text for query in group] for group in arriving)
    for group in groups:
        with items_done("passages", len(group) * len(passages), results=True) as pace:
            for query in group:
                pace.group(len(passages))
                ranked = task.rerank(query, passages, n)
                print_json_lines([_answer(query, ranked)])


def _answer(query: str, ranked: Any) -> dict[str, Any]:
    """What is printed of a query: the passages that are most relevant to it."""
    passages = [{"passage": each.passage, "score": round(each.score, 6)} for each in ranked]
    return {"text": query, "found": passages}
