"""`playmask draw`: masks and attention, in the terminal and as pictures."""

import pytest

from cli.commands import call, complaint

DRAWN = {
    "lm --length 3": "■ · ·\n■ ■ ·\n■ ■ ■",
    "unilm --segments 0,0,1,1": "■ ■ · ·\n■ ■ · ·\n■ ■ ■ ·\n■ ■ ■ ■",
    "permutation --ranks 2,0,1": "■ ■ ■\n· ■ ·\n· ■ ■",
    "lm --length 4 --window 2": "■ · · ·\n■ ■ · ·\n· ■ ■ ·\n· · ■ ■",
    "full --same-text --texts 0,0,1": "■ ■ ·\n■ ■ ·\n· · ■",
    "full --window 1 --positions 0,1,0": "■ · ■\n· ■ ·\n■ · ■",
    "permutation --ranks 1,0 --window 1": "■ ·\n· ■",
}


@pytest.mark.parametrize("line", DRAWN)
def test_masks(line):
    result = call("draw", "mask", *line.split())
    assert (result.exit_code, result.stdout) == (0, DRAWN[line] + "\n"), result.output


@pytest.mark.parametrize("order", ["full", "lm", "unilm", "turns", "permutation"])
def test_every_order_has_a_drawing_of_its_own(order):
    result = call("draw", "mask", order)
    assert result.exit_code == 0 and "■" in result.stdout
    assert ("·" in result.stdout) == (order != "full")


def test_a_mask_as_a_picture(tmp_path):
    result = call("draw", "mask", "turns", "--window", 3, "--out", tmp_path / "mask.png")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "mask.png" in result.stderr
    assert (tmp_path / "mask.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lmm", "no order 'lmm'. Did you mean 'lm'"),
        ("unilm --length 4", "needs --segments, such as 0,0,0,1,1"),
        ("permutation --positions 1,0", "needs --ranks, such as 2,0,3,1"),
        ("lm --ranks 1,0", "--ranks is for the order permutation, not for 'lm'"),
        ("unilm --segments 0,a", "--segments is '0,a'; whole numbers"),
        ("lm --segments 0,0 --length 3", "2 numbers were given for a text of 3"),
        ("lm --out mask.gif", "format is 'gif'"),
        ("lm --length 0", "--length"),
    ],
)
def test_masks_that_are_refused(line, said):
    assert said in complaint(call("draw", "mask", *line.split()))


def test_attention(task, tmp_path):
    printed = call("draw", "attention", task, "这书真好").stdout
    assert printed.startswith("layer 0  head 0  head 1\n[CLS] ") and "书" in printed
    one = call("draw", "attention", task, "这书真好", "--layer", 0, "--head", 1).stdout
    assert one.startswith("layer 0 · head 1\n") and "█" in one
    path = tmp_path / "a.svg"
    result = call("draw", "attention", task, "这书真好", "--pair", "乙", "--out", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text("utf-8").rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layer", "1"), "no layer 1"),
        (("--head", "x"), "--head is 'x'; whole numbers"),
        (("--out", "a.gif"), "format is 'gif'"),
    ],
)
def test_attention_that_is_refused(task, arguments, said):
    assert said in complaint(call("draw", "attention", task, "好", *arguments))


def test_a_text_that_is_too_long(task):
    assert "a model of" in complaint(call("draw", "attention", task, "好" * 30))


@pytest.mark.parametrize("command", ["draw", "draw mask", "draw attention"])
def test_help(command):
    result = call(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage: playmask draw" in result.stdout
