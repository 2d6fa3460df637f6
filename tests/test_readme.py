"""The documents: their code runs, their commands exist, both languages say the same."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import PROGRAM

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README_zh.md"
NAMES = (
    "README.md",
    "architecture.md",
    "classification.md",
    "compatibility.md",
    "decoders.md",
    "decisions/README.md",
    "decisions/model.md",
    "decisions/rooms.md",
    "decisions/tasks.md",
    "decisions/training.md",
    "extraction.md",
    "families.md",
    "generation.md",
    "laboratory.md",
    "own_model.md",
    "own_task.md",
    "pretraining.md",
    "published.md",
    "reliability.md",
    "seeing.md",
    "serving.md",
    "similarity.md",
    "tokenizers.md",
    "training/adversarial.md",
    "training/data.md",
    "training/optimizers.md",
    "training/memory.md",
    "training/compression.md",
    "training/lora.md",
    "training/watching.md",
    "training/sentence_encoders.md",
)
DOCS = [ROOT / "docs" / name for name in NAMES]
PAGES = [ENGLISH, CHINESE, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "CHANGELOG")), *DOCS]


def blocks(page: Path, language: str = r"\w*") -> list[str]:
    """The code blocks of a page, those of one language or all."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def run(page: Path, folder: Path) -> str:
    """Run all Python of a page in a folder that holds the project's tests, and return its output.

    In a process of its own, since what CONTRIBUTING registers must not reach other tests; XLA does
    not optimise there, since compiling takes most of the time.
    """
    (folder / "tests").symlink_to(ROOT / "tests")
    script = folder / page.with_suffix(".py").name
    script.write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    return run_script(folder, script.name)


