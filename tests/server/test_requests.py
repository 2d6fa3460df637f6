"""Requests: what is answered, what is refused with one sentence, and what is written of them."""

import asyncio
import itertools
import json
import logging
import re

import pytest
from pydantic import ValidationError

from playmask.cli.messages import translated
from playmask.errors import ConfigError
from playmask.server.app import create_app
from playmask.server.limits import OPEN, ApiKeys
from playmask.server.logs import JsonFormatter
from playmask.server.options import ServerOptions
from playmask.server.schemas import sentence_of
from playmask.validation_errors import DUE
from server.asking import BAD, Fake, asked, sentence, until

JSON = {"Content-Type": "application/json"}
KEY = {**JSON, "Authorization": "Bearer first"}


def test_before_it_is_ready_it_says_so():
    async def run():
        fake = Fake()
        fake.warming.clear()
        async with asked(fake, ready=False) as client:
            assert (await client.get("/health")).json() == {"status": "ok"}
            for answer in (
                await client.get("/ready"), await client.post("/predict", json={"texts": ["a"]})
            ):  # fmt: skip
                assert "made ready" in sentence(answer, 503)
                assert answer.headers["retry-after"] == "1"
            fake.warming.set()
            await until(fake.warmed.is_set)
            await asyncio.sleep(0.05)
            assert (await client.get("/ready")).json() == {"status": "ready", "tasks": ["fake"]}
            answer = await client.post("/predict", json={"texts": ["a", "bcd"]})
            assert answer.json() == {"task": "fake", "answers": [{"score": 1.0}, {"score": 3.0}]}

    asyncio.run(run())


