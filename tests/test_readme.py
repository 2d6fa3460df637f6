"""The documents: their code runs, their commands exist, both languages say the same."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

import playmask
from cli.commands import PROGRAM
from documents import ROOT, blocks, prose

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README_zh.md"
NAMES = (
    "README.md",
    "architecture.md",
    "bulk.md",
    "captions.md",
    "classification.md",
    "compatibility.md",
    "decoders.md",
    "decisions/README.md",
    "decisions/model.md",
    "decisions/rooms.md",
    "decisions/site.md",
    "decisions/tasks.md",
    "decisions/training.md",
    "export.md",
    "extraction.md",
    "faq.md",
    "families.md",
    "from_bert4keras.md",
    "generation.md",
    "i_have_i_want.md",
    "laboratory.md",
    "own_model.md",
    "own_task.md",
    "parts.md",
    "pictures.md",
    "play.md",
    "pretraining.md",
    "published.md",
    "recipes.md",
    "reliability.md",
    "seeing.md",
    "serving.md",
    "similarity.md",
    "start.md",
    "tokenizers.md",
)
TRAINING = ROOT / "docs" / "training"


def english(folder: Path) -> list[Path]:
    """The English pages of a folder; the Chinese ones beside them have the same code."""
    return [page for page in sorted(folder.glob("*.md")) if not page.stem.endswith(".zh")]


METHODS = [page for page in english(TRAINING) if page.name != "README.md"]
DOCS = [*(ROOT / "docs" / name for name in NAMES), TRAINING / "README.md", *METHODS]
PAGES = [ENGLISH, CHINESE, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "CHANGELOG")), *DOCS]


def run(page: Path, folder: Path) -> str:
    """Run all Python of a page in a folder that holds the project's tests, and return its output.

    In a process of its own: what CONTRIBUTING registers must not reach other tests, and the tour
    is to run in a Python that has imported nothing. XLA does not optimise there, since compiling
    takes most of the time.
    """
    (folder / "tests").symlink_to(ROOT / "tests")
    script = folder / page.with_suffix(".py").name
    script.write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    return run_script(folder, script.name)


GROUPS = (
    ("generation", "laboratory", "extraction", "own_model"),
    ("classification", "similarity", "decoders", "published", "pretraining", "serving", "play"),
    ("export", "faq", "pictures", "from_bert4keras", "captions"),
)
"""Pages that register nothing; each group runs in one process, which takes long enough to start."""
EACH = """
import contextlib, os, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    with open("output.txt", "w", encoding="utf-8") as output, contextlib.redirect_stdout(output):
        code = open("page.py", encoding="utf-8").read()
        exec(compile(code, folder, "exec"), {"__name__": "__main__"})
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of `docs/` -> the folder where it ran, with its group, and what it printed."""
    groups = {name: group for group in GROUPS for name in group}
    root = tmp_path_factory.mktemp("pages")

    def printed(name: str) -> tuple[Path, str]:
        if not (root / name).exists():
            folders = [root / each for each in groups[name]]
            for each, folder in zip(groups[name], folders, strict=True):
                folder.mkdir(parents=True)
                (folder / "tests").symlink_to(ROOT / "tests")
                code = "\n".join(blocks(ROOT / "docs" / f"{each}.md", "python"))
                (folder / "page.py").write_text(code, encoding="utf-8")
            run_script(root, "-c", EACH, *map(str, folders))
        return root / name, (root / name / "output.txt").read_text("utf-8")

    return printed


def run_script(folder: Path, *words: str) -> str:
    """Run a script of a folder with some arguments, and return its output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_tour_runs_and_prints_what_it_says(tmp_path):
    out = run(ENGLISH, tmp_path)
    assert out.startswith(blocks(ENGLISH, "text")[0]), "the drawing is not what draw() draws"
    for said in re.findall(r"^print\(.*\)  # (\(.*\))$", ENGLISH.read_text("utf-8"), re.MULTILINE):
        assert f"\n{said}\n" in out
    assert "42 weights loaded, 0 fresh" in out
    assert "'accuracy': 1.0" in out
    assert "Prediction(label='good'" in out
    assert "[UNK] ＶＩＰ" in out
    made = {path.name for path in (tmp_path / "runs" / "tour").iterdir()}
    assert made == {"huggingface", "reviews"}


