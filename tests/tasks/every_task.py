"""Every task, small and with random weights, and a text that it reads."""

from collections.abc import Callable
from typing import Any

import playmask
from tasks.made_up import model, tokenizer

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
