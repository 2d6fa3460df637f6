"""What the page asks of its server: answers, maps, explanations, masks, parts and beams."""

import asyncio
import json
from functools import cache

import httpx2
import keras
import numpy as np
import pytest

import playmask
from playmask.cli.messages import translated
from playmask.errors import NotFiniteError
from playmask.inspection.attention_maps import attention_maps
from playmask.model.masks import NEVER, Ordered, Sites, Strict, Window
from playmask.play.app import HEADERS, create_page
from playmask.play.changes import CHANGES
from playmask.play.lanes import Progress
from playmask.play.orders import ordered_mask
from playmask.play.played import PlayedTask
from playmask.tasks.similarity.measuring import COMPARISONS
from server.asking import sentence
from tasks.every_task import MAKE, TEXT

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="one backend is enough")


@cache
def played(kind: str) -> PlayedTask:
    return PlayedTask(kind, MAKE[kind]())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A classifier in a folder."""
    task = played("classify").task
    return PlayedTask("saved", task, task.save(tmp_path_factory.mktemp("task") / "saved"))


def asked(*tasks: PlayedTask, host: str = "127.0.0.1", language: str = "en"):
    """A function that asks an application with some tasks: a path, and the fields of a body."""
    app = create_page(tasks, translated)
    headers = {"Accept-Language": language}

    def ask(path: str, **fields):
        async def run():
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(
                transport=transport, base_url=f"http://{host}:8008", headers=headers
            ) as client:
                if path.startswith("/"):
                    return await client.get(path)
                return await client.post(f"/ask/{path}", json=fields)

        return asyncio.run(run())

    return ask


def test_the_page_and_its_files_are_all_there_is():
    ask = asked()
    page = ask("/")
    assert "<title>playmask</title>" in page.text
    for name in ("play.js", "words.js", "play.css", "colours.css"):
        answer = ask(f"/{name}")
        assert answer.status_code == 200 and answer.text
        policy = answer.headers["content-security-policy"]
        assert policy == HEADERS["Content-Security-Policy"] and "unsafe" not in policy
    assert "#15191f" in ask("/colours.css").text  # the paper of all dark pages
    for away in ("/../app.py", "/app.py", "/page/play.js", "/%2e%2e/app.py", "/etc/passwd"):
        assert "no such path" in sentence(ask(away), 404)
    assert "no such path" in sentence(ask("/ask/state/"), 404)
    assert ask("/docs").status_code == ask("/openapi.json").status_code == 404


def test_another_sites_name_for_this_address_is_refused():
    assert asked(host="localhost")("/").status_code == 200
    assert asked(host="evil.example")("/").status_code == 400


MASKS = [
    ("full", {}, [0, 0, 0, 0]),
    ("lm", {}, [0, 1, 2, 3]),
    ("unilm", {}, [0, 0, 1, 2]),
    ([3, 0, 2, 1], {"strict": True}, [3, 0, 2, 1]),
    ([1, 1, -2, 7], {"window": 2}, [1, 1, -2, 7]),
]


@pytest.mark.parametrize(("order", "options", "ranks"), MASKS)
def test_a_mask_is_that_of_its_order(order, options, ranks):
    answer = asked()("mask", segments=[0, 0, 1, 1], order=order, **options).json()
    strict, window = options.get("strict"), options.get("window", 9)
    right = [
        [(k < q if strict else k <= q) and abs(i - j) < window for j, k in enumerate(ranks)]
        for i, q in enumerate(ranks)
    ]
    assert answer["order"] == ranks
    assert answer["grid"] == np.array(right, int).tolist()
    mask = eval(answer["python"], {"Ordered": Ordered, "Strict": Strict, "Window": Window})
    sites = Sites(*(np.array([row], "int32") for row in (ranks, range(4), [0] * 4)))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mask(sites, sites))[0], right)


def test_nobody_sees_padding_or_another_text():
    padded = ordered_mask("full", [0] * 3, padding=[False, False, True])
    assert padded.grid.tolist() == [[True, True, False]] * 3
    packed = ordered_mask("lm", [0] * 4, texts=[0, 0, 1, 1])
    assert packed.grid.astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0],
                                                [0, 0, 1, 1]]  # fmt: skip
    assert NEVER > 1000  # the integers that the page takes


REFUSED = [
    ("mask", {"segments": [0, 0], "order": [1]}, "order has 1 numbers for 2 sites."),
    ("mask", {"segments": [0], "order": "unilmm"}, "There is no order 'unilmm'; there are full"),
    ("mask", {"segments": [0], "order": "permutation"}, "needs its ranks"),
    ("mask", {"segments": [0] * 33, "order": "lm"}, "The text has 33 sites; from 1 to 32"),
    ("mask", {"segments": [0], "order": [2**40]}, "order[0] is 1099511627776; a whole"),
    ("mask", {"segments": [0, 2], "order": "lm"}, "segments[1] is 2"),
    ("mask", {"segments": [0], "order": "lm", "widow": 3}, "Did you mean 'window'?"),
    ("answer", {"task": "classify", "text": " "}, "The text is empty"),
    ("answer", {"task": "classify", "text": "零" * 4001}, "4,001 characters; 4,000 are taken"),
    ("answer", {"task": "tag", "text": "零", "pair": "一"}, "The task 'tag' takes one text."),
    ("answer", {"task": "classify", "text": 5}, "text is 5; a text is due."),
    ("answer", {"task": "classify", "words": "零"}, "There is no field 'words'"),
    ("maps", {"task": "classify", "text": TEXT, "layer": 4}, "There is no layer 4"),
    ("part", {"task": "classify", "text": TEXT, "part": "alibis"}, "Did you mean 'alibi'?"),
    ("part", {"task": "classify", "text": TEXT, "part": "alibi"}, "lies in no folder"),
    ("similar", {"task": "tag", "text": TEXT, "sentences": ["零"]}, "makes no vectors"),
    ("similar", {"task": "similar", "text": TEXT, "sentences": []}, "a list of at least 1 is due"),
    ("write", {"task": "tag", "text": TEXT}, "A task 'tag' writes no texts."),
    ("write", {"task": "lm", "text": TEXT, "beams": 99}, "beams is 99"),
    ("explain", {"task": "classify", "text": TEXT, "answer": "丙"}, "has no answer '丙'"),
]


def test_what_cannot_be_is_refused_in_one_sentence():
    ask = asked(*map(played, ("classify", "tag", "similar", "lm")))
    for path, fields, says in REFUSED:
        assert says in sentence(ask(path, **fields)), (path, fields)
    assert "Did you mean 'classify'?" in sentence(ask("answer", task="clasify", text=TEXT), 404)
    large = ask("answer", task="classify", text="零" * 200_000)
    assert "more than 200,000 bytes" in sentence(large, 413)


@pytest.mark.parametrize(
    ("path", "fields", "says"),
    [
        ("answer", {"task": "classify", "text": " "}, "文本是空的，没有可回答的。"),
        ("answer", {"task": "tag", "text": "零", "pair": "一"}, "任务 'tag' 要一条文本。"),
        ("mask", {"segments": [0], "widow": 3}, "没有字段 'widow'。是不是 'window'？"),
        ("write", {"task": "tag", "text": TEXT}, "任务 'tag' 不生成文本。"),
    ],
)
def test_a_chinese_page_is_refused_in_chinese(path, fields, says):
    answer = asked(*map(played, ("classify", "tag")), language="zh")(path, **fields)
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, says)


def test_an_error_in_the_midst_of_writing_is_said_in_the_pages_language(monkeypatch):
    def broken(*_, **__):
        yield Progress(0, [])
        raise NotFiniteError("The gradient is not finite; explain the model in float32.")

    monkeypatch.setattr("playmask.play.app.steps", broken)
    lines = asked(played("lm"), language="zh-CN")("write", task="lm").text.splitlines()
    assert json.loads(lines[-1])["error"]["message"].startswith("梯度不是有限的数")


@pytest.mark.parametrize("kind", ["classify", "tag"])
def test_answers_are_those_of_the_task(kind):
    one = played(kind)
    answer = asked(one)("answer", task=kind, text=TEXT).json()
    assert answer["answer"] == one.served.predict([TEXT])[0] and answer["seconds"] > 0


def test_sentences_come_by_their_similarity():
    ask, sentences = asked(played("similar")), ["六七八", TEXT, "零一"]
    found = ask("similar", task="similar", text=TEXT, sentences=sentences).json()
    rows = found["sentences"]
    assert found["comparison"] == "cosine"
    assert rows[0]["text"] == TEXT and rows[0]["score"] == pytest.approx(1, abs=1e-5)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert {row["text"] for row in rows} == set(sentences)


def test_maps_are_what_the_tasks_model_attends_to():
    one = played("classify")
    found = asked(one)("maps", task="classify", text=TEXT, layer=0).json()
    model = one.task.transformer
    model.tokenizer = one.task.tokenizer
    right = attention_maps(model, TEXT)
    assert found["tokens"] == found["keys"] == [*right.tokens]
    np.testing.assert_allclose(found["heads"], right.weights[0], atol=1e-4)


def test_an_explanation_is_that_of_the_task():
    one = played("classify")
    found = asked(one)("explain", task="classify", text=TEXT, answer="甲").json()
    right = playmask.integrated_gradients(one.task, TEXT, answer="甲")
    assert found["answer"] == "甲" and found["value"] == pytest.approx(right.value)
    assert [piece for piece, _ in found["texts"][0]] == [*TEXT]
    scores = [score for _, score in found["texts"][0]]
    np.testing.assert_allclose(scores, [score for _, score in right.pieces()], atol=1e-6)


@pytest.mark.parametrize("part", CHANGES)
def test_a_part_is_written_as_it_is_made(part):
    change = CHANGES[part]
    assert eval(f"dict({change.python})", dict(vars(playmask.model.parts)) | {
        "Ordered": Ordered, "Window": Window
    }) == dict(change.fields)  # fmt: skip


@pytest.mark.parametrize(("part", "differs"), [("alibi", True), ("talking-heads", False)])
def test_a_part_is_switched_in_the_saved_model(saved, part, differs):
    both = asked(saved)("part", task="saved", text=TEXT, part=part).json()
    assert both["python"] == f'playmask.load("{saved.place}", {CHANGES[part].python})'
    again = playmask.load(saved.place, **CHANGES[part].fields)
    assert both["fresh"] == len(again.report.fresh)
    right = attention_maps(again, TEXT).weights[0]
    np.testing.assert_allclose(both["changed"]["heads"], right, atol=1e-4)
    apart = np.abs(np.array(both["changed"]["heads"]) - both["plain"]["heads"]).max()
    assert (apart > 0.01) == differs
    pair = asked(saved)("maps", task="saved", text=TEXT, pair=part).json()  # no map of that part
    assert len(pair["tokens"]) > len(both["plain"]["tokens"])


def test_a_text_is_written_token_by_token_with_its_beams():
    one = played("lm")
    answer = asked(one)("write", task="lm", text="六七八", beams=2, max_tokens=3)
    steps = [json.loads(line) for line in answer.text.splitlines()]
    assert [step["tokens"] for step in steps] == [*range(1, len(steps) + 1)] and len(steps) == 3
    options = {"max_tokens": 3, "search": playmask.Beams(2)}
    [right] = one.task.writer.write("六七八", **options)
    assert [(each["text"], each["score"]) for each in steps[-1]["lanes"]] == [
        (each.text, pytest.approx(each.score, abs=1e-4)) for each in right
    ]


def test_every_part_and_order_has_a_name_in_both_languages():
    words = asked()("/words.js").text
    state = asked(played("classify"))("/ask/state").json()
    for key in (*state["parts"], *state["orders"], *COMPARISONS):
        assert f"\n  {key}: [" in words or f'\n  "{key}": [' in words
    assert state["tasks"][0]["labels"] == ["甲", "乙"] and state["tasks"][0]["layers"] == 1


def test_an_exported_task_answers_and_shows_no_network():
    class Exported:
        name, settings, tokenizer = "classify", played("classify").task.settings, None

    one = PlayedTask("exported", Exported())
    assert one.abilities == frozenset() and one.about()["layers"] == 0
    for path, fields in (("maps", {}), ("explain", {})):
        assert "was exported" in sentence(asked(one)(path, task="exported", text=TEXT, **fields))
