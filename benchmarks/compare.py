"""playmask beside what its users would otherwise pick, and beside what the machine allows.

    python benchmarks/compare.py [--only fine-tuning,start] [--runs 3] [--smoke] [--report]
    python benchmarks/compare.py --device gpu [--minutes 8] [--use transformers=python3]

Peers live in environments of their own (`--peers`, default runs/peers), which are made where they
are missing: bert4keras 0.11.5 on Python 3.7, TensorFlow 1.15 and Keras 2.3.1; Hugging Face
transformers and bert4torch on PyTorch; KerasHub on JAX. Results are kept as JSON in
docs/benchmarks, and docs/benchmarks.md is made anew from all that are there; `--report` makes it
without measuring. `--device gpu` does in bfloat16 what a graphics card is for, on the card that
this Python's JAX sees, and keeps it as gpu-NAME. `--minutes`: no case begins later; `--use`: a
Python in place of a peer's environment, where nothing can be installed. `--smoke` does a little of
everything with tiny models, on the processor, with only the peers that are installed already, and
writes into runs/benchmarks.
"""

import argparse
import datetime
import json
import math
import os
import shutil
import sys
import time
from pathlib import Path

import environments
import machine
import report
from material import Material
from measuring import unmeasured
from works import WORKS

ROOT = Path(__file__).parents[1]
ON_CARDS = ["pretraining", "steps", "generation"]


def main() -> None:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--peers", type=Path, default=ROOT / "runs" / "peers")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--use", action="append", default=[], metavar="NAME=PYTHON")
    options = parser.parse_args()
    usual = ON_CARDS if options.device == "gpu" else [*WORKS]
    names = [name for name in options.only.split(",") if name] or usual
    if unknown := sorted(set(names) - set(WORKS)):
        parser.error(f"there is no work {unknown[0]!r}; there are {', '.join(WORKS)}.")
    runs = ROOT / "runs" / "benchmarks"
    folder = runs / "smoke" if options.smoke else ROOT / "docs"
    results = folder / "benchmarks"
    results.mkdir(parents=True, exist_ok=True)
    place = options.peers.resolve()
    place.mkdir(parents=True, exist_ok=True)
    environments.MAKE = not options.smoke
    environments.CHOSEN.update(chosen(parser, options.use))
    last = time.monotonic() + 60 * options.minutes
    # A card's memory is shared by this process, which measures its rates, and the sides' own.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if not options.report:
        if options.device == "gpu" and not options.smoke and not machine.has_gpu():
            parser.error("--device gpu needs a card that JAX sees: pip install 'jax[cuda13]'.")
        material = Material(runs / "material", small=options.smoke, device=options.device)
        broken = [
            reason
            for name in names
            for reason in work(
                name, material, 1 if options.smoke else options.runs, place, results, last
            )
        ]
    print(report.write(folder, results))
    if not options.report and broken:
        sys.exit("playmask itself could not run:\n" + "\n".join(broken))


def chosen(parser: argparse.ArgumentParser, pairs: list[str]) -> dict[str, str]:
    """The Pythons that are used in place of environments, by the environments' names."""
    pythons = {}
    for pair in pairs:
        name, _, python = pair.partition("=")
        found = shutil.which(python)
        if name not in environments.RECIPES or found is None:
            names = ", ".join(environments.RECIPES)
            parser.error(f"--use is NAME=PYTHON, a name of {names}; received {pair!r}.")
        pythons[name] = found
    return pythons


def work(
    name: str, material: Material, runs: int, place: Path, results: Path, last: float
) -> list[str]:
    """Do one kind of work, and keep what came of it; returns where playmask itself failed.

    last: when a case may begin at the latest, on the clock of `time.monotonic`
    """
    made = WORKS[name]
    found, used = [], {}
    for case in made.cases(material):
        print(f"{name}: {case.name}", file=sys.stderr, flush=True)
        if time.monotonic() > last:
            found.append(unmeasured(case, "the minutes were over before it began"))
            continue
        found.append(made.measure(case, runs, place))
        print(json.dumps(found[-1], ensure_ascii=False), file=sys.stderr, flush=True)
        for side in case.sides.values():
            try:
                used[side.environment] = environments.versions(side.environment, place)
            except environments.Missing:
                continue
    on_card = material.runs_on == "gpu"
    transformers = place / "transformers" / "bin" / "python"
    half = None if on_card or not transformers.exists() else machine.half_rate(transformers)
    kept = {
        "date": datetime.date.today().isoformat(),
        "command": f"python benchmarks/compare.py --device {material.device} --only {name}",
        "device": material.runs_on,
        "machine": machine.describe(material.runs_on),
        "half": half,
        "versions": used,
        "cases": found,
    }
    file = results / (f"{name}.json" if material.device == "cpu" else f"gpu-{name}.json")
    beside = file.with_suffix(".writing")
    beside.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(file)
    return [
        f"{case.name}, {label}: {done['missing'][label]}"
        for case, done in zip(made.cases(material), found, strict=True)
        for label, side in case.sides.items()
        if side.environment == "playmask" and label in done["missing"]
    ]


if __name__ == "__main__":
    main()
