"""The wheels, as users get them: built, installed into empty environments, used (make test-wheel).

    python tests/check_wheel.py ENVIRONMENT

playmask goes into ENVIRONMENT, playmask-serve into ENVIRONMENT-serve. Everything runs in an empty
folder, away from the sources; the script needs nothing but the standard library.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
LARGEST = 200 * 2**20  # bytes that playmask-serve installs, at most
OWN = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
SMALL = "--new --epochs 1 --width 16 --depth 1 --attention-heads 2 --vocabulary 64 --max-length 16"
NAMES = """import sys, playmask
from playmask.inspection.fonts import BUNDLED
for name in playmask.__all__:
    getattr(playmask, name)
print(len(playmask.__all__), "names of", playmask.__file__)
assert playmask.__file__.startswith(sys.prefix), "not the installed one"
assert BUNDLED.is_file(), f"the wheel lacks the font {BUNDLED.name}"
CATALOGUE = "cli/locale/zh_CN/LC_MESSAGES/messages.mo"
for name in ("py.typed", "inspection/fonts/OFL.txt", CATALOGUE):
    assert BUNDLED.parents[2].joinpath(name).is_file(), f"the wheel lacks {name}"
"""
STORED_ANSWERS = """import importlib.util, sys
import playmask_serve, playmask
sys.path.append(sys.argv[1])
from export.store import close, stored_answers
for kind, now, before in stored_answers(playmask_serve.load):
    assert close(now, before), (kind, now, before)
for name in ("keras", "jax", "torch", "tensorflow", "scipy"):
    assert importlib.util.find_spec(name) is None, name
for use in (lambda: playmask.load("model"), lambda: playmask.load_task("task")):
    try:
        use()
    except ModuleNotFoundError as error:
        assert str(error).endswith("pip install playmask."), error
    else:
        raise AssertionError("it is there")
print("stored answers repeated by", playmask.__file__)
"""
BOTH = """import playmask_serve, playmask
assert "playmask_serve" not in playmask.__file__, playmask.__file__
assert playmask_serve.load is playmask.load_exported
"""
FONT = """import sys
from matplotlib.font_manager import findfont
from playmask.inspection.fonts import BASE, font_families
font_families()
file = findfont(BASE[0], fallback_to_default=False)
assert file.startswith(sys.prefix), file
"""
REVIEWS = [f"这本书真{'好' if i % 2 else '差'}\t{'好评' if i % 2 else '差评'}\n" for i in range(32)]


def build(source: Path, folder: Path) -> Path:
    """Build a wheel anew: what an earlier build left would go along."""
    shutil.rmtree(source / "build", ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "-w", str(folder), str(source)], check=True)
    shutil.rmtree(source / "build", ignore_errors=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(environment: Path, *arguments: str) -> Path:
    """Install what pip is asked for; an environment that is not there is made, empty."""
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    if not environment.exists():
        venv.create(environment, with_pip=True)
    pip = [programs / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*map(str, pip), *arguments], check=True)
    return programs


class Programs:
    """The programs of an environment, run in an empty folder, away from the sources."""

    def __init__(self, place: Path, folder: Path) -> None:
        self.place, self.folder = place, folder
        hidden = ("PYTHONPATH", "KERAS_BACKEND")
        self.environment = {k: v for k, v in os.environ.items() if k not in hidden}
        self.environment["PYTHONWARNINGS"] = "error:::playmask"

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one."""
        print("+", program, *(each.split("\n")[0] for each in arguments[:4]), flush=True)
        return subprocess.Popen(
            [str(self.place / program), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, program: str, *arguments: str) -> str:
        """Run one to its end; raises where it fails."""
        process = self.start(program, *arguments)
        said, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, program)
        return said


def use(programs: Programs) -> None:
    """Import, ask for help, train, predict, draw; raises where a step fails or says nothing."""
    run, folder = programs.run, programs.folder
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


def use_serve(programs: Programs, wheel: Path) -> None:
    """Repeat stored answers in Python and over HTTP, without what playmask-serve is without."""
    print(programs.run("python", "-c", STORED_ANSWERS, str(TESTS)), end="")
    site = programs.run("python", "-c", "import playmask_serve; print(*playmask_serve.__path__)")
    size = installed(Path(site.strip()).parent)
    print(f"{size / 2**20:.0f} MiB are installed.")
    assert size <= LARGEST, f"{size} bytes are installed"
    install(programs.place.parent, f"{wheel}[http]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = TESTS / "export" / "stored" / "tag"
    server = programs.start("playmask-serve", str(folder), "--port", str(port))
    try:
        stored = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        answers = asked(f"http://127.0.0.1:{port}", {"texts": stored["texts"]})
        said = [[each["text"] for each in one["mentions"]] for one in answers]
        assert said == [[each["text"] for each in one["mentions"]] for one in stored["answers"]]
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()


def installed(site: Path) -> int:
    """Bytes of what stands in an environment's folder of packages, but for what made it."""
    packages = [each for each in site.iterdir() if not each.name.startswith(OWN)]
    files = (file for each in packages for file in [each, *each.rglob("*")] if file.is_file())
    return sum(file.stat().st_size for file in files)


def asked(address: str, body: dict[str, object]) -> list[dict[str, Any]]:
    """The answers of a server, as soon as it is ready."""
    until = time.monotonic() + 60
    while True:
        try:
            urlopen(f"{address}/ready").close()
            break
        except OSError:  # no port yet, or 503
            assert time.monotonic() < until, "the server did not become ready"
            time.sleep(0.2)
    kind = {"Content-Type": "application/json"}
    with urlopen(Request(f"{address}/predict", json.dumps(body).encode(), kind)) as response:
        answers: list[dict[str, Any]] = json.load(response)["answers"]
    return answers


def main() -> None:
    """Build, install, use; at last both in one environment, of which one goes again."""
    environment = Path(sys.argv[1]).resolve()
    other = environment.with_name(f"{environment.name}-serve")
    for each in (environment, other):
        shutil.rmtree(each, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("playmask", "serve", "empty")]
        for each in folders:
            each.mkdir()
        light = build(ROOT / "wheels" / "serve", folders[1])
        use_serve(Programs(install(other, str(light)), folders[2]), light)
        wheel = build(ROOT, folders[0])
        programs = Programs(install(environment, str(wheel)), folders[2])
        use(programs)
        install(environment, "--no-deps", str(light))
        programs.run("python", "-c", BOTH)
        programs.run("python", "-m", "pip", "uninstall", "-q", "-y", "playmask-serve")
        programs.run("python", "-c", "import playmask; playmask.load_exported")
    print(f"{light.name} and {wheel.name} install and work.")


if __name__ == "__main__":
    main()
