"""Explanations: exact where a formula says so, complete, and the same whatever the task is."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import TINY, error, log_softmax, numpy_of
from families.small import small
from playmask.errors import ConfigError, InputError
from playmask.inspection.explain import Explanation, integrated, integrated_gradients
from playmask.model.recipes import recipe
from playmask.tasks.network import TaskNetwork
from playmask.tasks.objective import Objective
from playmask.tasks.settings import TaskSettings
from playmask.tasks.task import Task
from playmask.tokenizers import Tokenizer

pytestmark = pytest.mark.backends

GOOD, BAD, FILLER = "好棒美甜", "差坏烂苦", "天地玄黄宇宙洪荒日月盈昃"
LENGTH = 16  # one length, and so one shape, for all


def reviews(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Nonsense of 5 to 14 characters in which one character tells the label."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        text = [FILLER[j] for j in random.integers(0, len(FILLER), random.integers(4, 14))]
        text.insert(int(random.integers(0, len(text))), (GOOD, BAD)[i % 2][random.integers(0, 4)])
        made.append(("".join(text), ("good", "bad")[i % 2]))
    return made


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_texts([GOOD + BAD + FILLER + "ab"] * 2, size=60, minimum=1)


def model(tokenizer, spread: float = 0.3):
    keras.utils.set_random_seed(3)
    sizes = {"vocabulary": len(tokenizer), "pad": tokenizer.pad, "depth": 1}
    return playmask.build(TINY.change(**sizes, initializer_range=spread))


@pytest.fixture(scope="module")
def trained(tokenizer) -> playmask.TextClassifier:
    """A classifier that has learned which characters decide."""
    task = playmask.TextClassifier.new(
        model(tokenizer, 0.1), ["bad", "good"], tokenizer=tokenizer, max_length=LENGTH
    )
    task.fit(reviews(320), epochs=6, batch_size=64, learning_rate=3e-2, verbose=0)
    assert task.evaluate(reviews(100, seed=9))["accuracy"] > 0.95
    return task


class LinearNetwork(TaskNetwork):
    """Adds up what every token's embedding is worth; there is no Transformer to pass."""

    def __init__(self, transformer):
        super().__init__(transformer)
        self.dense = keras.layers.Dense(1, name="worth")
        self.dense.build((None, transformer.architecture.width))
        self.built = True

    def call(self, inputs, training=False):
        x = inputs.get("vectors")
        if x is None:
            x = self.transformer.embeddings.tokens(inputs["tokens"])
        worth = self.dense(x)[..., 0] * ops.cast(inputs["valid"], "float32")
        return {"worth": ops.sum(worth, axis=1)}


@recipe
class WorthSettings(TaskSettings):
    task = "worth"
    max_length: int = LENGTH


class Worth(Task):
    """A second task, which gives each text a number."""

    settings_class = WorthSettings
    objective = Objective({})

    @classmethod
    def build_network(cls, transformer, tokenizer, settings):
        return LinearNetwork(transformer)

    def row(self, text):
        return {"tokens": self.tokenizer.encode(text, max_length=self.settings.max_length).ids}

    def scores(self, outputs):
        return {"worth": outputs["worth"]}

    @classmethod
    def parse(cls, settings, path, *, columns=None, skip_bad=False): ...
    def check(self, example): ...
    def encode_examples(self, examples): ...
    def predict(self, texts): ...


@pytest.fixture(scope="module")
def linear(tokenizer) -> Worth:
    return Worth.new(model(tokenizer), tokenizer=tokenizer)


@pytest.mark.parametrize("baseline", ["zero", "unk", "mask"])
def test_a_linear_task_is_exact_in_one_step(linear, tokenizer, baseline):
    text = "天地好黄坏"
    found = integrated_gradients(linear, text, baseline=baseline, steps=1)
    table = numpy_of(linear.transformer.embeddings.tokens.embeddings)
    nothing = 0 if baseline == "zero" else table[tokenizer.special[baseline]]
    ids = tokenizer.encode(text).ids[1:-1]
    wanted = (table[ids] - nothing) @ numpy_of(linear.network.dense.kernel)[:, 0]
    np.testing.assert_allclose(found.scores, [0, *wanted, 0], atol=1e-6)
    assert (found.steps, found.answer, found.texts) == (1, "worth", (text,))
    assert found.relative_gap < 1e-4
    assert found.value == pytest.approx(
        float(linear.predictor([linear.row(text)])[0]["worth"]), abs=1e-5
    )
    np.testing.assert_allclose(found.characters(), wanted, atol=1e-6)


