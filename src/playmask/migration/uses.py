"""Which names of bert4keras a script uses, and where: imports, calls, arguments, attributes.

Variables are followed by their names alone: `tokenizer = Tokenizer(…)` makes every `tokenizer.x`
an attribute of a Tokenizer. What is reached in other ways is not seen.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playmask.migration.names import entry_by_name, find

PROGRAM = "bert4keras"
OTHERS = ("keras", "tensorflow", "os")
"""Other programs of whose names the table has some."""
OLD_MODULES = {
    "bert": "models",
    "tokenizer": "tokenizers",
    "utils": "snippets",
    "train": "optimizers",
}
"""Modules of early versions, and what they are called in 0.11.5."""
REEXPORTS = {
    "backend": (),
    "layers": ("backend",),
    "models": ("layers", "snippets", "backend"),
    "optimizers": ("snippets", "backend"),
    "snippets": ("backend",),
    "tokenizers": ("snippets",),
}
"""The modules whose names a module has too, since it imports them."""
NAMESPACES = {
    "backend.keras": "keras",
    "backend.K": "K",
    "backend.tf": "tf",
    "tensorflow": "tf",
    "tf.keras": "keras",
    "keras.backend": "K",
    "keras.models.Model": "keras.Model",
    "layers.Model": "keras.Model",
    "keras.engine.training.Model": "keras.Model",
}
"""Other names of what the table has by the shorter one."""
BUILD, FUNCTIONAL, OBJECT = "models.build_transformer_model", "keras.Model", "models.Transformer"
EXTENDED = "optimizers.extend_with_"
POSITIONAL = {
    BUILD: ("config_path", "checkpoint_path", "model", "application", "return_keras_model"),
    "tokenizers.Tokenizer": ("token_dict", "do_lower_case"),
    "tokenizers.Tokenizer.encode": ("first_text", "second_text", "maxlen"),
    "tokenizers.load_vocab": ("dict_path", "encoding", "simplified", "startswith"),
    "snippets.DataGenerator": ("data", "batch_size", "buffer_size"),
    "snippets.AutoRegressiveDecoder.random_sample": ("inputs", "n", "topk", "topp"),
    "snippets.AutoRegressiveDecoder.beam_search": ("inputs", "topk"),
    "layers.GlobalPointer": ("heads", "head_size"),
    "optimizers.Adam": ("learning_rate",),
}
"""The arguments of functions that scripts give by their places."""
KERAS_ARGUMENTS = ("name", "dtype", "trainable")
"""What every layer and optimizer of Keras' takes."""


class Use(NamedTuple):
    """A name of the table, or one that it lacks, and the line where a script has it."""

    name: str
    line: int


class Uses(NamedTuple):
    """All that a script uses of bert4keras, in the order of its lines.

    known: names of the table; unknown: names that bert4keras 0.11.5 has not, or whose use is not
    described; scripts: other scripts beside it whose names it takes as a whole (`from x import *`)
    """

    known: tuple[Use, ...]
    unknown: tuple[Use, ...]
    scripts: tuple[Use, ...]


def uses_of(tree: ast.Module, folder: Path) -> Uses:
    """Find what a script uses.

    folder: where it lies, with other scripts that it may import
    """
    reader = _Reader(folder)
    for node in ast.walk(tree):
        reader.take_import(node)
    reader.visit(tree)
    known, unknown = ({*reader.known}, {*reader.unknown})
    by_line = [sorted(each, key=lambda use: use[::-1]) for each in (known, unknown)]
    return Uses(tuple(by_line[0]), tuple(by_line[1]), tuple(reader.scripts))


