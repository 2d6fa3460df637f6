"""Prediction and evaluation: files, tables, streams, and what is refused."""

import gzip
import json
import subprocess

import pytest

from cli.commands import SMALL, call, complaint, reviews, start, write_table


def predict(*arguments, **options):
    """The JSON lines of a prediction."""
    result = call("predict", *arguments, **options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_single_texts(task):
    results = predict(task, "--text", "这书真好", "--text", "这 菜 真差")
    assert [r["label"] for r in results] == ["好评", "差评"]
    assert list(results[0]) == ["text", "label", "probabilities"]
    assert set(results[0]["probabilities"]) == {"好评", "差评"}
    assert sum(results[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_chinese_is_not_escaped(task):
    printed = call("predict", task, "--text", "这书真好").stdout
    assert printed.startswith('{"text": "这书真好", "label": "好评"')


@pytest.mark.parametrize("count", [1, 9, 50])
def test_a_file_of_texts_in_its_order(task, tmp_path, count):
    texts = [text for text, _ in reviews(count)]
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(texts) + "\n\n", encoding="utf-8")
    results = predict(task, file)
    assert [r["text"] for r in results] == texts
    assert [r["label"] for r in results] == [label for _, label in reviews(count)]
    assert predict(task, input=file.read_text(encoding="utf-8")) == results
    assert predict(task, "-", input=file.read_text(encoding="utf-8")) == results


def test_tables(task, tmp_path):
    rows = reviews(6)
    wanted = [text for text, _ in rows]
    tables = [write_table(tmp_path / "a.tsv", rows)]  # its second column: the labels
    tables += [write_table(tmp_path / "b.tsv", [("text", "label"), *rows])]
    tables += [tmp_path / "c.jsonl", tmp_path / "d.tsv.gz"]
    tables[2].write_text("".join(json.dumps({"text": t}) + "\n" for t in wanted))
    tables[3].write_bytes(gzip.compress("\n".join(wanted).encode()))
    for table in tables:
        assert [r["text"] for r in predict(task, table)] == wanted, table
    odd = write_table(tmp_path / "e.tsv", [("甲", "乙"), ("丙", "丁")])
    assert "--columns text,_" in complaint(call("predict", task, odd))
    assert len(predict(task, odd, "--columns", "text,_")) == 2
    pairs = write_table(tmp_path / "f.tsv", [("text", "pair"), ("甲", "乙")])
    assert "trained on single texts" in complaint(call("predict", task, pairs))


def test_pairs(data, tmp_path):
    """A task of pairs: trained, evaluated and used."""
    rows = [(t, f"第{i % 3}句", label) for i, (t, label) in enumerate(reviews(32))]
    train = write_table(tmp_path / "train.tsv", rows)
    out = tmp_path / "task"
    result = call("train", "classify", train, "--out", out, *SMALL, "--epochs", 1)
    assert result.exit_code == 0, result.stderr
    nameless = write_table(tmp_path / "pairs.tsv", [("这书真好", "好评"), ("这书真差", "差评")])
    assert [r["pair"] for r in predict(out, nameless)] == ["好评", "差评"]
    assert predict(out, "--text", "甲", "--pair", "乙")[0]["pair"] == "乙"
    assert "trained on pairs" in complaint(call("predict", out, "--text", "甲"))
    assert call("evaluate", out, train).exit_code == 0


def test_bad_lines(task, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_bytes("这书真好\n\n这书真差\n".encode() + "乱".encode("gb18030") + "\n好\n".encode())
    result = call("predict", task, file)
    assert complaint(result).startswith(f"{file}:2: The line is empty")
    result = call("predict", task, file, "--skip-bad")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 3
    assert f"{file}: 2 bad lines skipped (the first: {file}:2:" in result.stderr
    assert complaint(call("predict", task, input="好\n\n好\n")).startswith("<stdin>:2:")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--text", " "), "A --text is empty"),
        (("--text", "a", "--pair", "b", "--pair", "c"), "1 --text but 2 --pair"),
        (("f.txt", "--text", "a"), "not both"),
        (("nowhere.txt",), "There is no file 'nowhere.txt'; a text itself is given by --text."),
        (("味道很好" * 100,), f"'{'味道很好' * 50}…'; a text itself is given by --text."),
        ((".",), "is a folder"),
        (("--columns", "text"), "--columns is for"),
    ],
)
def test_what_is_refused(task, arguments, said):
    assert said in complaint(call("predict", task, *arguments))


def test_a_stream_is_answered_at_once(task):
    process = start("predict", task, stdin=subprocess.PIPE)
    for text, label in [("这书真好", "好评"), ("这菜真差", "差评")]:
        process.stdin.write(text + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())  # while the stream is open
        assert (answer["text"], answer["label"]) == (text, label)
    out, err = process.communicate("没有换行", timeout=30)
    assert json.loads(out)["text"] == "没有换行"
    assert (process.returncode, err) == (0, "")


def test_a_reader_that_leaves_early(task, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("".join(f"{text}\n" for text, _ in reviews(5000)), encoding="utf-8")
    process = start("predict", task, file)
    assert json.loads(process.stdout.readline())["label"] == "差评"
    process.stdout.close()
    with process.stderr as complaints:
        assert complaints.read() == ""
    assert process.wait(timeout=30) == 0


def test_evaluate(task, data, tmp_path):
    result = call("evaluate", task, data / "valid.tsv")
    assert "accuracy" in result.stdout and "1.0000" in result.stdout
    measured = json.loads(call("evaluate", task, data / "valid.tsv", "--json").stdout)
    assert measured["accuracy"] == 1.0 and measured["examples"] == 20
    bad = write_table(tmp_path / "bad.tsv", [*reviews(3), ("别的", "中评")])
    assert "bad.tsv:4: The label '中评'" in complaint(call("evaluate", task, bad))
    result = call("evaluate", task, bad, "--skip-bad", "--json")
    assert json.loads(result.stdout)["skipped"] == 1 and "1 bad line skipped" in result.stderr
    wrong = call("evaluate", task, data / "valid.tsv", "--metric", "bleu")
    assert "a task 'classify' knows one way alone" in complaint(wrong)
    turned = write_table(tmp_path / "turned.tsv", [row[::-1] for row in reviews(4)])
    assert call("evaluate", task, turned, "--columns", "label,text").exit_code == 0
