"""Every task, small and with random weights, and a text that it reads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import playmask
from playmask.runtime.train.weight_names import all_weights
from tasks.made_up import cycle, model, tokenizer

WORDS = tokenizer("问答甲乙")
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
}  # fmt: skip
INPUTS = {"mlm": "零[MASK]二", "pair": PAIR, "rerank": PAIR, "read": PAIR, "read mask-fill": PAIR,
          "read-seq2seq": PAIR}  # fmt: skip

LONG = cycle(3, 3, 40)  # several windows
ONE, PAIRS = [LONG, "六七八九", "六 七八"], [("零一", LONG), ("六七八", "九零一二三")]
TEXTS = {
    **dict.fromkeys(("pair", "rerank", "read", "read mask-fill"), PAIRS),
    "mlm": ["零[MASK]二[MASK]", "三四[MASK]六七八"],
}


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