def test_the_scores_add_up(trained):
    for text, label in reviews(8, seed=4):
        found = integrated_gradients(trained, text)
        assert found.answer == label and found.complete and found.relative_gap < 0.01
        total = found.value - found.baseline_value
        assert sum(found.scores) == pytest.approx(total, rel=0.01)
        assert np.sum(found.characters()) + found.apart == pytest.approx(sum(found.scores))


def test_the_value_is_the_log_odds_of_the_label(trained):
    text = "天地好黄"
    for label, chance in trained.predict(text).probabilities.items():
        found = integrated_gradients(trained, text, answer=label)
        assert found.value == pytest.approx(math.log(chance / (1 - chance)), rel=1e-3)


def test_log_odds_are_against_all_other_labels():
    task = object.__new__(playmask.TextClassifier)
    task.settings = task.settings_class(labels=("a", "b", "c"))
    logits = np.array([[1.0, -2.0, 0.5], [9.0, 9.0, 9.0]], "float32")
    odds = task.scores({"logits": ops.convert_to_tensor(logits)})
    chances = np.exp(log_softmax(logits))
    for i, label in enumerate("abc"):
        wanted = np.log(chances[:, i] / (1 - chances[:, i]))
        np.testing.assert_allclose(numpy_of(odds[label]), wanted, atol=1e-5)


def test_the_character_that_decides_brings_most(trained):
    for text, label in reviews(10, seed=7):
        found = integrated_gradients(trained, text, answer=label)
        deciding = next(i for i, c in enumerate(text) if c in GOOD + BAD)
        assert int(np.argmax(found.characters())) == deciding, found.pieces()


def test_the_other_answer_is_spoken_against(trained):
    found = integrated_gradients(trained, "天地好黄", answer="bad")
    assert int(np.argmin(found.characters())) == 2 and found.characters()[2] < 0


def test_more_points_change_little(trained):
    found = integrated_gradients(trained, "天地好黄宇宙")
    assert (
        error(found.scores, integrated_gradients(trained, "天地好黄宇宙", steps=128).scores) < 0.05
    )


def test_a_line_with_a_leap_is_followed(tokenizer):
    """RMS norm without positions leaps away from zero: points are added where that is."""
    made = small("t5_1_1", vocabulary=len(tokenizer), pad=tokenizer.pad, depth=1, decoder=None)
    keras.utils.set_random_seed(1)
    task = playmask.TextClassifier.new(
        playmask.build(made.change(initializer_range=0.3)),
        ["no", "yes"],
        tokenizer=tokenizer,
        max_length=12,
    )
    found = integrated_gradients(task, "天地好黄宇", baseline="zero")
    assert found.complete and 16 < found.steps <= 512


def test_the_gradient_at_the_end_alone_is_found_out(trained, monkeypatch):
    """Gradient times input, which takes the slope at the text for that of the whole line."""
    right = trained.slopes

    def wrong(vectors, inputs, answer):
        if not ends:
            ends.append(vectors[1:2])  # the points begin with both ends of the line
        value, _ = right(vectors, inputs, answer)
        return value, right(np.repeat(ends[0], len(vectors), axis=0), inputs, answer)[1]

    ends: list[np.ndarray] = []
    monkeypatch.setitem(vars(trained), "slopes", wrong)
    monkeypatch.setattr(integrated, "MOST", 64)
    found = integrated_gradients(trained, "天地好黄宇宙")
    assert not found.complete and found.relative_gap > 0.1 and found.steps == 64
    assert any("do not add up" in note for note in found.notes)


def test_a_shape_is_compiled_once(trained):
    integrated_gradients(trained, "天地好黄")
    traces = trained.slopes.traces
    integrated_gradients(trained, "日月坏盈昃天地", answer="good", baseline="zero")
    integrated_gradients(trained, "日月", answer="bad", baseline="unk")
    assert trained.slopes.traces == traces