BODIES = [
    (b"", "The request has no body."),
    (b"{", "The body is no JSON: expecting"),
    (b'{"texts": ["\xff"]}', "Byte 13 of the body is not UTF-8."),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"texts": [' + b"1" * 5000 + b"]}", "too many digits"),
    (b"[]", "no JSON object"),
    (b"{}", "The field 'texts' is missing."),
    ({"texts": "a"}, "texts is 'a'; a list of texts"),
    ({"texts": []}, "texts holds 0 texts; from 1 to 4"),
    ({"texts": ["a"] * 5}, "texts holds 5 texts; from 1 to 4"),
    ({"texts": ["a", "b" * 9]}, "texts[1] has 9 characters; 8 are taken"),
    ({"texts": ["a", " "]}, "texts[1] is empty"),
    ({"texts": ["a", 5]}, "texts[1] is 5; a text is due."),
    ({"texts": [["a"]]}, "texts[0] has 1 parts; a pair has two."),
    ({"texts": [["a", None]]}, "texts[0][1] is None; a text is due."),
    ({"texts": ["a", ["b", "c"]]}, "texts[1] is not as texts[0]"),
    (b'{"texts": ["a\\ud800"]}', "half a surrogate pair at character 1"),
    ({"text": ["a"]}, "There is no field 'text'. Did you mean 'texts'?"),
    ({"texts": ["a"], "task": 1}, "task is 1; a text is due."),
    ({"texts": ["a", "b", BAD]}, f"Text 2 is {BAD}."),
]


WRONG = (
    3, -1, 0.5, 10**30, 1e300, float("nan"), "x", "", None, True, {}, [], [3], [0] * 99, ["a"] * 99
)  # fmt: skip


def below(body):
    for each in body.__subclasses__():
        yield each
        yield from below(each)


def test_whatever_a_field_holds_the_sentence_is_of_this_house_and_has_a_chinese_one():
    from playmask.play import bodies

    kinds, said = set(), set()
    for body in below(bodies.Body):
        for name, value in itertools.product(body.model_fields, WRONG):
            try:
                body.model_validate({body.model_fields[name].alias or name: value})
            except ValidationError as error:
                for each in error.errors():
                    kinds.add(each["type"])
                    said.add(sentence_of([each]))
    assert kinds - {*DUE} == {"missing", "sentence"}
    assert len(said) > 100
    wrong = [each for each in said if not re.search(r"[\u4e00-\u9fff]", translated(each, "zh"))]
    assert not wrong


def test_what_is_wrong_is_said_in_one_sentence():
    async def run():
        async with asked(Fake(), max_texts=4, max_characters=8) as client:
            for body, said in BODIES:
                content = body if isinstance(body, bytes) else json.dumps(body)
                answer = await client.post("/predict", content=content, headers=JSON)
                assert said in sentence(answer)
            plain = await client.post("/predict", content=b'{"texts": ["a"]}')
            assert "Content-Type: application/json" in sentence(
                plain
            )  # no page can send it unasked
            assert "no such path" in sentence(await client.get("/etc/passwd"), 404)
            assert (await client.post("/predict", json={"texts": ["好"]})).status_code == 200

    asyncio.run(run())


METHODS = [
    ("GET", "/predict", "/predict takes no GET; POST is due.", "POST"),
    ("POST", "/v1/models", "/v1/models takes no POST; GET is due.", "GET"),
    ("DELETE", "/", "/ takes no DELETE; GET or HEAD is due.", "GET, HEAD"),
    ("OPTIONS", "/health", "/health takes no OPTIONS; GET is due.", "GET"),
]


def test_a_method_that_a_path_does_not_take_is_named_with_those_it_does():
    async def run():
        async with asked(Fake()) as client:
            for method, path, said, allowed in METHODS:
                answer = await client.request(method, path)
                assert sentence(answer, 405) == said
                assert answer.headers["allow"] == allowed
                assert re.search(r"[\u4e00-\u9fff]", translated(said, "zh"))
            assert (await client.head("/")).status_code == 200

    asyncio.run(run())


def test_nothing_leads_to_the_host_that_a_client_names():
    async def run():
        async with asked(Fake()) as client:
            for path in ("/predict/", "/v1/rerank/", "/v1/models/", "/health/", "/docs/"):
                for method in ("GET", "POST"):
                    answer = await client.request(method, path, headers={"Host": "evil.example"})
                    assert "no such path" in sentence(answer, 404)

    asyncio.run(run())


def test_the_interface_documents_the_errors_that_are_sent_and_the_key():
    async def run(keys):
        async with asked(Fake(), keys=keys) as client:
            api = (await client.get("/openapi.json")).json()
            bad = (await client.post("/predict", content=b"{", headers=KEY)).json()
            return api, bad

    (api, bad), (plain, _) = asyncio.run(run(ApiKeys.of(None, "first"))), asyncio.run(run(None))
    schemas = api["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert set(bad) == set(schemas["ErrorResponse"]["properties"])
    assert set(bad["error"]) == set(schemas["Error"]["properties"])
    refused = {
        path: {status for status in operation["responses"] if status != "200"}
        for path, methods in api["paths"].items()
        for operation in methods.values()
    }
    asks = {"401", "404", "408", "413", "422", "500", "503", "504"}
    assert refused == {
        "/health": set(), "/ready": {"503"}, "/metrics": {"401"}, "/v1/models": {"401"},
        **dict.fromkeys(("/predict", "/v1/embeddings", "/v1/rerank", "/v1/completions"), asks),
    }  # fmt: skip
    for path, methods in api["paths"].items():
        for operation in methods.values():
            assert operation.get("security") == (None if path in OPEN else [{"HTTPBearer": []}])
            for status in refused[path]:
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
    assert api["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert "securitySchemes" not in plain["components"] and "401" not in json.dumps(plain["paths"])


def test_tasks_go_by_name_and_are_asked_for_what_they_can():
    async def run():
        one, pairs = Fake("one", pairs=False), Fake("two", pairs=True)
        pairs.abilities = frozenset({"predict", "rerank"})
        async with asked(one, pairs) as client:

            async def ask(path="/predict", **body):
                return await client.post(path, json=body)

            assert "there are 'one', 'two'." in sentence(await ask(texts=["a"], task="three"), 404)
            said = sentence(await ask(texts=["a"]))
            assert said == "The request names no task. Those that can predict: 'one', 'two'."
            assert "takes single texts" in sentence(await ask(texts=[["a", "b"]], task="one"))
            assert "takes pairs" in sentence(await ask(texts=["a"], task="two"))
            assert "can embed: 'one'" in sentence(
                await ask("/v1/embeddings", model="two", input="a")
            )
            both = await asyncio.gather(
                ask(texts=["a", "bc"], task="one"), ask(texts=[["a", "b"]], task="two")
            )
            assert [each.json()["answers"] for each in both] == [
                [{"score": 1.0}, {"score": 2.0}], [{"score": 1.0}]
            ]  # fmt: skip

    asyncio.run(run())


RERANKS = [
    ({"query": ""}, "query is empty; there is nothing to answer to."),
    ({"query": "a" * 9}, "query has 9 characters; 8 are taken at most."),
    ({"query": "a\ud800"}, "query has half a surrogate pair at character 1"),
    ({"query": ""} | {"documents": [""]}, "query is empty; there is nothing to answer to."),
    ({"documents": ["b", " "]}, "documents[1] is empty; there is nothing to answer to."),
    ({"documents": ["b" * 9]}, "documents[0] has 9 characters; 8 are taken at most."),
    ({"documents": ["b", {"x": 1}]}, "documents[1] is {'x': 1}; a text, or an object with its"),
    ({"documents": [{"text": 1}]}, "documents[0].text is 1; a text is due."),
]


def test_a_rerank_names_the_field_that_is_wrong():
    async def run():
        async with asked(Fake(pairs=True), max_characters=8) as client:
            for changes, said in RERANKS:
                body = json.dumps({"query": "a", "documents": ["b"], **changes})
                answer = await client.post("/v1/rerank", content=body, headers=JSON)
                assert sentence(answer).startswith(said)

    asyncio.run(run())


def test_a_large_body_is_refused_before_it_is_read():
    async def run():
        sent = 0

        async def chunks():
            nonlocal sent
            for _ in range(100):
                sent += 100
                yield b" " * 100

        async with asked(Fake(), max_body=1000) as client:
            declared = await client.post("/predict", content=b" " * 1001, headers=JSON)
            assert "more than 1,000 bytes" in sentence(declared, 413)
            assert "1,000 bytes" in sentence(
                await client.post("/predict", content=chunks(), headers=JSON), 413
            )
            assert sent <= 1200

    asyncio.run(run())


def test_a_full_queue_refuses_and_loses_nothing():
    async def run():
        fake = Fake()
        fake.held.clear()
        async with asked(fake, max_queue=4) as client:
            asks = [
                asyncio.ensure_future(client.post("/predict", json={"texts": [str(i) * i]}))
                for i in range(1, 13)
            ]
            await until(lambda: sum(each.done() for each in asks) >= 7)
            fake.held.set()
            answers = await asyncio.gather(*asks)
            refused = [each for each in answers if each.status_code != 200]
            assert len(refused) == 7  # one runs, four wait
            for each in refused:
                assert "too much to do" in sentence(each, 503)
                assert int(each.headers["retry-after"]) >= 1
            for i, each in enumerate(answers, 1):
                if each.status_code == 200:
                    assert each.json()["answers"] == [{"score": float(i)}]
            metrics = (await client.get("/metrics")).text
            assert (
                'playmask_requests_total{path="/predict",status="503",task="fake"} 7.0' in metrics
            )
            assert 'playmask_queue_texts{task="fake"} 0.0' in metrics

    asyncio.run(run())


def test_a_request_that_takes_too_long_is_let_go():
    async def run():
        fake = Fake()
        fake.held.clear()
        async with asked(fake, timeout=0.1) as client:
            slow, late = await asyncio.gather(
                client.post("/predict", json={"texts": ["a"]}),
                client.post("/predict", json={"texts": ["b"]}),
            )
            assert "within 0.1 seconds" in sentence(slow, 504) and sentence(late, 504)
            fake.held.set()
            assert (await client.post("/predict", json={"texts": ["c"]})).status_code == 200
            assert fake.batches == [["a"], ["c"]]  # what still waited was not run

            async def nothing():
                await asyncio.sleep(5)
                yield b""

            assert "did not arrive" in sentence(
                await client.post("/predict", content=nothing(), headers=JSON), 408
            )

    asyncio.run(run())


async def left(app, path, body, leave):
    """Send a request whose client leaves when `leave` is set; what was sent to it."""
    sent, arrives = [], [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive():
        if arrives:
            return arrives.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers,
             "query_string": b"", "scheme": "http", "server": ("server", 80), "http_version": "1.1",
             "client": ("127.0.0.1", 1), "root_path": "",
             "asgi": {"spec_version": "2.3"}}  # fmt: skip
    await app(scope, receive, send)
    return sent


def test_who_leaves_is_not_waited_for():
    async def run():
        fake = Fake()
        fake.held.clear()
        app = create_app([fake], ServerOptions())
        async with app.router.lifespan_context(app):
            await until(lambda: app.state.service.ready)
            leave = asyncio.Event()
            first = asyncio.ensure_future(left(app, "/predict", {"texts": ["a"]}, asyncio.Event()))
            await until(lambda: fake.batches)
            second = asyncio.ensure_future(left(app, "/predict", {"texts": ["b"]}, leave))
            await until(lambda: app.state.service.queues["fake"]._waiting)
            leave.set()
            await second
            fake.held.set()
            assert (await first)[0]["status"] == 200
            assert fake.batches == [["a"]]
            body = {"prompt": "a", "max_tokens": 100_000, "stream": True}
            leave.clear()
            third = asyncio.ensure_future(left(app, "/v1/completions", body, leave))
            await asyncio.sleep(0.05)
            leave.set()
            await third
            await until(fake.stopped.is_set)  # nothing is written for nobody

    asyncio.run(run())


def test_keys_open_it_and_pages_of_others_do_not(tmp_path):
    async def run():
        file = tmp_path / "keys"
        file.write_text("first\n\nsecond\n", encoding="utf-8")
        keys = ApiKeys.of(file, "third")
        assert len(keys.digests) == 3 and "first" not in repr(keys)
        async with asked(Fake(), keys=keys) as client:
            for path in ("/", "/docs", "/health", "/ready", "/openapi.json"):
                assert (await client.get(path)).status_code == 200
            for header in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic first"}):
                for path in ("/metrics", "/v1/models", "/nothing"):
                    answer = await client.get(path, headers=header)
                    assert "needs a key" in sentence(answer, 401)
                    assert answer.headers["www-authenticate"] == "Bearer"
            for key in ("first", "second", "third"):
                header = {"Authorization": f"Bearer {key}"}
                assert (await client.get("/v1/models", headers=header)).status_code == 200
        page = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
        async with asked(Fake()) as client:
            assert (
                "access-control-allow-origin"
                not in (await client.post("/predict", json={"texts": ["a"]}, headers=page)).headers
            )
        async with asked(Fake(), cors=("http://page",), keys=keys) as client:
            answer = await client.options("/predict", headers=page)  # asks before it has a key
            assert answer.headers["access-control-allow-origin"] == "http://page"
            other = await client.options("/predict", headers={**page, "Origin": "http://other"})
            assert "access-control-allow-origin" not in other.headers

    asyncio.run(run())
    (tmp_path / "none").write_text("\n")
    with pytest.raises(ConfigError, match="no key"):
        ApiKeys.of(tmp_path / "none")


def test_options_are_checked():
    assert ServerOptions().host == "127.0.0.1"
    assert ServerOptions(max_queue=5).texts == 5
    infinite, nan = float("inf"), float("nan")
    for name, value, due in (
        ("timeout", 0.0, "timeout is from 0.001, not 0.0."),
        ("timeout", infinite, "timeout is at most 86400, not inf."),
        ("timeout", nan, "timeout is from 0.001, not nan."),
        ("max_wait_ms", infinite, "max_wait_ms is inf; below 30000 is due, the timeout"),
        ("max_wait_ms", 30_000.0, "max_wait_ms is 30000; below 30000 is due"),
        ("max_wait_ms", nan, "max_wait_ms is from 0, not nan."),
        ("port", 70_000, "port is at most 65535, not 70000."),
        ("max_queue", 0, "max_queue is from 1, not 0."),
        ("workers", 0, "workers is from 1, not 0."),
    ):
        with pytest.raises(ConfigError, match=f"^{re.escape(due)}"):
            ServerOptions(**{name: value})


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(JsonFormatter().format(record))


def test_logs_are_json_and_hold_no_text():
    async def run():
        async with asked(Fake()) as client:
            answer = await client.post("/predict", json={"texts": ["a secret"]})
            fault = await client.post("/predict", json={"texts": ["fault"]})
            assert "internal error" in sentence(fault, 500)
            await client.get("/a secret path")
            return answer.headers["x-request-id"]

    handler, logger = Lines(), logging.getLogger("playmask.server")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        number = asyncio.run(run())
    finally:
        logger.removeHandler(handler)
    assert "secret" not in "".join(handler.lines)
    lines = [json.loads(line) for line in handler.lines]
    (one,) = [line for line in lines if line.get("id") == number]
    assert {key: one[key] for key in ("level", "method", "path", "status", "task", "texts")} == {
        "level": "info", "method": "POST", "path": "/predict", "status": 200, "task": "fake",
        "texts": 1,
    }  # fmt: skip
    (error,) = [line for line in lines if line["level"] == "error"]
    assert error["error"] == "RuntimeError" and "asking.py" in error["at"][-1]
    assert [line["path"] for line in lines if line.get("status") == 404] == ["other"]


def test_the_page_loads_nothing_from_elsewhere():
    async def run():
        async with asked(Fake()) as client:
            page, api = await client.get("/"), (await client.get("/openapi.json")).json()
            assert "://" not in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
            examples = [
                schema["examples"][0]
                for name, schema in api["components"]["schemas"].items()
                if name.endswith("Request")
            ]
            assert len(examples) == 4
            for path, body in zip(
                ("/v1/completions", "/v1/embeddings", "/predict", "/v1/rerank"),
                examples,
                strict=True,
            ):
                assert (await client.post(path, json=body)).status_code == 200

    asyncio.run(run())
