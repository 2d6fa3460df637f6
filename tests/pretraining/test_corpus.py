"""Documents of files: their forms, on disk, in workers, and what is wrong with a line."""

import gzip
import json

import numpy as np
import pytest

from playmask.errors import DataError
from playmask.pretraining import documents
from playmask.pretraining.corpus import Corpus, corpus_of
from playmask.pretraining.documents import corpus_files, document_parts
from playmask.pretraining.tokenization import CorpusTokenizer
from playmask.pretraining.workers import tokenized_groups
from pretraining.pretrainings import DOCUMENTS, WORDS

TOKENIZE = CorpusTokenizer(WORDS)


def test_forms_of_documents(tmp_path):
    (tmp_path / "a.txt").write_text("一\n二\n\n\n三\n", encoding="utf-8")
    lines = [json.dumps({"text": "四\n五"}), json.dumps("六"), json.dumps({"text": " "})]
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    files = corpus_files([tmp_path])
    assert [file.name for file in files] == ["a.txt", "b.jsonl.gz"]
    parts = [(("一", "二"), False), (("三",), False), (("四", "五"), False), (("六",), False)]
    assert [*document_parts(files)] == parts


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_of_a_long_document_a_part_is_held_at_a_time_and_it_stays_one(tmp_path, name, monkeypatch):
    """Also where a part ends with the document."""
    lines = ["今天天气真好"] * 40
    before, after = ("味道很不错的",), ("明天去看电影", "今天天气真好")
    texts = ["\n".join(each) for each in (before, lines, after)]
    if name.endswith("jsonl"):
        (tmp_path / name).write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
    else:
        (tmp_path / name).write_text("\n\n".join(texts), encoding="utf-8")
    whole = corpus_of(tmp_path / name, TOKENIZE)

    monkeypatch.setattr(documents, "GROUP", 60)
    held = []

    def tokenize(parts):
        held.append(sum(len(text) for part in parts for text in part.paragraphs))
        return TOKENIZE(parts)

    groups = [*map(tokenize, documents.document_groups(document_parts([tmp_path / name])))]
    assert max(held) < 120 and len(held) >= 4
    cut = Corpus.of(groups)
    assert cut.documents == whole.documents == 3
    for array in ("tokens", "flags", "offsets"):
        assert np.array_equal(getattr(whole, array), getattr(cut, array))


def test_a_text_file_is_read_no_further_than_its_part(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "GROUP", 60)
    (tmp_path / "a.txt").write_text("今天天气真好\n" * 40, encoding="utf-8")
    read, lines = [], documents.read_lines
    monkeypatch.setattr(
        documents, "read_lines", lambda path: (read.append(line) or line for line in lines(path))
    )
    first = next(document_parts([tmp_path / "a.txt"]))
    assert len(first.paragraphs) == len(read) == 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\xe5\x95\x8a\xff\n", "a.txt:1: Byte 4 of the line is not UTF-8"),
        ("a.jsonl", b'"x"\n{', "a.jsonl:2: The line is not JSON"),
        ("a.jsonl", b'{"title": "x"}', "a.jsonl:1: A document is a string"),
        ("a.csv", b"x", "a.csv: Documents are read from .txt"),
        ("a.txt", b"\n", "There is no document with a token"),
    ],
)
def test_what_is_no_document(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        corpus_of(tmp_path / name, TOKENIZE)


def test_a_corpus_on_disk_is_the_one_in_memory_and_is_found_again(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(DOCUMENTS), encoding="utf-8")
    memory, disk = (
        corpus_of(DOCUMENTS, TOKENIZE),
        corpus_of(tmp_path / "a.txt", TOKENIZE, folder=tmp_path / "corpus"),
    )
    assert memory.fingerprint == disk.fingerprint and memory.documents == len(DOCUMENTS)
    for name in ("tokens", "flags", "offsets"):
        assert np.array_equal(getattr(memory, name), getattr(disk, name))
    assert isinstance(disk.tokens, np.memmap)
    before = (tmp_path / "corpus" / "tokens.bin").stat().st_ino
    corpus_of(tmp_path / "a.txt", TOKENIZE, folder=tmp_path / "corpus")
    assert (tmp_path / "corpus" / "tokens.bin").stat().st_ino == before
    (tmp_path / "a.txt").write_text("天气", encoding="utf-8")
    assert corpus_of(tmp_path / "a.txt", TOKENIZE, folder=tmp_path / "corpus").documents == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "corpus"}


def test_workers_tokenise_in_the_same_order():
    pytest.importorskip("grain")
    texts = ["今天天气真好" * 2000, "味道" * 9000] * 4
    alone, both = (
        Corpus.of(tokenized_groups(texts, TOKENIZE, workers=workers)) for workers in (0, 2)
    )
    assert alone.fingerprint == both.fingerprint and alone.documents == 8