def test_pairs_have_scores_each(tokenizer):
    task = playmask.TextClassifier.new(
        model(tokenizer), ["no", "yes"], tokenizer=tokenizer, max_length=LENGTH
    )
    found = integrated_gradients(task, ("天 地", "好黄"))
    assert found.texts == ("天 地", "好黄") and found.complete
    assert [piece for piece, _ in found.pieces(0)] == ["天", " ", "地"]
    assert [piece for piece, _ in found.pieces(1)] == ["好", "黄"]
    assert found.characters(0)[1] == 0 and found.characters(0)[[0, 2]].all()
    assert set(found.sources) == {-1, 0, 1} and found.apart == 0


@pytest.mark.parametrize("family", ["albert", "gpt2"])
def test_families_of_every_shape(family, tokenizer):
    """Embeddings narrower than the model; no special tokens and another order."""
    made = small(family, vocabulary=len(tokenizer), pad=tokenizer.pad, depth=1)
    task = playmask.TextClassifier.new(
        playmask.build(made.change(initializer_range=0.3)),
        ["no", "yes"],
        tokenizer=tokenizer,
        max_length=12,
    )
    found = integrated_gradients(task, "天地好黄宇")
    odds = np.log(list(task.predict("天地好黄宇").probabilities.values()))
    assert found.value == pytest.approx(abs(odds[0] - odds[1]), abs=1e-3)
    assert found.complete and max(map(abs, found.scores)) > 1e-3


def test_what_is_cut_off_is_not_read(trained):
    text = "天地玄黄宇宙洪荒日月盈昃好天地玄黄宇宙洪荒日月"
    found = integrated_gradients(trained, text)
    assert found.read == (LENGTH - 2,) and len(text) > LENGTH
    assert found.pieces()[-1] == (text[LENGTH - 2 :], None)
    assert np.isnan(found.characters()).sum() == len(text) - LENGTH + 2
    assert "What is grey was cut off" in found.notes[-1]
    assert "".join(piece for piece, _ in found.pieces()) == text


def example(text: str, *tokens: tuple[int, int, float]) -> Explanation:
    """An explanation made by hand of (start, stop, score)."""
    spans = tuple((start, stop) for start, stop, _ in tokens)
    return Explanation(
        texts=(text,),
        tokens=tuple(text[slice(*span)] for span in spans),
        spans=spans,
        sources=(0,) * len(tokens),
        scores=tuple(score for *_, score in tokens),
        answer="好评",
        value=1.0,
        baseline_value=0.0,
        baseline="mask",
        steps=16,
        read=(len(text),),
    )


def test_an_explanation_says_how_likely_what_speaks_for_it_and_what_else_there_is():
    found = example("好吃但是慢", (0, 2, 2.5), (2, 4, 0.1), (4, 5, -1.0))
    others = {"好评": 1.0, "差评": -1.0}
    likely = replace(found, unit="log-odds", alternatives=others)
    assert likely.title == "好评, probability 0.731 (log-odds +1.00)"
    assert likely.notes[:3] == [
        "For it: 好吃 +2.50, 但是 +0.10.",
        "Against it: 慢 -1.00.",
        "Alternatives: 差评 0.269.",
    ]
    written = replace(found, unit="log-probability", value=-0.5)
    assert written.probability == pytest.approx(np.exp(-0.5))
    number = replace(found, unit="number", alternatives={"score": 1.0, "other": 2.0})
    assert number.probability is None and number.title == "好评 (number +1.00)"
    assert "Alternatives: score +1.00, other +2.00." not in number.notes
    assert "Alternatives: other +2.00, score +1.00." in number.notes


