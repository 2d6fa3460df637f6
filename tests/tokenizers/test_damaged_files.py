"""Tokenizer files that are damaged, stand in for others, or lie about sizes: one sentence each."""

import contextlib
import json
import time
import tracemalloc
from base64 import b64encode

import piece_models as tiny
import pytest

from playmask.errors import ConfigError, DataError, PlaymaskError
from playmask.protobuf import BYTES, field
from playmask.tokenizers import Tokenizer
from playmask.tokenizers.pieces import Piece, Pieces
from playmask.tokenizers.sentencepiece_json import specification as specification_of
from playmask.tokenizers.sentencepiece_model import read, write
from playmask.tokenizers.wordpiece import specification

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a b".split()
VOCAB = "".join(f"{word}\n" for word in WORDS).encode()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 109540\n"
CONTENT = specification(WORDS)
ADDED = {
    "content": "x",
    "special": True,
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
}
FRAME = {"cls": [["[CLS]"], 2], "sep": ["[SEP]", 3]}


def write_files(directory, files):
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (directory / name).write_bytes(raw)
    return directory


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer.json": CONTENT | {"added_tokens": [ADDED | {"id": 10**8}]}},
        {"tokenizer.json": CONTENT | {"model": CONTENT["model"] | {"vocab": {"a": 10**8}}}},
        {"vocab.json": {"a": 0, "b": 10**8}, "merges.txt": b""},
        {"vocab.txt": VOCAB, "added_tokens.json": {"x": 10**8}},
        {"spiece.model": tiny.model("t5"), "added_tokens.json": {"[e1]": 10**8}},
    ],
)
def test_ids_far_above_the_vocabulary_cost_nothing(tmp_path, files):
    write_files(tmp_path, files)
    tracemalloc.start()
    with pytest.raises(DataError, match="but the id 100000000"):
        Tokenizer.load(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer.json": POINTER},
        {"vocab.txt": POINTER},
        {"spiece.model": POINTER},
        {"vocab.json": POINTER, "merges.txt": b""},
        {"vocab.json": {"a": 0}, "merges.txt": POINTER},
        {"vocab.txt": VOCAB, "tokenizer_config.json": POINTER},
        {"vocab.txt": VOCAB, "added_tokens.json": POINTER},
        {"vocab.txt": VOCAB, "special_tokens_map.json": POINTER},
    ],
)
def test_a_pointer_of_git_lfs_is_said(tmp_path, files):
    with pytest.raises(DataError, match="is a Git LFS pointer, .* `git lfs pull`"):
        Tokenizer.load(write_files(tmp_path, files))


