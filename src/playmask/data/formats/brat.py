"""brat's standoff files: a .txt, and beside it an .ann of mentions, relations and events."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.examples import Examples
from playmask.data.gathering import BadExample, each_made, gather, lines_of, on_line, suffix_of
from playmask.data.lines import encoding_notes, read_whole
from playmask.data.offsets import Place, check_text

E = TypeVar("E")

SUFFIX = ".ann"
MENTION = re.compile(r"(T\d+)\t(\S+) (\d+) ((?:\d+;\d+ )*)(\d+)\t(.*)", re.DOTALL)
RELATION = re.compile(r"R\d+\t(\S+) \S+?:(\S+) \S+?:(\S+)\s*")
EVENT = re.compile(r"(E\d+)\t(\S+?):(T\d+)((?: \S+:\S+)*)\s*")
ARGUMENT = re.compile(r"(\S+?)\d*:(\S+)")
"""A mention, a relation of two, an event with its trigger, and who plays a role in it; brat numbers
the roles that several play."""

LINE_ENDS = str.maketrans("\r\n", "  ")


def is_brat(path: Path) -> bool:
    """Whether something is an .ann, or a folder that holds some."""
    return suffix_of(path) == SUFFIX or (path.is_dir() and bool(_files(path)))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{SUFFIX}"))


class Document:
    """A text and the lines of its .ann, by the marks that they begin with: T, R, E.

    Raises: DataError for a file that cannot be read
    """

    def __init__(self, path: Path) -> None:
        beside = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        self.source = beside.with_suffix(".txt")
        self.name = beside.stem
        self.text = read_whole(self.source)  # line ends as they are: brat counts them
        self.flat = self.text.translate(LINE_ENDS)  # brat writes mentions with spaces for them
        self.lines = [*lines_of(path)]

    def marked(self, mark: str) -> Iterator[tuple[int, str]]:
        """The numbered lines that begin with a mark."""
        return ((number, line) for number, line in self.lines if line.startswith(mark))

    def mention(self, line: str) -> Mention:
        """The mention of a line.

        A discontinuous one reaches from its first part to its last; what is stated of it is not
        read.
        """
        _, label, start, between, end, stated = _matched(
            MENTION, line, "'T1\\tLABEL start end\\ttext'"
        )
        mention = Mention(int(start), int(end), label)
        if not between:
            check_text(self.flat, mention.start, mention.end, stated.translate(LINE_ENDS))
        return check_mentions(Annotated(self.flat, (mention,)), None).mentions[0]

    @cached_property
    def _stated(self) -> dict[str, tuple[int, str]]:
        """The line of each mention and event, by its name."""
        every = (*self.marked("T"), *self.marked("E"))
        return {line.partition("\t")[0]: (number, line) for number, line in every}

    def place(self, name: str) -> Place:
        """Where a mention stands, or the trigger of an event."""
        if name not in self._stated:
            raise BadExample(f"There is no line {name!r:.40} in the file.")
        number, line = self._stated[name]
        with on_line(number):
            if line.startswith("E"):
                return self.place(_event(line)[2])
            mention = self.mention(line)
        return mention.start, mention.end


def relation_ends(line: str) -> tuple[str, str, str]:
    """What a relation is called, and the names of the two that it joins."""
    predicate, subject, thing = _matched(RELATION, line, "'R1\\tNAME Arg1:T1 Arg2:T2'")
    return predicate, subject, thing


def event_parts(line: str) -> tuple[str, str, list[tuple[str, str]]]:
    """The type of an event, the name of its trigger, and its roles with the names of who plays."""
    _, type_, trigger, arguments = _event(line)
    return type_, trigger, ARGUMENT.findall(arguments)


def _event(line: str) -> tuple[Any, ...]:
    return _matched(EVENT, line, "'E1\\tTYPE:T1 ROLE:T2'")


def _matched(pattern: re.Pattern[str], line: str, due: str) -> tuple[Any, ...]:
    match = pattern.fullmatch(line)
    if match is None:
        raise BadExample(f"{line!r:.60} is no line of brat's; {due} is due.")
    return match.groups()


def read_brat(
    path: Path,
    mark: str,
    item: Callable[[Document, str], Any],
    example: Callable[[Document, Sequence[Any]], E],
    *,
    skip_bad: bool,
) -> Examples[E]:
    """The documents of a folder and of those inside, or of one .ann; bad lines alone are left out.

    mark: that of the lines that are read; item: what makes something of one of them; example: what
    makes an example of a document and of all that its lines say
    Raises: DataError naming file and line
    """
    files = _files(path) if path.is_dir() else [path]
    skipped: list[str] = []
    notes = _without(path, files)

    def document(file: Path) -> E:
        held = Document(file)
        notes.extend(encoding_notes(held.source))
        before = len(skipped)
        lines = [(number, partial(item, held, line)) for number, line in held.marked(mark)]
        items = [x.example for _, x in each_made(file, lines, skip_bad=skip_bad, skipped=skipped)]
        if lines and not items:
            raise BadExample(f"No line can be used (the first: {skipped.pop(before)}).")
        return example(held, items)

    examples = gather(path, _placed(path, files, document), skip_bad=skip_bad, skipped=skipped)
    examples.notes = [*dict.fromkeys(notes)]
    return examples


def _without(path: Path, files: Sequence[Path]) -> list[str]:
    """How many texts of a folder are not annotated, which brat leaves an empty .ann beside."""
    alone = {*path.rglob("*.txt")} - {file.with_suffix(".txt") for file in files}
    first = min(alone, default=path)
    return (
        [f"texts without an .ann are left out: {len(alone)}, {first.name} first"] if alone else []
    )


def _placed(
    path: Path, files: Iterable[Path], document: Callable[[Path], E]
) -> Iterator[tuple[int | str, Callable[[], E]]]:
    """What makes each document, with the place that it has in the folder, or its only file."""
    for file in files:
        yield 1 if file == path else f"{file.relative_to(path)}:1", partial(document, file)
