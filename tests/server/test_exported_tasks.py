"""Exported tasks behind the same server as saved ones: every answer is that of the task."""

import asyncio

import keras
import numpy as np
import pytest

import playmask
from playmask.data.examples import Example
from playmask.server.task_served import load_served
from server.asking import asked
from tasks.made_up import model, tokenizer

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
WORDS = tokenizer("")
TEXTS = ["一二三", "四五六七八九零一二三四五六七八九", "九", "三三二一", "零一二" * 9]


@pytest.fixture(scope="module")
def tasks():
    """Tasks of three kinds, by the names that they are served under."""
    sizes = {"tokenizer": WORDS, "max_length": 16}
    return {
        "numbers": playmask.TextClassifier.new(model(WORDS, depth=1), ["odd", "even"], **sizes),
        "vectors": playmask.SentenceEncoder.new(model(WORDS, depth=1), language_model=0, **sizes),
        "digits": playmask.SequenceTagger.new(model(WORDS, depth=1), ["数"], **sizes),
    }


@pytest.fixture(scope="module")
def served(tasks, tmp_path_factory):
    """The first two exported, the third as it was saved, read from their folders."""
    folder = tmp_path_factory.mktemp("served")
    for name in ("numbers", "vectors"):
        tasks[name].export(folder / name)
    tasks["digits"].save(folder / "digits")
    return [load_served(name, folder / name) for name in tasks]


def test_exported_and_saved_tasks_answer_alike(tasks, served):
    async def all_answers():
        async with asked(*served) as client:
            body = {"texts": TEXTS}
            answers = {
                name: (await client.post("/predict", json={"task": name, **body})).json()["answers"]
                for name in ("numbers", "digits")
            }
            asks = {"model": "vectors", "input": TEXTS}
            vectors = (await client.post("/v1/embeddings", json=asks)).json()["data"]
            return (await client.get("/v1/models")).json()["data"], answers, vectors

    listed, answers, vectors = asyncio.run(all_answers())
    assert [(each["id"], each["task"], each["abilities"]) for each in listed] == [
        ("numbers", "classify", ["predict"]),
        ("vectors", "similar", ["embed", "predict"]),
        ("digits", "tag", ["predict"]),
    ]
    for name, own in answers.items():
        right = tasks[name].predict(TEXTS)
        for text, answer, one in zip(TEXTS, right, own, strict=True):
            expected = tasks[name].answer_json(Example(text), answer)
            chances = expected.pop("probabilities", {})
            assert one.pop("probabilities", {}) == pytest.approx(chances, abs=2e-5)
            assert one == expected
    found = np.array([each["embedding"] for each in vectors])
    np.testing.assert_allclose(found, tasks["vectors"].encode(TEXTS), atol=2e-5)


def test_a_graph_runs_batches_as_they_are(served, monkeypatch):
    """Whose shapes cost nothing: neither rows nor tokens are filled up, also when it is warm."""
    (exported, *_), shapes = served, []
    exported.warm()
    engine = exported.task.predictor.engine
    run = engine.run

    def noted(inputs):
        shapes.append(inputs["tokens"].shape)
        return run(inputs)

    monkeypatch.setattr(engine, "run", noted)
    exported.predict(["一二三", "一", "二二"])
    assert shapes == [(3, 5)]
