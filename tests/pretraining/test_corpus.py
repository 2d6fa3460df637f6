"""Documents of files: their forms, on disk, in workers, and what is wrong with a line."""

import gzip
import json

import numpy as np
import pytest

from playmask.errors import DataError
from playmask.pretraining.corpus import Corpus, corpus_of
from playmask.pretraining.documents import corpus_files, documents_of
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
    assert [*documents_of(files)] == [("一", "二"), ("三",), ("四", "五"), ("六",)]


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
