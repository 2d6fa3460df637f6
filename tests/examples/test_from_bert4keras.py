"""bert4keras' examples as scripts of playmask: each runs as it stands, on tiny models and files.

Those that write, read passages or find relations are in test_from_bert4keras_writing.py.
"""

import ast
import asyncio
import importlib
import json
import re
import runpy
import shlex
import sys
import tokenize
from pathlib import Path

import httpx2
import keras
import numpy as np
import pytest

import playmask
from documents import ROOT, blocks
from playmask.data.mentions import read_mentions
from playmask.data.samples import sample_of
from playmask.model.parts import Learned
from playmask.tasks.task import Task

FOLDER = ROOT / "examples" / "from_bert4keras"
PAGES = [FOLDER / "README.md", FOLDER / "README.zh.md"]
SAMPLES = ROOT / "data" / "samples"
UPSTREAM = """
basic_extract_features basic_gibbs_sampling_via_mlm basic_language_model_cpm_lm
basic_language_model_gpt2_ml basic_language_model_nezha_gen_gpt basic_make_uncased_model_cased
basic_masked_language_model basic_simple_web_serving_simbert task_conditional_language_model
task_iflytek_adversarial_training task_iflytek_bert_of_theseus task_iflytek_gradient_penalty
task_iflytek_multigpu task_image_caption task_language_model task_language_model_chinese_chess
task_question_answer_generation_by_seq2seq task_reading_comprehension_by_mlm
task_reading_comprehension_by_seq2seq task_relation_extraction task_relation_extraction_gplinker
task_sentence_similarity_lcqmc task_sentiment_albert task_sentiment_integrated_gradients
task_sentiment_virtual_adversarial_training task_seq2seq_ape210k_math_word_problem
task_seq2seq_autotitle task_seq2seq_autotitle_csl task_seq2seq_autotitle_csl_mt5
task_seq2seq_autotitle_multigpu task_sequence_labeling_cws_crf task_sequence_labeling_ner_crf
""".split()
GOOD, BAD = ("味道好", "房间好", "服务好", "书好"), ("味道差", "房间差", "服务差", "书差")
REVIEWS = [f"{text}，真的\t{label}" for label, half in enumerate((BAD, GOOD)) for text in half] * 4
WORDS = ("科学 技术 是 第一 生产力 。", "今天 天气 不错", "语言 模型 不 便宜")
TEXTS = [*WORDS, "周末的早上，说起家乡的味道，望远镜", *REVIEWS]
ENGLISH = "i like s ##hang ##hai in may . ss ß ##ss ##ß"


# The page


def lines_of_code(script: Path) -> int:
    """Lines of code, without blank ones, comments, docstrings and other bare texts, imports."""
    with script.open("rb") as file:
        tokens = [t for t in tokenize.tokenize(file.readline) if t.type in CODE]
    lines = {n for t in tokens for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(script.read_bytes())):
        bare = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if bare or isinstance(node, (ast.Import, ast.ImportFrom)):
            lines -= {*range(node.lineno, node.end_lineno + 1)}
    text = script.read_text("utf-8").splitlines()
    return sum(bool(text[n - 1].strip()) for n in lines)


CODE = {tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING}


