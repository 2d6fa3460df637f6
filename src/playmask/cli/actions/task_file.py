"""Files of YAML that say how a task is trained: every option of `playmask train`, by its name."""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import yaml

from playmask.cli.actions.run_folder import defaults_of, options_of
from playmask.cli.command_tables import NEEDED
from playmask.cli.commands.train import parameters_of_task
from playmask.cli.help_pages import localised, wrapped
from playmask.cli.messages import translated
from playmask.cli.options import NewModel, typed
from playmask.cli.output import note
from playmask.data.lines import read_whole
from playmask.errors import ConfigError, nearest
from playmask.files import write_bytes
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.registry import SETTINGS

if TYPE_CHECKING:
    from playmask.tasks.settings import TaskSettings

TASK = "task"
NOW = ("resume", "force")  # what a command says of the folder that it finds
WIDTH = 96
NULL = "tag:yaml.org,2002:null"


class Parameter(NamedTuple):
    """An option of a task: its help, heading and type, and its default, NEEDED for none."""

    text: str
    group: str
    kind: type
    default: Any


class Entry(NamedTuple):
    """What a line says of an option."""

    line: int
    name: str
    text: str | None


def parameters(settings: "type[TaskSettings]") -> dict[str, Parameter]:
    """The options of a task that a file may have."""
    return {
        name: _parameter(*annotated)
        for name, annotated in parameters_of_task(settings).items()
        if name not in NOW
    }


def _parameter(annotated: Any, default: Any) -> Parameter:
    hint, info = get_args(annotated)
    kind = next((each for each in get_args(hint) if each is not NoneType), hint)
    return Parameter(info.help, info.rich_help_panel or "", kind, default)


# Writing


def write_template(task: str, file: Path, *, force: bool) -> None:
    """Write a file with every option of a task; raises ConfigError where there is one already."""
    if task not in SETTINGS:
        raise ConfigError(f"There is no task {task!r:.60}.{nearest(task, SETTINGS)}")
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; give another name, or --force.")
    write_bytes(file, template(SETTINGS[task], f"runs/{file.stem}").encode())
    note(f"{file} is written; say in it what to train on, then: playmask run {file}")


def template(settings: "type[TaskSettings]", out: str) -> str:
    """A file with every option of a task, those that have a default as comments.

    out: the folder that the task is to be saved in
    """
    known = parameters(settings)
    defaults = {"out": out} | {name: False for name, each in known.items() if each.kind is bool}
    for recipe in (TrainingOptions, settings, NewModel):
        defaults |= defaults_of(recipe)
    lines = [
        *_comment(settings.summary),
        *_comment("An option has its default where its line begins with #. playmask run FILE"),
        "",
        f"{TASK}: {settings.task}",
    ]
    for group in dict.fromkeys(each.group for each in known.values()):
        if group:
            lines += ["", f"# ---- {translated(group)} ----"]
        for name, each in known.items():
            if each.group == group:
                mark = "" if each.default is NEEDED else "# "
                lines += ["", *_comment(each.text), f"{mark}{name}:{_value(defaults.get(name))}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    """A text in the reader's language, as comments."""
    return [f"# {line}" for line in wrapped(localised(text), WIDTH - len("# "))]


def _value(value: Any) -> str:
    """A value as YAML writes it, behind a space; nothing for none."""
    if value is None or value == ():
        return ""
    value = [*value] if isinstance(value, tuple) else value
    dumped: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
    return f" {dumped.splitlines()[0]}"


# Reading


class TaskFile(NamedTuple):
    """What a file says: the settings of its task, all of its options, and the text itself."""

    settings: "type[TaskSettings]"
    options: dict[str, Any]
    text: str


def read_task_file(path: Path) -> TaskFile:
    """Read a file of a task's options.

    Raises: ConfigError naming the line of a key or a value that cannot be
    """
    text = read_whole(path)
    entries = {each.name: each for each in _entries(path, text)}
    task = entries.pop(TASK, None)
    if task is None or task.text not in SETTINGS:
        where = f"{path}:{task.line}" if task else f"{path}"
        near = nearest(str(task.text), SETTINGS) if task else f" {', '.join(SETTINGS)} are known."
        raise ConfigError(f"{where}: task is {task and task.text!r:.60}, no task.{near}")
    settings = SETTINGS[task.text]
    known = parameters(settings)
    options = {name: each.default for name, each in known.items()}
    for entry in entries.values():
        if entry.name not in known:
            near = nearest(entry.name, known)
            raise _at(path, entry, f"A task {task.text!r} has no option {entry.name!r}.{near}")
        if entry.text is not None:
            try:
                value = typed(entry.name, entry.text, known[entry.name].kind)
            except ConfigError as error:
                raise _at(path, entry, error) from None
            if value is not False:  # what a command line cannot say
                options[entry.name] = value
    for name, each in known.items():
        if options[name] is NEEDED:
            raise ConfigError(f"{path}: {name} is missing. {each.text}")
    _check(path, entries, settings, options)
    return TaskFile(settings, options, text)


def _check(
    path: Path, entries: dict[str, Entry], settings: "type[TaskSettings]", options: dict[str, Any]
) -> None:
    """Refuse what a recipe does, by the line of the value that it refuses alone, if it is one."""
    for recipe in (TrainingOptions, settings, NewModel):
        try:
            options_of(recipe, options)
        except ConfigError as error:
            for name in defaults_of(recipe).keys() & entries.keys():
                try:
                    options_of(recipe, {name: options[name]})
                except ConfigError as alone:
                    raise _at(path, entries[name], alone) from None
            raise ConfigError(f"{path}: {error}") from None


def _at(path: Path, entry: Entry, reason: object) -> ConfigError:
    return ConfigError(f"{path}:{entry.line}: {reason}")


def _entries(path: Path, text: str) -> Iterator[Entry]:
    """The keys of a file and their values as they are written, lists with commas between."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path}:{mark.line + 1}"
        reason = getattr(error, "problem", None) or type(error).__name__
        raise ConfigError(f"{where}: The file is not YAML ({reason!s:.200}).") from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}: The file has no options; lines such as epochs: 3 are due.")
    names: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value).replace("-", "_")
        if name in names:
            raise ConfigError(f"{path}:{line}: {name} came before.")
        names.add(name)
        parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not all(isinstance(each, yaml.ScalarNode) for each in (key, *parts)):
            raise ConfigError(f"{path}:{line}: {name!r:.60} has no value, nor a list of values.")
        said = None if value.tag == NULL else ",".join(each.value for each in parts)
        yield Entry(line, name, said)
