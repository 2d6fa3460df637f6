"""Exit codes, one line for each error, and the quick help."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import playmask
from cli.commands import PROGRAM, call, complaint
from pairwise import marked
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
        ("train clasify x", "No such command 'clasify'. Did you mean 'classify'? See"),
        ("train regres x", "Did you mean 'regress'? See playmask train --help."),
        ("trian x", "Did you mean 'train'? See playmask --help."),
        ("draw msak lm", "Did you mean 'mask'?"),
        ("xyzzy", "Known: 'annotate', 'compare'"),
        ("inspect /nowhere/at/all", "There is no checkpoint at /nowhere/at/all"),
        ("predict /nowhere --text 好", "There is no task in /nowhere"),
        ("train classify a.tsv", "Missing option '--out'"),
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


class Panic(BaseException):
    """As libraries in Rust raise it."""


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a\nb"), 2, "playmask: a b\n"),
        (PermissionError(13, "Permission denied", "f"), 2, "playmask: f: Permission denied.\n"),
        (
            OSError(28, "No space left on device", "f"),
            2,
            "playmask: f: The disk is full; make room",
        ),
        (OSError(18, "Cross-device link", "f", None, "g"), 2, "playmask: f -> g: Cross-device"),
        (OSError(12, "Cannot allocate memory"), 2, "smaller --batch-size"),
        (OSError("odd"), 2, "playmask: odd.\n"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), 2, "smaller --batch-size"),
        (
            ModuleNotFoundError("No module", name="torch"),
            2,
            "'torch' is not installed: pip install",
        ),
        (ModuleNotFoundError("No module", name="playmask.x"), 1, "internal error"),
        (RecursionError("too deep"), 1, "This is a bug of playmask: please report"),
        (Panic("at the disco"), 1, "internal error (Panic: at the disco)"),
        (ConfigError("a\x1b[2J\u202eb\x00"), 2, r"playmask: a\x1b[2J\u202eb\x00"),
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


FULL = Path("/dev/full")


def shell(line, **options):
    """A line of the shell in which playmask is the real program."""
    program = f"{sys.executable} -c 'from playmask.cli import main; main()'"
    line = line.replace("playmask", program)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, **options)


@pytest.mark.parametrize("line", ["", " --help", " families --markdown", " draw mask lm"])
def test_nobody_reads_on(line):
    """As with `playmask | head -1`, or nobody at all."""
    for reader in ("head -1", "true"):
        done = shell(f"playmask{line} | {reader}; exit ${{PIPESTATUS[0]}}")
        assert done.stderr == "" and done.returncode in (0, 2), done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
def test_a_full_disk_is_one_line():
    done = shell("playmask draw mask lm > /dev/full")
    assert done.returncode == 2
    assert (
        done.stderr == "playmask: The disk is full; make room, then run the same command again.\n"
    )


LINES, CLOSED = (("draw mask lm", 0), ("draw mask lmm", 2), ("", 2)), (">&-", "2>&-", ">&- 2>&-")
STREAMS = [(*line, closed) for line in LINES for closed in CLOSED]
EACH = [(*line, CLOSED[i - 1]) for i, line in enumerate(LINES)]  # a process is seconds


@pytest.mark.parametrize(("line", "code", "closed"), marked(STREAMS, EACH))
def test_closed_streams(line, code, closed):
    done = shell(f"playmask {line} {closed}")
    assert done.returncode == code and "Traceback" not in done.stderr + done.stdout


def test_a_missing_package_is_named():
    done = shell("playmask count bert", env={**os.environ, "KERAS_BACKEND": "nonsense"})
    assert done.returncode in (1, 2) and done.stderr.startswith("playmask: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_warning_is_a_note(tmp_path):
    code = (
        "import warnings; from playmask.cli.guard import show_warnings; show_warnings();"
        "warnings.warn('odd \\x1b[2J name')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "playmask: odd \\x1b[2J name\n"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--workers", "0", "--workers is 0; at least 1 is due"),
        ("--workers", "x", "--workers is x; a whole number is due"),
        ("--port", "70000", "--port is 70000; at most 65535 is due"),
        ("--max-wait-ms", "x", "--max-wait-ms is x; a number is due"),
    ],
)
def test_an_options_value_that_cannot_be_is_named_with_what_is_due(option, value, said, tmp_path):
    refused = complaint(call("serve", tmp_path, option, value))
    assert refused == f"{said}; see playmask serve --help."


def test_times_that_no_clock_takes_are_refused(tmp_path):
    for option in ("--timeout", "--max-wait-ms"):
        for value in ("inf", "nan"):
            name = option.removeprefix("--").replace("-", "_")
            assert complaint(call("serve", tmp_path, option, value)).startswith(f"{name} is ")