def rows_of(page: Path) -> dict[str, list[str]]:
    """The cells behind the name of each script in the first table of a page."""
    lines = re.findall(r"^\| `(\w+)\.py` \|(.*)\|$", page.read_text("utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


def scripts() -> set[str]:
    return {path.stem for path in FOLDER.glob("*.py")}


def test_the_scripts_are_those_of_bert4keras():
    assert len(UPSTREAM) == 32 and scripts() == {*UPSTREAM}
    assert {*ARGUMENTS} <= scripts()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_lists_all_and_counts_their_lines(page):
    rows = rows_of(page)
    assert [*rows] == UPSTREAM
    counted = {name: str(lines_of_code(FOLDER / f"{name}.py")) for name in scripts()}
    assert {name: rows[name][2] for name in counted} == counted


def test_lines_of_code_are_counted(tmp_path):
    script = tmp_path / "script.py"
    script.write_text('"""One.\n\nTwo."""\n\nimport sys\n\nx = [  # a\n    1,\n\n]\n# b\n"c"\n')
    assert lines_of_code(script) == 3


# The models and files that they run on


def tiny(family: str, tokenizer: playmask.Tokenizer, **changes) -> playmask.Transformer:
    """A model of a family with random weights."""
    sizes = {"width": 16, "depth": 1, "attention_heads": 2, "inner": 16, "dropout": 0.0}
    sizes |= {"vocabulary": len(tokenizer), "pad": tokenizer.pad, "attention_dropout": 0.0}
    heads = changes.pop("heads", "mlm")
    keras.utils.set_random_seed(0)
    model = playmask.build(playmask.architecture(family).change(**{**sizes, **changes}), heads)
    model.tokenizer = tokenizer
    return model


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a tiny model of each kind, and files of each format."""
    folder = tmp_path_factory.mktemp("from_bert4keras")
    samples = [sample_of(SAMPLES / "tags.bio", 200), "迈向充满希望的新世纪"]
    words = playmask.Tokenizer.from_texts([*TEXTS, *samples], minimum=1)
    playmask.save(tiny("bert", words), folder / "bert")
    playmask.save(tiny("bert", words, depth=2), folder / "two_blocks")
    unilm = {"mask": "unilm", "heads": ("mlm", "pool"), "pooler_activation": "linear"}
    playmask.save(tiny("bert", words, **unilm), folder / "simbert")
    playmask.save(tiny("albert", words, embedding_size=8), folder / "albert", "huggingface")
    playmask.save(tiny("gpt2_ml", words, position=Learned(512)), folder / "gpt2_ml")
    playmask.save(tiny("nezha", words), folder / "nezha")
    english = [*words.vocabulary, *ENGLISH.split()]
    write(folder / "vocab.txt", *english)
    cased = playmask.Tokenizer.load(folder / "vocab.txt")
    playmask.save(tiny("bert", cased), folder / "uncased", tokenizer=cased)
    write(folder / "rows.data", *REVIEWS * 2)
    pairs = [(one, other) for one in GOOD for other in BAD + GOOD]
    write(folder / "pairs.tsv", *(f"{a}吗\t{b}吗\t{a[-1] == b[-1]:d}" for a, b in pairs))
    rows = [{"sentence": f"{text}，真的", "label": str(100 + (text in GOOD)), "id": number}
            for number, text in enumerate(GOOD + BAD)]  # fmt: skip
    write(folder / "iflytek.json", *(json.dumps(row) for row in rows * 8))
    write(folder / "pku.utf8", *WORDS * 10)
    write(folder / "raw.txt", "今天天气不错", "", "科学技术 不便宜")
    return folder


def cpm(folder: Path, monkeypatch) -> Path:
    """A tiny CPM-LM."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "tokenizers"))
    folder.mkdir()
    (folder / "spiece.model").write_bytes(importlib.import_module("piece_models").model("cpm"))
    tokenizer = playmask.Tokenizer.load(folder, words="jieba")
    model = tiny("gpt2", tokenizer, position=Learned(256))
    return playmask.save(model, folder, "huggingface", tokenizer=tokenizer)


# The scripts

ARGUMENTS = {
    "basic_extract_features": "bert 语言模型 OUT",
    "basic_gibbs_sampling_via_mlm": "bert 科学技术是第一生产力。",
    "basic_language_model_cpm_lm": "OUT",
    "basic_language_model_gpt2_ml": "gpt2_ml",
    "basic_language_model_nezha_gen_gpt": "nezha",
    "basic_make_uncased_model_cased": "uncased 'I like SHANGHAI in May.' OUT",
    "basic_masked_language_model": "bert 科学[MASK][MASK]是第一生产力",
    "basic_simple_web_serving_simbert": "simbert 8000",
    "task_iflytek_adversarial_training": "bert iflytek.json iflytek.json iflytek.json OUT",
    "task_iflytek_bert_of_theseus": "two_blocks iflytek.json iflytek.json 1",
    "task_iflytek_gradient_penalty": "bert iflytek.json iflytek.json",
    "task_iflytek_multigpu": "bert iflytek.json iflytek.json",
    "task_sentence_similarity_lcqmc": "bert pairs.tsv pairs.tsv pairs.tsv",
    "task_sentiment_albert": "albert rows.data rows.data rows.data OUT",
    "task_sentiment_integrated_gradients": "OUT 味道差，真的 OUT.svg",
    "task_sentiment_virtual_adversarial_training": "bert rows.data rows.data rows.data",
    "task_sequence_labeling_cws_crf": "bert pku.utf8 raw.txt OUT",
    "task_sequence_labeling_ner_crf": "bert TAGS TAGS TAGS",
}
"""What each script is run with: names of `files`, OUT = a path that is not there yet."""


@pytest.fixture
def run(files, tmp_path, monkeypatch, capsys):
    """Run a script with its arguments: its names, the lines that it printed, its last path.

    Trainings of the tiny models take a rate that suits them, and must make the loss fall.
    """
    histories, fit = [], Task.fit

    def fit_quickly(self, *data, **options):
        history = fit(self, *data, **{**options, "learning_rate": 2e-2, "verbose": 0})
        histories.append(history["loss"])
        return history

    monkeypatch.setattr(Task, "fit", fit_quickly)

    def run(name, *arguments):
        keras.utils.set_random_seed(0)
        places = {path.name: path for path in files.iterdir()}
        places |= {"TAGS": SAMPLES / "tags.bio", "OUT": tmp_path / "out"}
        places["OUT.svg"] = tmp_path / "out.svg"
        words = [str(places.get(word, word)) for word in arguments or shlex.split(ARGUMENTS[name])]
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
        names = runpy.run_path(str(FOLDER / f"{name}.py"))
        assert all(losses[-1] < losses[0] for losses in histories)
        return names, capsys.readouterr().out.splitlines(), Path(words[-1])

    return run


def scores_in(line: str) -> dict[str, float]:
    return ast.literal_eval(line[line.index("{") :])


def test_features_are_the_same_when_loaded_again(run):
    names, printed, saved = run("basic_extract_features")
    half = len(printed) // 2
    assert printed[:half] == printed[half:] and len(names["row"]["tokens"]) == 6
    assert playmask.load(saved).tokenizer.decode(names["row"]["tokens"]) == "语言模型"


def test_gibbs_sampling(run):
    names, printed, _ = run("basic_gibbs_sampling_via_mlm")
    assert len(printed) == 10 and len({*printed}) > 1 and len(names["samples"]) == 100
    assert all("[" not in line for line in printed)


def test_cpm_answers_each_prompt_in_a_line(run, tmp_path, monkeypatch):
    pytest.importorskip("jieba", reason="pip install 'playmask[words]'")
    cpm(tmp_path / "out", monkeypatch)
    names, printed, _ = run("basic_language_model_cpm_lm")
    text = "\n".join(printed)
    assert all(prompt in text for prompt in names["PROMPTS"])
    assert len(printed) == sum(prompt.count("\n") + 1 for prompt in names["PROMPTS"])


@pytest.mark.parametrize(
    "name", ["basic_language_model_gpt2_ml", "basic_language_model_nezha_gen_gpt"]
)
def test_articles_go_on_from_their_prompts(name, run):
    names, printed, _ = run(name)
    for prompt, text in zip(names["PROMPTS"], printed, strict=True):
        assert text.startswith(prompt) and len(text) > 128


def test_a_cased_model_tells_words_apart(run):
    names, printed, saved = run("basic_make_uncased_model_cased")
    tokens = "[CLS] I like S ##HANG ##HAI in May . [SEP]".split()
    assert ast.literal_eval(printed[-1]) == tokens
    model = playmask.load(saved)
    ids = model.tokenizer.encode("May may", special=False).ids
    one, other = keras.ops.convert_to_numpy(model.embeddings.tokens(np.array([ids])))[0]
    assert ids[0] != ids[1] and np.array_equal(one, other)
    assert len(model.tokenizer) == len(names["old"]) + len(names["new"])
    for first, capitals in (("ss", "SS"), ("##ss", "##SS")):  # those of ß too
        assert names["new"][capitals] == [names["old"].index(first)]


def test_gaps_are_filled_by_the_likeliest_tokens(run):
    names, (printed,), _ = run("basic_masked_language_model")
    model = playmask.load(names["path"], heads="mlm")
    ids = model.tokenizer.encode("科学技术是第一生产力").ids
    ids[3:5] = [model.tokenizer.mask] * 2
    logits = keras.ops.convert_to_numpy(model({"tokens": np.array([ids])})["logits"])
    assert printed == "".join(model.tokenizer.tokens(logits[0, 3:5].argmax(-1)))


def test_synonyms_over_http(run, monkeypatch):
    answers = []

    def ask(app, port):
        async def get():
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
                answer = await client.get("/gen_synonyms", params={"text": "书好", "n": 8, "k": 5})
                health = await client.get("/health")
                return answer.json(), health.json()

        answers.extend((port, *asyncio.run(get())))

    monkeypatch.setattr("uvicorn.run", ask)
    names, _, _ = run("basic_simple_web_serving_simbert")
    port, synonyms, health = answers
    near = names["task"].similarity([("书好", one) for one in synonyms])
    assert port == 8000 and health == {"status": "ok"}
    assert 1 < len(synonyms) <= 5 and "书好" not in synonyms and [*near] == sorted(near)[::-1]


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("task_iflytek_adversarial_training", "adversarial", "fgm:0.5,of=table"),
        ("task_iflytek_gradient_penalty", "adversarial", "penalty:1"),
        ("task_sentence_similarity_lcqmc", "batch_size", 64),
        ("task_sentiment_virtual_adversarial_training", "adversarial", "vat:1"),
    ],
)
def test_classifiers_learn(name, option, value, run):
    names, printed, last = run(name)
    assert getattr(names["task"].training, option) == value
    assert scores_in(printed[-1])["accuracy"] >= 0.5
    if "answers" in names:
        lines = [json.loads(line) for line in last.read_text("utf-8").splitlines()]
        assert [line["id"] for line in lines] == [*map(str, range(8))] * 8
        assert {line["label"] for line in lines} <= {"100", "101"}  # of 119 classes


