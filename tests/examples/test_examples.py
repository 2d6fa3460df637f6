"""Every example runs from end to end, on a few made-up texts in the format of its data."""

import gzip
import importlib
import inspect
import json
import random
from fractions import Fraction
from pathlib import Path

import keras
import pytest

import playmask
from playmask.experiments import shapes
from playmask.model.parts import Learned

FOLDER = Path(__file__).parents[2] / "examples"
CHARACTERS = "天地人山水风花雪月云雨江河春夏秋冬东南西北"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    pytest.importorskip("rouge_score", reason="pip install 'playmask[examples]'")


def line(size: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(CHARACTERS, k=size))


def poem(seed: int) -> str:
    lines, size = [(4, 5), (4, 7), (8, 5), (8, 7)][seed % 4]
    return "".join(line(size, seed + i) + "，。"[i % 2] for i in range(lines))


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(each + "\n" for each in lines)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(text)


def rows(**makers) -> list[str]:
    made = [{name: make(i) for name, make in makers.items()} for i in range(40)]
    return [json.dumps(row, ensure_ascii=False) for row in made]


def squad(name: str) -> str:
    paragraphs = []
    for i in range(20):
        text = line(30, i)
        answers = [{"text": text[5:9], "answer_start": 5}]
        asked = {"id": f"{name}{i}", "question": text[2:5], "answers": answers}
        paragraphs.append({"context": text, "qas": [asked]})
    return json.dumps({"data": [{"paragraphs": paragraphs}]}, ensure_ascii=False)


FILES = {
    "titles": {
        f"csl/title_{name}.json": lambda: rows(
            abstract=lambda i: line(30, i), title=lambda i: line(6, i)
        )
        for name in ("dev", "test")
    },
    "couplets": {
        f"couplets/{name}.tsv": lambda: [f"{line(5 + i % 2, i)}\t{line(5, -i)}" for i in range(40)]
        for name in ("train", "test")
    },
    "translation": {
        f"multi30k_en_de/{name}.{side}": lambda: [f"a man sees {i % 9} dogs ." for i in range(40)]
        for name in ("train", "test_2016_flickr")
        for side in ("en", "de")
    },
    "poems": {
        f"tang_poetry/{name}.json": lambda: rows(text=poem, title=str) for name in ("train", "test")
    },
    "reviews": {
        f"sentiment_zh/{name}": lambda: [f"{line(9, i)}\t{i % 2}" for i in range(40)]
        for name in ("train.tsv.gz", "test_clean.tsv")
    },
    "reading": {
        f"cmrc2018/{name}.json.gz": lambda name=name: [squad(name)] for name in ("train", "dev")
    },
    "problems": {
        f"ape210k_10k/{name}.json": lambda: rows(
            id=str,
            question=lambda i: f"有{i}个又有1(1/2)个，共几个？",
            equation=lambda i: f"x={i}+1(1/2)",
            answer=lambda i: f"{i + 1}.5",
        )
        for name in ("valid", "test")
    },
}


@pytest.mark.experiments
@pytest.mark.parametrize("name", FILES)
def test_runs(name, tmp_path, capsys):
    for path, lines in FILES[name].items():
        write(tmp_path / "data" / path, lines())
    example = importlib.import_module(name)
    starts = "start" in inspect.signature(example.main).parameters
    new = {"start": "new"} if starts else {}  # zh-small takes 20 s to compile; reviews.py does
    example.main(tmp_path / "data", epochs=1, limit=12, width=32, out=tmp_path / "out", **new)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["loss"] > 0 and results["seconds of training"] > 0
    assert "loss" in capsys.readouterr().out
    assert (tmp_path / "out" / "task.json").is_file()


