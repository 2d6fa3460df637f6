"""Sequence to sequence: by one stack and by two, they learn to turn numbers round."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import playmask
from comparing import log_softmax
from playmask.errors import ConfigError, DataError, InputError
from playmask.model.architecture import Decoder
from playmask.model.parts import Learned
from tasks.made_up import QUICK, model, numbers, tokenizer

WORDS = tokenizer()
FORMS = {"stack": {"mask": "unilm"}, "decoder": {"decoder": Decoder(1, position=Learned(32))}}
PAIRS = [(text, text[::-1]) for text in numbers(480, longest=3)]
TEST = [(text, text[::-1]) for text in numbers(32, longest=3, seed=9)]
SIZES = {"max_source": 8, "max_target": 8}


def new_task(form: str, **options) -> playmask.Seq2Seq:
    made = model(WORDS, **FORMS[form])
    return playmask.Seq2Seq.new(made, tokenizer=WORDS, **SIZES | options)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("stack", marks=pytest.mark.backends("tensorflow")),
        pytest.param("decoder", marks=pytest.mark.backends("torch")),
    ],
)
def test_it_learns_to_turn_numbers_round(form, tmp_path):
    task = new_task(form)
    before = task.evaluate(TEST)
    task.fit(PAIRS, **QUICK | {"epochs": 10})
    after = task.evaluate(TEST, exact=True)
    assert before["accuracy"] < 0.3 and after["accuracy"] > 0.9 and after["exact"] > 0.8
    assert after["loss"] < before["loss"] / 4 and after["examples"] == 32
    sources = [text for text, _ in TEST]
    found = task.predict(sources)
    again = playmask.load_task(task.save(tmp_path))
    assert isinstance(again, playmask.Seq2Seq)
    assert again.predict(sources) == found
    assert again.evaluate(TEST)["loss"] == after["loss"]


def test_no_special_token_but_the_end_is_written():
    """They say nothing, so that a text in which they stood would be too short."""
    task = new_task("stack")
    bias = np.zeros(len(WORDS), "float32")
    bias[[WORDS.unk, WORDS.mask, WORDS.cls, WORDS.pad]] = 99.0
    task.transformer.heads["mlm"].bias.assign(bias)
    assert len(task.predict("一二三", max_tokens=5, min_tokens=5)) == 5
    only = playmask.Automaton.only([WORDS.token_to_id("七")])
    assert task.predict("一二三", max_tokens=3, constrain=only) == "七七七"
    assert "".join(task.writer.stream("一二三", max_tokens=3, constrain=(only,))) == "七七七"


def test_searches_and_the_n_best():
    task = new_task("stack")
    best = task.predict("一二三", best=3, search=playmask.Beams(3))
    assert isinstance(best, list) and len(best) == 3
    one = task.predict(["一二三"], search=playmask.Beams(3))
    assert one == best[:1] and task.predict([]) == []
    assert "".join(task.writer.stream("一二三")) == task.predict("一二三")
    with pytest.raises(InputError, match="labels are not taken"):
        task.writer.write(["一"], condition="x")


@pytest.mark.parametrize("form", FORMS)
def test_loss_is_the_mean_over_target_tokens(form):
    """Against plain numpy, one pair at a time; sources and padding weigh nothing."""
    task, pairs = new_task(form), [("一二三四五", "五"), ("六", "七八九")]
    nats = []
    for source, target in pairs:
        read = WORDS.encode(source).ids
        wanted = [*WORDS.encode(target, special=False).ids, WORDS.sep]
        if form == "stack":
            segments = [0] * len(read) + [1] * len(wanted)
            inputs = {"tokens": read + wanted, "segments": segments}
            first = len(read) - 1
        else:
            inputs, first = {"tokens": read, "target_tokens": [WORDS.pad, *wanted[:-1]]}, 0
        inputs = {name: np.array([row]) for name, row in inputs.items()}
        logs = log_softmax(task.transformer(inputs)["logits"])[0]
        nats += [-logs[first + i, token] for i, token in enumerate(wanted)]
    assert task.evaluate(pairs)["loss"] == pytest.approx(np.mean(nats), abs=1e-5)
    task.compile(keras.optimizers.SGD(0.0))
    batches = task.batches(task.read(pairs), 8, shuffle=False)
    logged = task.network.evaluate(batches, verbose=0, return_dict=True)
    assert logged["loss"] == pytest.approx(np.mean(nats), abs=1e-5)


def test_sources_are_cut_and_targets_keep_their_room():
    task = new_task("stack")
    long = "一二三四五六七八九零" * 2
    row = task.encode_examples(task.read([(long, long)])).rows[0]
    assert row["segments"] == [0] * 8 + [1] * 8 and row["tokens"][7] == WORDS.sep
    assert task.settings.row_length == 16
    two = new_task("decoder")
    assert len(two.encode_examples(two.read([(long, long)])).rows[0]["tokens"]) == 8
    assert two.encode_examples(two.read([(long, long)])).targets.shape == (1, 8)
    assert len(task.predict(long)) <= 8


def test_files_are_read_and_bad_ones_refused_with_their_line(tmp_path):
    task = new_task("stack")
    contents = {
        "plain.tsv": "一二\t二一\n",
        "named.tsv": "target\tid\tsource\n二一\t7\t一二\n",
        "keys.jsonl": '{"source": "一二", "target": "二一"}\n',
        "text.csv": "text,summary\n一二,二一\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert task.read(tmp_path / name) == [("一二", "二一", None)], name
    turned = task.read(tmp_path / "plain.tsv", columns=("target", "source"))
    assert turned == [("二一", "一二", None)]
    bad = {
        "one.tsv": ("一\t二\n三\n", "one.tsv:2: The number of columns is 1, not 2"),
        "key.jsonl": ('{"source": "一"}\n', r"key.jsonl:1: The names \['source'\] are none of a t"),
        "none.jsonl": ('{"a": "一", "target": "二"}\n', "are none of a source: source, src"),
        "gap.tsv": ("一\t二\n三\t \n", "gap.tsv:2: The target is empty"),
        "empty.tsv": ("", "empty.tsv: The file holds no usable text"),
    }
    for name, (content, said) in bad.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=said):
            task.fit(tmp_path / name, **QUICK)
    (tmp_path / "bytes.tsv").write_bytes("一\t二\n".encode() + "乱\t码".encode("gb18030"))
    with pytest.raises(DataError, match=r"bytes.tsv:2: .*not UTF-8"):
        task.fit(tmp_path / "bytes.tsv", **QUICK)
    with pytest.raises(DataError, match=r"Example 0: It is '一', not \(source, target\)"):
        task.fit(["一"], **QUICK)
    with pytest.raises(DataError, match="Example 1: The target is None"):
        task.fit([("一", "二"), ("一", None)], **QUICK)


def test_what_cannot_be_one(tmp_path):
    with pytest.raises(ConfigError, match="the order 'unilm', not 'lm'"):
        playmask.Seq2Seq.new(model(WORDS, mask="lm"), tokenizer=WORDS, **SIZES)
    with pytest.raises(ConfigError, match="the model has 32 positions for both"):
        new_task("stack", max_source=30)
    with pytest.raises(ConfigError, match="max_source is 40"):
        new_task("decoder", max_source=40)
    assert new_task("decoder", max_source=30).settings.row_length == 38


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_becomes_one(form, tmp_path):
    changes = FORMS[form] if form == "decoder" else {}
    playmask.save(model(WORDS, **changes), tmp_path)
    WORDS.save(tmp_path)
    task = playmask.Seq2Seq.new(tmp_path, **SIZES)
    assert task.form.decodes == (form == "decoder")
    assert task.evaluate(TEST[:2])["loss"] > 0


def test_a_decoder_needs_its_encoder():
    a = model(WORDS, **FORMS["decoder"]).architecture
    with pytest.raises(ConfigError, match="load the encoder too"):
        playmask.Seq2Seq.new(playmask.build(replace(a, encoder=False)), tokenizer=WORDS, **SIZES)
