"""Generating from the command line: which model writes, how, from which prompts."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from playmask.checkpoints import architecture
from playmask.cli import input_texts
from playmask.cli.actions.progress import items_done
from playmask.cli.output import complain, print_json_lines, print_text
from playmask.errors import ConfigError, DataError, PlaymaskError
from playmask.files.commits import recover
from playmask.generation import Beams, Greedy, NoRepeat, RepetitionPenalty, Sample, Search
from playmask.generation.facts import TARGETS
from playmask.tasks.loading import load_task
from playmask.tasks.similarity.encoder import SentenceEncoder
from playmask.tasks.task_json import TASK
from playmask.tasks.writing.language_model import ROOM, LanguageModel
from playmask.tasks.writing.seq2seq import Seq2Seq
from playmask.tasks.writing.writer import Writer, Written

DRAWING = ("temperature", "top_k", "top_p", "min_p")
CONSTRAINTS = {"repetition_penalty": RepetitionPenalty, "no_repeat": NoRepeat}
LONGEST = 1024  # tokens of a text, where a model has positions without end
DIGITS = 4


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    directory: str
    prompts: list[str] | None
    input_file: Path | None
    interactive: bool
    label: str | None
    max_tokens: int | None
    beams: int | None
    samples: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float | None
    no_repeat: int | None
    seed: int
    dtype: str | None
    as_json: bool

    def some(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of these options that are there."""
        options = {name: getattr(self, name) for name in names}
        return {name: value for name, value in options.items() if value is not None}


class Manner(NamedTuple):
    """How texts are written and printed: options of `Writer.write`; so many texts a prompt."""

    options: dict[str, Any]
    seed: int
    texts: int
    as_json: bool

    def of(self, number: int) -> dict[str, Any]:
        """The options for a prompt, counted from 0, which has a seed of its own."""
        return {**self.options, "seed": self.seed + number}


def run(request: Request) -> None:
    """Write texts and print them."""
    prompts, file = request.prompts, request.input_file
    _check_sources(prompts, file, request.interactive)
    options = {
        "max_tokens": request.max_tokens,
        "search": _search(request.beams, request.samples, request.some(DRAWING)),
        "condition": request.label,
        "constrain": [CONSTRAINTS[name](n) for name, n in request.some(CONSTRAINTS).items()],
    }
    manner = Manner(options, request.seed, request.samples or 1, request.as_json)
    writer = open_writer(request.directory, request.dtype)
    if request.interactive:
        return _converse(writer, manner)
    number = 0
    total, groups = _groups(prompts, file)
    with items_done("texts", total, results=True) as pace:
        for group in groups:
            pace.group(len(group))
            _answer(writer, group, manner, number)
            number += len(group)
    if not number:
        raise DataError('No prompt came; give one, "" for a text that begins with nothing.')


def _check_sources(prompts: list[str] | None, input_file: Path | None, interactive: bool) -> None:
    """See that prompts come from one place, before anything is loaded."""
    if sum((bool(prompts), input_file is not None, interactive)) > 1:
        raise ConfigError("Prompts come from the line, --input or --interactive; give one of them.")
    if not (prompts or input_file or interactive) and sys.stdin.isatty():
        raise ConfigError("There is no prompt; give one, --input FILE, or --interactive.")


def _search(beams: int | None, samples: int | None, drawing: dict[str, Any]) -> Search:
    """The search that some options ask for."""
    if beams is not None:
        odd = next(iter(drawing), "samples" if samples is not None else None)
        if odd:
            raise ConfigError(f"--beams draws nothing, so --{odd.replace('_', '-')} is not for it.")
        return Beams(beams)
    if samples is None and not drawing:
        return Greedy()
    return Sample(samples or 1, **drawing)


def open_writer(path: str, dtype: str | None = None) -> Writer:
    """A saved task that writes, or a model as it was published as one.

    Raises: ConfigError for tasks and models that write no texts
    """
    recover(path)
    if (Path(path) / TASK).is_file():
        task = load_task(path, dtype=dtype)
        if not isinstance(task, (LanguageModel, Seq2Seq, SentenceEncoder)):
            raise ConfigError(
                f"{path} holds a task {task.name!r}, which writes no texts; use playmask predict."
            )
        return task.writer
    a = architecture(path)
    longest = min(a.limit or LONGEST, LONGEST)
    if a.decoder is not None or a.order in TARGETS:
        target = min(ROOM, longest // 2)
        model = Seq2Seq.open(path, dtype=dtype)
        return Seq2Seq.new(model, max_source=longest - target, max_target=target).writer
    if a.order != "lm":
        raise ConfigError(
            f"{path} is a model of the order {a.order!r}, which was not made to write; train it "
            f"to: playmask train language-model … --model {path}."
        )
    model = LanguageModel.open(path, dtype=dtype)
    begin = None if model.tokenizer is None else model.tokenizer.frame.head
    return LanguageModel.new(model, max_length=longest, begin=begin).writer


def _groups(prompts: list[str] | None, file: Path | None) -> tuple[int | None, Iterable[list[str]]]:
    """How many prompts there are, if that is known, and they, in groups to write together."""
    if prompts:
        return len(prompts), [prompts]
    total, groups = None, input_texts.arriving(sys.stdin.buffer, None)
    if file is not None and str(file) != "-":
        examples = [*input_texts.in_file(file, None)]
        total, groups = len(examples), input_texts.groups(examples)
    return total, ([example.text for example in group] for group in groups)


def _converse(writer: Writer, manner: Manner) -> None:
    """Answer one prompt after another; what is wrong with one is said, and no more."""
    for number, prompt in enumerate(_typed()):
        try:
            _answer(writer, [prompt], manner, number)
        except PlaymaskError as error:
            complain(str(error))


def _typed() -> Iterator[str]:
    """What is typed, line by line, up to Ctrl-D; from a pipe, its lines."""
    if not sys.stdin.isatty():
        yield from (
            e.text
            for e in input_texts.texts(input_texts.Arriving(sys.stdin.buffer), "<stdin>", None)
        )
        return
    with suppress(ImportError):  # not there on Windows
        import readline  # noqa: F401 - input() then edits lines, and remembers them
    while True:
        try:
            line = input("> ")
        except EOFError:
            print_text("")
            return
        if line.strip():
            yield line


def _answer(writer: Writer, prompts: list[str], manner: Manner, number: int) -> None:
    """Print what is written: one text alone piece by piece, as it comes."""
    search = manner.options["search"]
    if len(prompts) == 1 and not manner.as_json and search.lanes == 1:
        _print_pieces(_begun(writer, prompts[0]), writer.stream(prompts[0], **manner.of(number)))
        return
    written = writer.write(prompts, **manner.of(number))
    for prompt, texts in zip(prompts, written, strict=True):
        _print_texts(writer, prompt, texts[: manner.texts], as_json=manner.as_json)


def _begun(writer: Writer, prompt: str) -> str:
    """What a printed text begins with: a language model's prompt."""
    return prompt if writer.continues else ""


def _print_pieces(begun: str, pieces: Iterable[str]) -> None:
    for i, piece in enumerate(pieces):
        print_text(begun + piece if i == 0 else piece, end="")
        begun = ""
    print_text(begun)


def _print_texts(writer: Writer, prompt: str, texts: list[Written], *, as_json: bool) -> None:
    if not as_json:
        for one in texts:
            print_text(_begun(writer, prompt) + one.text)
        return
    fields = {
        "prompt": prompt,
        "texts": [one.text for one in texts],
        "scores": [round(one.score, DIGITS) for one in texts],
    }
    print_json_lines([fields])
