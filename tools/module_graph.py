"""Which modules of playmask import which, read off the source; nothing is imported for it."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "playmask"


def module_of(path: Path) -> str:
    """src/playmask/parts/dot.py -> playmask.model.parts.dot; a package is its __init__."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    """The syntax of a module."""
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """The modules that some nodes import, of playmask's and of others, with their lines."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in FILES else str(node.module), node.lineno
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno


def own(modules: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Those that are playmask's."""
    return ((module, line) for module, line in modules if module.split(".")[0] == "playmask")


def named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The modules whose contents some nodes name as "package.module:name", to import them later."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, _ = node.value.partition(":")
            if colon and module in FILES:
                yield module


def run_on_import(nodes: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of a module that run when it is imported: no functions, no types alone."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from run_on_import(node.orelse)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from run_on_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from run_on_import(handler.body)


def packages_of(module: str) -> Iterator[str]:
    """The packages that a module stands in, which are imported with it."""
    parts = module.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


@cache
def needed(module: str) -> frozenset[str]:
    """What is imported with a module: modules of playmask, and the packages of others."""
    reached: set[str] = set()
    left = [module]
    while left:
        current = left.pop()
        current = current if current in FILES else current.split(".")[0]
        if current not in reached:
            reached.add(current)
            if current in FILES:
                left += [*packages_of(current)]
                left += [each for each, _ in imports(run_on_import(tree_of(current).body))]
    return frozenset(reached)


def closed_under_imports(entries: Iterable[str], without: frozenset[str]) -> list[str]:
    """The modules that some entries reach by imports, without those that need some others.

    Imports inside functions and by name are followed too, where what they import needs none of
    `without`: packages, or modules of playmask.
    Raises: ValueError for an entry that needs one
    """
    left = [*entries]
    for entry in left:
        if heavy := without & needed(entry):
            raise ValueError(f"{entry} needs {', '.join(sorted(heavy))} to be imported.")
    reached: set[str] = set()
    while left:
        module = left.pop()
        if module not in reached and module in FILES and not without & needed(module):
            reached.add(module)
            nodes = [*ast.walk(tree_of(module))]
            left += [*packages_of(module), *named(nodes), *(other for other, _ in imports(nodes))]
    return sorted(reached)