def test_a_web_page_is_said(tmp_path):
    write_files(tmp_path, {"vocab.txt": b"<!DOCTYPE html><html>\n"})
    with pytest.raises(DataError, match="is a web page"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer.json": b"[" * 100_000}, "too many levels"),
        (
            {"vocab.json": b'{"a": ' + b"9" * 6000 + b"}", "merges.txt": b""},
            "more than 4300 digits",
        ),
        ({"vocab.json": {"a\ud800": 0}, "merges.txt": b""}, "half a surrogate pair"),
        ({"tokenizer.json": specification([*WORDS, "\udc00"])}, "half a surrogate pair"),
        ({"tokenizer.json": b'{"model": "\xff"}'}, "not UTF-8 at byte 11"),
        ({"tokenizer.json": {"model": []}}, "model of type None"),
        ({"tokenizer.json": {"model": {"type": ["BPE"], "vocab": {}}}}, r"of type \['BPE'\]"),
        ({"tokenizer.json": {"model": {"type": "BPE", "vocab": [["a", 0]]}}}, "of type 'BPE'"),
        (
            {"tokenizer.json": {"model": {"type": "Unigram", "vocab": [["a"]]}}},
            "row 0 of its vocab",
        ),
        ({"tokenizer.json": b'{"model": {"type": "Unigram", "vocab": [["a", NaN]]}}'}, "row 0"),
        (
            {"tokenizer.json": {"model": {"type": "Unigram", "vocab": [["a", 0], ["b", 10**400]]}}},
            "row 1 of its vocab",
        ),
        (
            {"tokenizer.json": {"model": {"type": "Unigram", "vocab": [["a", 0], ["a", 0]]}}},
            "'a' has the ids 0 and 1",
        ),
        ({"tokenizer.json": CONTENT | {"post_processor": 5}}, "post_processor cannot be read"),
        (
            {"tokenizer.json": CONTENT | {"post_processor": {"type": "BertProcessing", **FRAME}}},
            "post_processor cannot be read",
        ),
        ({"tokenizer.json": CONTENT | {"normalizer": {"type": "x"}}}, "not a valid tokenizer.json"),
        (
            {"tokenizer.json": CONTENT | {"model": CONTENT["model"] | {"playmask": [1]}}},
            r"its playmask is \[1\]",
        ),
        (
            {"tokenizer.json": CONTENT | {"model": CONTENT["model"] | {"playmask": {"roles": 1}}}},
            "its playmask is",
        ),
        ({"vocab.txt": VOCAB + b"c\rd\n"}, "line 8: .* carriage return inside"),
        ({"vocab.txt": VOCAB.decode().encode("utf-16")}, "line 1: .* not UTF-8"),
    ],
)
def test_what_no_tokenizer_holds_is_refused(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        Tokenizer.load(write_files(tmp_path, files))


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_ends_of_lines_and_byte_order_marks(tmp_path, end, mark):
    """As in bert4keras and transformers, which read with universal newlines."""
    write_files(tmp_path, {"vocab.txt": mark + VOCAB.replace(b"\n", end)})
    assert Tokenizer.load(tmp_path).vocabulary == tuple(WORDS)
    write_files(tmp_path, {"tokenizer.json": mark + json.dumps(CONTENT).encode()})
    assert Tokenizer.load(tmp_path).encode("a").ids == [2, 5, 3]


def test_blank_lines_keep_their_rows(tmp_path):
    write_files(tmp_path, {"vocab.txt": VOCAB.replace(b"a\n", b"\n \na\n") + b"\n\n"})
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("a b").ids == [2, 7, 8, 3] and len(tokenizer) == 9


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    write_files(tmp_path, {"merges.txt": b""})
    with pytest.raises(ConfigError, match=r"vocab.json cannot be read: No such file"):
        Tokenizer.load(tmp_path / "merges.txt")
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        Tokenizer.load("x" * 5000)


def test_one_long_word_is_learnt_from_in_no_time():
    word = "abcdefgh" * 16_000
    start = time.perf_counter()
    tokens = Tokenizer.from_texts([f"{word} ab ab"], minimum=2).vocabulary
    assert time.perf_counter() - start < 2
    assert tokens == Tokenizer.from_texts(["ab ab"], minimum=2).vocabulary


def test_long_pieces_are_split_in_no_time(tmp_path):
    model = read(tiny.model("bpe"))
    pieces = model.pieces + Pieces.of(Piece("ab" * 50_000 + str(n), -1e3) for n in range(9))
    write_files(tmp_path, {"spiece.model": write(model._replace(pieces=pieces))})
    start = time.perf_counter()
    with contextlib.suppress(PlaymaskError):
        Tokenizer.load(tmp_path)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("place", [0, 5, 6, 7, 1023, 4000, 200_000, 240_000])
def test_rules_that_lead_out_of_themselves_are_refused(tmp_path, place):
    """A library would follow them: out of its memory, or into the middle of a character."""
    model = read(tiny.model("t5"))
    charsmap = bytearray(model.charsmap)
    charsmap[place : place + 4] = b"\xff\xfe\xff\xff"
    charsmap = bytes(charsmap)
    write_files(tmp_path, {"spiece.model": write(model._replace(charsmap=charsmap))})
    with pytest.raises(DataError, match="normalisation rules|can't decode"):
        Tokenizer.load(tmp_path)
    content = Tokenizer(specification_of(model, {}))._content()
    content["normalizer"]["normalizers"][0]["precompiled_charsmap"] = b64encode(charsmap).decode()
    with pytest.raises(DataError, match="normalisation rules|can't decode"):
        Tokenizer(content)


def test_a_model_that_is_damaged_inside_a_field_is_refused(tmp_path):
    model = read(tiny.model("t5"))
    damaged = write(model._replace(rest=b"")) + field(2, BYTES, b"\x18\xff") + model.rest
    write_files(tmp_path, {"spiece.model": damaged})
    with pytest.raises(DataError, match="it ends inside a number"):
        Tokenizer.load(tmp_path)


def test_many_added_tokens_load_in_no_time():
    rows = [ADDED | {"id": 7 + n, "content": f"<{n}>", "special": n % 2 > 0} for n in range(20_000)]
    start = time.perf_counter()
    tokenizer = Tokenizer(CONTENT | {"added_tokens": rows})
    assert tokenizer.encode("<18>", special=False).ids == [25]
    assert time.perf_counter() - start < 6


def test_notes_that_cannot_be_are_refused():
    content = Tokenizer(specification_of(read(tiny.model("albert")), {}))._content()
    content["model"]["playmask"]["fold"] = {"lower": True}
    with pytest.raises(DataError, match="not a valid tokenizer.json"):
        Tokenizer(content)