def test_the_examples_for_contributors_run(tmp_path):
    out = run(ROOT / "CONTRIBUTING.md", tmp_path)
    assert "blocks/0/attention/slopes/slope" in out
    assert "family other, dialect google; 42 weights loaded, 0 fresh, 0 tensors ignored" in out
    assert out.endswith("True\n")


def test_the_laboratory_runs(pages):
    _, out = pages("laboratory")
    assert "random/scores" in out and "logits_mixer" in out  # fresh, and why
    assert "\nturns\n(1, 5, 80)\n(1, 1, 80)\n" in out


def test_captions_run(pages):
    folder, out = pages("captions")
    first, several, again = out.splitlines()
    assert (
        first.startswith("['一张红色的图', '一张蓝色的图'] {'loss': ") and "'exact': 1.0" in first
    )
    assert several.startswith("['一张红色的图', ") and again == "一张蓝色的图"
    assert (folder / "captions.png").stat().st_size > 1_000


def test_generation_runs(pages):
    _, out = pages("generation")
    assert "3 texts of the first prompt" in out and "\n[2, 2]\n" in out


def test_extraction_runs(pages):
    _, out = pages("extraction")
    triple = "Triple(subject='让子弹飞', predicate='导演', object={'@value': '姜文'})"
    assert out.splitlines() == [
        "SequenceTagger 王芳 NAME True",
        "SpanTagger 王芳 NAME True",
        f"gplinker {triple}",
        f"casrel {triple}",
        "裁员 [('惠普', '裁员方'), ('裁员', 'trigger'), ('四千人', '人数')]",
        "reader 上海 3 5",
        "uie 许 0 1 ['画']",
    ]


def test_a_model_of_ones_own_runs(pages):
    folder, out = pages("own_model")
    claims = ("learns", "stands still", "in order", "saved", "goes on", "tags")
    assert out.splitlines() == [*(f"{claim}: True" for claim in claims), "spans: [[1, 2]]"]
    encoder = folder / "runs" / "own" / "encoder"
    assert {"config.json", "model.safetensors", "vocab.txt"} <= {f.name for f in encoder.iterdir()}


