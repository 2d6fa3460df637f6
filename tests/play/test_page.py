"""The page in a browser: every panel, light and dark, on a desk and on a phone.

Needs Playwright (pip install playwright) and a Chromium of the system, and is skipped without them.
"""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import keras
import pytest
import uvicorn

from playmask.inspection.draw.colours import DARK, LIGHT
from playmask.play.app import create_page
from playmask.play.played import PlayedTask
from tasks.every_task import MAKE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="the page is tested by Playwright: pip install playwright"
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="the page is tested in Chromium, which is missing"),
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="one backend is enough"),
]
THEMES = {"light": LIGHT["paper"], "dark": DARK["paper"]}
VIEWS = [*product(THEMES, (1280, 390))]
PANELS = ("answer", "attention", "reasons", "parts", "mask")
PATIENCE = 60_000  # milliseconds: a machine may be busy
TEXT = "😀零一二三四五"  # offsets count characters, of which the first is two units of UTF-16


def part(start: int, end: int, **fields) -> dict:
    return {"start": start, "end": end, "text": TEXT[start:end], **fields}


def relation(subject, predicate, thing) -> dict:
    own = {"@value": part(*thing)}
    return {"subject": part(*subject), "predicate": predicate, "object": own, "score": 1.0}


ANSWERS = {
    "classify": {"label": "甲", "probabilities": {"甲": 0.8, "乙": 0.2}},
    "tag": {"mentions": [part(1, 5, label="甲", score=0.9), part(2, 3, label="乙", score=0.7)]},
    "relate": {"relations": [relation((1, 2), "甲", (3, 4)), relation((3, 4), "乙", (5, 7))]},
    "event": {
        "events": [
            {
                "type": "甲",
                "parts": [part(1, 2, role="trigger"), part(4, 6, role="乙")],
                "score": 0.5,
            }
        ]
    },
    "read": {"answer": TEXT[2:4], "start": 2, "end": 4, "score": 0.6},
}
"""What tasks answer here: random weights say nothing that a picture is made for."""


def played(kind: str, place=None) -> PlayedTask:
    one = PlayedTask(kind, MAKE[kind](), place)
    if kind in ANSWERS:
        one.served.predict = lambda rows, schema=None: [ANSWERS[kind]] * len(rows)
    return one


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """The address of a server in this process."""
    folder = MAKE["classify"]().save(tmp_path_factory.mktemp("tasks") / "classify")
    kinds = ("tag", "relate", "event", "read", "similar", "lm")
    tasks = [played("classify", folder), *map(played, kinds)]
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_page(tasks), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{own.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        one = play.chromium.launch(**options)
        yield one
        one.close()


class Reader:
    """Somebody at a browser, who sees all that goes wrong in it."""

    def __init__(self, page, address: str) -> None:
        self.page, self.wrong = page, []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._heard)
        page.goto(address)
        page.locator("#answer :first-child").first.wait_for()

    def _heard(self, message) -> None:
        refused = "status of 422" in message.text  # a sentence that the page shows
        if message.type == "error" and not refused:
            self.wrong.append(message.text)

    def open(self, panel: str, task: str = "classify", text: str = TEXT) -> None:
        self.page.click("#tab-answer")
        self.page.select_option("#task", task)
        if panel != "answer":
            self.page.click(f"#tab-{panel}")
        if panel in ("reasons", "parts"):
            self.page.fill("#text", text)
        elif panel != "mask" and task != "lm":  # where typing asks the server
            with self.page.expect_response(lambda answer: text in _texts(answer.request)):
                self.page.fill("#text", text)

    def find(self, selector: str, text: str | re.Pattern = ""):
        """What is there of a selector, once it is."""
        found = self.page.locator(selector).filter(has_text=text or None)
        found.first.wait_for()
        return found

    def see_all(self, selector: str) -> None:
        """It is seen in both themes and widths, and nothing is wider than the page."""
        for theme, width in VIEWS:
            self.page.emulate_media(color_scheme=theme)
            self.page.set_viewport_size({"width": width, "height": 844})
            found = self.find(selector)
            self.page.wait_for_timeout(50)
            assert found.first.is_visible()
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (selector, theme, width, wide)
            paper = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
            channels = [int(THEMES[theme][i : i + 2], 16) for i in (1, 3, 5)]
            assert paper == f"rgb({', '.join(map(str, channels))})"
        assert not self.wrong, self.wrong


def _texts(request) -> list:
    """The texts that a request sends."""
    body = request.post_data_json if request.post_data else {}
    return [body.get("text"), body.get("pair")]


