"""Results as a page with tables and pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import BOUNDS
from playmask.inspection.draw.colours import LINES
from playmask.inspection.draw.sheet import SMALL, drawn
from works import WORKS

OURS, THEIRS, BOUND = LINES[1], "#9aa5b1", LINES[0]

BARS = (
    "Horizontally: what the panel's title counts, done in a second; a bar for each side, "
    "playmask's orange. Dashed: what the machine allows."
)
SCALES = (
    "Horizontally: the tokens of a text, on a logarithmic scale, where a batch has 2,048 in all; "
    "vertically: what the panel's title names. Dashed: what the machine allows."
)

HEAD = """# Benchmarks

`make benchmark` (`PLAYMASK_DATA` set) makes this page: every side in a process of its own, in an
environment of its own, with the same weights and texts, asked in turn; medians, and the least and
most in brackets. "first" is the first run of a process, which compiles or fills caches, where all
else is warm. "bound" is the share of what the machine allows: operations of matrix products and
bytes of weights, counted from the architecture, at the float32 rates measured between the runs, for
those in bfloat16 too; on a graphics card at its bfloat16 rates. "apart" is how far the answers are
from playmask's: the largest difference in parts of the largest value, or the share of texts that
are not the same. A side that could not run is named with the reason.
"""


WAITING = """## On a graphics card

