"""Loading, saving, pruning and learning vocabularies."""

import json
import pickle
import random
import subprocess
import sys

import pytest
import tokenizers

from playmask.errors import ConfigError, DataError, InputError
from playmask.tokenizers import Tokenizer, occurring, simplified
from playmask.tokenizers.wordpiece import specification

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS = [*SPECIAL, "中", "国", "##国", "ab", "A", "a", "##b", "，", "[unused1]"]
TEXTS = ["中国，ab Ab", "[SEP] 中 é", "ＡＢ  中", ""]


def vocab(tmp_path, tokens, config=None):
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


def same(one, other):
    return one.vocabulary == other.vocabulary and one.encode(TEXTS, TEXTS) == other.encode(
        TEXTS, TEXTS
    )


@pytest.mark.parametrize("lowercase", [True, False])
def test_saved_is_loaded(tmp_path, lowercase):
    tokenizer = Tokenizer(specification(TOKENS, lowercase=lowercase))
    directory = tokenizer.save(tmp_path / "new" / "model", vocab=True)
    assert sorted(file.name for file in directory.iterdir()) == ["tokenizer.json", "vocab.txt"]
    assert same(Tokenizer.load(directory), tokenizer)
    assert same(Tokenizer.load(directory / "vocab.txt", lowercase=lowercase), tokenizer)
    assert same(pickle.loads(pickle.dumps(tokenizer)), tokenizer)


def test_saved_is_read_by_other_programs(tmp_path):
    tokenizer = Tokenizer(specification(TOKENS))
    other = tokenizers.Tokenizer.from_file(str(tokenizer.save(tmp_path) / "tokenizer.json"))
    encoding = other.encode("中国", "ab")
    ours = tokenizer.encode("中国", "ab")
    assert (encoding.ids, encoding.type_ids) == (ours.ids, ours.segments)
    assert other.encode("[MASK]", add_special_tokens=False).ids == [tokenizer.mask]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    Tokenizer(specification(TOKENS)).save(tmp_path)
    before = (tmp_path / "tokenizer.json").read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        Tokenizer(specification([*TOKENS, "x"])).save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
    assert (tmp_path / "tokenizer.json").read_bytes() == before


def test_lower_case_comes_from_the_argument_then_the_config(tmp_path):
    path = vocab(tmp_path, TOKENS)
    assert Tokenizer.load(path).encode("A", special=False).ids == [10]
    vocab(tmp_path, TOKENS, {"do_lower_case": False, "strip_accents": True})
    assert Tokenizer.load(tmp_path).encode("Á", special=False).ids == [9]
    assert Tokenizer.load(tmp_path, lowercase=True).encode("Á", special=False).ids == [10]


def test_a_later_duplicate_gets_the_text_and_every_line_keeps_its_row(tmp_path):
    lines = [*TOKENS, "", "中", "尾\t99", "", ""]
    tokenizer = Tokenizer.load(vocab(tmp_path, lines))
    assert tokenizer.vocabulary == (*TOKENS, "", "中", "尾")
    assert tokenizer.encode("中", special=False).ids == [15]
    assert tokenizer.decode([5, 14, 15, 16]) == "中中尾"
    saved = Tokenizer.load(tokenizer.save(tmp_path / "x", vocab=True))
    assert same(saved, tokenizer) and same(Tokenizer.load(tmp_path / "x/vocab.txt"), tokenizer)
    assert occurring(tokenizer, ["中"]) == [0, 1, 2, 3, 4, 15]


def test_foreign_tokenizer_json(tmp_path):
    """Truncation, padding and special tokens in the file never touch what users write."""
    content = specification([*SPECIAL, "中", "ab"])
    engine = tokenizers.Tokenizer.from_str(json.dumps(content))
    engine.add_special_tokens([*SPECIAL, "[E1]"])
    engine.add_tokens(["深度学习"])
    engine.enable_truncation(3)
    engine.enable_padding(length=9)
    engine.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.vocabulary[7:] == ("[E1]", "深度学习")
    encoding = tokenizer.encode("中深度学习ab中[E1]", special=False)
    assert tokenizer.tokens(encoding.ids) == ["中", "深度学习", "ab", "中", *["[UNK]"] * 3]
    kept = tokenizer.keep([0, 1, 2, 3, 8, 5])
    assert kept.tokens(kept.encode("深度学习中", special=False).ids) == ["深度学习", "中"]
    assert same(Tokenizer.load(kept.save(tmp_path / "kept")), kept)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[PAD]\n[UNK]\n\xff\xfe\n", "vocab.txt, line 3: .* UTF-8"),
        (b"[PAD]\n[UNK]\n[CLS]\n", r"vocab.txt has 3 tokens but not \[SEP\]"),
        (b"", r"0 tokens but not \[PAD\], \[UNK\]"),
    ],
)
def test_damaged_vocabularies_are_refused(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{\n,", "line 2: not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "model of type None"),
        ('{"model": {"type": "WordLevel", "vocab": {}}}', "'WordLevel'; playmask reads WordPiece"),
        ('{"model": {"type": "BPE", "vocab": {}}}', "not a valid tokenizer.json"),
        ('{"model": {"type": "WordPiece", "vocab": {"a": "b"}}}', "not a valid tokenizer.json"),
    ],
)
def test_damaged_json_is_refused(tmp_path, content, message):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        Tokenizer.load(tmp_path / "nothing")
    (tmp_path / "bert.ckpt").touch()
    with pytest.raises(ConfigError, match=r"it holds bert\.ckpt"):
        Tokenizer.load(tmp_path)
    with pytest.raises(ConfigError, match="not a tokenizer file"):
        Tokenizer.load(tmp_path / "bert.ckpt")
    vocab(tmp_path, TOKENS, {"do_lower_case": "no"})
    with pytest.raises(DataError, match="do_lower_case is 'no'"):
        Tokenizer.load(tmp_path)
    Tokenizer(specification(TOKENS)).save(tmp_path)
    with pytest.raises(ConfigError, match="leave it out"):
        Tokenizer.load(tmp_path, lowercase=False)