def test_a_training_on_all_devices(run):
    try:
        names, printed, _ = run("task_iflytek_multigpu")
        spread = keras.distribution.distribution()
        assert spread.device_mesh.shape[0] == len(keras.distribution.list_devices())
    finally:
        playmask.distribute(None)
    assert scores_in(printed[-1])["accuracy"] >= 0.5 and len(names["task"].labels) == 119


def test_theseus_ends_with_fewer_blocks(run):
    names, printed, _ = run("task_iflytek_bert_of_theseus")
    assert names["teacher"].transformer.architecture.depth == 2
    assert names["task"].transformer.architecture.depth == 1
    assert printed[-2].startswith("teacher {") and printed[-1].startswith("1 blocks {")
    assert scores_in(printed[-1])["accuracy"] >= 0.5  # of 119 classes


def test_what_albert_learnt_is_explained(run):
    names, printed, _ = run("task_sentiment_albert")
    assert scores_in(printed[-1])["accuracy"] > 0.9
    assert names["task"].transformer.architecture.family == "albert"
    names, (title, *pieces), picture = run("task_sentiment_integrated_gradients")
    assert title.startswith("0, probability") and names["explanation"].complete
    assert "".join(piece.split()[0] for piece in pieces) == "味道差，真的"
    assert picture.read_text("utf-8").startswith("<?xml")


