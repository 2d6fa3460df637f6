"""Bulk inference: the answers are those of predict, and no row is lost or doubled by a kill."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from cli.commands import call, complaint, reviews, start
from playmask.cli.actions.bulk import Rate
from playmask.tasks.bulk import bulk_predict
from playmask.tasks.bulk.ray_data import processors
from playmask.tasks.bulk.record import RECORD
from playmask.tasks.bulk.run import Progress
from playmask.tasks.loading import load_task

CLOSE = 1e-6


def table(count):
    """Rows with an id, a text and its label."""
    rows = enumerate(reviews(count))
    return [{"id": i, "text": text, "label": label, "x": [i]} for i, (text, label) in rows]


def write_json(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lines_in(out):
    """The answers in the order of the parts."""
    files = sorted(out.glob("part-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def bulk(*arguments):
    result = call("predict", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stderr.splitlines()


def check(answers, task, texts):
    """See that answers are those of the task itself."""
    for answer, plain in zip(answers, load_task(task).predict(texts), strict=True):
        assert answer["label"] == plain.label
        for name, chance in plain.probabilities.items():
            assert abs(answer["probabilities"][name] - chance) <= CLOSE


def test_every_format_gets_the_answers_of_predict(task, tmp_path):
    rows = table(23)
    texts = [row["text"] for row in rows]
    json_lines = write_json(tmp_path / "in.jsonl", rows)
    plain = tmp_path / "in.txt"
    plain.write_text("\n".join(texts) + "\n", encoding="utf-8")
    csv = tmp_path / "in.csv"
    csv.write_text("id,content\n" + "".join(f"{r['id']:03},{r['text']}\n" for r in rows), "utf-8")
    for file, *options in ((json_lines,), (plain,), (csv, "--columns", "text=content")):
        out = tmp_path / f"out-{file.suffix[1:]}"
        arguments = (task, file, "--out", out, "--engine", "serial", "--part-rows", 10)
        assert bulk(*arguments, *options) == [f"23 rows are in {out}"]
        assert len([*out.glob("part-*")]) == 3
        check(lines_in(out), task, texts)
    carried = lines_in(tmp_path / "out-jsonl")
    assert [(a["id"], a["text"], a["input_label"], a["x"]) for a in carried] == [
        tuple(row.values()) for row in rows
    ]
    assert [answer["id"] for answer in lines_in(tmp_path / "out-csv")][:2] == ["000", "001"]


def test_parquet_stays_parquet(task, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows, file, out = table(9), tmp_path / "in.parquet", tmp_path / "out"
    came = pa.Table.from_pylist(rows)
    pq.write_table(came, file, row_group_size=2)
    summary = bulk_predict(task, file, out, engine="serial", id="id", part_rows=4)
    assert summary == (9, 0, 0, "")
    read = pq.read_table(out)  # the whole folder: the parts have one schema
    assert read.column_names == ["id", "text", "input_label", "x", "label", "probabilities"]
    assert read.select(["id", "text", "x"]) == came.select(["id", "text", "x"])
    check(read.to_pylist(), task, [row["text"] for row in rows])


def test_the_same_command_goes_on_and_another_is_refused(task, tmp_path):
    file, out = write_json(tmp_path / "in.jsonl", table(12)), tmp_path / "out"
    command = (task, file, "--out", out, "--engine", "serial", "--part-rows", 5)
    bulk(*command)
    whole, parts = lines_in(out), sorted(out.glob("part-*"))
    parts[1].unlink()
    (out / ".part-left.tmp").write_text("of a process that was killed")
    before = {path: path.stat().st_mtime_ns for path in (parts[0], parts[2])}
    assert bulk(*command) == [f"12 rows are in {out}, 7 of them from before"]
    assert lines_in(out) == whole and not [*out.glob(".*")]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "part_rows was 5 and is 6" in complaint(call("predict", *command[:-1], 6))
    write_json(file, table(13))
    assert "the input is another" in complaint(call("predict", *command))
    record = json.loads((out / RECORD).read_text())
    write_json(file, table(12))
    (out / RECORD).write_text(json.dumps({**record, "task": "x"}))
    assert "the task is another" in complaint(call("predict", *command))
    (out / RECORD).write_text("{")
    assert "not readable" in complaint(call("predict", *command))
    assert "holds other files" in complaint(call("predict", *command[:3], tmp_path))


def test_bad_rows_are_named_or_left_out(task, tmp_path):
    rows = [*map(json.dumps, table(4)), "nonsense", '{"id": 5, "text": ""}', '{"id": 6}', "[]"]
    file, out = tmp_path / "in.jsonl", tmp_path / "out"
    file.write_text("\n".join(rows) + "\n")
    command = ["predict", task, file, "--out", out, "--engine", "serial", "--part-rows", 3]
    said = complaint(call(*command))
    assert said.startswith(f"{file}:5: The line is not JSON") and "--skip-bad" in said
    new = tmp_path / "new"
    left, _ = bulk(*command[1:4], new, *command[5:], "--skip-bad")
    assert left.startswith(f"4 bad rows skipped (the first: {file}:5: The line")
    assert [answer["id"] for answer in lines_in(new)] == [0, 1, 2, 3]
    skipped = "".join(file.read_text("utf-8") for file in new.glob("_skipped*")).splitlines()
    assert sorted(line.split(":")[1] for line in skipped) == ["5", "6", "7", "8"]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("id,words\n1,好\n", (), "in.csv:2: The names ['id', 'words'] are none of a text"),
        ("id,text\n1,好\n2, \n", (), "in.csv:3: The text is empty"),
        ("id,text\n1,好\n", ("--id", "key"), "no column 'key' for the id; there are id, text"),
        ("id,text\n,好\n", ("--id", "id"), "in.csv:2: The column 'id', which is the id, is empty"),
        ("id,text\n1,好\n", ("--columns", "text"), "text=NAME"),
        ("id,text\n1,好\n", ("--engine", "dask"), "no engine 'dask'. Known: 'processes', 'ray'"),
        ("id,text\n1,好\n", ("--workers", 0), "workers is from 1"),
        ("id,text\n1,好\n", ("--text", "好"), "--text and --out"),
        ("id,text\n1,好\n", ("--size", 3), "takes no --size"),
    ],
)
def test_what_is_refused(task, tmp_path, content, options, said):
    file = tmp_path / "in.csv"
    file.write_text(content, encoding="utf-8")
    engine = () if "--engine" in options else ("--engine", "serial")
    assert said in complaint(
        call("predict", task, file, "--out", tmp_path / "out", *engine, *options)
    )


def test_options_of_bulk_inference_need_a_folder(task, tmp_path):
    assert "--part-rows is for bulk" in complaint(call("predict", task, "--part-rows", 3))
    assert "name it" in complaint(call("predict", task, "--out", tmp_path / "out"))


def workers_of(process) -> list[int]:
    """The processes that a driver has started to answer."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, seconds=90):
    """Wait for something; it must come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="finds processes in Linux's /proc")
def test_kills_lose_and_double_nothing(task, tmp_path):
    """Of a worker, whose part another does; and of the driver, whose workers end by themselves."""
    rows, out = table(2000), tmp_path / "out"
    file = write_json(tmp_path / "in.jsonl", rows)
    command = ("predict", task, file, "--out", out, "--part-rows", 10)

    def parts():
        return {path: path.stat().st_mtime_ns for path in sorted(out.glob("part-*"))}

    def in_a_row():
        return next(i for i, path in enumerate([*parts(), Path("-0")]) if not ends(path, 10 * i))

    process = start(*command, "--workers", 2)
    until(lambda: len(parts()) > 3)
    first, second = workers_of(process)
    os.kill(first, signal.SIGKILL)
    done = len(parts())
    until(lambda: in_a_row() > done + 2)  # so what the first one had is done too
    until(lambda: len(workers_of(process)) == 2)  # another one starts in its place
    workers = workers_of(process)
    assert second in workers and len(workers) == 2 and first not in workers
    process.kill()
    process.communicate()
    until(lambda: not any(map(lives, workers)), 10)
    before = parts()
    assert done < len(before) < 190, "the driver was killed too late"

    said = bulk(*command[1:], "--engine", "serial")
    assert said == [f"2,000 rows are in {out}, {10 * len(before):,} of them from before"]
    assert {path: parts()[path] for path in before} == before
    answers = lines_in(out)
    assert [answer["id"] for answer in answers] == [row["id"] for row in rows]
    assert [answer["text"] for answer in answers] == [row["text"] for row in rows]
    assert not [*out.glob(".*")]


def ends(path: Path, first: int) -> bool:
    """Whether a part is the one that begins at a row."""
    return path.stem.endswith(f"-{first:012}")


def test_the_rate_is_of_the_rows_after_the_first_part():
    """What was there before, and the time until the first part is done, say nothing of it."""
    times = iter((0.0, 60.0, 70.0, 80.0))
    rate = Rate(lambda: next(times))
    assert rate(Progress(500, 500, 3000)) == rate(Progress(600, 500, 3000)) == ""
    assert rate(Progress(1600, 500, 3000)) == "100.0 rows/s · 14 s left"
    assert rate(Progress(3600, 500, None)) == "150.0 rows/s"


def test_ray_gets_no_more_workers_than_it_can_run():
    """Each has room on one machine, and a processor is left for reading."""
    assert processors(1, [4]) == 3 and processors(3, [4]) == 1
    assert processors(2, [4, 4]) == 3 and processors(3, [4, 4]) == 2
    for workers, nodes in ((2, [2]), (4, [2, 2]), (1, [1])):
        with pytest.raises(ValueError, match="take fewer workers"):
            processors(workers, nodes)


@pytest.mark.slow
def test_ray_answers_and_goes_on(task, tmp_path):
    """As the other engines, with whose parts it goes on."""
    pytest.importorskip("ray", reason="needs playmask[ray]")
    file, out = write_json(tmp_path / "in.jsonl", table(60)), tmp_path / "out"
    command = (task, file, "--out", out, "--part-rows", 10)
    bulk(*command, "--engine", "serial")
    whole, parts = lines_in(out), sorted(out.glob("part-*"))
    for path in parts[2:5]:
        path.unlink()
    process = start("predict", *command, "--engine", "ray")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert f"60 rows are in {out}, 30 of them from before" in said
    for one, two in zip(lines_in(out), whole, strict=True):
        assert (one["id"], one["label"]) == (two["id"], two["label"])
    process = start("predict", *command, "--engine", "ray", "--workers", 1 + (os.cpu_count() or 1))
    parts[0].unlink()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2 and "take fewer workers" in said
