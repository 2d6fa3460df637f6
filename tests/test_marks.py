"""Mentions drawn: every character once, every mention named, nothing taken for markup."""

import html
import re

from rich.console import Console

from playmask.data.annotated import Mention
from playmask.inspection.draw.colours import MARKS
from playmask.inspection.draw.mention_page import levels, mention_page
from playmask.inspection.draw.mentions import colours_of, in_terminal, pieces

TEXT = "高勇在<中国>北京\x1b[31m"
MENTIONS = [Mention(0, 2, "NAME", 0.9), Mention(3, 9, "LOC", 0.8), Mention(4, 6, "GPE", 0.7)]
LABELS = ["GPE", "LOC", "NAME"]


def test_a_text_is_cut_where_mentions_begin_and_end():
    found = [(p.text, [m.label for m in p.inside], len(p.ending)) for p in pieces(TEXT, MENTIONS)]
    assert found == [
        ("高勇", ["NAME"], 1),
        ("在", [], 0),
        ("<", ["LOC"], 0),
        ("中国", ["LOC", "GPE"], 1),
        (">北京", ["LOC"], 1),
        ("\x1b[31m", [], 0),
    ]
    assert [p.text for p in pieces("好", [])] == ["好"] and list(pieces("", [])) == []


def test_in_a_terminal():
    console = Console(width=80, color_system="truecolor", force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(in_terminal(TEXT, MENTIONS, LABELS))
    shown = capture.get()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain == "高勇[NAME]在<中国[GPE]>北京[LOC]�[31m\n"
    assert shown.count("48;2;207;226;246") == 1  # the inner one's own colour


def written(tmp_path, texts, **options) -> str:
    path = tmp_path / "a.html"
    mention_page(texts, LABELS, path, **options)
    return path.read_text(encoding="utf-8")


def test_a_page(tmp_path):
    texts = [(TEXT, MENTIONS, ["a <- b"]), ("好", [], [])]
    page = written(tmp_path, texts, title="<b>", notes=["3 & 2"])
    body = re.sub(r"<small.*?</small>", "", page[page.index("</nav>") :])
    texts = [html.unescape(re.sub("<[^>]*>", "", p)) for p in re.findall("<p class.*?</p>", body)]
    assert texts == [TEXT.replace("\x1b", "\\x1b"), "好"]
    assert page.count('<small class="c1 s8">LOC</small>') == 1 and 'title="LOC 0.800"' in page
    assert page.count('<ul class="lines"') == 1 and "<li>a &lt;- b</li>" in page
    assert "<title>&lt;b&gt;</title>" in page and "3 &amp; 2" in page
    assert "<summary>1 text without mentions</summary>" in page and "LOC 1</label>" in page
    assert "<script" not in page and "http" not in page and "url(" not in page


def test_mentions_that_overlap_have_lines_of_their_own_and_a_fourth_is_counted(tmp_path):
    nested = [Mention(0, end, "LOC", 0.5) for end in (5, 6, 7, 8)] + [Mention(8, 9, "GPE", 1.0)]
    assert levels(nested) == [None, 2, 1, 0, 0]  # the longest comes first
    page = written(tmp_path, [("一二三四五六七八九", nested, [])])
    body = page[page.index("</nav>") :]
    assert [len(re.findall(rf"m c\d s\d l{level}", body)) for level in range(3)] == [5, 3, 2]
    assert body.count(">+1</small>") == 1 and body.count(">LOC</small>") == 3
    assert body.count("s9 l0") == 1  # a score of 1 is of the highest tenth


def test_boxes_hide_labels_and_scores_by_styles(tmp_path):
    page = written(tmp_path, [(TEXT, MENTIONS, [])])
    assert "body:has(#c2:not(:checked)) p .c2" in page
    assert "body:has(#f5:checked) p .s4" in page and "body:has(#f5:checked) p .s5" not in page


def test_colours_come_again():
    labels = [str(i) for i in range(len(MARKS) + 1)]
    assert colours_of(labels)["0"] == colours_of(labels)[labels[-1]] == MARKS[0]
