"""Every task, small and with random weights, texts that it reads, and examples that it learns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import playmask
from playmask.data.annotated import Annotated, Mention
from playmask.data.events import TRIGGER, Event, Part, Report
from playmask.data.passages import PassageQuestion
from playmask.data.prompted import Prompted
from playmask.data.relations import VALUE, Related, Relation, Slot
from playmask.runtime.train.weight_names import all_weights
from tasks.made_up import cycle, model, tokenizer

WORDS = tokenizer("问答甲乙")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("uint8")
TEXT, OTHER, PAIR = "零一二三", "六七八九", ("零一", "二三四")


def on(**changes: Any) -> Callable[..., Any]:
    """How a task is made of a tiny model."""

    def make(kind: type, *values: Any, **options: Any) -> Any:
        one = model(WORDS, depth=1, **changes)
        return kind.new(one, *values, tokenizer=WORDS, **options)

    return make


LABELS = ["甲", "乙"]
MAKE: dict[str, Callable[[], Any]] = {
    "classify": lambda: on()(playmask.TextClassifier, LABELS, max_length=16),
    "classify multiple": lambda: on()(
        playmask.TextClassifier, LABELS, multiple=True, max_length=16
    ),
    "regress": lambda: on()(playmask.TextRegressor, max_length=16),
    "pattern": lambda: on()(
        playmask.PatternClassifier,
        ["bad", "good"],
        words=["甲", "乙"],
        pattern="[MASK]{text}",
        max_length=16,
    ),
    "similar": lambda: on()(playmask.SentenceEncoder, language_model=0, max_length=16),
    "pair": lambda: on()(playmask.SentencePair, max_length=16),
    "rerank": lambda: on()(playmask.Reranker, max_length=16),
    "tag": lambda: on()(playmask.SequenceTagger, LABELS, max_length=16),
    "tag softmax": lambda: on()(
        playmask.SequenceTagger, LABELS, tagger="softmax", max_length=16
    ),
    "span": lambda: on()(playmask.SpanTagger, LABELS, max_length=16),
    "relate": lambda: on()(playmask.RelationExtractor, LABELS, max_length=16),
    "relate casrel": lambda: on()(
        playmask.RelationExtractor, LABELS, method="casrel", max_length=16
    ),
    "event": lambda: on()(
        playmask.EventExtractor, ["甲@trigger", "甲@乙"], max_length=16
    ),
    "event tags": lambda: on()(
        playmask.EventExtractor, ["甲@trigger", "甲@乙"], method="tags", max_length=16
    ),
    "uie": lambda: on()(playmask.UniversalExtractor, "甲", max_length=16),
    "read": lambda: on()(playmask.ReadingComprehension, max_length=32, max_answer=4),
    "read mask-fill": lambda: on()(
        playmask.ReadingComprehension, max_length=32, max_answer=4, method="mask-fill"
    ),
    "read-seq2seq": lambda: on(order="unilm")(playmask.CopyingReader, max_length=32, max_answer=4),
    "lm": lambda: on(order="lm")(playmask.LanguageModel, max_length=16),
    "seq2seq": lambda: on(order="unilm")(playmask.Seq2Seq, max_source=12, max_target=8),
    "mlm": lambda: on()(playmask.MaskFill, max_length=16),
    "caption": lambda: on(order="lm", context=playmask.ContextAttention(128))(
        playmask.ImageCaptioner, "small", "attention", image_size=16, max_length=16
    ),
}  # fmt: skip
INPUTS = {"mlm": "零[MASK]二", "pair": PAIR, "rerank": PAIR, "read": PAIR, "read mask-fill": PAIR,
          "read-seq2seq": PAIR, "caption": IMAGES[0]}  # fmt: skip
EXPORTED = [kind for kind in MAKE if kind != "caption"]
"""What becomes a graph; of a captioner, its two networks do by themselves."""

LONG = cycle(3, 3, 40)  # several windows
ONE, PAIRS = [LONG, "六七八九", "六 七八"], [("零一", LONG), ("六七八", "九零一二三")]
TEXTS = {
    **dict.fromkeys(("pair", "rerank", "read", "read mask-fill", "read-seq2seq"), PAIRS),
    "lm": ["六七八九", "六 七八", cycle(3, 3, 8)],
    "mlm": ["零[MASK]二[MASK]", "三四[MASK]六七八"],
}

FIRST, SECOND = "零一二三", "六七"
MARKED = [
    Annotated(FIRST, (Mention(0, 2, "甲"), Mention(2, 3, "乙"))),
    Annotated(SECOND, (Mention(1, 2, "乙"),)),
]
RELATED = [
    Related(FIRST, (Relation((0, 1), "甲", (Slot(VALUE, 2, 4),)),)),
    Related(SECOND, (Relation((1, 2), "乙", (Slot(VALUE, 0, 1),)),)),
]
EVENTS = [
    Report(FIRST, (Event("甲", (Part(0, 1, TRIGGER), Part(2, 3, "乙"))),)),
    Report(SECOND, (Event("甲", (Part(0, 1, "乙"), Part(1, 2, TRIGGER))),)),
]
ASKED = [
    PassageQuestion("零", FIRST, ("一二",), ((1, 3),), "1"),
    PassageQuestion("六", SECOND, ("七",), ((1, 2),), "2"),
]
COUPLES, SCORED = (
    [("零一", "一零"), ("二三四", "四三")],
    [("零一", "一", 1.0), ("二三四", "五", 3.0)],
)
EXAMPLES: dict[str, list[Any]] = {
    "classify": [(FIRST, "甲"), (SECOND, "乙")],
    "classify multiple": [(FIRST, ["甲"]), (SECOND, ["甲", "乙"])],
    "regress": [(FIRST, 1.0), (SECOND, 2.0)],
    "pattern": [(FIRST, "bad"), (SECOND, "good")],
    "similar": COUPLES,
    "pair": SCORED,
    "rerank": [("零一", "一", 1.0), ("二三四", "五", 0.0)],
    "tag": MARKED,
    "tag softmax": MARKED,
    "span": MARKED,
    "relate": RELATED,
    "relate casrel": RELATED,
    "event": EVENTS,
    "event tags": EVENTS,
    "uie": [Prompted(FIRST, "甲", ((0, 2),)), Prompted(SECOND, "甲", ())],
    "read": ASKED,
    "read mask-fill": ASKED,
    "read-seq2seq": ASKED,
    "lm": [FIRST, SECOND],
    "seq2seq": COUPLES,
    "mlm": [FIRST, SECOND],
    "caption": [(IMAGES[0], FIRST), (IMAGES[1], SECOND)],
}
"""Two examples of different lengths for each task to learn."""


def spread(task) -> None:
    """Give a task's own weights values by which some things are found, and others are not."""
    random = np.random.default_rng(1)
    # So few objects that none is left out, by which rounding would decide among equals.
    scale = 0.5 if getattr(task.settings, "method", None) == "casrel" else 1.5
    for name, variable in all_weights(task.network).items():
        if name.startswith("task/"):
            variable.assign(random.normal(0, scale, variable.shape))


def same(one: Any, other: Any) -> None:
    """Numbers are close; everything else, places above all, is equal."""
    if isinstance(one, (float, np.floating)):
        assert one == pytest.approx(other, rel=2e-4, abs=2e-5)
    elif isinstance(one, np.ndarray):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
    elif isinstance(one, dict):
        same([*one.items()], [*other.items()])
    elif isinstance(one, (list, tuple)):
        assert type(one) is type(other) and len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            same(each, its)
    else:
        assert one == other