def run_script(folder: Path, *words: str) -> str:
    """Run a script of a folder with some arguments, and return its output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
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


def test_the_laboratory_runs(tmp_path):
    out = run(ROOT / "docs" / "laboratory.md", tmp_path)
    assert "random/scores" in out and "logits_mixer" in out  # fresh, and why
    assert "\nturns\n(1, 5, 80)\n(1, 1, 80)\n" in out


def test_generation_runs(tmp_path):
    out = run(ROOT / "docs" / "generation.md", tmp_path)
    assert "3 texts of the first prompt" in out and "\n[2, 2]\n" in out


def test_extraction_runs(tmp_path):
    out = run(ROOT / "docs" / "extraction.md", tmp_path)
    triple = "Triple(subject='让子弹飞', predicate='导演', object={'@value': '姜文'})"
    assert out.splitlines() == [
        "SequenceTagger 王芳 NAME True",
        "SpanTagger 王芳 NAME True",
        f"gplinker {triple}",
        f"casrel {triple}",
        "裁员 [('惠普', '裁员方'), ('裁员', 'trigger'), ('四千人', '人数')]",
        "reader 上海 9 11",
        "uie 许 0 1 ['画']",
    ]


def test_a_model_of_ones_own_runs(tmp_path):
    out = run(ROOT / "docs" / "own_model.md", tmp_path)
    claims = ("learns", "stands still", "in order", "saved", "goes on", "tags")
    assert out.splitlines() == [*(f"{claim}: True" for claim in claims), "spans: [[1, 2]]"]
    encoder = tmp_path / "runs" / "own" / "encoder"
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


def test_labels_and_numbers_run(tmp_path):
    lines = run(ROOT / "docs" / "classification.md", tmp_path).splitlines()
    assert lines[0] == "('service', 'price') ()"
    assert "'subset_accuracy': 1.0" in lines[1]
    assert lines[2] == "True ['examples', 'mse', 'pearson', 'spearman']"
    assert lines[3] == "good bad"
    assert lines[4] == "Support(precision=1.0, recall=1.0, f1=1.0, support=3)"
    assert "2 good" in lines[7]


def test_a_training_is_watched(tmp_path):
    lines = run(ROOT / "docs" / "training" / "watching.md", tmp_path).splitlines()
    assert lines[0] == "stopped early: True 1.0"
    assert lines[1] == "step,epoch,seconds,accuracy,gradient_norm,learning_rate,loss"
    logs = {path.name.split(".")[0] for path in (tmp_path / "runs" / "watched" / "logs").iterdir()}
    assert logs == {"steps", "epochs", "events"}


def test_pretraining_runs(tmp_path):
    lines = run(ROOT / "docs" / "pretraining.md", tmp_path).splitlines()
    assert lines[0] == "['accuracy', 'loss', 'val_accuracy', 'val_loss'] True"
    assert lines[1].endswith(" tokens) ['accuracy', 'loss', 'perplexity']")


def test_adversarial_training_runs(tmp_path):
    assert run(ROOT / "docs" / "training" / "adversarial.md", tmp_path) == "2 fgm:0.5\n"


def test_similar_sentences_are_found(tmp_path):
    out = run(ROOT / "docs" / "similarity.md", tmp_path)
    assert out == "(2, 32)\n0\n鲜花很贵\nfirst 16\n1\n"
    made = {path.name for path in (tmp_path / "runs" / "index").iterdir()}
    assert made == {"checksums.json", "sentences.json", "vectors.usearch"}


def test_sentence_encoders_run(tmp_path):
    pytest.importorskip("usearch")
    out = run(ROOT / "docs" / "training" / "sentence_encoders.md", tmp_path).splitlines()
    assert out[0] == "这书很好 读物不错 2" and "rerank_map" in out[1]
    assert out[2:] == ["['loss', 'val_loss']", "(2, 8)", "(32, 8) True"]


def test_language_models_of_today_run(tmp_path):
    lines = run(ROOT / "docs" / "decoders.md", tmp_path).splitlines()
    assert lines[0] == "lm 2 ('mlm',)" and lines[2] == "(3, 32)"
    assert re.fullmatch(r"\[0\.\d+ +0\.\d+\]", lines[3])


def test_optimizers_and_averages_run(tmp_path):
    lines = run(ROOT / "docs" / "training" / "optimizers.md", tmp_path).splitlines()
    assert lines[0] == "lion:beta_2=0.98" and lines[1].startswith('{"module": "keras.optimiz')
    assert re.fullmatch(r"rows that stay: [1-9]\d* of \d+", lines[2])
    assert re.fullmatch(r"frozen: 13 of \d+", lines[3])
    assert lines[4].endswith("has 'embedings' in its name. Did you mean 'embeddings'?")


def test_memory_and_time_run(tmp_path):
    assert run(ROOT / "docs" / "training" / "memory.md", tmp_path).splitlines() == [
        "['accuracy', 'loss']",
        "{'float32'}",
        "16",
        "2",
    ]


def test_published_models_run(tmp_path):
    tags = "tag ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']"
    assert run(ROOT / "docs" / "published.md", tmp_path).splitlines() == [
        tags,
        "如何偿还花呗的账单",
        "True",
    ]


def test_data_and_losses_run(tmp_path):
    assert run(ROOT / "docs" / "training" / "data.md", tmp_path).splitlines() == [
        "['accuracy', 'loss']",
        "True",
        "sampling True",
        "curriculum True",
        "True",
        "16",
        "2 ['accuracy', 'loss', 'macro_f1'] True",
        "True 16",
    ]


def test_smaller_models_and_adapters_run(tmp_path):
    pages = [ROOT / "docs" / "training" / f"{name}.md" for name in ("compression", "lora")]
    code = [block for page in pages for block in blocks(page, "python")]
    (tmp_path / "training.py").write_text("\n".join(code), encoding="utf-8")
    lines = run_script(tmp_path, "training.py").splitlines()
    assert lines[0] == "1.0" and lines[1].startswith("2 ")
    assert lines[2:] == ["2 True", "True True", "True", "True", "3 int8"]


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


def test_the_index_of_the_pages_names_them_all():
    linked = set(re.findall(r"\]\(([^)#/]+\.md)", (ROOT / "docs" / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


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