Not measured yet: no card was at hand. `make benchmark-gpu` measures pretraining, training steps and
generation on one, in bfloat16 ([how](performance.md#on-a-graphics-card)).
"""


def write(folder: Path, results: Path) -> Path:
    """Write the page of all results that are there; returns its path."""
    pictures = folder / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    kept = [*WORKS, *(f"gpu-{name}" for name in WORKS)]
    for name in kept:
        work, file = WORKS[name.removeprefix("gpu-")], results / f"{name}.json"
        if not file.exists():
            continue
        result = json.loads(file.read_text(encoding="utf-8"))
        title = work.title + (" on a graphics card" if name not in WORKS else "")
        parts += [f"## {title}", work.about, machine_line(result)]
        for case in result["cases"]:
            parts += [] if case["sides"] else [f"**{case['case']}**", *missing(case)]
        result["cases"] = [case for case in result["cases"] if case["sides"]]
        if result["cases"]:
            parts += LAYOUTS.get(name, rows)(result, pictures, name)
    if not any(results.glob("gpu-*.json")):
        parts.append(WAITING.strip())
    page = folder / "benchmarks.md"
    beside = page.with_suffix(".writing")
    beside.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    beside.replace(page)
    return page


def machine_line(result: dict[str, Any]) -> str:
    """Where and with what it was measured."""
    m = result["machine"]
    versions = "; ".join(
        f"{name}: " + ", ".join(f"{k} {v}" for k, v in found.items())
        for name, found in result["versions"].items()
    )
    half, dtype = result.get("half"), BOUNDS[result.get("device", "cpu")].dtype
    wide = "" if half is None else f", bfloat16 {half / 1e9:.0f} (PyTorch)"
    card = f"{m['card']}, " if "card" in m else ""
    rate = next((case["rates"] for case in result["cases"] if "rates" in case), None)
    speed = "" if rate is None else (
        f" Matrix products {rate['operations'] / 1e9:.0f} G operations/s in {dtype}{wide}; "
        f"matrix-vector {rate['bytes'] / 1e9:.1f} GB/s."
    )  # fmt: skip
    return (
        f"*{result['date']}, `{result['command']}`; {card}{m['cores']} cores of {m['processor']} "
        f"({m['instructions']}), {m['system']}.{speed} {versions}.*"
    )


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    made = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in made)


def missing(case: dict[str, Any]) -> list[str]:
    """The sides that could not run, and why."""
    return [f"Missing: {side}: {reason}" for side, reason in case["missing"].items()]


def number(value: float | None, places: int = 3) -> str:
    """A number with so many digits that count, or nothing."""
    if value is None:
        return ""
    digits = f"{value:.{places}g}"
    return f"{float(digits):,.0f}" if abs(value) >= 10 ** (places - 1) else digits


def speed(side: dict[str, Any]) -> float:
    """How much a side does in a second."""
    return side["amount"] / side["seconds"]


def spread(side: dict[str, Any], scale: float = 1.0) -> str:
    """The median, with the least and the most."""
    parts = (number(side[name] * scale) for name in ("seconds", "least", "most"))
    return "{} ({}–{})".format(*parts)


def apart(side: dict[str, Any]) -> str:
    """How far the answers are from ours."""
    value = side.get("apart")
    return "" if value is None else ("0" if value == 0 else f"{value:.0e}")


def rows(result: dict[str, Any], pictures: Path, name: str) -> list[str]:
    """For each case a table of sides, then a picture of all cases."""
    parts = []
    for case in result["cases"]:
        ours = speed(next(iter(case["sides"].values())))
        bound, unit = case["bound"], case["unit"]
        head = ["", "s", f"{unit}/s", "playmask is × as fast", "of the bound", "first, s", "apart"]
        lines = [
            [
                label,
                spread(side),
                number(speed(side)),
                f"{ours / speed(side):.2f}",
                "" if bound is None else f"{speed(side) * bound / case['amount']:.0%}",
                number(side["first"] or None),
                apart(side),
            ]
            for label, side in case["sides"].items()
        ]
        parts += [f"**{case['case']}**", table(head, lines), *missing(case)]
    bars(result, pictures / f"{name}.png")
    return [*parts, f"![Work done in a second](benchmarks/{name}.png)"]


def bars(result: dict[str, Any], path: Path) -> None:
    """How much each side does in a second, a panel for each case."""
    cases = result["cases"]
    counts = [len(case["sides"]) for case in cases]
    texts = [text for case in cases for text in (case["case"], case["unit"], *case["sides"])]
    with drawn(path, texts, caption=BARS) as sheet:
        figure = sheet.figure
        figure.set_layout_engine("constrained")
        figure.set_size_inches(8, 0.34 * sum(counts) + 0.75 * len(cases))
        heights = [n + 0.6 for n in counts]
        panels = figure.subplots(len(cases), 1, height_ratios=heights, squeeze=False)
        for panel, case in zip(panels[:, 0], cases, strict=True):
            labels = [*case["sides"]]
            values = [speed(side) for side in case["sides"].values()]
            colours = [OURS if "playmask" in label else THEIRS for label in labels]
            panel.barh(labels, values, color=colours)
            if case["bound"]:
                panel.axvline(case["amount"] / case["bound"], color=BOUND, linestyle="--", lw=1)
            for i, value in enumerate(values):
                panel.text(value, i, f" {number(value)}", va="center", size=SMALL)
            panel.invert_yaxis()
            panel.margins(x=0.12)
            panel.grid(visible=False, axis="y")
            panel.set_title(f"{case['case']}: {case['unit']}/s")


def calls(result: dict[str, Any], pictures: Path, name: str) -> list[str]:
    """Latencies: percentiles of the calls."""
    parts = []
    for case in result["cases"]:
        head = ["", "p50, ms", "p95, ms", "p99, ms", "p99 / p50", "apart"]
        lines = [
            [
                label,
                *(number(1e3 * side[p]) for p in ("p50", "p95", "p99")),
                f"{side['p99'] / side['p50']:.2f}",
                apart(side),
            ]
            for label, side in case["sides"].items()
        ]
        parts += [f"**{case['case']}**", table(head, lines), *missing(case)]
    return parts


def lives(result: dict[str, Any], pictures: Path, name: str) -> list[str]:
    """Of new processes, what each part took."""
    parts = []
    for case in result["cases"]:
        some = next(iter(case["sides"].values()))
        head = ["", *(f"{part}, s" for part in some)]
        lines = [
            [label, *(spread(part) for part in side.values())]
            for label, side in case["sides"].items()
        ]
        parts += [f"**{case['case']}**", table(head, lines), *missing(case)]
    return parts


def scales(result: dict[str, Any], pictures: Path, name: str) -> list[str]:
    """Time a token and memory, against length, batch, depth and cores."""
    labels = [*result["cases"][0]["sides"]]
    head = ["rows × tokens"]
    for label in labels:
        head += [f"{label}, µs a token", "bound", "memory, MB"]
    lines = []
    for case in result["cases"]:
        line = [case["case"]]
        for label in labels:
            side = case["sides"].get(label)
            if side is None:
                line += ["", "", ""]
                continue
            token = 1e6 * side["seconds"] / case["amount"]
            line += [number(token), f"{case['bound'] / side['seconds']:.0%}", number(side["peak"])]
        lines.append(line)
    curves(result, pictures / f"{name}.png")
    gone = [text for case in result["cases"] for text in missing(case)]
    return [table(head, lines), *dict.fromkeys(gone), f"![Scaling](benchmarks/{name}.png)"]


def curves(result: dict[str, Any], path: Path) -> None:
    """Time a token and memory against the length, at 2,048 tokens in all."""
    cases = [case for case in result["cases"] if case["case"].startswith("length")]
    across = [int(case["case"].split("×")[1].split(",")[0]) for case in cases]
    sides = [*cases[0]["sides"]]
    with drawn(path, [*sides, "µ"], caption=SCALES) as sheet:
        figure = sheet.figure
        figure.set_layout_engine("constrained")
        figure.set_size_inches(8, 3.2)
        left, right = figure.subplots(1, 2)
        for label, colour in zip(sides, (OURS, THEIRS), strict=False):
            found = [case["sides"].get(label) for case in cases]
            if None in found:
                continue
            times = [1e6 * s["seconds"] / c["amount"] for s, c in zip(found, cases, strict=True)]
            left.plot(across, times, "o-", color=colour, label=label)
            right.plot(across, [s["peak"] for s in found], "o-", color=colour, label=label)
        bounds = [1e6 * case["bound"] / case["amount"] for case in cases]
        left.plot(across, bounds, "--", color=BOUND, label="bound")
        for panel, title in ((left, "µs a token"), (right, "memory of the process, MB")):
            panel.set_xscale("log", base=2)
            panel.set_xticks(across, [f"{n:,}" for n in across])
            panel.set_ylim(0)
            panel.set_xlabel("tokens a text, 2,048 in all")
            panel.set_title(title)
            panel.legend()


LAYOUTS: dict[str, Callable[[dict[str, Any], Path, str], list[str]]] = {
    "latency": calls,
    "start": lives,
    "scaling": scales,
}
"""How results of a work are laid out, where they are not rows of sides."""
