"""The page of parts, in both languages: read off the code, beside the table of formulas."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import playmask
from documentation.part_pictures import PICTURES, steps_of, walk
from documentation.parts_table import ELSEWHERE, GROUPS, MASKS, Entry
from documentation.pictures import NO_HOOKS, hooks
from playmask.families import FAMILIES
from playmask.model import masks, parts
from playmask.model.architecture import Architecture
from playmask.model.parts.part import Mixer, Part

NAMES = {**vars(parts), **vars(masks)}
ONE = playmask.architecture("bert").change(depth=1)
"""One block of BERT-base, which costs are compared with."""
LENGTH = 128
FOLDER = "assets/pictures"

WORDS = {
    "en": {
        "title": "Parts of the attention",
        "intro": """\
All that the library can put into an attention: what it computes, where it is from, which families
have it, and what `load` or `change` takes for it. This page and its pictures are made from the code
(`make pictures`), and a test compares them. How parts are combined, and what goes with what:
[the laboratory](laboratory.md); the steps of an attention: [in pictures](pictures.md).

The boxes of each part are these steps, from x with its positions to the output y and what a context
adds; the blue ones it changes, by the hook or the part beneath.

Letters: x hidden states, q, k, v queries, keys and values, s scores, w weights, i the query's
position, j the key's, N heads, D width, H numbers of a key. *New* are parameters and multiply-adds
of one block of BERT-base on 128 tokens, more or fewer than with what it has there: `Dot`, and a
learned table of 512 × 768.""",
        "source": "source",
        "write": "in one line",
        "families": "families",
        "hooks": "takes part by",
        "limits": "limits",
        "new": "new",
        "full": "the order `full` alone, no cache",
        "limit": "texts of {} tokens at most",
        "free": "none: any order, any length, the cache",
        "counts": "{:+,} parameters, {:+,} multiply-adds",
        "scaling": "longer texts",
        "masks": "Masks",
        "mask_intro": """\
A mask compares integers: the order of the key and that of the query
([in pictures](pictures.md)).""",
        "mask_head": "| | sees | in one line |",
        "else": "What stands in the softmax's place, `normalization=`: {}. Not on this page: {}.",
    },
    "zh": {
        "title": "注意力的部件",
        "intro": """\
注意力里能放的全部部件：算什么，出自哪里，哪些家族用它，
`load` 或 `change` 该写什么。
本页和图都由代码生成（`make pictures`），有测试比对。
怎么组合、谁和谁能搭配见[注意力实验室](laboratory.md)，注意力的各个步骤见[图解](pictures.md)。

每个部件的一排方框就是这些步骤：从加了位置的 x 到输出 y，最后是 context 加上的部分；
蓝色的是它改变的步骤，下面是所用的 hook 或部件。

