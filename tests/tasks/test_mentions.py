"""Tasks that find mentions: what is learnt is found again, in texts of any length."""

from functools import cache
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from playmask.data.annotated import Annotated, Mention
from playmask.errors import ConfigError, DataError, InputError
from playmask.labelling.losses import SparseMultilabelCrossentropy, multilabel_crossentropy
from playmask.tasks.extraction.tag_sets import letters_of
from playmask.tasks.extraction.tagging import merged
from playmask.tasks.windows import Window
from tasks.made_up import DIGITS, QUICK, model, tokenizer
from tasks.perfect import answered, candidates, shown_whole

WORDS = tokenizer("甲乙丙丁")
LABELS = ["EVEN", "ODD"]
KINDS = {
    "crf": (playmask.SequenceTagger, {"tagger": "crf", "multiplier": 10.0}),
    "crf with ends, bmes": (
        playmask.SequenceTagger, {"tagger": "crf", "ends": True, "scheme": "bmes"},
    ),
    "memm": (playmask.SequenceTagger, {"tagger": "memm", "rank": 3}),
    "softmax": (playmask.SequenceTagger, {"tagger": "softmax"}),
    "global": (playmask.SpanTagger, {"pointer": "global", "size": 16}),
    "efficient": (playmask.SpanTagger, {"pointer": "efficient", "size": 16}),
}  # fmt: skip


def new_task(kind, *, seed=3, **options):
    made, defaults = KINDS[kind]
    options = {"tokenizer": WORDS, "max_length": 16, "dropout": 0.0, **defaults, **options}
    depth = 2 if kind == "softmax" else 1  # what has no transitions needs more of a model
    return made.new(model(WORDS, seed=seed, depth=depth), LABELS, **options)


def text(seed, count=2):
    """甲 and a number of three digits, between other characters; its last digit tells the label."""
    random = np.random.default_rng(seed)
    made, mentions = "", []
    for _ in range(count):
        digits = random.integers(0, 10, 3)
        made += "乙丙丁"[: random.integers(0, 4)] + "甲"
        mentions.append(Mention(len(made), len(made) + 3, LABELS[digits[-1] % 2]))
        made += "".join(DIGITS[i] for i in digits)
    return Annotated(made, tuple(mentions))


DATA = [text(i, count=2 + i % 2 * 3) for i in range(320)]  # every second one is read in windows


