"""What stands around texts, as tokenizer.json files say it."""

import pytest

from playmask.errors import DataError
from playmask.tokenizers import Tokenizer
from playmask.tokenizers.encoding import Frame
from playmask.tokenizers.frames import read, write
from playmask.tokenizers.wordpiece import specification

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "</s>", "a"]
IDS = {token: number for number, token in enumerate(TOKENS)}


@pytest.mark.parametrize(
    "frame",
    [Frame(), Frame((4,), (5, 5), (5,), 0), Frame((), (3,), (3, 2)), Frame((2,), (3,), (3,))],
)
def test_written_is_read(frame):
    entry = write(frame, TOKENS)
    assert read(entry, IDS.get, "a file") == frame
    assert read({"type": "Sequence", "processors": [{"type": "x"}, entry]}, IDS.get, "") == frame
    tokenizer = Tokenizer(specification(TOKENS) | {"post_processor": entry})
    head, between, end, _ = frame
    assert tokenizer.encode("a", "a").ids == [*head, 6, *between, 6, *end]
    assert tokenizer.encode("a").ids == [*head, 6, *end]


def test_other_entries():
    pair = {"sep": ["</s>", 5], "cls": ["<s>", 4]}
    assert read({"type": "RobertaProcessing", **pair}, IDS.get, "") == Frame((4,), (5, 5), (5,), 0)
    assert read({"type": "BertProcessing", **pair}, IDS.get, "") == Frame((4,), (5,), (5,), 1)
    assert read({"type": "ByteLevel"}, IDS.get, "") is read(None, IDS.get, "") is None


def test_a_pruned_tokenizer_keeps_its_frame(tmp_path):
    entry = write(Frame((4,), (5,), (), 0), TOKENS)
    tokenizer = Tokenizer(specification(TOKENS) | {"post_processor": entry})
    pruned = tokenizer.keep([6, 5, 4, 3, 2, 1, 0])
    assert pruned.encode("a", "a").ids == [2, 0, 1, 0]
    assert pruned.encode("a", "a").segments == [0, 0, 0, 0]
    assert Tokenizer.load(pruned.save(tmp_path)).encode("a", "a") == pruned.encode("a", "a")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "TemplateProcessing"}, "cannot be read"),
        ({"type": "BertProcessing", "sep": [], "cls": []}, "cannot be read"),
        ({"type": "BertProcessing", "sep": ["</x>", 1], "cls": ["<s>", 1]}, "'</x>' around texts"),
        (
            write(Frame((4,), (5,), (5,)), TOKENS) | {"single": write(Frame(), [])["single"]},
            "differ",
        ),
        ([], None),
        ("x", "cannot be read"),
    ],
)
def test_damaged_entries_are_refused(entry, message):
    if message is None:
        assert read(entry, IDS.get, "a file") is None
        return
    with pytest.raises(DataError, match=message):
        read(entry, IDS.get, "a file")
