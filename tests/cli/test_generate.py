"""Training what writes and what fills gaps, and writing: prompts, searches, streams, refusals."""

import json
import os
import select
import subprocess
import sys

import pytest

import playmask
from cli.commands import SMALL, call, complaint, start, write_table
from tasks.made_up import cycle, model, numbers, tokenizer

FAST = [*SMALL, "--learning-rate", "0.02", "--batch-size", "32"]
LEARN = [*FAST, "--epochs", "10"]
ONCE = [*FAST, "--epochs", "1"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A file of texts that go round."""
    file = tmp_path_factory.mktemp("texts") / "texts.txt"
    file.write_text("".join(f"{cycle(i % 10, length=6)}\n" for i in range(160)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def writer(texts):
    """A language model that the command line has trained."""
    out = texts.parent / "lm"
    result = call("train", "language-model", texts, "--out", out, *LEARN)
    assert result.exit_code == 0, result.stderr
    assert "data: 160 examples for training\n" in result.stderr
    assert result.stderr.endswith(f"try it: playmask generate {out} …\n")
    return out


def written(*arguments, **options) -> list[str]:
    """The lines that a generation prints."""
    result = call("generate", *arguments, **options)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_prompts_from_everywhere(writer, tmp_path):
    wanted = ["三四五", "九零一"]
    assert written(writer, "三", "九", "--max-tokens", 2) == wanted
    assert written(writer, "三", "--max-tokens", 2) == wanted[:1]  # a stream
    file = tmp_path / "prompts.txt"
    file.write_text("三\n九\n", encoding="utf-8")
    assert written(writer, "--input", file, "--max-tokens", 2) == wanted
    assert written(writer, "--max-tokens", 2, input="三\n九\n") == wanted
    assert written(writer, "--max-tokens", 2, "--interactive", input="三\n九\n") == wanted
    (nothing,) = written(writer, "", "--max-tokens", 3)
    assert nothing in cycle(0, length=20) and nothing


def test_json_and_searches(writer):
    both = written(writer, "三", "九", "--max-tokens", 2, "--json")
    first = json.loads(both[0])
    assert (first["prompt"], first["texts"]) == ("三", ["四五"]) and first["scores"][0] < 0
    assert json.loads(both[1])["prompt"] == "九"
    drawn = ("三", "--max-tokens", 2, "--samples", 3, "--top-k", 5, "--seed", 4)
    assert len(written(writer, *drawn)) == 3 and written(writer, *drawn) == written(writer, *drawn)
    (cold,) = written(writer, "三", "--max-tokens", 2, "--temperature", 0.01)
    (beams,) = written(writer, "三", "--max-tokens", 2, "--beams", 2, "--no-repeat", 1)
    assert cold == beams == "三四五"


def test_a_stream_arrives_as_it_is_written(writer):
    process = start("generate", writer, "--interactive", stdin=subprocess.PIPE)
    for prompt in ("三", "七"):
        process.stdin.write(prompt + "\n")
        process.stdin.flush()
        line = process.stdout.readline()  # while the loop goes on
        assert line.startswith(prompt) and line[1:3] == cycle("三七".index(prompt) * 4 + 4)[:2]
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_other_numbers_write_the_same(writer):
    for dtype in ("bfloat16", "float16", "int8"):
        assert written(writer, "三", "--max-tokens", 2, "--dtype", dtype) == ["三四五"]
    said = complaint(call("generate", writer, "三", "--dtype", "float8"))
    assert said.startswith("There is no dtype 'float8' to compute in.")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_conversation_on_a_terminal(writer):
    """A prompt sign, the answer, a mistake that ends nothing, and Ctrl-D."""
    import pty

    ours, theirs = pty.openpty()
    process = start("generate", writer, "--interactive", stdin=theirs, stdout=theirs)
    os.close(theirs)
    heard = ""

    def until(wanted: str) -> str:
        nonlocal heard
        while wanted not in heard:
            assert select.select([ours], [], [], 120)[0], f"{wanted!r} never came, but {heard!r}"
            heard += os.read(ours, 1000).decode("utf-8", "ignore")
        before, _, heard = heard.partition(wanted)
        return before

    until("> ")
    os.write(ours, "三\n".encode())
    assert "三四五" in until("\n> ")
    os.write(ours, ("三" * 20 + "\n").encode())
    until("\n> ")
    os.write(ours, b"\x04")
    assert process.wait(timeout=60) == 0
    with process.stderr as complaints:
        assert complaints.read().startswith("playmask: A prompt has 21 tokens")
    os.close(ours)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("三", "--interactive"), "give one of them"),
        (("三", "--beams", 2, "--top-k", 3), "--beams draws nothing, so --top-k is not for it"),
        (("三", "--beams", 2, "--samples", 3), "so --samples is not for it"),
        (("三", "--temperature", 0), "temperature is above 0"),
        (("三", "--repetition-penalty", 0), "penalty is above 0"),
        (("三", "--label", "好"), "neither labels nor vectors"),
        (("三", "--max-tokens", 99), "the model has 16"),
        ((), "No prompt came"),
        (("--input", "nowhere.txt"), "nowhere.txt: There is no such file"),
    ],
)
def test_what_is_refused(writer, arguments, said):
    assert said in complaint(call("generate", writer, *arguments))


def test_an_interactive_mistake_is_told_and_the_next_prompt_answered(writer):
    result = call("generate", writer, "--interactive", input="三" * 20 + "\n三\n")
    assert result.exit_code == 0
    assert result.stderr.startswith("playmask: A prompt has 21 tokens")
    assert result.stdout.startswith("三四五")


def test_a_label_says_what_is_written(tmp_path):
    rows = [("零一二三", "顺"), ("九八七六", "倒")] * 32
    data, out = write_table(tmp_path / "told.tsv", rows), tmp_path / "out"
    line = ("train", "language-model", data, "--out", out, "--condition", "label", *LEARN)
    result = call(*line)
    assert result.exit_code == 0, result.stderr
    assert "labels 倒 (32), 顺 (32)" in result.stderr
    assert playmask.load_task(out).transformer.architecture.condition.size == 2
    for text, label in rows[:2]:
        assert written(out, "", "--label", label, "--max-tokens", 4) == [text]
    assert "A prompt has the label None" in complaint(call("generate", out, "三"))
    other = ("train", "mask-fill", data, "--out", out, "--new", "--force", "--resume")
    assert "give one of them" in complaint(call(*other))


def test_sequence_to_sequence(tmp_path):
    rows = [(text, text[::-1]) for text in numbers(8, longest=3)]
    data, out = write_table(tmp_path / "pairs.tsv", rows), tmp_path / "out"
    place = [*ONCE].index("--max-length")
    small = [*ONCE[:place], *ONCE[place + 2 :], "--max-source", 6, "--max-target", 5]
    result = call("train", "seq2seq", data, "--validation", data, "--out", out, *small)
    assert result.exit_code == 0, result.stderr
    assert "accuracy" in result.stdout
    scores = json.loads(call("evaluate", out, data, "--json").stdout)
    assert set(scores) == {"loss", "accuracy", "examples", "skipped"}
    printed = call("predict", out, data)
    assert printed.exit_code == 0, printed.stderr
    answers = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [a["text"] for a in answers] == [text for text, _ in rows]
    sources = [text for text, _ in rows]
    assert written(out, *sources) == [a["output"] for a in answers]
    bad = write_table(tmp_path / "bad.tsv", [*rows[:2], ("一",)])
    line = ("train", "seq2seq", bad, "--out", tmp_path / "bad", *small)
    assert "bad.tsv:3: The number of columns is 1" in complaint(call(*line))


def test_filling_gaps(texts, tmp_path):
    out = tmp_path / "out"
    result = call("train", "mask-fill", texts, "--out", out, *ONCE)
    assert result.exit_code == 0, result.stderr
    answer = json.loads(call("predict", out, "--text", "三[MASK]五").stdout)
    assert len(answer["fills"]) == 1 and len(answer["fills"][0]) == 5
    assert set(answer["fills"][0][0]) == {"text", "probability"}
    assert "which writes no texts; use playmask predict" in complaint(call("generate", out, "三"))
    (out / "training.json").unlink()
    (out / "run.json").write_text('{"format": 1, "finished": false, "options": {}}')
    again = ("train", "language-model", texts, "--out", out, *ONCE, "--resume")
    assert "holds a training of 'mask-fill', not of 'language-model'" in complaint(call(*again))


def test_models_as_they_were_published(tmp_path):
    words = tokenizer()
    for order, said in (("lm", None), ("unilm", None), ("full", "was not made to write")):
        folder = tmp_path / order
        playmask.save(model(words, mask=order, depth=1), folder)
        words.save(folder)
        result = call("generate", folder, "三", "--max-tokens", 2, "--json")
        if said:
            assert said in complaint(result)
        else:
            assert len(json.loads(result.stdout)["texts"]) == 1
    assert "There is no checkpoint" in complaint(call("generate", "x/y/z", "三"))