def test_a_task_of_ones_own_runs_in_python_and_on_the_command_line(tmp_path):
    """A file outside of playmask: settings, answers, network, task and one registration."""
    page = ROOT / "docs" / "own_task.md"
    *file, use = blocks(page, "python")
    (tmp_path / "stars.py").write_text("\n".join(file), encoding="utf-8")
    (tmp_path / "use.py").write_text(use, encoding="utf-8")
    out = run_script(tmp_path, "use.py")
    assert out == "{'accuracy': 1.0, 'distance': 0.0, 'examples': 40}\n[5, 1]\n"
    [commands] = blocks(page, "sh")
    train, evaluate, predict = (shlex.split(line)[1:] for line in commands.splitlines())
    assert "kept: epoch" in run_script(tmp_path, *train)
    assert "accuracy   1.0000" in run_script(tmp_path, *evaluate)
    lines = (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 40 and '"target": {"stars": 5}, "answer": {"stars": 5}' in lines[0]
    assert run_script(tmp_path, *predict).endswith('"stars": 5}\n')


def test_bulk_inference_runs(tmp_path):
    assert run(ROOT / "docs" / "bulk.md", tmp_path).splitlines() == [
        "3 0",
        "3 3",
        "7 味道很好 True",
    ]


def test_exports_run(pages):
    nodes, difference, same, beams, tokens, *in_8_bits = pages("export")[1].splitlines()
    assert int(nodes) < 150 and float(difference) < 2e-5
    assert same == "True" and len(literal_eval(beams)) == 3 and len(literal_eval(tokens)[0][0]) == 4
    assert in_8_bits[-2] == "answers that agree 100.00%"


def test_the_answers_to_questions_run(pages):
    _, out = pages("faq")
    assert out.splitlines() == [
        "nezha 36 5",
        "classify",
        "(2, 384)",
        "['[CLS]', '味', '道', '很', '干', '净', '[SEP]']",
        "Hierarchical(size=40, alpha=0.4)",
        "['', '味', '道', '很', '好', '😀ＯＫ', '']",
        "8",
        "2 True",
        "■ ■ ·",
        "■ ■ ·",
        "■ ■ ■",
    ]


def test_the_code_beside_the_pictures_runs(pages):
    _, out = pages("pictures")
    lines = out.splitlines()
    assert lines[:4] == ["full", "lm", "unilm", "■ ■ · · · · ·"] and lines[-3] == "· · ■ ■ ■"
    assert lines[-2:] == ["['Mixture']", "(4, 6) 很好"]


def test_labels_and_numbers_run(pages):
    _, out = pages("classification")
    lines = out.splitlines()
    assert lines[0] == "('service', 'price') ()"
    assert "'subset_accuracy': 1.0" in lines[1]
    assert lines[2] == "True ['examples', 'mse', 'pearson', 'spearman']"
    assert lines[3] == "good bad"
    assert lines[4] == "Support(precision=1.0, recall=1.0, f1=1.0, support=3)"
    assert "2 good" in lines[7]


SHARES = 2  # of the pages of training, each run in a process of its own


@pytest.mark.parametrize("share", range(SHARES))
def test_the_pages_of_training_run_and_print_what_they_say(share, tmp_path):
    """Each page by itself, behind the example of their index; all of a share in one process."""
    searches = importlib.util.find_spec("usearch") is not None
    pages = [page for page in METHODS if blocks(page, "python")][share::SHARES]
    pages = [page for page in pages if searches or "mine_negatives" not in page.read_text("utf-8")]
    example = "\n".join(blocks(TRAINING / "README.md", "python"))
    code = {page.stem: "\n".join([example, *blocks(page, "python")]) for page in pages}
    runs = [f"print({name!r} + ':')\nexec({text!r}, {{}})" for name, text in code.items()]
    (tmp_path / "training.py").write_text("\n".join(runs), encoding="utf-8")
    expected = []
    for page in pages:
        lines = "\n".join(blocks(page, "python"))
        prints = re.findall(r"^ *print\(.*?\)(?:  # (.*))?$", lines, re.MULTILINE)
        expected += [f"{page.stem}:", *prints]
    assert run_script(tmp_path, "training.py").splitlines() == expected


def test_pretraining_runs(pages):
    _, out = pages("pretraining")
    lines = out.splitlines()
    assert lines[0] == "['accuracy', 'loss', 'val_accuracy', 'val_loss'] True"
    assert lines[1].endswith(" tokens) ['accuracy', 'loss', 'perplexity']")


PLAN = (
    r"\A# .+\n\n[^\n]+\n\n    ",  # the name, what it does in one sentence, the formula
    r"^- \*\*Source\.\*\* ",
    r"^- \*\*When it helps\.\*\* ",
    r"^```sh$",
    r"^```python$|It is a command alone\.",
    r"^- \*\*Not together with\.\*\* ",
    r"^- \*\*Cost\.\*\* ",
)


@pytest.mark.parametrize("page", METHODS, ids=lambda page: page.stem)
def test_the_pages_of_training_have_one_plan(page):
    text, place = page.read_text("utf-8"), 0
    for mark in PLAN:
        match = re.compile(mark, re.MULTILINE).search(text, place)
        assert match, f"{mark} is missing, or stands before what is to precede it"
        place = match.end()


def test_the_index_of_training_names_all_pages():
    linked = set(re.findall(r"\]\((\w+\.md)\)", (TRAINING / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in METHODS}


def test_similar_sentences_are_found(pages):
    folder, out = pages("similarity")
    assert out == "(2, 32)\n0\n鲜花很贵\nfirst 16\n1\n"
    made = {path.name for path in (folder / "runs" / "index").iterdir()}
    assert made == {"checksums.json", "sentences.json", "vectors.usearch"}


def test_language_models_of_today_run(pages):
    _, out = pages("decoders")
    lines = out.splitlines()
    assert lines[0] == "lm 2 ('mlm',)" and lines[2] == "(3, 32)"
    assert re.fullmatch(r"\[0\.\d+ +0\.\d+\]", lines[3])


def test_published_models_run(pages):
    tags = "tag ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']"
    _, out = pages("published")
    assert out.splitlines() == [
        tags,
        "如何偿还花呗的账单",
        "True",
    ]


def test_serving_runs(pages):
    _, out = pages("serving")
    assert out.splitlines() == [
        "['/health', '/metrics', '/predict', '/ready']",
        str([True] * 4),
        "good",
        "True",
    ]


def test_the_guide_from_bert4keras_runs(pages):
    _, out = pages("from_bert4keras")
    lines = out.splitlines()
    assert lines[:4] == ["好评", "(1, 11, 32) (1, 11, 20) (1, 32)", "(0, 1)", "True 1"]
    assert lines[4:] == ["(1, 11, 32)", "1", "learns: True", "True", "1e-07"]


def test_the_page_to_play_with_runs(pages):
    assert pages("play")[1].splitlines() == ["['reviews']", "[2 2 4 3]"]


def test_both_languages_have_the_same_code_and_shape():
    assert blocks(ENGLISH) == blocks(CHINESE)
    for mark in (r"^#+ ", r"^\|", r"\]\((?!README)"):  # headings, rows of tables, links
        found = [len(re.findall(mark, prose(page), re.MULTILINE)) for page in (ENGLISH, CHINESE)]
        assert found[0] == found[1], f"{mark}: {found}"


def test_the_table_of_families_is_the_programs_own():
    command = [*PROGRAM, "families", "--markdown"]  # not here, where tests register orders
    printed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    for page in (ENGLISH, CHINESE):
        table = page.read_text("utf-8").split("--markdown -->\n")[1].split("\n<!-- /families")[0]
        assert table == printed.strip(), f"{page.name}: playmask families --markdown"


def test_the_two_commands_come_first():
    for page in (ENGLISH, CHINESE):
        assert blocks(page)[0] == "make demo\nmake test\n"


LINES = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
SHORT = re.findall(r"`((?:train|whiten) [^`]+)`", (ROOT / "docs" / "recipes.md").read_text("utf-8"))
WHOLE = [f"{line} train.jsonl --out runs/mine" if line[0] == "t" else line for line in SHORT]
LINES += [f"playmask {line}" for line in WHOLE]
COMMANDS = dict.fromkeys(line for line in LINES if line.startswith("playmask "))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one(line):
    """Parsed as the command line does, with its options and arguments, and not run."""
    import typer

    from playmask.cli.app import app

    command, words = typer.main.get_command(app), shlex.split(line, comments=True)[1:]
    name, context = "playmask", None
    while hasattr(command, "commands"):
        name, group = words.pop(0), command
        command = group.get_command(typer.Context(group), name)
        assert command is not None, f"there is no command {name!r} in {line!r}"
    context = command.make_context(name, words)  # raises for what the command does not take
    assert not context.args


@pytest.mark.parametrize("page", [page for group in GROUPS for page in group[1:]])
def test_pages_behind_others_lean_on_public_names_alone(page):
    """What is no public name could be there only because the page before has imported it."""
    code = ast.parse("\n".join(blocks(ROOT / "docs" / f"{page}.md", "python")))
    names: set[str] = set()
    for node in ast.walk(code):
        match node:
            case ast.Attribute(value=ast.Name(id="playmask"), attr=name):
                names.add(name)
    assert names and names <= set(playmask.__all__)


def test_the_index_of_the_pages_names_them_all():
    linked = set(re.findall(r"\]\(([^)#/]+\.md)", (ROOT / "docs" / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in english(ROOT / "docs")} - {"README.md"}


def test_every_make_target_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        named = set(re.findall(r"^make ([\w-]+)$|`make ([\w-]+)`", text, re.MULTILINE))
        assert {one or two for one, two in named} <= targets, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_leads_somewhere(page):
    text = prose(page)
    links = [to for to in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in to]
    missing = [to for to in links if not (page.parent / to).exists()]
    paths = re.findall(r"`((?:src|tests|data|docs)/[\w./-]+)`", text)
    missing += [to for to in paths if not (ROOT / to).exists()]
    assert not missing
