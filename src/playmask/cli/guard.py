"""What stands around every command: one line for each error, and the exit code.

0 done; 1 a fault of playmask; 2 a fault in what was given, or of the machine; 130 interrupted.
"""

import errno
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from playmask.cli.help_pages import Localised
from playmask.cli.messages import check_language
from playmask.cli.output import abandon, complain, flush, note, print_text, print_traceback
from playmask.data.gathering import BadLine
from playmask.errors import PlaymaskError, ProcessError, nearest
from playmask.validation_errors import sentence_about

NAME, DEBUG = "playmask", "--debug"
FAULT, WRONG, LOST, INTERRUPTED = 1, 2, 3, 130
ABRUPT = LOST, INTERRUPTED  # Python is not asked to end in order
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MEMORY_FULL = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "t allocate memory")
"""What the backends say, whose errors have no class of their own."""
SENTENCE = 1000  # characters of what a command does, at most
SHOWN = 300  # characters of an error that nobody foresaw


class Interrupted(Exception):
    """Ctrl-C, with a sentence on what was kept."""


class Suggesting(Localised, TyperGroup):
    """A group of commands that names the nearest one where there is none of a name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that a line names, and the rest of the line."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"No such command {name!r}.{nearest(name, self.list_commands(ctx))}")
        resolved: tuple[Any, Any, list[str]] = super().resolve_command(ctx, args)
        return resolved

    def help_of(self, ctx: Any, item: Any) -> str:
        """What a command does, whole; typer's own completion cuts it."""
        command = self.get_command(ctx, item.value)
        return command.get_short_help_str(SENTENCE) if command else super().help_of(ctx, item)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write what each command does, whole: in several lines where one is too narrow."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, each.get_short_help_str(SENTENCE)) for name, each in commands if each]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Commands(Suggesting):
    """The group of all commands; whatever one raises ends here."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run one command and exit, or answer a shell that completes a line."""
        self._main_shell_completion({}, NAME)
        line, debug = _without_debug(sys.argv[1:] if args is None else args)
        _speak_utf8()

        def run() -> None:
            check_language()
            try:
                with self.make_context(NAME, line) as context:
                    self.invoke(context)
            except Exception as error:
                if type(error).__name__ != "NoArgsIsHelpError":
                    raise
                print_text(error.format_message())  # type: ignore[attr-defined]
                raise typer.Exit(WRONG) from None

        sys.exit(status(run, debug=debug))


def status(run: Callable[[], None], *, debug: bool = False) -> int:
    """Run something and turn how it ended into an exit code, with one line on stderr.

    Every error that a command can end in comes through here.
    """
    try:
        run()
        flush()
        return 0
    except typer.Exit as leaving:
        return leaving.exit_code
    except BrokenPipeError:
        return 0
    except (KeyboardInterrupt, typer.Abort, Interrupted) as stop:
        complain(str(stop) or "interrupted")
        return INTERRUPTED
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        if debug:
            print_traceback(traceback.format_exc())
        code, line = _explain(error)
        complain(line)
        return code
    finally:
        abandon()


def show_warnings() -> None:
    """Let a warning be a note, in place of two lines of source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"playmask: {message}")

    warnings.showwarning = show


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit code for an error, and the line that tells the user."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ProcessError):
        return LOST, str(error)
    skips = isinstance(error, BadLine)
    if isinstance(error, PlaymaskError):
        return WRONG, f"{error} --skip-bad leaves such lines out." if skips else str(error)
    if hasattr(error, "format_message"):  # a usage error of the command line's parser
        return WRONG, _explain_usage(error)
    full = any(words in text for words in MEMORY_FULL)
    if full or isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM:
        return WRONG, (
            "The memory is full; a smaller --batch-size or --max-length needs less. In training "
            "--rematerialize does too, and --accumulate joins small batches to one step."
        )
    if isinstance(error, OSError):
        return WRONG, _explain_machine(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("playmask"):
        return WRONG, f"The package {error.name!r} is not installed: pip install {error.name}."
    first = (text.splitlines() or [""])[0][:SHOWN]
    return FAULT, (
        f"internal error ({first}); run with {DEBUG} to see where. This is a bug of playmask: "
        "please report that line and what it shows to the project."
    )


def _explain_machine(error: OSError) -> str:
    """What the operating system refused: a file, a folder, room on a disk."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    where = f"{' -> '.join(names)}: " if names else ""
    if error.errno in DISK_FULL:
        return f"{where}The disk is full; make room, then run the same command again."
    reason = error.strerror or str(error) or "The operating system refused it"
    return f"{where}{reason.rstrip('.')}."


def _explain_usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "playmask"
    message = _value_refused(error) or error.format_message()
    if message.endswith("?"):
        return f"{message} See {path} --help."
    return f"{message.rstrip('.')}; see {path} --help."


def _value_refused(error: Any) -> str:
    """What an option's value is and has to be, where pydantic refused it, else nothing."""
    param, errors = getattr(error, "param", None), getattr(error.__cause__, "errors", None)
    if param is None or errors is None:
        return ""
    first = errors()[0]
    return sentence_about(param.opts[-1], f"{first['input']!s:.60}", first)


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