def test_a_pruned_tokenizer_encodes_to_the_mapped_ids(tmp_path):
    tokenizer = Tokenizer(specification(TOKENS))
    keep_tokens = occurring(tokenizer, iter(TEXTS))
    assert [tokenizer.vocabulary[number] for number in keep_tokens[5:]] == ["中", "国", "ab", "，"]
    pruned = tokenizer.keep(keep_tokens)
    assert len(pruned) == len(keep_tokens) < len(tokenizer)
    for text in TEXTS:
        old, new = tokenizer.encode(text), pruned.encode(text)
        assert [keep_tokens[number] for number in new.ids] == old.ids
        assert new.offsets == old.offsets
    assert same(Tokenizer.load(pruned.save(tmp_path)), pruned)
    turned = tokenizer.keep(keep_tokens[::-1])
    assert [turned.vocabulary[-1], turned.pad] == ["[PAD]", len(keep_tokens) - 1]


def test_pruning_options():
    tokenizer = Tokenizer(specification(TOKENS))
    assert [tokenizer.vocabulary[i] for i in occurring(tokenizer, TEXTS, minimum=3)] == [
        *SPECIAL,
        "中",
    ]
    whole = occurring(tokenizer, TEXTS)
    for most in (len(SPECIAL), len(SPECIAL) + 1, len(SPECIAL) + 4, 99):
        ids = occurring(tokenizer, TEXTS, most=most)
        assert ids == sorted(ids) and {*ids} <= {*whole} and len(ids) == min(most, len(whole))
    assert tokenizer.vocabulary[occurring(tokenizer, TEXTS, most=len(SPECIAL) + 1)[-1]] == "中"
    assert ids == whole
    with pytest.raises(ConfigError, match="most is 1; the tokenizer itself needs 5"):
        occurring(tokenizer, TEXTS, most=1)
    simple = [*SPECIAL, "中", "国", "ab", "A", "a", "##b", "，"]
    kept = tokenizer.keep(simplified(tokenizer, first=SPECIAL))
    assert kept.vocabulary == tuple(simple)
    assert tokenizer.keep(simplified(tokenizer)).mask is None
    with pytest.raises(InputError, match="'nothing' is not in"):
        simplified(tokenizer, first=["nothing"])
    with pytest.raises(ConfigError, match="minimum is 0"):
        occurring(tokenizer, TEXTS, minimum=0)
    for ids, message in (([0, 1, 2], "SEP"), ([0, 1, 2, 3, 3], "id 3"), ([99], "id 99")):
        with pytest.raises(InputError, match=message):
            tokenizer.keep(ids)


def corpus(seed=0):
    draw = random.Random(seed)
    stems = ["".join(draw.choices("abcdefgh", k=draw.randint(2, 6))) for _ in range(200)]
    words = [*stems, *(stem + "ing" for stem in stems), *"今天气不错很好吃，。！"]
    return [" ".join(draw.choices(words, k=30)) for _ in range(300)]


def test_learning_is_deterministic_and_every_piece_pays():
    learned = Tokenizer.from_texts(corpus(), size=400)
    for _ in range(3):
        assert Tokenizer.from_texts(iter(corpus()), size=400).vocabulary == learned.vocabulary
    assert len(learned) == 400
    assert learned.vocabulary[:5] == tuple(SPECIAL)
    assert {"今", "，", "##ing"} <= set(learned.vocabulary)
    ids = [number for row in learned.encode(corpus()) for number in row.ids]
    assert learned.unk not in ids
    assert len(ids) < sum(map(len, corpus())) / 3


def test_learning_drops_what_is_rare_and_obeys_its_size():
    texts = ["中国人", "中国 hello hello", "中 Hello 稀"]
    learned = Tokenizer.from_texts(texts, size=100)
    assert learned.vocabulary[5:7] == ("l", "##l")
    assert {"中", "国", "hello"} < set(learned.vocabulary) and "稀" not in learned.vocabulary
    assert "Hello" in Tokenizer.from_texts(texts * 2, size=100, lowercase=False).vocabulary
    assert len(Tokenizer.from_texts(texts, size=7, minimum=1)) == 7
    assert len(Tokenizer.from_texts([], size=7)) == 5
    with pytest.raises(ConfigError, match="size is 5"):
        Tokenizer.from_texts(texts, size=5)
    with pytest.raises(InputError, match="list of str"):
        Tokenizer.from_texts("one text")


def test_keras_is_not_imported():
    code = "import sys, playmask.tokenizers; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
