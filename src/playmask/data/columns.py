"""What columns and fields of files are called, and which of them hold what an example needs."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from playmask.errors import DataError, InputError, nearest

Columns = Sequence[str] | None
"""The columns of a table in their order, or "field=name" for each that a file calls otherwise."""

# The names under which files give the three fields; the first one present is taken.
NAMES = {
    "text": "text text_a text1 sentence sentence1 review content premise question1 query comment "
    "review_text comment_text review_body tweet utterance message document data sentence_a s1 "
    "文本 句子 评论 内容 评论内容 文本内容 正文 评价 评价内容 文本1 句子1".split(),
    "pair": "pair text_b text2 sentence2 hypothesis question2 sentence_b s2 文本2 句子2".split(),
    "label": "label labels class category score gold_label sentiment intent rating "
    "stars polarity target_label 标签 类别 分类 分数 情感 情感倾向 情绪 意图 评分 得分".split(),
}
SOURCES = {
    "text": "source src input question text 源文 原文 输入 问题".split(),
    "pair": "target tgt output answer summary pair label labels 目标 译文 输出 答案 摘要".split(),
}
IN_WORDS = {"label": "label_text label_name 标签名 标签名称 类别名称".split()}
"""Names of columns that say in words what another one says in numbers: they are taken first."""
WEIGHTS = {"weight": "weight sample_weight example_weight 权重 样本权重".split()}
"""The names of the column that says how much an example counts in training."""

TEXTS = NAMES | WEIGHTS

IDS = (
    "id qid idx index guid uid uuid no number row split fold date time user username unnamed "
    "编号 序号 索引 日期 时间 用户"
).split()
"""Names of columns that no task reads, which headers have beside those that one does."""

IGNORED = {"id", "qid", "idx", "index", "guid", "_"}
LONGEST_NAME = 40


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A name without its case, spaces, marks and quotes, as names are compared."""
    return re.sub(r"[\s_\-.:/\"'“”]+", "", unicodedata.normalize("NFKC", name).casefold())


class Layout(NamedTuple):
    """What the lines of a file hold.

    names: those of each field, the first one present is taken; columns: of a table that names
    none, by their number; needed: the fields that no line may lack; separator: what stands between
    the labels of a text that may have several (None = it has one)
    """

    names: Mapping[str, Sequence[str]]
    columns: Mapping[int, tuple[str, ...]]
    needed: tuple[str, ...]
    separator: str | None = None

    @property
    def field(self) -> dict[str, str]:
        """The field of each name, as names are compared."""
        return {plain(n): field for field in self.names for n in self.spellings(field)}

    def spellings(self, field: str) -> Sequence[str]:
        """The names of a field, those before others that are taken where both are there."""
        return (*IN_WORDS.get(field, ()), *self.names[field])

    def fields_in(self, cells: Sequence[str]) -> dict[str, int]:
        """Which of some names of columns stands for each field: the first of its names."""
        places: dict[str, int] = {}
        for i, name in enumerate(map(plain, cells)):
            places.setdefault(name, i)
        return {
            field: next(places[plain(name)] for name in names if plain(name) in places)
            for field, names in ((each, self.spellings(each)) for each in self.names)
            if any(plain(name) in places for name in names)
        }


LABELLED = Layout(TEXTS, {2: ("text", "label"), 3: ("text", "pair", "label")}, ("text", "label"))
PLAIN = Layout(TEXTS, {1: ("text",), 2: ("text", "pair"), 3: ("text", "pair", "label")}, ("text",))
PAIRS = Layout(SOURCES | WEIGHTS, {2: ("source", "target")}, ("text", "pair"))
ALONE = Layout(SOURCES, {1: ("source",), 2: ("source", "target")}, ("text",))


class Naming(NamedTuple):
    """What the columns of a table are: the field of each, or None; titles: their names in messages.

    header: whether the first line names them; named: whether that, or somebody, has named them
    """

    fields: tuple[str | None, ...]
    titles: tuple[str, ...]
    header: bool
    named: bool


def naming_of(
    path: Path,
    rows: Sequence[Sequence[str]],
    layout: Layout,
    columns: Columns,
    header: bool | None,
) -> Naming | None:
    """What the columns are, by `columns`, by the first line, or None = by their number.

    rows: the first ones of the table
    Raises: DataError for a first line that looks like a header, but of unknown names
    """
    first, *others = [[cell.strip() for cell in row] for row in rows]
    if columns is not None:
        return _as_said(path, first, others, layout, columns, header)
    places = layout.fields_in(first)
    if header or (header is None and _names_fields(first, places, layout)):
        missing = [field for field in layout.needed if field not in places]
        if missing:
            raise _unnamed(path, first, layout, missing)
        _check_once(path, first, places)
        return _by_place(first, places)
    if header is None and looks_like_header(first, others, layout):
        raise _unnamed(path, first, layout, [f for f in layout.needed if f not in places])
    if _counts(first, others):
        raise DataError(
            f"{path}: The first of {len(first)} columns only numbers the lines; name them in their "
            f"order: --columns _,{','.join(_guess(len(first) - 1, layout))}."
        )
    return None


def _by_place(cells: Sequence[str], places: Mapping[str, int]) -> Naming:
    fields: list[str | None] = [None] * len(cells)
    for field, i in places.items():
        fields[i] = field
    return Naming(tuple(fields), tuple(cells), header=True, named=True)