@pytest.fixture(scope="module")
def page(browser, address):
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 844})
    yield Reader(context.new_page(), address)
    context.close()


def test_a_label_and_its_probabilities(page):
    page.open("answer")
    assert page.find("#answer .large").inner_text() == "甲"
    assert page.find("#answer .bars .best", "甲").inner_text().split() == ["甲", "80.0", "%"]
    page.see_all("#answer .bars .best")


def test_mentions_are_coloured_with_their_offsets(page):
    page.open("answer", "tag")
    inner = page.find("#answer .mark.level-1")
    assert inner.get_attribute("title") == "乙 [2, 3) 0.700"
    outer = page.find("#answer .mark.level-0")
    assert {each.get_attribute("title") for each in outer.all()} == {"甲 [1, 5) 0.900"}
    assert "".join(outer.all_inner_texts()) == "零一乙二三甲"  # with the labels where they end
    rows = page.find("#answer tbody tr")
    assert [*map(str.split, rows.all_inner_texts())] == [
        ["零一二三", "甲", "[1,", "5)", "0.900"], ["一", "乙", "[2,", "3)", "0.700"]
    ]  # fmt: skip
    page.see_all("#answer .mark.level-1")


GRAPHS = [
    ("relate", ["零", "二", "四五"], ["甲", "乙"]),
    ("event", ["甲", "零", "三四"], ["trigger", "乙"]),
]


@pytest.mark.parametrize(("task", "nodes", "edges"), GRAPHS)
def test_relations_and_events_are_a_graph(page, task, nodes, edges):
    page.open("answer", task)
    page.find("#answer svg.graph")
    texts = page.page.locator("#answer .node-text").all_text_contents()
    assert texts == nodes
    assert page.page.locator("#answer .edge-text").all_text_contents() == edges
    assert page.page.locator("#answer .edge").count() == len(edges)
    page.see_all("#answer svg.graph")


def test_an_answer_is_marked_in_its_passage(page):
    page.open("answer", "read")
    page.page.fill("#question", "零")
    assert page.find("#answer .large").inner_text() == "一二"
    assert page.find("#answer .mark").get_attribute("title") == "Score 0.600 [2, 4)"
    page.see_all("#answer .mark")


def test_similar_sentences_come_in_their_order(page):
    page.open("answer", "similar", "零一二三")
    page.page.fill("#sentences", "六七八九\n零一二三")
    assert page.find("#answer .bars li:first-child", "1.000").inner_text().startswith("零一二三")
    page.find(
        "#answer .quiet", re.compile(r"^Cosine of the vectors; .* from -?\d\.\d\d to 1\.00\.$")
    )
    widths = page.page.locator("#answer .bars i").evaluate_all(
        "all => all.map((i) => i.style.width)"
    )
    assert widths[0] == "100%" and 0 < float(widths[1].removesuffix("%")) < 10
    page.see_all("#answer .bars li")


def test_a_text_streams_with_its_beams(page):
    page.open("answer", "lm", "零一")
    page.page.fill("#beams", "2")
    page.page.fill("#max-tokens", "3")
    page.page.click("#answer button.act")
    page.find("#answer .lanes li")
    page.find("#answer button.act", "Write")
    assert page.page.locator("#answer .lanes li").count() == 2
    assert re.search("^Tokens: [1-3]$", page.find("#answer .quiet", "Tokens").inner_text())
    page.see_all("#answer .lanes")
    page.open("answer")
    page.open("answer", "lm", "零一")
    page.find("#answer button.act", "Write")
    assert page.page.locator("#answer .lanes li").count() == 0  # those were of another choice


def test_a_text_that_is_being_written_is_stopped_by_another_task(page):
    page.open("answer", "lm", "零一")
    page.page.route("**/ask/write", lambda route: None)  # the server takes its time
    page.page.click("#answer button.act")
    page.page.click("#tab-answer")  # which draws the panel once more
    assert page.find("#answer button.act").inner_text() == "Stop"
    page.open("answer")
    page.open("answer", "lm", "零一")
    assert page.find("#answer button.act").inner_text() == "Write"
    page.page.unroute("**/ask/write")


def test_attention_is_read_by_pointer_and_keys(page):
    page.open("attention")
    canvas = page.find("#attention canvas.map")
    heads = page.find("#attention .head")
    heads.nth(1).click()
    assert page.page.locator("#attention .head[aria-pressed=true]").inner_text() == "head 1"
    canvas = page.find("#attention canvas.map")
    canvas.focus()
    page.page.keyboard.press("ArrowRight")
    said = page.find("#attention .readout", "looks at").inner_text()
    page.page.keyboard.press("ArrowRight")
    assert re.fullmatch(r"“.+” looks at “.+” with [01]\.\d{3}", said)
    assert page.find("#attention .readout").inner_text() != said
    canvas.hover(position={"x": 100, "y": 100})
    assert "looks at" in page.find("#attention .readout").inner_text()
    assert page.find("#attention .detail .bars li").count() > 1
    page.see_all("#attention canvas.map")


