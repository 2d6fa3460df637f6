"""What a script of bert4keras uses, printed beside what it has become."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli.messages import language
from playmask.cli.output import note, print_text
from playmask.errors import ConfigError
from playmask.files import write_bytes
from playmask.migration.guesses import Guess, guess
from playmask.migration.names import Entry, display, entry_by_name
from playmask.migration.scripts import read_script
from playmask.migration.skeletons import script_of
from playmask.migration.uses import Use, Uses, texts_of, uses_of

SHOWN = 6  # lines of a name
SAYINGS = {
    "en": {
        "line": "line {lines}",
        "none": "no counterpart",
        "unknown": "{name} ({lines}): not of bert4keras 0.11.5, or not described.",
        "script": "{name} ({lines}): what comes from there is not followed; migrate that one too.",
        "no guess": "Nothing speaks for a task; docs/i_have_i_want.md goes from what there is.",
        "remark": "A beginning, not a translation: check every line, paths and labels first.",
        "page": "More of it: {page}",
    },
    "zh": {
        "line": "第 {lines} 行",
        "none": "没有对应",
        "unknown": "{name}（{lines}）：bert4keras 0.11.5 没有这个名字，或表里没有说明。",
        "script": "{name}（{lines}）：不追踪从那里导入的名字，请对那个脚本也运行 migrate。",
        "no guess": "看不出是什么任务；docs/i_have_i_want.md 从手头有的东西说起。",
        "remark": "只是开头，不是翻译：每一行都要核对，先看路径和标签。",
        "page": "详见 {page}",
    },
}


class Report(NamedTuple):
    """What was read of a script, and what is made of it; skeleton: "" where nothing was guessed."""

    script: Path
    uses: Uses
    guess: Guess | None
    skeleton: str


def report_of(script: Path, speech: str) -> Report:
    """Read a script; raises DataError for one that is none of bert4keras.

    speech: the language of the remark in front of the skeleton
    """
    tree = read_script(script)
    uses = uses_of(tree, script.parent)
    likeliest = guess(script.stem, uses, [*texts_of(tree)])
    remark = SAYINGS[speech]["remark"]
    skeleton = "" if likeliest is None else script_of(likeliest.skeleton, tree, uses, remark)
    return Report(script, uses, likeliest, skeleton)


def rows_of(uses: Sequence[Use]) -> list[tuple[Entry, list[Use]]]:
    """Rows of the table with the uses of their names, in the order of a script's lines."""
    rows: dict[int, tuple[Entry, list[Use]]] = {}
    for use in uses:
        entry = entry_by_name()[use.name]
        rows.setdefault(id(entry), (entry, []))[1].append(use)
    return [*rows.values()]


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON, which is English whatever the reader's language is."""
    return {
        "script": str(report.script),
        "uses": [
            {
                "names": display(list(dict.fromkeys(use.name for use in uses))),
                "lines": _lines(uses),
                "playmask": list(entry.successors),
                "sentence": entry.sentences["en"],
                "page": f"docs/{entry.page}",
            }
            for entry, uses in rows_of(report.uses.known)
        ],
        "unknown": [{"name": use.name, "line": use.line} for use in report.uses.unknown],
        "scripts": [{"name": use.name, "line": use.line} for use in report.uses.scripts],
        "guess": report.guess and report.guess.sentence("en"),
        "skeleton": report.skeleton,
    }


def print_report(report: Report, *, with_skeleton: bool) -> None:
    """Print what each name has become, what is unknown, the guess and the skeleton."""
    speech = language()
    sayings = SAYINGS[speech]
    for entry, uses in rows_of(report.uses.known):
        names = ", ".join(display(list(dict.fromkeys(use.name for use in uses))))
        successors = ", ".join(entry.successors) or sayings["none"]
        print_text(f"{_place(uses)}  {names} → {successors}")
        print_text(f"    {entry.sentences[speech]} docs/{entry.page}")
    for kind in ("unknown", "script"):
        for use in report.uses.unknown if kind == "unknown" else report.uses.scripts:
            print_text(sayings[kind].format(name=use.name, lines=_place([use])))
    if report.guess is None:
        print_text(f"\n{sayings['no guess']}")
        return
    page = sayings["page"].format(page=f"docs/{report.guess.skeleton.page}")
    print_text(f"\n{report.guess.sentence(speech)} {page}")
    if with_skeleton:
        print_text(f"\n{report.skeleton}", end="")


def _lines(uses: Sequence[Use]) -> list[int]:
    return sorted({use.line for use in uses})


def _place(uses: Sequence[Use]) -> str:
    """Where uses are: the numbers of their lines."""
    numbers = _lines(uses)
    more = ", …" if len(numbers) > SHOWN else ""
    lines = ", ".join(map(str, numbers[:SHOWN])) + more
    return SAYINGS[language()]["line"].format(lines=lines)


def write_skeleton(report: Report, file: Path, *, force: bool) -> None:
    """Write the skeleton; raises ConfigError where there is none, or the file is there already."""
    if not report.skeleton:
        raise ConfigError(f"{report.script}: no task was guessed, so that nothing is to write.")
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; give another name, or --force.")
    write_bytes(file, report.skeleton.encode())
    note(f"{file} is written")
