"""The shape of the source: imports point one way, files and functions are small, nothing prints."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from statistics import median

import pytest

import module_graph
from module_graph import FILES, ROOT, SOURCE, closed_under_imports, needed, own, tree_of
from playmask.tasks.registry import TASKS

LAYERS = (
    ("garbage",),
    ("cache_folder", "errors", "keras_import", "lazy"),
    ("files", "habits", "metrics", "protobuf", "untrusted", "validation_errors"),
    ("model",),
    ("data", "families", "labelling", "runtime", "tokenizers"),
    ("checkpoints", "generation"),
    ("onnx",),
    ("tasks",),
    ("inspection", "pretraining"),
    ("playmask",),  # the package itself: its names are imported from these when they are used
    ("experiments", "migration", "server"),
    ("play",),
    ("cli",),
    ("__main__",),
)
"""From the bottom up: what stands on a line may import from the lines above it only."""

MODEL = (
    ("seams",),
    (
        "activations",
        "array_operations",
        "forks",
        "keras_files",
        "layout",
        "old_names",
        "recipes",
        "recomputed",
    ),
    ("masks", "rng", "vector_transform"),
    ("products",),
    ("dense",),
    ("norms",),
    ("parts",),
    ("architecture_checks", "decoder", "vocabulary_head"),
    ("architecture",),
    ("cache", "dropout", "feedforward"),
    ("scene",),
    ("tiles",),
    ("kernels",),
    ("attention", "embeddings", "heads", "input_values", "inputs"),
    ("cross_attention",),
    ("block",),
    ("depth", "transformer"),
)
"""The same inside `model/`, the only room whose inner order matters to who reads it."""

RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}
MODEL_RANK = {unit: rank for rank, units in enumerate(MODEL) for unit in units}
FILE, FUNCTION = 400, 60  # lines at most
PARAMETERS = 8  # of a public function, at most
SUGAR = {
    "playmask.runtime.batches.__init__": "what one data set may choose; all but three by keyword",
    "playmask.checkpoints.load.load": "what one load may choose; fields of the architecture follow",
    "playmask.generation.gap_filling.gibbs": "what one call may choose, all by keyword",
    "playmask.generation.generate.generate": "what one call may choose, all by keyword",
    "playmask.generation.stream.stream": "the same as generate",
}
"""Functions with more parameters, and why; all but the first three are keywords."""
RIDDLES = frozenset("told given kept wanted found made how way seen shown asked".split())
"""No names: they say neither what a thing is, nor can they be searched for."""


def unit_of(module: str) -> str:
    """The file or folder directly under src/playmask that a module is of."""
    return module.split(".")[1] if "." in module else module


def imports(module: str) -> Iterator[tuple[str, int]]:
    """The modules of playmask that a module imports anywhere, with their lines."""
    return own(module_graph.imports(ast.walk(tree_of(module))))


def model_unit_of(module: str) -> str | None:
    """The file or folder directly under src/playmask/model that a module is of."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == ["model"] and len(parts) > 2 else None


def test_every_module_has_a_rank_and_every_rank_a_module():
    found = {unit_of(module) for module in FILES}
    assert found == set(RANK), "give a new module its place in LAYERS and docs/architecture.md"
    inside = {model_unit_of(module) for module in FILES} - {None}
    assert inside == set(MODEL_RANK), "give a new module its place in MODEL"


def test_imports_point_one_way():
    """Imports inside functions count too."""
    wrong = []
    for module in FILES:
        for other, line in imports(module):
            units, ranks = (unit_of(module), unit_of(other)), RANK
            if units[0] == units[1] == "model":
                units, ranks = (model_unit_of(module), model_unit_of(other)), MODEL_RANK
            if units[0] != units[1] and ranks[units[1]] >= ranks[units[0]]:
                place = f"{FILES[module].relative_to(ROOT)}:{line}"
                wrong.append(f"{place}: {units[0]} may not import {other}")
    assert not wrong, "\n".join(wrong)


def test_the_model_wing_needs_nothing_but_errors():
    rooms = {
        unit_of(other)
        for module in FILES
        if unit_of(module) == "model"
        for other, _ in imports(module)
    }
    assert rooms == {"model", "errors"}


def test_no_module_imports_itself_in_a_circle():
    """Inside a folder too, where ranks say nothing; imports inside functions count."""
    edges = {module: {other for other, _ in imports(module)} for module in FILES}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for other in sorted(edges[module]):
                visit(other, (*above, module))
            done.add(module)

    for module in FILES:
        visit(module, ())


SERVE = ROOT / "wheels" / "serve" / "pyproject.toml"


