"""The wheel, as users get it: built, installed into an empty environment, used (make test-wheel).

    python tests/check_wheel.py ENVIRONMENT

Everything runs in an empty folder, away from the sources; the script needs nothing but the
standard library.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMALL = "--new --epochs 1 --width 16 --depth 1 --attention-heads 2 --vocabulary 64 --max-length 16"
NAMES = """import sys, playmask
from playmask.inspection.fonts import BUNDLED
for name in playmask.__all__:
    getattr(playmask, name)
print(len(playmask.__all__), "names of", playmask.__file__)
assert playmask.__file__.startswith(sys.prefix), "not the installed one"
assert BUNDLED.is_file(), f"the wheel lacks the font {BUNDLED.name}"
for name in ("py.typed", "inspection/fonts/OFL.txt"):
    assert BUNDLED.parents[2].joinpath(name).is_file(), f"the wheel lacks {name}"
"""
FONT = """import sys
from matplotlib.font_manager import findfont
from playmask.inspection.fonts import BASE, font_families
font_families()
file = findfont(BASE[0], fallback_to_default=False)
assert file.startswith(sys.prefix), file
"""
REVIEWS = [f"这本书真{'好' if i % 2 else '差'}\t{'好评' if i % 2 else '差评'}\n" for i in range(32)]


def build(folder: Path) -> Path:
    """Build the wheel anew: what an earlier build left would go along."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    (wheel,) = folder.glob("playmask-*.whl")
    return wheel


def install(wheel: Path, environment: Path) -> Path:
    """Make an empty environment with the wheel and what it requires; returns its programs."""
    venv.create(environment, clear=True, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*map(str, pip), str(wheel)], check=True)
    return programs


def use(programs: Path, folder: Path) -> None:
    """Import, ask for help, train, predict, draw; raises where a step fails or says nothing."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_BACKEND")}

    def run(program: str, *arguments: str) -> str:
        print("+", program, *(each.split("\n")[0] for each in arguments[:4]), flush=True)
        done = subprocess.run(
            [str(programs / program), *arguments],
            cwd=folder,
            env=env | {"PYTHONWARNINGS": "error:::playmask"},
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    (folder / "reviews.tsv").write_text("".join(REVIEWS), encoding="utf-8")
    print(run("python", "-c", NAMES), end="")
    assert "train" in run("playmask", "--help")
    assert run("playmask", "--version").split()[-1][0].isdigit()
    run("playmask", "train", "classify", "reviews.tsv", "--out", "task", *SMALL.split())
    answer = json.loads(run("playmask", "predict", "task", "--text", "这本书真好"))
    assert answer["label"] in ("好评", "差评"), answer
    run("playmask", "draw", "attention", "task", "这本书真好", "--out", "attention.png")
    assert (folder / "attention.png").stat().st_size > 5_000
    run("python", "-c", FONT)


def main() -> None:
    """Build, install, use."""
    environment = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wheel = build(folder)
        (folder / "empty").mkdir()
        use(install(wheel, environment), folder / "empty")
    print(f"{wheel.name} installs and works.")


if __name__ == "__main__":
    main()