def test_characters_say_what_they_brought(page):
    page.open("reasons")
    for answer in ("甲", "乙"):  # one of them is not the task's own
        page.page.select_option("#which-answer", answer)
        page.page.click("#reasons button.act")
        page.find("#reasons .large", answer)
    pieces = page.find("#reasons .piece")
    assert "".join(pieces.all_inner_texts()) == TEXT
    pieces.nth(2).hover()
    assert re.fullmatch("“一” brought [+−][0-9.]+", page.find("#reasons .readout").inner_text())
    page.see_all("#reasons")


MAPS = """() => [...document.querySelectorAll("#parts canvas.map")].map((map) => map.toDataURL())"""


def test_a_part_is_switched_beside_the_plain_map(page):
    page.open("parts")
    page.page.select_option("#part", "alibi")
    assert 'position="alibi"' in page.find("#parts pre").inner_text()
    assert page.find("#parts canvas.map").count() == 2
    plain, changed = page.page.evaluate(MAPS)
    assert plain != changed
    page.find("#parts p", re.compile(r"Mean difference of a weight in this head: 0\.\d+"))
    page.page.select_option("#part", "talking-heads")
    page.find("#parts p", "The maps are the same")
    page.see_all("#parts")


def test_integers_changed_by_hand_change_what_a_token_sees(page):
    page.open("mask")
    page.page.fill("#mask-text", "零一二")
    page.find("#mask button", "full").click()
    page.find("#mask .choices [aria-pressed=true]", "full")
    page.page.focus("#site-0")
    assert page.find("#mask .readout").inner_text() == "“零” sees 零 一 二"
    page.page.fill("#order-1", "5")
    page.page.keyboard.press("Tab")
    page.find("#mask .choices [aria-pressed=true]", "by hand")
    page.page.focus("#site-0")
    assert page.find("#mask .readout").inner_text() == "“零” sees 零 二"
    page.page.click("#padding-2")
    page.find("#padding-2[aria-pressed=true]")
    page.page.focus("#site-1")
    assert page.find("#mask .readout").inner_text() == "“一” sees 零 一"
    assert page.page.locator("#mask .token.seen").all_inner_texts() == ["零", "一"]
    assert "key.order <= query.order" in page.find("#mask pre").inner_text()
    page.see_all("#mask canvas.map")


def test_a_refusal_is_one_sentence_on_the_page(page):
    page.open("answer", text=" ")
    assert page.find("#fault").inner_text() == "The text is empty; there is nothing to answer to."
    page.see_all("#fault")
    page.open("answer")
    page.page.locator("#fault").wait_for(state="hidden")


def test_it_speaks_chinese_and_is_dark_when_told(page):
    page.page.emulate_media(color_scheme="light")
    page.open("answer")
    page.page.click("#language")
    assert page.find("#tab-mask").inner_text() == "掩码"
    assert page.page.locator("html").get_attribute("lang") == "zh-CN"
    visible = page.page.evaluate("document.body.innerText")
    assert not re.search(r"\b(Answer|Attention|Mask|Task|Text|Theme|Probabilities)\b", visible)
    for wanted in ("light", "dark"):
        page.page.click("#theme")
        assert page.page.locator("html").get_attribute("data-theme") == wanted
    paper = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(21, 25, 31)"
    page.page.reload()
    assert page.find("#tab-answer").inner_text() == "答案"  # it remembers both
    assert page.page.locator("html").get_attribute("data-theme") == "dark"
    page.page.click("#theme")
    page.page.click("#language")


NAMELESS = """() => [...document.querySelectorAll("input, select, textarea")]
    .filter((each) => !each.labels?.length && !each.ariaLabel).map((each) => each.id)"""


def test_tabs_are_reached_by_keys_and_controls_have_names(page):
    page.open("answer")
    page.page.focus("#tab-answer")
    for name in (*PANELS[1:], PANELS[0]):
        page.page.keyboard.press("ArrowRight")
        assert page.find("[role=tab][aria-selected=true]").get_attribute("id") == f"tab-{name}"
        assert page.page.evaluate(NAMELESS) == []


def test_the_pages_files_ask_nobody_else():
    folder = Path(create_page.__code__.co_filename).with_name("page")
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "eval(" not in text, file.name