def test_playmask_serve_has_all_tasks_that_answer():
    """And nothing that needs Keras, where an entry that does is refused."""
    chosen = tomllib.loads(SERVE.read_text(encoding="utf-8"))["tool"]["playmask-serve"]
    without = frozenset(chosen["without"])
    modules = closed_under_imports(chosen["entries"], without)
    assert not [module for module in modules if needed(module) & without]
    classes = {task: home.partition(":")[0] for task, home in TASKS.items()}
    assert not {task for task, module in classes.items() if module not in modules}
    with pytest.raises(ValueError, match="tasks.network needs .*keras"):
        closed_under_imports(["playmask.tasks.network"], without)


def test_files_and_functions_stay_small():
    large = []
    for module, path in FILES.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE:
            large.append(f"{path.relative_to(ROOT)} has {lines} lines, at most {FILE}")
        for node in ast.walk(tree_of(module)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    large.append(f"{place}: {node.name} has {lines} lines, at most {FUNCTION}")
    assert not large, "\n".join(large)


def functions(module: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions and methods of a module, inner ones too, with where they stand."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{FILES[module].relative_to(ROOT)}:{node.lineno}: {node.name}", node


def test_most_files_and_functions_are_small():
    assert median(len(path.read_text("utf-8").splitlines()) for path in FILES.values()) <= 120
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in FILES
        for _, node in functions(module)
    )
    assert lengths[int(0.95 * len(lengths))] <= 30


def test_no_file_is_long():
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in FILES.values()}
    assert not {str(path.relative_to(ROOT)): size for path, size in sizes.items() if size > 350}


def test_public_functions_have_few_parameters():
    """Except commands: each of their options is a parameter, since Typer reads them there."""
    many = []
    for module in FILES:
        if module.startswith("playmask.cli.commands."):
            continue
        for place, node in functions(module):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            words = len(node.args.kwonlyargs)
            count = len([name for name in names if name not in ("self", "cls")]) + words
            public = not node.name.startswith("_") or node.name == "__init__"
            if count > PARAMETERS and public and f"{module}.{node.name}" not in SUGAR:
                many.append(f"{place} has {count} parameters")
    assert not many, "\n".join(many)


@pytest.mark.parametrize("name", SUGAR)
def test_what_has_many_parameters_takes_them_by_keyword(name):
    module, _, function = name.rpartition(".")
    (node,) = [node for _, node in functions(module) if node.name == function]
    first = [arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg != "self"]
    assert len(first) <= 3
    assert len(first) + len(node.args.kwonlyargs) > PARAMETERS, f"{name} needs no excuse"


def test_names_say_what_they_are():
    riddles = []
    for module, path in FILES.items():
        for node in ast.walk(tree_of(module)):
            defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg)
            stores = isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store)
            name = next(
                (getattr(node, k) for k in ("name", "arg", "id", "attr") if hasattr(node, k)), ""
            )
            if (isinstance(node, defined) or stores) and name in RIDDLES:
                riddles.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert not riddles, "\n".join(riddles)


def test_the_attention_is_read_at_once():
    assert len(FILES["playmask.model.attention"].read_text(encoding="utf-8").splitlines()) <= 250


def test_only_the_command_line_prints():
    loud = [
        f"{FILES[module].relative_to(ROOT)}:{node.lineno}"
        for module in FILES
        if unit_of(module) != "cli"
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    ]
    assert not loud, loud


def test_the_drawing_of_the_modules_shows_them_all():
    """docs/architecture.md draws the same layers in the same order."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.split("<!-- layers -->")[1].split("```")[1]
    drawn = [line.split("  ")[0].split() for line in drawing.splitlines()[1:] if line.strip()]
    assert drawn == [list(units) for units in reversed(LAYERS)]
    drawing = page.split("<!-- model -->")[1].split("```")[1]
    drawn = [line.split("  ")[0].split() for line in drawing.splitlines()[1:] if line.strip()]
    assert drawn == [list(units) for units in reversed(MODEL)]


ORDER = """
import sys
try:
    import keras
except ModuleNotFoundError as error:
    assert error.name == "tensorflow"
import playmask
try:
    playmask.load
except playmask.PlaymaskError as error:
    print(error)
"""


def test_keras_before_playmask_where_there_is_no_tensorflow(tmp_path):
    """Nothing of playmask runs while Keras fails; but then it says what to do."""
    (tmp_path / "tensorflow").mkdir()  # one that cannot be imported, wherever there is another
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
    )
    paths = os.pathsep.join([str(tmp_path), str(SOURCE.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-c", ORDER]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "import playmask before Keras" in done.stdout, done.stderr
    assert "KERAS_BACKEND=jax" in done.stdout
