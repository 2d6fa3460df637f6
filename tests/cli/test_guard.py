"""Exit codes, one line for each error, and the quick help."""

import subprocess
import sys
import time

import pytest
import typer

import playmask
from cli.commands import PROGRAM, call, complaint
from playmask.cli.guard import status
from playmask.errors import ConfigError

COMMANDS = (
    "",
    "demo",
    "train",
    "train classify",
    "evaluate",
    "predict",
    "inspect",
    "convert",
    "families",
    "count",
    "draw mask",
    "draw attention",
    "explain",
    "experiment",
)


@pytest.mark.parametrize("command", [*COMMANDS, "doctor"])
def test_help(command):
    result = call(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: playmask" in result.stdout and not result.stderr


def test_help_needs_none_of_the_heavy_modules():
    code = (
        "import sys\nfrom playmask.cli import main\n"
        "try: main(['train', 'classify', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'keras', 'numpy', 'jax', 'matplotlib', 'tokenizers', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_help_is_quick():
    """Beside Python with typer alone, measured in turns, since machines are busy at times."""

    def seconds(*command):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    bare = (sys.executable, "-c", "import typer")
    pairs = [(seconds(*PROGRAM, "predict", "--help"), seconds(*bare)) for _ in range(4)]
    helped, alone = map(min, zip(*pairs, strict=True))
    # 2.5 on a quiet machine; with Keras imported it would be 30
    assert helped < 5 * alone, f"{helped:.2f} s, and {alone:.2f} s for typer alone"


def test_version():
    assert call("--version").stdout == f"playmask {playmask.__version__}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("inspect", "Missing argument"),
        ("predict a b c", "unexpected extra argument"),
        ("inspet x", "No such command 'inspet'"),
        ("train clasify x", "No such command 'clasify'"),
        ("inspect /nowhere/at/all", "There is no checkpoint at /nowhere/at/all"),
        ("predict /nowhere --text 好", "There is no task in /nowhere"),
        ("convert a b", "Missing option '--to'"),
        ("train classify x.tsv --out o --epochs 0 --new", "--epochs"),
    ],
)
def test_what_is_wrong_is_one_line(line, said):
    assert said in complaint(call(*line.split()))


def test_a_usage_error_tells_where_the_help_is():
    assert complaint(call("inspect", "--tensor", "x")).endswith("see playmask inspect --help.")


@pytest.mark.parametrize("line", ["--debug inspect /nowhere/x", "inspect /nowhere/x --debug"])
def test_debug_shows_the_traceback(line):
    result = call(*line.split())
    assert result.exit_code == 2
    assert "Traceback" in result.stderr and "CheckpointError" in result.stderr


def test_a_real_process():
    done = subprocess.run([*PROGRAM, "inspect", "/nowhere/x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("playmask: There is no checkpoint")
    assert done.stderr.count("\n") == 1


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a\nb"), 2, "playmask: a b\n"),
        (PermissionError(13, "Permission denied", "f"), 2, "playmask: f: Permission denied.\n"),
        (KeyError("x"), 1, "internal error (KeyError: 'x'); run with --debug"),
        (MemoryError(), 2, "smaller --batch-size"),
        (KeyboardInterrupt(), 130, "playmask: interrupted\n"),
        (typer.Exit(3), 3, ""),
    ],
)
def test_how_errors_end(error, code, said, capsys):
    assert status(raising(error)) == code
    err = capsys.readouterr().err
    assert said in err and err.count("\n") <= 1