字母：x 隐状态，q、k、v 即 query、key、value，s 分数，w 权重，
i 是 query 的位置，j 是 key 的位置，N 头数，D 宽度，H 每个 key 的维数。
*新增*是 BERT-base 的一个 block 在 128 个 token 上，参数量和乘加次数比原来多或少多少；
原来是 `Dot` 和 512 × 768 的可学习位置表。""",
        "source": "出处",
        "write": "一行代码",
        "families": "家族",
        "hooks": "作用在",
        "limits": "限制",
        "new": "新增",
        "full": "只能用次序 `full`，没有缓存",
        "limit": "文本至多 {} 个 token",
        "free": "无：任何次序、任何长度、缓存都可以",
        "counts": "{:+,} 个参数，{:+,} 次乘加",
        "scaling": "更长的文本",
        "masks": "掩码",
        "mask_intro": "掩码比较两个整数：key 的次序和 query 的次序（[图解](pictures.md)）。",
        "mask_head": "| | 看得见 | 一行代码 |",
        "else": "softmax 的位置上可以换成（`normalization=`）：{}。本页不列：{}。",
    },
}
"""The words around what is generated, by language."""


def page(language: str) -> str:
    """The whole page."""
    say = WORDS[language]
    lines = [f"# {say['title']}", "", say["intro"], ""]
    for group in GROUPS:
        lines += [f"## {group.english if language == 'en' else group.chinese}", ""]
        for entry in group.entries:
            lines += section(entry, language)
    lines += [f"## {say['masks']}", "", say["mask_intro"], "", *image("masks")]
    lines += [say["mask_head"], "|---|---|---|"]
    for name, change, *sees in MASKS:
        changed(change)
        lines.append(f"| `{name}` | {sees[language != 'en']} | {code(change)} |")
    instead = ", ".join(f"`{name}`" for name in parts.NORMALIZATIONS)
    absent = ", ".join(f"`{name}`" for name in ELSEWHERE)
    return "\n".join([*lines, "", say["else"].format(instead, absent)]) + "\n"


def section(entry: Entry, language: str) -> Iterator[str]:
    """One part."""
    say, recipe = WORDS[language], getattr(parts, entry.name)
    yield from (f"### {entry.name}", "")
    yield from (first_sentence(recipe) if language == "en" else entry.chinese, "")
    yield from (f"    {entry.formula}", "")
    yield f"![{entry.name}: {', '.join(steps_of(recipe).values())}]({FOLDER}/walk-{entry.name}.svg)"
    yield ""
    yield from image(entry.name)
    yield from ("| | |", "|---|---|")
    yield f"| {say['write']} | {code(entry.change)} |"
    yield f"| {say['source']} | {source(recipe)} |"
    yield f"| {say['families']} | {', '.join(families(recipe)) or '–'} |"
    if issubclass(recipe, Part) and entry.name not in NO_HOOKS:
        yield f"| {say['hooks']} | {', '.join(f'`{hook}`' for hook in sorted(hooks(recipe)))} |"
        yield f"| {say['limits']} | {limits(entry, say)} |"
    if entry.name == "Rotary":
        scalings = sorted(each.__name__ for each in parts.Scaling.__subclasses__())
        yield f"| {say['scaling']} | {', '.join(f'`{name}`' for name in scalings)} |"
    yield f"| {say['new']} | {say['counts'].format(*costs(entry.change))} |"
    yield ""


def walks() -> dict[str, str]:
    """The picture of the steps that each part changes, by the names of their files."""
    names = (entry.name for group in GROUPS for entry in group.entries)
    return {f"walk-{name}": walk(getattr(parts, name)) for name in names}


def image(name: str) -> list[str]:
    """The picture of what a part computes, where there is one."""
    return [f"![{name}]({FOLDER}/part-{name}.svg)", ""] if name in PICTURES else []


def code(change: str) -> str:
    """What a reader writes."""
    return f"`load(path, {change})`".replace("|", "\\|")


def changed(change: str) -> Architecture:
    """One block of BERT-base with a part, as the line says it."""
    return ONE.change(**eval(f"dict({change})", dict(NAMES)))


@cache
def usual() -> Any:
    """What one block of BERT-base costs."""
    return playmask.count(ONE, length=LENGTH)


@cache
def costs(change: str) -> tuple[int, int]:
    """How many parameters and multiply-adds a part adds to a block."""
    before, after = usual(), playmask.count(changed(change), length=LENGTH)
    return after.parameters - before.parameters, after.products - before.products


def limits(entry: Entry, say: dict[str, str]) -> str:
    """Which orders and lengths a part knows."""
    architecture = changed(entry.change)
    part = next(each for each in within(architecture) if type(each).__name__ == entry.name)
    found = [say["full"]] if part.orders == ("full",) else []
    if architecture.limit and (part.limit or entry.name == "Joined"):
        found.append(say["limit"].format(f"{part.limit or architecture.limit:,}"))
    return "; ".join(found) or say["free"]


def families(recipe: type) -> list[str]:
    """The families whose usual architecture has a part of this kind."""
    return [
        name
        for name, family in FAMILIES.items()
        if any(type(each) is recipe for each in within(family.base))
    ]


def within(value: Any) -> Iterator[Any]:
    """A recipe and all that it holds."""
    if isinstance(value, tuple):
        for each in value:
            yield from within(each)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from within(getattr(value, field.name))


def first_sentence(recipe: type) -> str:
    """What a part's docstring says first."""
    return (inspect.getdoc(recipe) or "").splitlines()[0]


def source(recipe: type) -> str:
    """The paper or post that a part's docstring names, without what is said of it."""
    [found] = re.findall(
        r"^Source:\s*(.*?)(?=^\S|^$|\Z)", inspect.getdoc(recipe) or "", re.MULTILINE | re.DOTALL
    )
    line = " ".join(found.split())
    return re.split(r"; |\. (?=[A-Z][a-z]|bert4keras)| \(the ", line)[0].rstrip(".")


def choices() -> set[str]:
    """The names of all parts that the library exports."""
    kinds = (Part, Mixer, parts.Projections, parts.PseudoSelf, parts.ContextAttention)
    return {
        name
        for name in parts.__all__
        if isinstance(value := getattr(parts, name), type)
        and issubclass(value, kinds)
        and value not in (Part, Mixer, parts.Projections)
    }
