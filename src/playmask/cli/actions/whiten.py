"""Whitening an encoder from the command line."""

from pathlib import Path
from typing import NamedTuple

from playmask.cli import input_texts
from playmask.cli.actions.mine import encoder_in
from playmask.cli.actions.progress import items_done
from playmask.cli.output import note, note_skipped
from playmask.errors import ConfigError


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    task_directory: Path
    file: Path
    out: Path
    size: int | None
    dialect: str
    skip_bad: bool


def run(request: Request) -> None:
    """Whiten an encoder, and save the new one."""
    if request.out.exists():
        raise ConfigError(f"{request.out} exists; give another folder.")
    task = encoder_in(request.task_directory)
    skipped: list[str] | None = [] if request.skip_bad else None
    texts = [each.text for each in input_texts.in_file(request.file, skipped)]
    note_skipped(request.file, skipped or [])
    texts = [*dict.fromkeys(texts)]
    with items_done("texts", len(texts)) as pace:
        pace.group(len(texts))
        result = task.whitened(texts, request.size)
    result.save(request.out, request.dialect)
    note(f"vectors of {result.network.size} numbers, learnt from {len(texts):,} texts")
    use = result.settings.usage.format(out=request.out)
    note(f"saved in {request.out}; try it: playmask {use}")
