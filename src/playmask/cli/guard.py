"""What stands around every command: one line for each error, and the exit code.

0 done; 1 a fault of playmask; 2 a fault in what was given; 130 interrupted.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from playmask.data.gathering import BadLine
from playmask.errors import PlaymaskError

DEBUG = "--debug"
FAULT, WRONG, INTERRUPTED = 1, 2, 130
SKIP = " --skip-bad leaves such lines out."


class Interrupted(Exception):
    """Ctrl-C, with a sentence on what was kept."""


class Commands(TyperGroup):
    """The group of all commands; whatever one raises ends here."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run one command and exit."""
        line, debug = _without_debug(sys.argv[1:] if args is None else args)
        _speak_utf8()

        def run() -> None:
            with self.make_context("playmask", line) as context:
                self.invoke(context)

        sys.exit(status(run, debug=debug))


def status(run: Callable[[], None], *, debug: bool = False) -> int:
    """Run something and turn how it ended into an exit code, with one line on stderr."""
    try:
        run()
        sys.stdout.flush()
        return 0
    except typer.Exit as leaving:
        return leaving.exit_code
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except (KeyboardInterrupt, typer.Abort, Interrupted) as stop:
        complain(str(stop) or "interrupted")
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, line = _explain(error)
        if line:
            complain(line)
        return code


def complain(message: str) -> None:
    """Write one line to stderr, whatever line ends the message has."""
    if sys.stdout.isatty():
        print(flush=True)  # a progress bar may stand in the middle of its line
    print("playmask:", " ".join(message.split("\n")), file=sys.stderr, flush=True)


def _explain(error: Exception) -> tuple[int, str]:
    """The exit code for an error, and the line that tells the user."""
    if isinstance(error, PlaymaskError):
        return WRONG, f"{error}{SKIP if isinstance(error, BadLine) else ''}"
    if hasattr(error, "format_message"):  # a usage error of the command line's parser
        return _explain_usage(error)
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return WRONG, f"{name}{error.strerror}."
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return WRONG, "The memory is full; a smaller --batch-size or --max-length needs less."
    said = (str(error).splitlines() or [""])[0][:300]
    return FAULT, f"internal error ({type(error).__name__}: {said}); run with {DEBUG} to see where."


def _explain_usage(error: Any) -> tuple[int, str]:
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return WRONG, ""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "playmask"
    message = error.format_message().rstrip(".")
    return WRONG, f"{message}; see {path} --help."


def _without_debug(line: Sequence[str]) -> tuple[list[str], bool]:
    """Take --debug out of a command line, wherever it stands before a lone "--"."""
    line = list(line)
    end = line.index("--") if "--" in line else len(line)
    options = [word for word in line[:end] if word != DEBUG]
    return options + line[end:], len(options) < end


def _speak_utf8() -> None:
    """Files and pipes get UTF-8 in every locale; a terminal gets "?" for what it cannot show."""
    if hasattr(sys.stdout, "reconfigure"):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def _silence_stdout() -> None:
    """Nobody reads on; keep the interpreter from complaining about it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