@pytest.mark.parametrize(
    ("found", "pieces"),
    [
        (example("ab c", (0, 2, 1.0), (3, 4, 2.0)), [("ab", 1.0), (" ", 0.0), ("c", 2.0)]),
        (example("😀好", (0, 1, 1.0), (0, 1, 2.0), (1, 2, 4.0)), [("😀", 3.0), ("好", 4.0)]),
        (example("e\u0301a", (0, 1, 1.0), (2, 3, 2.0)), [("e\u0301", 1.0), ("a", 2.0)]),
        (example("👨‍👩", (0, 1, 1.0), (1, 2, 2.0), (2, 3, 4.0)), [("👨‍👩", 7.0)]),
        (example("👍🏽a", (0, 1, 1.0), (1, 2, 2.0), (2, 3, 4.0)), [("👍🏽", 3.0), ("a", 4.0)]),
        (example("a", (0, 0, 5.0), (0, 1, 1.0)), [("a", 1.0)]),
        (replace(example("e\u0301a", (0, 1, 1.0)), read=(1,)), [("e\u0301", 1.0), ("a", None)]),
    ],
)
def test_pieces_are_what_a_reader_takes_for_one(found, pieces):
    assert found.pieces() == pieces
    assert np.nansum(found.characters()) + found.apart == pytest.approx(sum(found.scores))


def test_a_gain_of_nothing_is_not_divided_by():
    nothing = replace(example("ab", (0, 1, 0.0), (1, 2, 0.0)), value=0.0)
    assert nothing.gap == nothing.relative_gap == 0.0 and nothing.complete
    rounding = replace(nothing, scores=(3.0, -3.0 + 1e-5))
    assert rounding.complete and rounding.relative_gap == pytest.approx(1e-5 / 0.06, rel=1e-3)
    wrong = replace(nothing, scores=(3.0, -2.9))
    assert not wrong.complete


class Page(HTMLParser):
    """The text of a page's body by paragraph, its tags and its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        values = dict(attributes)
        if values.get("class") == "text":
            self.texts.append("")
        self.titles += [values["title"]] if "title" in values else []
        assert not {"src", "href", "onload"} & set(values)

    def handle_endtag(self, tag):
        if tag == "p":
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


ODD = "<b>&amp;\"'</b> 😀👨‍👩‍👧 שלום مرحبا\n好\x00\x1b[31m$x$"


def test_pages_hold_any_text(tmp_path):
    found = example(ODD, (0, 3, 1.5), (3, 8, -0.25), (15, 16, 0.01))
    found.draw(tmp_path / "a.html")
    content = (tmp_path / "a.html").read_text("utf-8")
    page = Page(content)
    assert page.texts[0] == ODD.replace("\x00", r"\x00").replace("\x1b", r"\x1b")
    assert {"script", "link", "img", "b"}.isdisjoint(page.tags)
    assert "http" not in content and "url(" not in content and "@import" not in content
    assert page.titles[:2] == ["+1.5000", "-0.2500"]
    assert '<meta charset="utf-8">' in content and "<title>好评 (number +1.00)</title>" in content
    for name in ("a.png", "a.svg"):
        found.draw(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "a.png", "a.svg"}
    with pytest.raises(InputError, match=r"format is 'txt'; \.png or \.svg"):
        found.draw(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "The text has no tokens"),
        (" \n", {}, "The text has no tokens"),
        ("天", {"answer": "god"}, "no answer 'god'. Did you mean 'good'"),
        ("天", {"baseline": "maks"}, "no baseline 'maks'. Did you mean 'mask'"),
        ("天", {"steps": 0}, "whole number from 1 to 512, not 0"),
        (("天", "地", "玄"), {}, "A text or a pair of texts is explained, not"),
        (("天", "地"), {}, "trained on single texts"),
        (["天"] * 3, {}, "A text or a pair"),
        (7, {}, "A text or a pair"),
        ("\ud800", {}, "surrogate"),
    ],
)
def test_what_is_refused(trained, text, options, said):
    with pytest.raises((ConfigError, InputError, ValueError), match=said):
        integrated_gradients(trained, text, **options)


def test_tasks_that_cannot_be_explained(linear, monkeypatch):
    monkeypatch.delattr(Worth, "scores")
    with pytest.raises(ConfigError, match="task 'worth' cannot be explained: it scores no answers"):
        integrated_gradients(linear, "天")
    monkeypatch.setattr(Worth, "row", lambda self, text: {"tokens": [1, 2, 3]})
    with pytest.raises(ConfigError, match="reads other tokens than those of the text"):
        integrated_gradients(linear, "天地")
