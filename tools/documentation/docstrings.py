"""Griffe extensions: the public names, found in the sources, and sections of their docstrings.

Nothing is imported: `_HOME` of `playmask/__init__.py` is read as it is written.
"""

import ast
import re
from textwrap import dedent

from griffe import Alias, Extension

NAMES = "Shapes Units Raises Source Returns Weights Letters Example".split()
SECTION = re.compile(rf"^(?P<name>{'|'.join(NAMES)}):[ \t]*(?P<text>.*)$")
ARGUMENT = re.compile(r"^(?P<name>[a-z_]+(?:, [a-z_]+)*):[ \t]+(?P<text>.*)$")
NEXT = re.compile(r";\s+(?=[a-z_]+(?:, [a-z_]+)*: )")
CODE = re.compile(r"(`[^`]*`)")


class PublicNames(Extension):
    """`playmask.load` is where it is defined, as `playmask.__getattr__` finds it at run time."""

    def on_package(self, *, pkg, **_):
        """Give the package its public names, each an alias of its definition."""
        if pkg.name != "playmask":
            return
        homes = ast.literal_eval(str(pkg.attributes["_HOME"].value))
        for name, home in homes.items():
            pkg.set_member(name, Alias(name, definition(pkg, home, name), parent=pkg))


def definition(package, home, name):
    """The class or function of a name: in its home, where that imports it from, or below it."""
    module = package
    for part in home.split("."):
        module = module.modules[part]
    member = module.members.get(name)
    if member is not None and member.is_alias:
        home, _, name = member.target_path.removeprefix("playmask.").rpartition(".")
        return definition(package, home, name)
    found = list(defined(module, name))
    if len(found) != 1:
        raise LookupError(f"{name} is defined {len(found)} times below playmask.{home}, not once.")
    return found[0]


def defined(module, name):
    """The class or function so called in a module and in those below it; no import of one."""
    member = module.members.get(name)
    if member is not None and not member.is_alias and not member.is_module:
        yield member
    for below in module.modules.values():
        if not below.is_alias:
            yield from defined(below, name)


class Sections(Extension):
    """Docstrings' sections as Markdown: lists of arguments and of what applies, the example."""

    def on_object(self, *, obj, **_):
        """Rewrite the docstring of each object."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """A docstring of this project as Markdown."""
    blocks: list[list[str]] = []
    for line in docstring.splitlines():
        begins = SECTION.match(line) or ARGUMENT.match(line)
        if begins or not blocks or ends(blocks[-1], line):
            blocks.append([])
        blocks[-1].append(line)
    return "\n".join(map(written, blocks))


def ends(block: list[str], line: str) -> bool:
    """Whether a line is no part of the block before it."""
    section = SECTION.match(block[0])
    if section and section["name"] == "Example":
        return bool(line) and not line.startswith(" ")
    return not line or not block[0] or bool(section and not line.startswith(" "))


def written(block: list[str]) -> str:
    """A block as Markdown: prose as it stands."""
    if match := SECTION.match(block[0]):
        if match["name"] == "Example":
            return "\n```pycon\n" + dedent("\n".join(block[1:])).strip() + "\n```\n"
        return listed(f"**{match['name']}**: ", [joined(match["text"], block)])
    if match := ARGUMENT.match(block[0]):
        first, *others = NEXT.split(joined(match["text"], block).rstrip(";"))
        parts = (ARGUMENT.match(each) for each in others)
        return listed("", [argument(match["name"], first)]) + "".join(
            listed("", [argument(part["name"], part["text"])]) for part in parts if part
        )
    return "\n".join(block)


def joined(text: str, block: list[str]) -> str:
    """The first line's text with the lines that continue it."""
    return " ".join([text, *map(str.strip, block[1:])])


def argument(names: str, text: str) -> str:
    """An argument with what is said of it."""
    return ", ".join(f"`{name}`" for name in names.split(", ")) + f": {escaped(text)}"


def listed(label: str, texts: list[str]) -> str:
    """Items of a list, which begin with a label."""
    return "".join(f"\n- {label}{escaped(text) if label else text}\n" for text in texts)


def escaped(text: str) -> str:
    """Formulas as they stand: no emphasis, links or tags outside of code."""
    parts = CODE.split(text)
    return "".join(p if p.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", p) for p in parts)
