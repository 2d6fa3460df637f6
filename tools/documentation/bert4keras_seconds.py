"""Writes the table of lines, seconds and outputs in `docs/from_bert4keras.md` and its Chinese twin.

`PYTHONPATH=tools python -m documentation.bert4keras_seconds` after `benchmarks/from_bert4keras.py`,
which keeps what it measures in `docs/benchmarks/from_bert4keras.json`. Lines are those of
`examples/from_bert4keras/README.md`.
"""

import json
import re
from pathlib import Path
from typing import Any

from documentation.marked_tables import write

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "benchmarks" / "from_bert4keras.json"
LINES = ROOT / "examples" / "from_bert4keras" / "README.md"
MARK = "seconds"
WORDS = {
    "en": {
        "head": "script | lines | first, s | then, s | outputs",
        "loss": "loss {} / {}",
        "apart": "apart {}",
        "same": "{} of {} answers the same",
        "sizes": "{}: {depth} blocks of width {width}",
        "machine": "Measured on {date}, {cores} of the cores of {processor}, {system}. {versions}.",
        "join": "; ",
        "base": "{}, base",
        "none": "not measured yet",
    },
    "zh": {
        "head": "脚本 | 行数 | 首次，秒 | 之后，秒 | 输出",
        "loss": "损失 {} / {}",
        "apart": "相差 {}",
        "same": "{} / {} 个答案相同",
        "sizes": "{}：{depth} 层，宽 {width}",
        "machine": "测于 {date}，{processor} 的 {cores} 个核，{system}。{versions}。",
        "join": "；",
        "base": "{}，base",
        "none": "还没有测",
    },
}


def tables(language: str) -> str:
    """The table in a language, and the machine beneath it."""
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    words = WORDS[language]
    rows = [f"| {words['head']} |", "|---|---:|---:|---:|---|"]
    for name, lines in counted().items():
        found = {shape: result["scripts"].get(f"{name}, {shape}", {}) for shape in result["shapes"]}
        measured = {shape: each for shape, each in found.items() if "sides" in each}
        if not measured:
            reason = result["left_out"].get(name, {}).get(language, words["none"])
            rows.append(f"| `{name}` | {lines} | – | – | {reason} |")
        for shape, each in measured.items():
            title = f"`{name}`" if shape == "small" else words["base"].format(f"`{name}`")
            note = result.get("notes", {}).get(name, {}).get(language)
            cells = _cells(each, words, [note] if note else [])
            rows.append(f"| {title} | {lines} | {' | '.join(cells)} |")
    used = {key.rpartition(", ")[2] for key in result["scripts"]}
    shapes = ((name, each) for name, each in result["shapes"].items() if name in used)
    sizes = (words["sizes"].format(name, **each) for name, each in shapes)
    versions = (
        ", ".join(f"{name} {number}" for name, number in side.items())
        for side in result["versions"].values()
    )
    machine = {**result["machine"], "date": result["date"], "versions": " / ".join(versions)}
    about = f"{words['join'].join(sizes)}. " if language == "en" else f"{'；'.join(sizes)}。"
    return "\n".join(["", *rows, "", about + words["machine"].format(**machine), "", ""])


def counted() -> dict[str, str]:
    """Upstream's lines of each script and ours, "14 / 7"."""
    text = LINES.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)\.py` \|[^|]*\| (\d+) \| (\d+) \|", text, re.MULTILINE)
    return {name: f"{theirs} / {ours}" for name, theirs, ours in rows}


def _cells(found: dict[str, Any], words: dict[str, str], notes: list[str]) -> list[str]:
    theirs, ours = found["sides"]["bert4keras"], found["sides"]["playmask"]
    seconds = [
        f"{_number(theirs[which]['processor'])} / {_number(ours[which]['processor'])}"
        for which in ("first", "then")
    ]
    outputs, parts = found["outputs"], []
    if "loss" in outputs:
        parts.append(words["loss"].format(*(f"{loss:.5f}" for loss in outputs["loss"])))
    if "apart" in outputs:
        parts.append(words["apart"].format(f"{outputs['apart']:.0e}"))
    if "same" in outputs:
        parts.append(words["same"].format(outputs["same"], outputs["of"]))
    return [*seconds, words["join"].join([*parts, *notes]) or "–"]


def _number(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.2g}"


if __name__ == "__main__":
    write(MARK, tables)