ON_BACKENDS = {"crf": "tensorflow", "global": "torch"}
"""The layers and losses of all are compared in tests/labelling."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.backends(ON_BACKENDS.get(kind, "jax")))
        for kind in KINDS
    ],
)
def test_it_learns_and_comes_back(tmp_path, kind):
    task = new_task(kind)
    task.fit(DATA, **QUICK | {"epochs": 16})
    scores = task.evaluate(DATA[:64])
    assert scores["f1"] > 0.95, scores
    sample = [example.text for example in DATA[:8]]
    found = task.predict(sample)
    exact = [
        {m[:3] for m in each} == {m[:3] for m in e.mentions}
        for each, e in zip(found, DATA, strict=False)
    ]
    assert sum(exact) >= 6
    assert all(0 < mention.score <= 1 for each in found for mention in each)
    again = playmask.load_task(task.save(tmp_path))
    assert type(again) is type(task)
    assert again.predict(sample) == found
    long = [text(1000 + i, count=7) for i in range(16)]  # in windows that share three tokens
    assert task.evaluate(long)["f1"] > 0.8


@cache
def of_one_line(kind):
    """A task that has learnt the first example alone; trained once."""
    task = new_task(kind)
    task.fit(DATA[:1], **QUICK | {"epochs": 40, "warm_up": 0.0})
    return task


@pytest.mark.parametrize("kind", KINDS)
def test_one_line_is_enough_to_predict_it(kind):
    task = of_one_line(kind)
    (found,) = task.predict([DATA[0].text])
    assert [m[:3] for m in found] == [m[:3] for m in DATA[0].mentions]
    assert task.evaluate(DATA[:1])["f1"] == 1


@pytest.mark.parametrize("kind", ["softmax", "crf", "global"])
def test_a_mention_is_explained(kind):
    task = of_one_line(kind)
    mention = max(task.predict(DATA[0].text), key=lambda m: m.score)
    found = playmask.integrated_gradients(task, DATA[0].text, baseline="unk")
    assert found.answer == mention.label and found.complete
    output = task.network({"tokens": np.array([task.row(DATA[0].text)["tokens"]])})["logits"]
    logits = ops.convert_to_numpy(output)[0]
    first, last, label = mention.start + 1, mention.end, LABELS.index(mention.label)
    if kind == "global":
        value = logits[label, first, last]
    else:
        tags = [1 + 2 * label, *[2 + 2 * label] * (last - first)]
        chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        told = [chances[first + i, tag] for i, tag in enumerate(tags)]
        value = sum(np.log(chance / (1 - chance)) for chance in told)
    assert found.value == pytest.approx(value, abs=1e-3)
    with pytest.raises(InputError, match="finds no mention 'NONE'"):
        playmask.integrated_gradients(task, DATA[0].text, answer="NONE")


def test_mentions_in_one_another():
    nested = Annotated(
        "甲一二三乙", (Mention(1, 4, "ODD"), Mention(1, 3, "EVEN"), Mention(3, 4, "ODD"))
    )
    task = new_task("global")
    task.fit([nested], **QUICK | {"epochs": 40, "warm_up": 0.0})
    assert {m[:3] for m in task.predict(nested.text)} == {m[:3] for m in nested.mentions}
    with pytest.raises(DataError, match="overlap, but a token has one tag; use a SpanTagger"):
        new_task("crf").read([nested])
    assert len(new_task("crf").read([nested, DATA[0]], skip_bad=True)) == 1


@pytest.mark.parametrize("kind", ["crf", "efficient"])
def test_nothing_in_nothing_out(kind):
    task = new_task(kind)
    assert (
        task.predict([]) == [] and task.predict("") == [] and task.predict([" ", "\n"]) == [[], []]
    )
    with pytest.raises(InputError, match="list of texts"):
        task.predict(3)


def test_windows_cover_a_text_once():
    task = new_task("crf")
    for length in (1, 13, 14, 15, 25, 26, 60):
        windows = task.windows(["甲" * length])
        assert windows[0].first == 0 and windows[-1].last == windows[-1].total == length
        for one, other in pairwise(windows):
            assert one.last - other.first == 3
        for token in range(length):
            assert max(w.margin(token, token) for w in windows) >= (1 if length > 14 else np.inf)


def test_tokens_are_taken_from_the_window_that_shows_most_around_them():
    task = new_task("crf")
    windows = task.windows(["甲" * 25])
    assert [(w.first, w.last) for w in windows] == [(0, 14), (11, 25)]
    shown = [100.0 * i + np.arange(16)[:, None] for i in range(2)]
    logits, offsets = merged(list(zip(windows, shown, strict=True)))
    assert logits[:, 0].tolist() == [*range(14), *range(103, 116)]
    assert offsets == [(i, i + 1) for i in range(25)]


def test_stretches_are_taken_from_the_window_that_shows_most_around_them():
    task = new_task("global")
    windows = task.windows(["甲" * 25])
    stretches = [(9, 12), (11, 12), (13, 13)]  # 9 … 12 is in the first window alone
    outputs = []
    for window, label in zip(windows, (0, 1), strict=True):
        inside = [(a, b) for a, b in stretches if window.margin(a, b) >= 0]
        first, last = np.array(inside).T - window.first + 1
        score = np.full(len(inside), 1.0)
        outputs.append({"score": score, "label": score * label, "first": first, "last": last})
    found = [mention[:3] for _, mention in task.method.extract(windows, outputs)]
    assert found == [(9, 13, "EVEN"), (11, 13, "EVEN"), (13, 14, "ODD")]


@pytest.mark.parametrize("length", [30, 31, 90])
@pytest.mark.parametrize("longest", [16, 18, 19])
def test_each_token_is_from_the_window_with_the_largest_margin(longest, length):
    """The first of those where two show as much."""
    windows = new_task("crf", max_length=longest).windows(["甲" * length])
    shown = [
        np.arange(w.first - w.head, w.last + 1)[:, None] + 1000.0 * i for i, w in enumerate(windows)
    ]
    logits, _ = merged(list(zip(windows, shown, strict=True)))
    wanted = [
        token + 1000 * max(range(len(windows)), key=lambda i: windows[i].margin(token, token))
        for token in range(length)
    ]
    assert logits[1:-1, 0].tolist() == wanted
    assert logits[[0, -1], 0].tolist() == [-1, length + 1000 * (len(windows) - 1)]


@pytest.mark.parametrize("kind", ["crf", "global"])
def test_only_windows_that_share_a_token_are_compared(monkeypatch, kind):
    task, asked, margin = new_task(kind), [], Window.margin
    monkeypatch.setattr(Window, "margin", lambda *some: asked.append(1) or margin(*some))
    windows = task.windows(["甲" * 600])
    if kind == "crf":
        outputs = [{"logits": np.zeros((16, len(task.tags)), "float32")} for _ in windows]
    else:
        outputs = [candidates((0, i, i) for i in range(1, len(w.encoding) - 1)) for w in windows]
    found = list(task.method.extract(windows, outputs))
    assert kind == "crf" or len(found) == 600
    assert len(windows) > 50 and len(asked) <= 2 * sum(len(w.encoding) for w in windows)


def test_what_lies_whole_in_a_window_is_found_as_it_was_taught():
    """Stretches of any place and length, in texts of up to eight windows."""
    task, random, cut = new_task("global"), np.random.default_rng(0), 0
    for _ in range(100):
        size = int(random.integers(5, 90))
        starts = random.integers(0, size, 12)
        ends = np.minimum(starts + random.integers(1, 12, 12), size)
        mentions = {Mention(int(a), int(b), "ODD") for a, b in zip(starts, ends, strict=True)}
        example = Annotated("一" * size, tuple(sorted(mentions)))
        found = answered(task, example, candidates)
        wanted = [m for m in example.mentions if shown_whole(task, example.text, [m[:2]])]
        assert sorted(mention[:3] for mention in found) == [mention[:3] for mention in wanted]
        cut += len(mentions) - len(wanted)
    assert cut > 10


def test_a_mention_that_a_window_cuts_keeps_its_inner_letters():
    task = new_task("crf", scheme="bmes")
    long = Annotated("甲" * 25, (Mention(10, 20, "ODD"),))
    tags = [[task.tags[i] for i in row if i >= 0] for row in task.encode_examples([long]).targets]
    assert tags[0][11:16] == ["B-ODD", "M-ODD", "M-ODD", "M-ODD", "O"]
    assert tags[1][:12] == ["O", *["M-ODD"] * 8, "E-ODD", "O", "O"]


def test_letters():
    assert letters_of(1, "bio") == ["B"] and letters_of(3, "bio") == ["B", "I", "I"]
    assert letters_of(1, "bmes") == ["S"] and letters_of(3, "bmes") == ["B", "M", "E"]
    assert letters_of(2, "bmes") == ["B", "E"]


def test_a_window_knows_its_margins():
    window = Window(0, None, first=4, last=10, total=20, head=1)  # type: ignore[arg-type]
    assert window.margin(6, 7) == 2 and window.margin(5, 9) == 0 and window.margin(9, 10) == -1
    assert window._replace(first=0).margin(5, 5) == 4
    assert window._replace(first=0, total=10).margin(5, 5) == np.inf


@pytest.mark.parametrize(
    "kind, options, message",
    [
        ("crf", {"tagger": "crff"}, "no tagger 'crff'. Did you mean 'crf'"),
        ("crf", {"scheme": "bioe"}, "no scheme 'bioe'"),
        ("global", {"pointer": "locl"}, "no pointer 'locl'"),
        ("global", {"size": 7}, "size is even"),
        ("crf", {"max_length": 5}, "max_length is from 8, not 5"),
    ],
)
def test_choices_that_cannot_be(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        new_task(kind, **options).windows(["甲"])
    with pytest.raises(ConfigError, match="is needed once"):
        playmask.SequenceTagger.new(model(WORDS), ["A", "A"], tokenizer=WORDS)


@pytest.mark.parametrize("example", ["甲", ("甲",), ("甲", [3]), ("甲", [(0, 1)])])
def test_examples_that_are_none(example):
    with pytest.raises(DataError, match="Example 0"):
        new_task("crf").read([example])


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="XLA says how much memory it takes")
@pytest.mark.parametrize(("labels", "length"), [(64, 128), (256, 64)])
def test_learning_stretches_takes_the_scores_memory_and_a_copy(labels, length):
    """Right stretches are told by number: nothing else of labels × length² is held."""
    import jax

    wanted = np.full((4, labels, 3), -1, "int32")
    scores = jax.ShapeDtypeStruct((4, labels, length, length), "float32")

    def memory(loss) -> float:
        """What the gradient takes besides what comes in and goes out, in parts of the scores."""
        compiled = jax.jit(jax.grad(lambda scores: loss(scores).sum())).lower(scores).compile()
        return compiled.memory_analysis().temp_size_in_bytes / (4 * scores.size)

    def told_by_a_table(scores):
        flat = scores.reshape(4, labels, -1)
        table = jax.nn.one_hot(wanted, length**2).sum(2)
        return multilabel_crossentropy(table, flat)

    assert memory(lambda scores: SparseMultilabelCrossentropy().call(wanted, scores)) < 1.1
    assert memory(told_by_a_table) > 1.1