def _as_said(
    path: Path,
    first: Sequence[str],
    others: Sequence[Sequence[str]],
    layout: Layout,
    columns: Sequence[str],
    header: bool | None,
) -> Naming:
    """The columns as somebody names them: by what the header calls them, or in their order."""
    if any("=" in each for each in columns):
        return _by_name(path, first, layout, columns)
    known = layout.field
    for name in columns:
        if plain(name) not in known and name not in IGNORED:
            near = nearest(name, [each for names in layout.names.values() for each in names])
            raise InputError(
                f"columns= names {name!r}.{near} A column of another name is said as text=NAME."
            )
    cells = [*map(plain, first)]
    chosen = [name for name in columns if plain(name) in known]
    if header is not False and chosen and all(plain(name) in cells for name in chosen):
        places = {known[plain(name)]: cells.index(plain(name)) for name in chosen}
        _check_once(path, first, places)
        return _by_place(first, places)
    fields = tuple(known.get(plain(name)) for name in columns)
    if header is None:
        places = layout.fields_in(first)
        header = _names_fields(first, places, layout) or looks_like_header(
            first, others, layout, fields
        )
    return Naming(fields, tuple(columns), header, named=True)


def _by_name(path: Path, first: Sequence[str], layout: Layout, columns: Sequence[str]) -> Naming:
    cells, places = [*map(plain, first)], {}
    for each in columns:
        field, mark, name = (part.strip() for part in each.partition("="))
        known = layout.field.get(plain(field))
        if not mark or known is None:
            raise InputError(
                f"columns= has {each!r}; FIELD=NAME is due, of the fields "
                f"{', '.join(names[0] for names in layout.names.values())}."
            )
        if plain(name) not in cells:
            raise InputError(f"columns= names the column {name!r}; {path} has {[*first]!r:.300}.")
        places[known] = first.index(name) if name in first else cells.index(plain(name))
    return _by_place(first, places)


def _check_once(path: Path, cells: Sequence[str], places: Mapping[str, int]) -> None:
    """See that no column that is read has the name of another."""
    counts = Counter(map(plain, cells))
    twice = next((cells[i] for i in places.values() if counts[plain(cells[i])] > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}:1: Two columns are called {twice!r}; each needs a name of its own."
        )


def _names_fields(cells: Sequence[str], places: Mapping[str, int], layout: Layout) -> bool:
    """Whether a line names all fields that are needed, and looks like names throughout."""
    return {*layout.needed} <= {*places} and all(map(is_name, cells))


def is_name(cell: str) -> bool:
    """Whether a cell may be the name of a column: short, and no sentence."""
    return len(cell) <= LONGEST_NAME and not re.search(r"[。！？；，!?;,]", cell)


def looks_like_header(
    first: Sequence[str],
    others: Sequence[Sequence[str]],
    layout: Layout,
    fields: Sequence[str | None] = (),
) -> bool:
    """Whether a line that names not all fields seems to name columns all the same.

    Its cells are names, and one of them is known; or its label is unlike those below.
    """
    if len(first) < 2 or not others or not all(map(is_name, first)):
        return False
    last = fields.index("label") if "label" in fields else len(first) - 1
    labels = [row[last] for row in others if len(row) == len(first)]
    if not labels or first[last] in labels:
        return False
    names, known, ids = {*map(plain, first)}, {*layout.field}, {*map(plain, IDS)}
    if "label" not in layout.needed:
        return bool(names & known) and names <= known | ids
    if names & (known | ids):
        return True
    if len(labels) > 1 and all(map(_is_number, labels)) and not _is_number(first[last]):
        return True
    return all(map(_is_word, first)) and len(labels) > 8 and min(Counter(labels).values()) > 1


def _is_word(cell: str) -> bool:
    """Whether a cell is an identifier, or a word of a few characters."""
    return len(cell) <= (LONGEST_NAME if cell.isascii() else 8) and " " not in cell


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", cell) is not None


def _counts(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first of several columns is nothing but whole numbers, each another."""
    numbers = [row[0] for row in (first, *others) if len(row) > 2]
    return len(numbers) > 2 and all(map(str.isdecimal, numbers)) and len({*numbers}) == len(numbers)


def _guess(count: int, layout: Layout) -> Iterable[str]:
    """What so many columns may be."""
    names = layout.columns.get(count)
    return (
        names or (*["_"] * max(count - 2, 0), *(layout.names[f][0] for f in layout.needed))[:count]
    )


def _unnamed(path: Path, cells: Sequence[str], layout: Layout, missing: Sequence[str]) -> DataError:
    """The error for a header in which fields are not named as they are known."""
    names = " and ".join(layout.names[field][0] for field in missing)
    needed = [layout.names[field][0] for field in layout.needed]
    places = layout.fields_in(cells)
    free = [cell for i, cell in enumerate(cells) if i not in places.values() and cell]
    example = [
        f"{layout.names[f][0]}={cells[places[f]] if f in places else (free or ['NAME']).pop()}"
        for f in reversed(layout.needed)
    ]
    return DataError(
        f"{path}:1: The columns are called {', '.join(map(repr, cells))!s:.300}, of which none is "
        f"known as {names}; say which are {' and '.join(needed)}, such as "
        f"--columns {','.join(reversed(example))}."
    )


def pick(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value that an object has under the first of some names, however they are written."""
    keys = _keys(tuple(fields), tuple(names))
    return next((fields[key] for key in keys if fields[key] is not None), None)


@lru_cache(maxsize=1024)
def _keys(fields: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Which fields have one of some names, in the order of these: just so, or written otherwise."""
    written: dict[str, str] = {}
    for field in fields:
        written.setdefault(plain(field), field)
    exact = [name for name in names if name in fields]
    alike = [written[plain(name)] for name in names if plain(name) in written]
    return tuple(dict.fromkeys((*exact, *alike)))
