"""Mining hard negatives from the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli import input_texts
from playmask.cli.bars import waiting
from playmask.cli.output import note, note_all, note_skipped
from playmask.data.examples import Examples
from playmask.data.sentences import Sentences, negatives_of
from playmask.errors import ConfigError
from playmask.files import write_lines
from playmask.tasks import SentenceEncoder
from playmask.tasks.loading import load_task
from playmask.tasks.similarity.mining import MiningOptions, mine_negatives
from playmask.tasks.similarity.sentences import parse_sentences


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    task_directory: Path
    data: Path
    out: Path
    negatives: int
    first: int
    last: int
    margin: float | None
    highest: float | None
    draw: bool
    seed: int
    sentences: Path | None
    prompt: str | None
    sentence_prompt: str | None
    columns: str | None
    skip_bad: bool


def run(request: Request) -> None:
    """Mine, and write the pairs with their negatives."""
    names = MiningOptions.__dataclass_fields__
    options = MiningOptions.of(**{name: getattr(request, name) for name in names})
    if request.out.suffix != ".jsonl":
        raise ConfigError(f"{request.out} holds pairs with negatives; a .jsonl is due.")
    if not request.out.absolute().parent.is_dir():
        raise ConfigError(f"{request.out} cannot be written: its folder does not exist.")
    task = encoder_in(request.task_directory)
    prompts = request.prompt, request.sentence_prompt
    for name in prompts:
        task.settings.prompt_text(name)  # refuses one that there is not
    columns, skip_bad = input_texts.split(request.columns), request.skip_bad
    pairs = parse_sentences(request.data, "pairs", columns=columns, skip_bad=skip_bad)
    note_skipped(request.data, pairs.skipped)
    note_all(request.data, pairs.notes)
    more = _sentences(request)
    with waiting("mining…"):
        mined = mine_negatives(task, pairs, options, sentences=more, prompts=prompts)
    write_lines(request.out, _lines(mined))
    counts = [len(negatives_of(each)) for each in mined]
    note(f"{len(mined):,} pairs with {sum(counts):,} negatives are in {request.out}")
    fewer = sum(count < request.negatives for count in counts)
    if fewer:
        note(f"{fewer:,} of them have fewer than {request.negatives}, {counts.count(0):,} none")


def encoder_in(directory: Path) -> SentenceEncoder:
    """The encoder of sentences in a folder; raises ConfigError for another task."""
    task = load_task(directory)
    if not isinstance(task, SentenceEncoder):
        raise ConfigError(f"{directory} is a task {task.name!r}, which makes no vectors.")
    return task


def _sentences(request: Request) -> list[str]:
    if request.sentences is None:
        return []
    skipped: list[str] | None = [] if request.skip_bad else None
    texts = [each.text for each in input_texts.in_file(request.sentences, skipped)]
    note_skipped(request.sentences, skipped or [])
    return texts


def _lines(mined: Examples[Sentences]) -> Iterator[dict[str, Any]]:
    for each in mined:
        negatives = negatives_of(each)
        yield {
            "text": each.text,
            "pair": each.pair,
            **({"negatives": [*negatives]} if negatives else {}),
        }
