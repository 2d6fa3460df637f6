"""Running the command line, in this process and as a real one, and data to run it on."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
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


def help_texts(command=None, context=None) -> Iterator[str]:
    """What the help of a command, or of the program, says, and of those below it."""
    command = command or typer.main.get_command(app)
    context = context or command.context_class(command, info_name="playmask")
    yield from re.split(r"\n\s*\n", command.help or "")
    yield command.get_short_help_str(1000)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        yield record[1] if record else ""
        yield getattr(parameter, "rich_help_panel", None) or ""
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)
        yield from help_texts(inner, inner.context_class(inner, info_name=name, parent=context))


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
