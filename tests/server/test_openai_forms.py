"""Saved tasks behind a socket, asked by clients that people have: every answer is the task's."""

import asyncio
import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import openai
import pytest
import uvicorn

import playmask
from playmask.server.app import create_app
from playmask.server.options import ServerOptions
from playmask.server.stops import held_back, until_stop
from playmask.server.task_served import ServedTask, load_served
from server.asking import BAD, Fake, asked, sentence
from tasks.made_up import model, tokenizer

WORDS = tokenizer("")
TEXTS = ["一二三", "四五六七八九零一二三四五六七八九", "九", "三三二一", "零一二" * 9]


def task_of(kind, *values, mask="full", **fields):
    made = model(WORDS, mask=mask, depth=1)
    return kind.new(made, *values, tokenizer=WORDS, **fields)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Tasks by the names that they are served under."""
    folder = tmp_path_factory.mktemp("served")
    own = {
        "numbers": task_of(playmask.TextClassifier, ["odd", "even"], max_length=32),
        "vectors": task_of(playmask.SentenceEncoder, max_length=16, language_model=0),
        "ranks": task_of(playmask.Reranker, max_length=16),
        "writer": task_of(playmask.LanguageModel, mask="lm", max_length=16),
    }
    served = [load_served(name, task.save(folder / name)) for name, task in own.items()]
    for each in served:
        each.task.predictor.tokens = 64  # few shapes
    return {each.name: each for each in served}


@pytest.fixture(scope="module")
def server(tasks):
    """The address of a server of the tasks, in a thread of this process."""
    app = create_app(tasks.values(), ServerOptions())
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not (server.started and app.state.service.ready):
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_every_answer_is_the_tasks_and_compiles_nothing(tasks, server):
    served = tasks["numbers"]
    traces = served.task.predictor.traces
    groups = [[TEXTS[i % 5] * (1 + i % 3) for i in range(n)] for n in range(1, 17)]

    def ask(texts):
        body = {"task": "numbers", "texts": texts}
        return httpx2.post(f"{server}/predict", json=body, timeout=30).json()["answers"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, groups))
    assert served.task.predictor.traces == traces
    for texts, own in zip(groups, answers, strict=True):
        for right, one in zip(served.task.predict(texts), own, strict=True):
            assert one["label"] == right.label
            for label, chance in right.probabilities.items():
                assert one["probabilities"][label] == pytest.approx(chance, abs=2e-6)


def test_the_models_are_listed(client):
    listed = client.models.list().data
    assert [each.id for each in listed] == ["numbers", "vectors", "ranks", "writer"]
    assert listed[1].abilities == ["embed", "predict"]


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("size", [None, 4])
def test_embeddings(tasks, client, form, size):
    options = {} if size is None else {"dimensions": size}
    answer = client.embeddings.create(model="vectors", input=TEXTS, encoding_format=form, **options)
    right = tasks["vectors"].task.encode(TEXTS, size=size)
    own = [each.embedding for each in answer.data]
    if form == "base64":
        own = [np.frombuffer(base64.b64decode(each), "<f4") for each in own]
    np.testing.assert_allclose(np.array(own), right, atol=2e-5)
    assert answer.usage.prompt_tokens == sum(tasks["vectors"].tokens(TEXTS))


def test_embeddings_of_a_text_as_the_client_asks_by_itself(tasks, client):
    answer = client.embeddings.create(model="vectors", input="一二三")
    right = tasks["vectors"].task.encode(["一二三"])[0]
    np.testing.assert_allclose(answer.data[0].embedding, right, atol=2e-5)


def test_what_embeddings_refuse(client):
    for options, said in (
        ({"input": [[1, 2]]}, "token ids"),
        ({"input": "一", "dimensions": 33}, "dimensions is 33; the vectors have 24"),
        ({"input": " "}, "input[0] is empty"),
    ):
        with pytest.raises(openai.UnprocessableEntityError, match=said.replace("[", r"\[")):
            client.embeddings.create(model="vectors", **options)
    with pytest.raises(openai.NotFoundError, match="there are 'numbers', 'vectors'"):
        client.embeddings.create(model="gpt", input="一")


def test_rerank(tasks, server):
    right = tasks["ranks"].task.rerank("一二", TEXTS)
    body = {
        "model": "ranks",
        "query": "一二",
        "documents": [*TEXTS[:3], {"text": TEXTS[3]}, TEXTS[4]],
    }
    whole = httpx2.post(f"{server}/v1/rerank", json=body).json()
    assert [each["index"] for each in whole["results"]] == [each.number for each in right]
    for each, one in zip(whole["results"], right, strict=True):
        assert each["relevance_score"] == pytest.approx(one.score, abs=2e-6)
        assert "document" not in each
    best = httpx2.post(
        f"{server}/v1/rerank", json={**body, "top_n": 2, "return_documents": True}
    ).json()["results"]
    assert [each["document"]["text"] for each in best] == [each.passage for each in right[:2]]


def test_completions(tasks, client):
    for prompt in ("一二三", ""):  # nothing to go on from is a beginning, too
        answer = client.completions.create(model="writer", prompt=prompt, max_tokens=5)
        assert answer.choices[0].text == tasks["writer"].task.predict(prompt, max_tokens=5)
        assert answer.usage.completion_tokens <= 5
        assert answer.choices[0].finish_reason in ("stop", "length")
    free = client.completions.create(model="writer", prompt="一二三")
    assert free.choices[0].text == tasks["writer"].task.predict("一二三")


def test_a_streamed_completion_is_the_same_text(tasks, client, server):
    right = tasks["writer"].task.predict("一二三", max_tokens=8)
    events = client.completions.create(
        model="writer", prompt="一二三", max_tokens=8, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    *chunks, usage = events
    assert "".join(each.choices[0].text for each in chunks) == right
    assert [each.choices[0].finish_reason for each in chunks[:-1]] == [None] * (len(chunks) - 1)
    whole = client.completions.create(model="writer", prompt="一二三", max_tokens=8)
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert usage.usage == whole.usage
    body = {"prompt": "一二三", "max_tokens": 8, "stream": True}
    lines = httpx2.post(f"{server}/v1/completions", json=body).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(line.removeprefix("data: "))["id"] for line in lines[:-2])


def test_what_is_drawn_depends_on_the_seed_and_on_nothing_else(client):
    options = {"model": "writer", "max_tokens": 8, "temperature": 0.9}
    for options["seed"] in range(20):
        first = client.completions.create(prompt="一二", **options)
        if len(first.choices[0].text) > 2:
            break
    again = client.completions.create(prompt=["一二", "九"], **options)
    assert first.choices[0].text == again.choices[0].text
    other = client.completions.create(prompt="一二", **options | {"seed": options["seed"] + 1})
    assert other.choices[0].text != first.choices[0].text
    streamed = client.completions.create(prompt="一二", stream=True, **options)
    assert "".join(each.choices[0].text for each in streamed) == first.choices[0].text
    stop = first.choices[0].text[2]
    for stream in (False, True):
        cut = client.completions.create(prompt="一二", stop=stop, stream=stream, **options)
        pieces = [*cut] if stream else [cut]
        text = "".join(each.choices[0].text for each in pieces)
        assert text == first.choices[0].text.partition(stop)[0]
        assert pieces[-1].choices[0].finish_reason == "stop"


def test_what_completions_refuse(client, server):
    ask = client.completions.create
    for options, said in (
        ({"n": 2}, "n is 2; this server takes 1 alone"),
        ({"echo": True}, "echo is True"),
        ({"logprobs": 1}, "logprobs is 1; this server takes none"),
        ({"temperature": 2.5}, "temperature is 2.5"),
        ({"stop": ["a"] * 5}, "up to four"),
        ({"prompt": ["一", "二"], "stream": True}, "one prompt; 2 came"),
        ({"max_tokens": 1000}, r"positions; .* Cut the prompt, or ask for fewer tokens\."),
    ):
        with pytest.raises(openai.UnprocessableEntityError, match=said):
            ask(**{"model": "writer", "prompt": "一", **options})
    assert ask(model="writer", prompt="一", n=1, presence_penalty=0, max_tokens=2).choices


def test_a_fault_within_a_stream_is_its_last_event():
    async def run():
        async with asked(Fake()) as client:
            body = {"prompt": BAD, "max_tokens": 3, "stream": True}
            events = (await client.post("/v1/completions", json=body)).text.split("\n\n")
            assert len(events) == 3 and f"is {BAD}." in events[1] and "DONE" not in events[-1]
            lost = await client.post("/v1/completions", json={**body, "prompt": " " * 60_000})
            assert "60,000 characters" in sentence(lost)

    asyncio.run(run())


def test_stops():
    assert until_stop("一二三", ("三", "二")) == ("一", True)
    assert until_stop("一二三", ("四",)) == ("一二三", False)
    assert until_stop("一二三", ()) == ("一二三", False)
    assert [held_back("一二", stops) for stops in ((), ("二三",), ("一二三", "二四"), ("三",))] == [
        0, 1, 2, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["pairs", "reader", "tagger", "gaps", "schema"])
def test_each_kind_of_task_is_served_as_it_predicts(kind):
    made = {
        "pairs": lambda: task_of(playmask.SentencePair, max_length=16),
        "reader": lambda: task_of(playmask.ReadingComprehension, max_length=16, max_answer=3),
        "tagger": lambda: task_of(playmask.SequenceTagger, ["数"], max_length=16),
        "gaps": lambda: task_of(playmask.MaskFill, max_length=16),
        "schema": lambda: task_of(playmask.UniversalExtractor, max_length=16),
    }
    served = ServedTask(kind, made[kind]())
    served.task.predictor.tokens = 16  # one shape
    served.warm()
    row = {"pairs": ("一", "二三"), "reader": ("一", "二三四五"), "gaps": "一[MASK]三"}.get(
        kind, "一二"
    )
    schema = '["数"]' if kind == "schema" else None
    assert served.pairs is (kind in ("pairs", "reader"))
    (one, other) = served.predict([row, row], schema)
    assert one == other and json.dumps(one)
    assert served.tokens([row])[0] >= 3
