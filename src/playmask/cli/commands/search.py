"""`playmask search`: the sentences of a file that are similar to a text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from playmask.tasks import SentenceEncoder, SentenceIndex


def search(
    task_directory: Annotated[
        Path, typer.Argument(metavar="TASK_DIR", help="A saved encoder of sentences.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="SENTENCES", help="What is searched: one a line (.gz).")
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="A text to search for; may be repeated. Default: lines of stdin."),
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Sentences to find for each text.", min=1)] = 5,
    index: Annotated[
        Path | None, typer.Option(help="A folder that keeps the index for the next search.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with all sentences; slower, misses none.")
    ] = False,
    prompt: Annotated[
        str | None, typer.Option(help="The encoder's prompt for texts, by name, such as query.")
    ] = None,
    sentence_prompt: Annotated[
        str | None, typer.Option(help="The encoder's prompt for sentences, such as passage.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="What an encoder's vectors are cut to. Default: whole.", min=1),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
) -> None:
    """Find the sentences of a file that are most similar to a text, by their vectors.

    Prints one line of JSON for each text: the sentences found, and the cosines with them.
    """
    import sys

    from playmask import load_task
    from playmask.cli import input_texts
    from playmask.cli.output import note_skipped, print_json_lines
    from playmask.errors import ConfigError
    from playmask.tasks import SentenceEncoder

    if any(not each.strip() for each in text or ()):
        raise ConfigError("A --text is empty.")
    task = load_task(task_directory)
    if not isinstance(task, SentenceEncoder):
        raise ConfigError(f"{task_directory} is a task {task.name!r}, which makes no vectors.")
    for name in (prompt, sentence_prompt):
        task.settings.prompt_text(name)  # refuses one that there is not
    task.cut_vectors(size)
    skipped: list[str] = []
    skip = skipped.append if skip_bad else None
    sentences = [e.text for e in input_texts.in_file(file, skipped if skip_bad else None)]
    note_skipped(file, skipped)
    searchable = _index(task, sentences, index, sentence_prompt)
    groups: Any = [text] if text else _arriving(sys.stdin.buffer, skip)
    for group in groups:
        answers = searchable.search(group, n, exact=exact, prompt=prompt)
        print_json_lines(_answer(*both) for both in zip(group, answers, strict=True))


def _answer(text: str, matches: Any) -> dict[str, Any]:
    """What is printed of a text: the sentences that are similar to it."""
    similar = [{"sentence": m.sentence, "score": round(m.score, 6)} for m in matches]
    return {"text": text, "found": similar}


def _arriving(stream: Any, skip: Any) -> Any:
    """The texts of a stream, in groups, as they arrive."""
    from playmask.cli.input_texts import arriving

    return ([example.text for example in group] for group in arriving(stream, skip))


def _index(
    task: "SentenceEncoder", sentences: list[str], directory: Path | None, prompt: str | None
) -> "SentenceIndex":
    """The index that a folder keeps of the sentences, or a new one, which it keeps from then on."""
    from playmask.cli.actions.progress import items_done
    from playmask.cli.output import note
    from playmask.errors import CheckpointError
    from playmask.tasks import SentenceIndex
    from playmask.tasks.similarity.index import SENTENCES

    if directory is not None and (directory / SENTENCES).is_file():
        try:
            stored = SentenceIndex.load(directory, task)
        except CheckpointError as error:
            note(f"{error} This is done now.")
        else:
            form = stored.prompt, stored.size
            if stored.sentences == sentences and form == (prompt, task.settings.size):
                return stored
            note(f"The index in {directory} is of other sentences; it is made anew.")
    with items_done("sentences", len(sentences)) as pace:
        pace.group(len(sentences))
        index = task.index(sentences, prompt=prompt)
    if directory is not None:
        index.save(directory)
        note(f"The index of {len(index):,} sentences is kept in {directory}.")
    return index