def test_word_segmentation_loses_no_character(run):
    names, printed, words = run("task_sequence_labeling_cws_crf")
    assert names["task"].tags == ["O", "B-word", "M-word", "E-word", "S-word"]
    assert 0 <= float(printed[-1].removeprefix("F1 ")) <= 1
    lines = words.read_text("utf-8").splitlines()
    texts = ["今天天气不错", "", "科学技术 不便宜"]
    assert [line.replace(" ", "") for line in lines] == [text.replace(" ", "") for text in texts]
    assert lines[0] == "今天 天气 不错"


def test_names_are_found(run):
    names, printed, _ = run("task_sequence_labeling_ner_crf")
    assert names["labels"] == ["人名", "地名", "机构"]
    assert scores_in(printed[-4])["f1"] > 0.5
    found = [ast.literal_eval(line) for line in printed[-3:]]
    for row, mentions in zip(read_mentions(SAMPLES / "tags.bio"), found, strict=False):
        assert all(text in row.text and label in names["labels"] for text, label in mentions)


def test_the_commands_of_the_page_run(run):
    for line in "".join(blocks(PAGES[0], "sh")).splitlines():
        _, script, *arguments = shlex.split(line)
        _, printed, _ = run(Path(script).stem, *arguments)
        assert printed == ["舒适"]
