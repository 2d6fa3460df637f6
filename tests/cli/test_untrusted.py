"""What others wrote reaches no terminal, pipe or page as something that is obeyed."""

import ast
import dataclasses
import io
import json
import sys
import unicodedata
from pathlib import Path

import keras
import pytest
from rich.console import Console

import playmask
from cli.commands import SMALL, call
from playmask.checkpoints.load_report import Ignored
from playmask.cli import output
from playmask.untrusted import OBEYED, json_text, spelled, visible

SOURCE = Path(playmask.__file__).parent / "cli"
EVIL = "\x1b]0;title\x07\x1b[2J\u202e\u2066\u2028\x9b\x7f\r"
DIRECTIONS = frozenset("LRE RLE LRO RLO PDF LRI RLI FSI PDI".split())
"""The bidirectional classes that turn what follows them."""


def obeyed(text):
    """What a terminal or a browser would obey, line ends and tabs apart."""
    return OBEYED.findall(text.replace("\n", "").replace("\t", ""))


def test_the_characters_are_those_of_unicode():
    for character in map(chr, range(sys.maxunicode + 1)):
        control = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        turns = unicodedata.bidirectional(character) in DIRECTIONS
        assert (control or turns) == bool(OBEYED.match(character)), hex(ord(character))


def test_texts_made_safe():
    text = f"a{EVIL}\ud800\n\tשלום👨\u200d👩\u200f"
    assert len(visible(text)) == len(text) and visible(text).endswith("�\n\tשלום👨\u200d👩\u200f")
    assert spelled("\x1b\u202e\ud800\n").encode() == b"\\x1b\\u202e\\ud800\\n"
    assert spelled("a\nb\tc", keep="\n") == "a\nb\\tc"
    value = {text: [text, 1.5, None]}
    for indent in (None, 2):
        written = json_text(value, indent=indent)
        assert not obeyed(written) and json.loads(written) == value and "שלום" in written


def test_one_place_writes():
    """No command prints past `output`, which makes safe what others wrote."""
    apart = {
        "output.py",
        "bars.py",  # whose columns spell what they show
        "matmul_speed.py",  # a process of its own, whose pipe is read
    }
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {ast.unparse(node.func) for node in calls}
        writing = names & {"print", "typer.echo", "sys.stdout.write", "sys.stderr.write", "Console"}
        assert path.name in apart or not writing, f"{path}: {writing}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder whose name is evil too."""
    return tmp_path_factory.mktemp("evil") / f"a{EVIL}"


@pytest.fixture(scope="module")
def tagger(folder):
    """A tagger with an evil label, in an evil folder."""
    folder.mkdir(parents=True)
    row = {"text": "王芳在家", "mentions": [{"start": 0, "end": 2, "label": f"PER{EVIL}"}]}
    file = folder / "train.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = call("train", "tag", file, "--out", folder / "out", *SMALL, "--epochs", 12)
    assert result.exit_code == 0, result.stderr
    assert not obeyed(result.stdout + result.stderr)
    return folder / "out", file


@pytest.mark.parametrize(
    "line",
    [
        ("inspect", "TASK"),
        ("inspect", "TASK", "--json"),
        ("evaluate", "TASK", "DATA"),
        ("evaluate", "TASK", "DATA", "--json"),
        ("predict", "TASK", "--text", f"王芳在家{EVIL}"),
        ("annotate", "TASK", "--text", f"王芳在家{EVIL}"),
        ("explain", "TASK", f"王芳在家{EVIL}"),
        ("draw", "attention", "TASK", f"王芳在家{EVIL}"),
        ("count", "TASK"),
        ("predict", "TASK", f"DATA{EVIL}"),
        ("inspect", f"TASK{EVIL}"),
        (f"inspect{EVIL}",),
    ],
)
def test_commands(tagger, line):
    task, data = map(str, tagger)
    result = call(*(word.replace("TASK", task).replace("DATA", data) for word in line))
    assert result.stdout or result.stderr
    assert not obeyed(result.stdout) and not obeyed(result.stderr), result.output
    if "--json" in line:
        json.loads(result.stdout)


def test_tensors_with_evil_names(tmp_path):
    tokenizer = playmask.Tokenizer.from_texts(["今天"], minimum=1)
    small = playmask.architecture("bert").change(
        vocabulary=len(tokenizer), width=8, depth=1, attention_heads=2, inner=8
    )
    keras.utils.set_random_seed(0)
    playmask.save(playmask.build(small), tmp_path, dialect="huggingface")
    from playmask.checkpoints import safetensors

    tensors = {name: array + 0 for name, array in safetensors.read(tmp_path).items()}
    name = next(name for name in tensors if "word_embeddings" in name)
    tensors[f"{name}{EVIL}"] = tensors[name]
    safetensors.write(tmp_path / "model.safetensors", tensors)
    for more in ((), ("--tensors",), ("--tensors", "--json")):
        result = call("inspect", tmp_path, *more)
        assert not obeyed(result.output + result.stderr)
    assert "\\x1b" in call("inspect", tmp_path, "--tensors").output


def test_reports_hold_nothing_that_is_obeyed():
    report = playmask.load("tests/oracles/bert4keras/bert_encoder").report
    odd = dataclasses.replace(report, ignored=(Ignored(f"a{EVIL}\nb", f"why{EVIL}"),))
    lines = str(odd).splitlines()
    assert not obeyed(str(odd)) and len(lines) == len(str(report).splitlines()) + 1 - len(
        report.ignored
    )


def test_pages_hold_nothing_that_is_obeyed(tagger, task, tmp_path):
    text = f"王芳在家{EVIL}שלום"
    for line in (("annotate", tagger[0], "--text", text), ("explain", task, text)):
        page = tmp_path / f"{line[0]}.html"
        result = call(*line, "--out", page)
        assert result.exit_code == 0, result.stderr
        written = page.read_text(encoding="utf-8")
        assert not obeyed(written) and "\\u202e" in written and "שלום" in written


class Terminal(io.StringIO):
    """A terminal of some columns."""

    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """What makes stdout a terminal of so many columns."""

    def of(columns):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        console = Console(width=columns, file=terminal, color_system=None, highlight=False)
        monkeypatch.setattr(output, "console", lambda: console)
        return terminal

    return of


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_words_are_whole_in_a_terminal(screen, columns):
    """`playmask families` breaks lines between words."""
    from playmask.cli.actions.families_table import HEADER, rows

    table, terminal = [*rows()], screen(columns)
    output.print_table("families", table, header=HEADER)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    shown = set(" ".join(lines).split())
    assert {word for row in table for cell in row for word in cell.split()} <= shown


def test_a_table_with_a_word_that_does_not_fit(screen):
    terminal = screen(40)
    output.print_table("t" * 50, [("a" * 60, "1"), ("b", "22")], numbers=True)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    shown = "".join(lines)
    assert shown.count("a") == 60 and shown.count("t") == 50 and "22" in shown
