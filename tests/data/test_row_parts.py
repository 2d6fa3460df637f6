"""Rows in parts: their places, what is none, and Parquet files whatever their row groups."""

import gzip

import pytest

from playmask.data.formats import answer_lines
from playmask.data.row_parts import files_in, parts_of
from playmask.data.tables import BadRow
from playmask.errors import DataError


def rows(path, size=2):
    """The parts of a file, each as (first, places, objects)."""
    return [(p.first, p.places, p.objects) for p in parts_of([path], size)]


def test_lines_of_json_keep_their_numbers(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"id": 1, "x": [1, null]}\nnonsense\n\n[2]\n\xff\n{"id": "\\ud800"}\n\n')
    (one, two, three) = rows(file)
    assert one[:2] == (0, (1, 2)) and one[2][0] == {"id": 1, "x": [1, None]}
    assert two[:2] == (2, (3, 4)) and three[:2] == (4, (5, 6))
    bad = [row for _, _, objects in (one, two, three) for row in objects[:2]]
    assert [isinstance(row, BadRow) for row in bad] == [False, True, True, True, True, False]
    assert answer_lines.line_of(three[2][1]) == b'{"id": "\\ud800"}\n'  # as it came


def test_a_table_names_its_columns(tmp_path):
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress('id,text\n007,"两\n行"\n8\n9,好\n'.encode()))
    (one, two) = rows(file)
    assert one == (0, (2, 4), [{"id": "007", "text": "两\n行"}, one[2][1]])
    assert "columns is 1, not 2" in one[2][1] and two == (2, (5,), [{"id": "9", "text": "好"}])
    for head in ("味道不错，房间很干净。,好评", "text,text", "text,"):
        file = tmp_path / "b.csv"
        file.write_text(f"{head}\n甲,乙\n", encoding="utf-8")
        with pytest.raises(DataError, match="first line must name"):
            rows(file)


def test_a_text_a_line(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("甲\n\n乙\n", encoding="utf-8")
    assert [objects[0] for _, _, objects in rows(file)] == [{"text": "甲"}, {"text": "乙"}]
    assert "is empty" in rows(file)[0][2][1]
    file.write_text("甲\t好评\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"name it \.tsv"):
        rows(file)


def test_parquet_in_parts_of_any_size(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table, file = pa.table({"id": [*range(20)]}), tmp_path / "a.parquet"
    for groups in (1, 3, 7, 20):
        pq.write_table(table, file, row_group_size=groups)
        for size in (1, 4, 6, 20, 99):
            parts = [*parts_of([file], size)]
            assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
            assert pa.concat_tables(part.rows for part in parts) == table
            assert [place for part in parts for place in part.places] == [*range(1, 21)]
    content = file.read_bytes()
    file.write_bytes(content[:100] + bytes(60) + content[160:])
    with pytest.raises(DataError, match=r"a\.parquet: The rows from \d+ on cannot be read"):
        rows(file)
    file.write_bytes(content[:-3])
    with pytest.raises(DataError, match="no Parquet file"):
        rows(file)


def test_the_files_of_a_folder(tmp_path):
    for name in ("b.csv", "a.csv", "_run.json", ".hidden"):
        (tmp_path / name).write_text("text\n甲\n")
    assert [file.name for file in files_in(tmp_path)] == ["a.csv", "b.csv"]
    assert [part.name[:9] for part in parts_of(files_in(tmp_path), 5)] == ["part-0000", "part-0001"]
    (tmp_path / "c.txt").write_text("甲\n")
    with pytest.raises(DataError, match=r"several formats \(\.csv, \.txt\)"):
        files_in(tmp_path)
    for path, reason in ((tmp_path / "x.xls", "no such file"), (tmp_path / "n.csv", "not exist")):
        with pytest.raises(DataError, match=reason):
            files_in(path)