@pytest.mark.experiments
def test_captions_are_learnt_of_images_that_the_example_draws(tmp_path):
    train, test = shapes.combinations(random.Random(0))
    assert len(train) + len(test) == len({*train, *test}) == 4 * 3 * 6 * 4
    pictures = shapes.captioned(8, 0)
    assert len({image.tobytes() for image, _ in pictures}) == 8
    for _, caption in pictures:
        assert {*caption.split("，")} <= {*map(str, train)} - {*map(str, test)}
    importlib.import_module("captions").main("both", epochs=1, limit=20, width=32, out=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["loss"] > 0 and 0 <= results["exact"] <= 1
    assert (tmp_path / "captions.png").stat().st_size > 10_000


def test_all_examples_are_here():
    shown = {path.stem for path in FOLDER.glob("*.py")}
    assert shown == {*FILES, "scratch", "captions", "gpt2_ml", "cpm"}
    assert all(f"`{name}.py`" in (FOLDER / "README.md").read_text() for name in shown)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("1+2*3", 7), ("(1+2)*3", 9), ("7/2", Fraction(7, 2)), ("23(1/3)", Fraction(70, 3)),
        ("93.75%", Fraction(15, 16)), ("(11/20)", Fraction(11, 20)), ("0.1+0.2", Fraction(3, 10)),
        ("1/0", None), ("1+", None), ("", None), ("x", None), ("2**3", None), ("(1", None),
        ("1-1(5/6)", Fraction(-5, 6)), ("f(1)", None),
    ],
)  # fmt: skip
def test_the_value_of_an_expression(text, wanted):
    assert importlib.import_module("problems").value(text) == wanted


def test_the_form_of_a_poem():
    form_of = importlib.import_module("poems").form_of
    for seed, form in enumerate(("五絕", "七絕", "五律", "七律")):
        assert form_of(poem(seed)) == form
        assert form_of(poem(seed)[1:]) is None and form_of(poem(seed) * 2) != form
    assert form_of("") is None


def test_rouge_is_over_characters():
    scratch = importlib.import_module("scratch")
    assert scratch.rouge_l(["山水花"], ["山 花 月"]) == pytest.approx(200 / 3)
    assert scratch.bleu(["天地人山水"], ["天地人山水"], "char") == pytest.approx(100)


def test_checkpoints_write_on(tmp_path, capsys):
    """The two demos for published checkpoints, on tiny ones of the same formats."""
    oracles = Path(__file__).parents[1] / "oracles"
    checkpoint = tmp_path / "gpt2_ml"
    checkpoint.mkdir()
    for file in (oracles / "bert4keras" / "gpt2_ml").iterdir():
        if not file.name.startswith("case"):
            (checkpoint / file.name).write_bytes(file.read_bytes())
    size = json.loads((checkpoint / "config.json").read_text())["vocab_size"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "。", *CHARACTERS]
    tokens += [f"[unused{i}]" for i in range(size - len(tokens))]
    write(checkpoint / "vocab.txt", tokens)
    importlib.import_module("gpt2_ml").main(checkpoint, prompt="春天", max_tokens=5)
    assert capsys.readouterr().out.startswith("春天")


def test_cpm_writes_to_the_end_of_a_line(tmp_path, capsys, monkeypatch):
    pytest.importorskip("jieba", reason="pip install 'playmask[words]'")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "tokenizers"))
    (tmp_path / "spiece.model").write_bytes(importlib.import_module("piece_models").model("cpm"))
    tokenizer = playmask.Tokenizer.load(tmp_path, words="jieba")
    body = playmask.architecture("gpt2").change(
        vocabulary=len(tokenizer), width=16, depth=1, attention_heads=2, position=Learned(48)
    )
    keras.utils.set_random_seed(0)
    playmask.save(playmask.build(body, "mlm"), tmp_path, "huggingface")
    example = importlib.import_module("cpm")
    example.main(tmp_path, prompt="今天 天气\n我们", max_tokens=4)
    greedy = capsys.readouterr().out
    assert greedy.startswith("今天 天气\n我们") and len(greedy) > len("今天 天气\n我们\n")
    example.main(tmp_path, prompt="今天", max_tokens=4, beams=0, seed=3)
    assert capsys.readouterr().out.startswith("今天")
