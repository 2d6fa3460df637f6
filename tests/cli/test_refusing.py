"""What is wrong with files: told before anything is changed, by line, or left out."""

import json

import pytest

import playmask
from cli.commands import SMALL, call, complaint

APART = {"start": 0, "end": 2, "label": "PER"}
OVER = [APART, {"start": 0, "end": 1, "label": "PER"}]


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def mentions(path, *listed):
    return write(path, [{"text": "王芳在家", "mentions": each} for each in listed])


def passages(path, *asked):
    """Questions about one passage, named Q0, Q1 …"""
    answers = [{"text": "高勇", "answer_start": 2}]
    qas = [{"id": f"Q{i}", "question": each, "answers": answers} for i, each in enumerate(asked)]
    held = {"data": [{"paragraphs": [{"context": "京有高勇在。", "qas": qas}]}]}
    path.write_text(json.dumps(held), encoding="utf-8")
    return path


def held(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A tagger that the command line has trained."""
    folder = tmp_path_factory.mktemp("tagger")
    return learnt("tag", mentions(folder / "a.jsonl", [APART]), folder / "out")


def learnt(kind, file, out, *more):
    result = call("train", kind, file, "--out", out, *SMALL, "--epochs", 1, *more)
    assert result.exit_code == 0, result.stderr
    return out


def test_mentions_that_overlap(tagger, tmp_path):
    file = mentions(tmp_path / "a.jsonl", [APART], OVER)
    before = held(tagger)
    line = ("train", "tag", file, *SMALL, "--epochs", 1, "--out")
    said = f"{file}:2: (0, 1, 'PER') and (0, 2, 'PER') overlap"
    assert said in complaint(call(*line, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert said in complaint(call(*line, tagger, "--force"))
    assert said in complaint(call("evaluate", tagger, file))
    valid = ("train", "tag", mentions(tmp_path / "c.jsonl", [APART]), "--validation", file)
    assert said in complaint(call(*valid, *SMALL, "--out", tagger, "--force"))
    assert held(tagger) == before
    result = call(*line, tmp_path / "out", "--skip-bad", "--validation", file)
    assert result.exit_code == 0 and "data: 1 examples for training, 1 for" in result.stderr
    assert f"{file}: 1 bad line skipped ({said}" in result.stderr
    result = call("evaluate", tagger, file, "--skip-bad", "--json")
    assert json.loads(result.stdout)["examples"] == 1


def test_an_interrupt_before_training_changes_nothing(tagger, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    before, file = held(tagger), mentions(tmp_path / "a.jsonl", [APART])
    monkeypatch.setattr(playmask.SequenceTagger, "encode_examples", stop)
    result = call("train", "tag", file, *SMALL, "--out", tagger, "--force")
    assert result.exit_code == 130
    assert "interrupted; training had not begun, nothing has changed" in result.stderr
    assert held(tagger) == before


def test_lines_are_counted_with_those_left_out(tagger, tmp_path):
    file = write(tmp_path / "a.jsonl", [{"text": 3}, {"text": "王", "mentions": []}])
    with file.open("a") as more:
        more.write(mentions(tmp_path / "b.jsonl", OVER).read_text())
    result = call("evaluate", tagger, file, "--skip-bad")
    assert f"{file}: 2 bad lines skipped (the first: {file}:1: " in result.stderr
    mentions(file, [APART], [APART], OVER)
    assert f"{file}:3: " in complaint(call("evaluate", tagger, file))


def test_tables_name_the_line_too(tagger, tmp_path):
    """What is seen only when a task looks: mentions that overlap, a question that is too long."""
    table = tmp_path / "a.csv"
    rows = [
        "text,start,end,label",
        "王芳在家,0,2,PER",
        "在家,0,1,PER",
        "王芳,0,2,PER",
        "王芳,0,1,PER",
    ]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert f"{table}:4: (0, 1, 'PER') and (0, 2, 'PER') overlap" in complaint(
        call("evaluate", tagger, table)
    )
    sizes = ("--max-length", 32, "--max-answer", 4)
    reader = learnt("read", passages(tmp_path / "a.json", "谁？"), tmp_path / "out", *sizes)
    asked = tmp_path / "a.tsv"
    asked.write_text(f"谁？\t京有高勇在。\n{'谁' * 50}\t京有高勇在。\n", encoding="utf-8")
    assert f"{asked}:2: The question" in complaint(call("predict", reader, asked))


def test_long_questions_and_long_answers(tmp_path):
    good, long = (
        passages(tmp_path / "a.json", "谁？"),
        passages(tmp_path / "b.json", "谁？", "谁" * 50),
    )
    sizes = ("--max-length", 32, "--max-answer", 4)
    out = learnt("read", good, tmp_path / "out", *sizes)
    before, said = held(out), f"{long}:Q1: The question '{'谁' * 40}…' has 50 tokens"
    line = ("train", "read", long, *SMALL, "--epochs", 1, *sizes, "--out")
    assert said in complaint(call(*line, out, "--force"))
    for command in ("predict", "evaluate"):
        assert said in complaint(call(command, out, long))
        result = call(command, out, long, "--skip-bad")
        assert result.exit_code == 0 and f"1 bad line skipped ({said}" in result.stderr
    short = ("train", "read", good, *SMALL, *sizes[:2], "--max-answer", 1, "--out", out)
    assert "an answer of at most 1 tokens" in complaint(call(*short, "--force"))
    assert held(out) == before
    assert call(*line, tmp_path / "new", "--skip-bad").exit_code == 0


def test_half_characters_are_told_by_line(tmp_path):
    spo = {"subject": "王芳", "predicate": "在", "object": "家"}
    fine = {"text": "王芳在家", "spo_list": [spo]}
    file = write(tmp_path / "a.jsonl", [*[fine] * 11, {**fine, "text": "王芳在家\ud800"}])
    out = learnt("relations", write(tmp_path / "b.jsonl", [fine]), tmp_path / "out")
    said = f"{file}:12: Character 5 of the text is half a surrogate pair"
    for command in (("predict", out, file), ("evaluate", out, file)):
        assert said in complaint(call(*command))
        assert call(*command, "--skip-bad").exit_code == 0
    assert said in complaint(call("train", "relations", file, *SMALL, "--out", tmp_path / "new"))


def test_files_without_a_text(tagger, tmp_path):
    empty, blank = tmp_path / "a.txt", tmp_path / "b.txt"
    empty.write_text("")
    blank.write_text("\n王芳\n")
    handed = tmp_path / "handed.json"
    for more in ((), ("--submission", handed)):
        result = call("predict", tagger, empty, *more)
        assert f"{empty}: The file holds no usable text" in complaint(result)
    assert not handed.exists()
    assert f"{empty}: The file holds" in complaint(call("annotate", tagger, empty))
    assert f"{blank}:1: The line is empty" in complaint(call("predict", tagger, blank))
    bad = tmp_path / "c.txt"
    bad.write_bytes(b"\xff\xff\n")
    result = call("predict", tagger, bad, "--skip-bad")
    assert f"no usable text (of 1 bad ones the first: {bad}:1: Byte 1" in complaint(result)


def test_files_are_annotated_as_they_are_predicted(tagger, tmp_path):
    table, lines = tmp_path / "a.tsv", mentions(tmp_path / "a.jsonl", [APART])
    table.write_text("text\tlabel\n王芳在家\t好\n", encoding="utf-8")
    for file in (table, lines):
        shown = call("annotate", tagger, file).stdout.replace("[PER]", "")
        assert shown == "王芳在家\n"
    tags = tmp_path / "a.bio"
    tags.write_text("王 B-PER\n", encoding="utf-8")
    for command in ("predict", "annotate"):
        said = complaint(call(command, tagger, tags))
        assert f"{tags}: The format '.bio' holds tags, not texts; what can be predicted is" in said


def test_mentions_are_handed_in(tagger, tmp_path):
    file, handed = tmp_path / "a.jsonl", tmp_path / "handed.json"
    write(file, [{"id": 7, "text": "王芳在家"}, {"id": "b", "text": "家"}, {"text": "王芳"}])
    found = [json.loads(line) for line in call("predict", tagger, file).stdout.splitlines()]
    result = call("predict", tagger, file, "--submission", handed)
    assert result.exit_code == 0 and "3 answers are in" in result.stderr
    lines = [json.loads(line) for line in handed.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [7, "b", 2]
    for line, each in zip(lines, found, strict=True):
        places = [
            (first, last + 1, label, text)
            for label, texts in line["label"].items()
            for text, places in texts.items()
            for first, last in places
        ]
        wanted = [tuple(m[k] for k in ("start", "end", "label", "text")) for m in each["mentions"]]
        assert sorted(places) == sorted(wanted)


def test_what_cluener_takes(tmp_path):
    from playmask.data.annotated import Annotated, Mention
    from playmask.data.submissions import write_cluener

    found = [Mention(0, 2, "name"), Mention(3, 5, "name"), Mention(2, 3, "place")]
    write_cluener(tmp_path / "a", [Annotated("王芳在王芳")], [found])
    label = {"name": {"王芳": [[0, 1], [3, 4]]}, "place": {"在": [[2, 2]]}}
    assert json.loads((tmp_path / "a").read_text(encoding="utf-8")) == {"id": 0, "label": label}


def test_a_page_of_a_text_that_is_given(tagger, tmp_path):
    page = tmp_path / "a.html"
    assert call("annotate", tagger, "--text", "王芳", "--out", page).exit_code == 0
    shown = page.read_text(encoding="utf-8")
    assert f"mentions in 1 text, found by {tagger}</h1>" in shown
    nowhere = tmp_path / "none" / "a.html"
    result = call("annotate", tagger, "--text", "王芳", "--out", nowhere)
    assert f"{nowhere}: The file cannot be written" in complaint(result)


def test_of_labels_that_end_together_the_inner_comes_first():
    from playmask.data.annotated import Mention
    from playmask.inspection.draw.mentions import in_terminal

    both = [Mention(0, 4, "ORG"), Mention(2, 4, "X")]
    assert in_terminal("北京大学", both, ["ORG", "X"]).plain == "北京大学[X][ORG]"