class _Reader(ast.NodeVisitor):
    """A walk through a script, which knows what each local name stands for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origins: dict[str, str] = {}  # a local name -> what was imported
        self.kinds: dict[str, str] = {}  # a variable -> the class of what it holds
        self.derived: set[str] = set()  # classes of the script, and variables that hold one
        self.bases: set[str] = set()  # what those classes are derived from
        self.extended: set[str] = set()  # optimizers' classes that extend_with_… has made
        self.stars: list[str] = []
        self.known: list[Use] = []
        self.unknown: list[Use] = []
        self.scripts: list[Use] = []

    def record(self, name: str, line: int) -> bool:
        """Note a use, if it is one of the table."""
        entry_name = find(name)
        if entry_name is not None:
            self.known.append(Use(entry_name, line))
        return entry_name is not None

    # Imports

    def take_import(self, node: ast.AST) -> None:
        """Note what an import brings, and by which name."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                self.origins[alias.asname or module] = _canonical(_apart(module))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            program, _, module = node.module.partition(".")
            for alias in node.names:
                if program == PROGRAM:
                    self._take_name(module, alias, node.lineno)
                elif alias.name != "*":
                    self._bind(alias, _apart(f"{node.module}.{alias.name}"), node.lineno)
                elif self._is_beside(node.module):
                    self.scripts.append(Use(node.module, node.lineno))

    def _is_beside(self, module: str) -> bool:
        """Whether a module is a file beside the script."""
        path = self.folder.joinpath(*module.split("."))
        return any(file.is_file() for file in (path.with_suffix(".py"), path / "__init__.py"))

    def _take_name(self, module: str, alias: ast.alias, line: int) -> None:
        """Note a name of bert4keras that is imported."""
        module = OLD_MODULES.get(module, module)
        if alias.name == "*":
            self.stars.append(module)
        elif not module:
            self.origins[alias.asname or alias.name] = OLD_MODULES.get(alias.name, alias.name)
        else:
            origin = _home(module, alias.name)
            if origin is None:
                self.unknown.append(Use(f"{module}.{alias.name}", line))
            else:
                self._bind(alias, origin, line)

    def _bind(self, alias: ast.alias, origin: str, line: int) -> None:
        if not self.record(origin, line):
            self.record(_canonical(origin), line)
        self.origins[alias.asname or alias.name] = _canonical(origin)

    # What an expression stands for

    def origin(self, node: ast.AST) -> str | None:
        """The imported name that an expression is."""
        if isinstance(node, ast.Name):
            if node.id in self.origins:
                return self.origins[node.id]
            homes = (_home(module, node.id, strict=True) for module in self.stars)
            home = next(filter(None, homes), None)
            if home is None and f"script.{node.id}" in entry_by_name():
                home = f"script.{node.id}"
            return home
        if isinstance(node, ast.Attribute):
            base = _canonical(self.origin(node.value) or "")
            if base == PROGRAM:
                return OLD_MODULES.get(node.attr, node.attr)
            if base in REEXPORTS:
                home = _home(base, node.attr)
                return _canonical(home or f"{base}.{node.attr}")
            return _canonical(f"{base}.{node.attr}") if base else None
        return None

    def kind(self, node: ast.AST) -> str | None:
        """The class of what an expression holds, where it is one of the table."""
        if isinstance(node, ast.Name):
            return self.kinds.get(node.id)
        if isinstance(node, ast.Attribute):
            inside = self.kind(node.value) == OBJECT and node.attr == "model"
            return FUNCTIONAL if inside else None
        if not isinstance(node, ast.Call):
            return None
        origin = self.origin(node.func)
        if origin == BUILD:
            words = {each.arg: each.value for each in node.keywords}
            as_object = _constant(words.get("return_keras_model")) is False
            return OBJECT if as_object else FUNCTIONAL
        is_class = origin is not None and origin.rpartition(".")[2][:1].isupper()
        return origin if is_class or (origin or "").startswith(EXTENDED) else None

    # The walk

    def visit_Name(self, node: ast.Name) -> None:
        """A name that came with all others of a module."""
        if node.id not in self.origins and isinstance(node.ctx, ast.Load):
            home = self.origin(node)
            if home is not None:
                self.record(home, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """An attribute of a module, or of an object whose class is known."""
        self.generic_visit(node)
        origin, kind = self.origin(node), self.kind(node.value)
        if origin is not None and self.record(origin, node.lineno):
            return
        if origin is not None and origin.partition(".")[0] in REEXPORTS and "." in origin:
            self.unknown.append(Use(origin, node.lineno))
        elif kind is not None and not self.record(f"{kind}.{node.attr}", node.lineno):
            own = isinstance(node.value, ast.Name) and node.value.id in self.derived
            if kind.startswith(("tokenizers.", "snippets.")) and not own:
                self.unknown.append(Use(f"{kind}.{node.attr}", node.lineno))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """An environment variable."""
        self.generic_visit(node)
        if self.origin(node.value) == "os.environ":
            self.record(f"environ.{_constant(node.slice)}", node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        """A call with its arguments by name."""
        self.generic_visit(node)
        owner = self.origin(node.func)
        if owner is None and isinstance(node.func, ast.Attribute):
            kind = self.kind(node.func.value)
            owner = kind and f"{kind}.{node.func.attr}"
        if owner is None:
            return
        if isinstance(node.func, ast.Name):
            self.record(owner, node.lineno)
        names = POSITIONAL.get(find(owner) or "", ())
        for name, value in zip(names, node.args, strict=False):
            if not (isinstance(value, ast.Starred) or owner in self.bases):
                self.record(f"{owner}({name}=)", value.lineno)
        for word in node.keywords:
            if word.arg is not None:
                self._take_argument(owner, word.arg, word.value)

    def _take_argument(self, owner: str, name: str, value: ast.expr) -> None:
        """An argument, by its value where the table has that."""
        value_text = _constant(value)
        owners = [owner]
        if owner.startswith(EXTENDED):  # one optimizer may be extended several times
            owners += [each for each in entry_by_name() if each.startswith(EXTENDED)]
            owners.append("optimizers.Adam")
        for each in owners:
            by_value = f"{each}({name}={value_text!r})"
            if self.record(by_value, value.lineno) or self.record(f"{each}({name}=)", value.lineno):
                return
        described = any(each.startswith(f"{owner}(") for each in entry_by_name())
        if described and name not in KERAS_ARGUMENTS and owner not in self.bases:
            self.unknown.append(Use(f"{owner}({name}=)", value.lineno))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """A class that is derived from one of the table: its name, its methods, `self`."""
        bases = [self.origin(base) for base in node.bases]
        origin = next((base for base in bases if base is not None and find(base)), None)
        before = self.kinds.get("self")
        if origin is not None:
            self.record(origin, node.lineno)
            self.origins[node.name], self.kinds["self"] = origin, origin
            self.derived |= {node.name, "self"}
            self.bases.add(origin)
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    self.record(f"{origin}.{each.name}", each.lineno)
        else:
            self.kinds.pop("self", None)
        self.generic_visit(node)
        self.kinds.pop("self", None)
        if before is not None:
            self.kinds["self"] = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function that scripts copy from each other."""
        self.record(f"script.{node.name}", node.lineno)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """What a variable holds from here on."""
        self.generic_visit(node)
        kind = self.kind(node.value)
        function = node.value.func if isinstance(node.value, ast.Call) else None
        maker = function.id if isinstance(function, ast.Name) else ""
        for target in node.targets:
            if not isinstance(target, ast.Name) or kind is None:
                continue
            if kind.startswith(EXTENDED) and maker not in self.extended:
                self.origins[target.id] = kind
                self.extended.add(target.id)
            else:
                self.kinds[target.id] = kind
                if maker in self.derived:
                    self.derived.add(target.id)


def _home(module: str, name: str, *, strict: bool = False) -> str | None:
    """The table's name for a name of a module of bert4keras, which may have it from elsewhere.

    strict: whether a name that the table lacks is none, else a class may be one of Keras' layers
    """
    for each in (module, *REEXPORTS.get(module, ())):
        if f"{each}.{name}" in entry_by_name():
            return f"{each}.{name}"
    if not strict and module in ("layers", "models") and name[:1].isupper():
        return f"keras.layers.{name}"
    return None


def _apart(origin: str) -> str:
    """A name that is imported, marked where the table's name of that spelling is bert4keras'."""
    known = origin.partition(".")[0] in (PROGRAM, *OTHERS)
    return origin if known else f"elsewhere:{origin}"


def _canonical(origin: str) -> str:
    """The shortest of several names of the same thing."""
    before = ""
    while before != origin:
        before = origin
        for long, short in NAMESPACES.items():
            if origin == long or origin.startswith(f"{long}."):
                origin = short + origin[len(long) :]
        origin = origin.removeprefix(f"{PROGRAM}.")
    return origin


def _constant(node: ast.AST | None) -> object:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def texts_of(tree: ast.Module) -> Iterator[Use]:
    """The words of a script that hint at its task: definitions, strings, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield Use(f"def {node.name}", node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Use(f"'{node.value:.60}'", node.lineno)
