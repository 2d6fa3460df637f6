"""Running the command line, in this process and as a real one, and data to run it on."""

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from playmask.cli.app import app

PROGRAM = (sys.executable, "-c", "from playmask.cli import main; main()")
STOPPABLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # all are kept
SMALL = "--new --width 16 --depth 1 --attention-heads 2 --vocabulary 64 --max-length 16".split()
SMALL += "--batch-size 16 --learning-rate 0.01".split()


def call(*arguments: object, **options) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(a) for a in arguments], **options)


def start(*arguments: object, **options) -> subprocess.Popen:
    """Run a command as a process of its own, which Ctrl-C reaches wherever the tests run."""
    return subprocess.Popen(
        [*PROGRAM[:2], STOPPABLE + PROGRAM[2], *map(str, arguments)],
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "60"},
        **options,
    )


def complaint(result: Result) -> str:
    """The one line that a refused command writes."""
    assert result.exit_code == 2, result.output + result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("playmask: ")]
    assert len(lines) == 1 and result.stderr.splitlines()[-1] == lines[0], result.stderr
    return lines[0].removeprefix("playmask: ")


def reviews(count: int) -> list[tuple[str, str]]:
    """Reviews of which one word tells the label."""
    things = ("书", "酒店", "手机", "菜", "电影")
    return [
        (f"这{things[i % 5]}真{'好' if i % 2 else '差'}，第{i % 7}次", "好评" if i % 2 else "差评")
        for i in range(count)
    ]


def write_table(path: Path, rows) -> Path:
    """Write rows as a TSV."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path
