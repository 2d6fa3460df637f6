"""bert4keras' examples of writing, reading and relations: each runs as it is, on tiny models."""

import io
import json
import runpy
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import keras
import pytest
from PIL import Image

import playmask
from families.small import small
from playmask.data.passages import read_passages
from playmask.data.readers import read_examples
from playmask.data.relations import read_relations
from playmask.tasks.task import Task

ROOT = Path(__file__).parents[2]
FOLDER, SAMPLES = ROOT / "examples" / "from_bert4keras", ROOT / "data" / "samples"
GAMES = ["h2e2 h9g7 h0g2 i9h9 i0h0", "b2e2 b9c7 b0c2 a9b9 a0b0", "h2e2 h7e7 h0g2 h9g7"]
PROBLEMS = [
    {"question": f"{a}(1/2)与{b}%共多少？", "equation": f"x={a}(1/2)+{b}%", "answer": answer}
    for a, b in ((2, 3), (4, 5), (6, 7), (8, 9))
    for answer in (f"{a}.5{b}", "0")  # the second is wrong, and left out
]
COLOURS = {"red": ["风从麦田上走过"], "blue": ["河水涨了又落", "母亲煮的粥"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tiny random models with the characters of the samples, and the files that were made up."""
    folder = tmp_path_factory.mktemp("from_bert4keras")
    texts = [path.read_text(encoding="utf-8") for path in SAMPLES.glob("*.*s*")]
    texts += [" ".join("abcdefghi0123456789+-*/().%与共多少？"), "答案：。"]
    tokenizer = playmask.Tokenizer.from_texts(texts, size=2000, minimum=1)
    for family, changes in {"bert": {"position": playmask.Learned(512)}, "mt5": {}}.items():
        changes |= {"vocabulary": len(tokenizer), "pad": tokenizer.pad, "depth": 1}
        keras.utils.set_random_seed(0)
        model = playmask.build(small(family, dropout=0.0, attention_dropout=0.0, **changes), "mlm")
        playmask.save(model, folder / family, tokenizer=tokenizer)
    pixels = keras.Input((8, 8, 3))
    keras.Model(pixels, keras.layers.Conv2D(4, 4, 4)(pixels)).save(folder / "network.keras")
    (folder / "images").mkdir()
    for name in COLOURS:
        Image.new("RGB", (12, 8), name).save(folder / "images" / f"{name}.png")
    rows = [{"image": f"{name}.png", "captions": each} for name, each in COLOURS.items()]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "images" / "captions.jsonl").write_text(lines, encoding="utf-8")
    (folder / "games.txt").write_text("\n".join(GAMES), encoding="utf-8")
    problems = (json.dumps(problem, ensure_ascii=False) for problem in PROBLEMS)
    (folder / "problems.json").write_text("\n".join(problems), encoding="utf-8")
    return folder


class Run(NamedTuple):
    """What a script left: its global names, the lines that it printed, the file OUT."""

    names: dict[str, Any]
    printed: list[str]
    out: Path


def titles(run):
    assert len(run.printed) == len(run.names["texts"]) == 12 and any(run.printed)


def scores(run):
    found = {name: float(score) for name, score in map(str.split, run.printed)}
    assert [*found] == ["bleu", "rouge1", "rouge2", "rougeL"]
    assert 0 <= found["rouge2"] <= found["rougeL"] <= found["rouge1"] <= 100
    assert 0 <= found["bleu"] <= 100


def fewer_tokens(run):
    whole, task = run.names["whole"], run.names["task"]
    assert len(task.tokenizer) < len(whole.tokenizer)
    assert task.transformer.architecture.vocabulary == len(task.tokenizer)
    assert run.printed[0].startswith("bleu ")


def expressions(run):
    value, right = run.names["value"], {"4/50%": 8, "(2+1/2)*2": 5, "0.1+0.2": Fraction(3, 10)}
    assert {text: value(text) for text in right} == right
    wrong = ("1/0", "1+", "2**3", "7//2", "()", "1(2)", "1.2.3", "(1)%2", "x", "", "a.b()")
    assert [*map(value, wrong)] == [None] * len(wrong)
    assert run.names["answers"] == tuple(value(problem["answer"]) for problem in PROBLEMS[::2])
    assert set("".join(run.names["written"])) <= {*run.names["SYMBOLS"], " "}
    assert 0 <= float(run.printed[0].removeprefix("right ")) <= 1


def story(run):
    assert len(run.printed) == 3
    assert all(text.startswith("雨停以后") and len(text) > 4 for text in run.printed)


def reviews(run):
    labels = sorted({example.label for example in read_examples(SAMPLES / "reviews.tsv")})
    assert [line.partition("\t")[0] for line in run.printed] == [
        x for x in labels for _ in range(5)
    ]
    assert len({*run.printed}) > len(labels)


def game(run):
    """Of the first position's 1,926 games of two moves 6 leave the general to a cannon.

    By the whole rules there are 44 and 1,920, as programs that play agree.
    """
    after, legal = run.names["after"], run.names["legal"]
    first = [*legal(after([]), True)]
    assert len(first) == 44
    assert sum(len([*legal(after([move]), False)]) for move in first) == 1920 + 6
    reply, refused = run.printed
    assert refused == "h2e2 is no move of Red's here" and run.names["moves"] == ["h2e2", reply]
    assert reply in legal(after(["h2e2"]), False)


def asked(run):
    made = read_passages(run.out)
    assert made and all(question.places for question in made)
    assert {question.text for question in made} <= {*run.names["passages"]}


def answered(run):
    questions = read_passages(SAMPLES / "reading.json")
    answers = json.loads(run.out.read_text(encoding="utf-8"))
    assert [*answers] == [question.id for question in questions]
    assert all(answers[question.id] in question.text for question in questions)
    assert "'f1': " in run.printed[0] and "'exact': " in run.printed[0]


def related(run):
    samples = read_relations(SAMPLES / "relations.jsonl")
    predicates = {relation.predicate for text in samples for relation in text.relations}
    assert {*run.names["task"].labels} == predicates
    rows = [*map(json.loads, run.out.read_text(encoding="utf-8").splitlines())]
    assert [row["text"] for row in rows] == [text.text for text in samples]
    triples = [(row["text"], triple) for row in rows for triple in row["spo_list"]]
    assert all(triple["subject"] in text for text, triple in triples)
    assert {triple["predicate"] for _, triple in triples} <= predicates
    assert "'f1': " in run.printed[0]


def captions(run):
    rows = [line.split("\t") for line in run.printed]
    due = {Path(path).stem: captions for path, _, *captions in rows}
    assert due == COLOURS and all(written for _, written, *_ in rows)


PAIRS = ("bert", "seq2seq.tsv", "seq2seq.tsv")
PASSAGES = ("bert", "reading.json", "reading.json", "out.jsonl")
RELATIONS = ("bert", "relations.jsonl", "relations.jsonl", "out.jsonl")
SCRIPTS = {
    "task_conditional_language_model": (("bert", "reviews.tsv"), reviews),
    "task_image_caption": (("bert", "network.keras", "images", "images"), captions),
    "task_language_model": (("bert", "language_model.txt", "雨停以后"), story),
    "task_language_model_chinese_chess": (("bert", "games.txt"), game),
    "task_question_answer_generation_by_seq2seq": (PASSAGES, asked),
    "task_reading_comprehension_by_mlm": (PASSAGES, answered),
    "task_reading_comprehension_by_seq2seq": (PASSAGES, answered),
    "task_relation_extraction": (RELATIONS, related),
    "task_relation_extraction_gplinker": (RELATIONS, related),
    "task_seq2seq_ape210k_math_word_problem": (
        ("bert", "problems.json", "problems.json"),
        expressions,
    ),
    "task_seq2seq_autotitle": (PAIRS, titles),
    "task_seq2seq_autotitle_csl": (PAIRS, scores),
    "task_seq2seq_autotitle_csl_mt5": (("mt5", *PAIRS[1:]), fewer_tokens),
    "task_seq2seq_autotitle_multigpu": (PAIRS, titles),
}


@pytest.fixture
def histories(monkeypatch):
    """The histories of all trainings, which print nothing, at a rate for models so small."""
    made, fit = [], Task.fit

    def remembered(*arguments, **options):
        made.append(fit(*arguments, **{**options, "learning_rate": 3e-4, "verbose": 0}))
        return made[-1]

    monkeypatch.setattr(Task, "fit", remembered)
    yield made
    playmask.distribute(None)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_learns_and_answers(name, folder, histories, tmp_path, monkeypatch, capsys):
    arguments, check = SCRIPTS[name]
    places = {each: SAMPLES / each for each in arguments if (SAMPLES / each).is_file()}
    places |= {each: folder / each for each in arguments if (folder / each).exists()}
    places["out.jsonl"] = tmp_path / "out.jsonl"
    monkeypatch.setattr(sys, "argv", [name, *(str(places.get(each, each)) for each in arguments)])
    monkeypatch.setattr(sys, "stdin", io.StringIO("h2e2\nh2e2\n"))
    names = runpy.run_path(str(FOLDER / f"{name}.py"))
    (history,) = histories
    assert history["loss"][-1] < history["loss"][0]
    check(Run(names, capsys.readouterr().out.splitlines(), places["out.jsonl"]))
