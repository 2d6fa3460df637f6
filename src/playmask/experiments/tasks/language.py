"""Language modelling: what comes next in running text, per word."""

import math
from collections.abc import Sequence

import numpy as np

from playmask.experiments.corpora import Corpus
from playmask.experiments.models import fresh, learn, outcome
from playmask.experiments.objectives import Rows, Texts, next_tokens
from playmask.experiments.plan import Desk, Outcome, Sizes, Task, Trial, sized
from playmask.experiments.training import Course
from playmask.tokenizers import Tokenizer


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """Windows of running text; extra: how many words are measured, a line's end one of them."""
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    tokenizer = Tokenizer.from_texts(train, size=sizes.vocabulary, lowercase=False)
    rows, held = (windows(lines, tokenizer, sizes.length) for lines in (train, test))
    words = sum(len(line.split()) + 1 for line in test)
    tokens = int((held["tokens"][:, 1:] != tokenizer.pad).sum())
    unknown = int((held["tokens"][:, 1:] == tokenizer.unk).sum())
    facts = {
        "learnt from": f"{rows['tokens'][:, 1:].size:,} tokens",
        "measured on": f"{words:,} words, {tokens:,} tokens, {unknown} of them unknown",
    }
    return Texts(tokenizer, rows, held, facts, words)


def run(trial: Trial, desk: Desk) -> Outcome:
    """Learn to continue texts; perplexity is exp(all nats / all words).

    The tokens are pieces of words, so a word costs what its pieces cost together.
    """
    texts: Texts = desk.texts
    model = fresh(trial, texts.tokenizer, mask="lm", position="rotary")
    learned = learn(
        trial,
        model,
        texts,
        next_tokens(texts.pad),
        desk.watch,
        answers=len(texts.tokenizer),
        course=Course(**trial.sizes.more),
    )
    return outcome(model, learned, {"perplexity": math.exp(learned.score.nats / texts.extra)})


def windows(lines: Sequence[str], tokenizer: Tokenizer, length: int) -> Rows:
    """All lines as one stream, each ended by [SEP], in windows that share one token.

    Shapes: -> tokens (windows, length + 1): every token but the first is asked for once
    """
    encodings = tokenizer.encode(list(lines), special=False)
    stream = [token for e in encodings for token in (*e.ids, tokenizer.sep)]
    count = max(math.ceil((len(stream) - 1) / length), 1)
    tokens = np.full(count * length + 1, tokenizer.pad, "int32")
    tokens[: len(stream)] = stream
    return {"tokens": np.lib.stride_tricks.sliding_window_view(tokens, length + 1)[::length]}


TASK = Task(
    "language",
    "Language modelling (wikitext-2), windows without overlap",
    "language",
    ("perplexity", "loss"),
    {
        "smoke": sized("smoke", vocabulary=400, length=32, steps=100, batch=16, rate=5e-3,
                       train=600, test=60),
        "default": sized("default", vocabulary=4000, length=128, steps=6100, batch=16, rate=4e-3,
                         dropout=0.0, more={"precision": "bfloat16"}),
        "gpu": sized("gpu", vocabulary=16000, length=256, steps=8000, batch=64, rate=5e-4),
    },
    prepare,
    run,
)  # fmt: skip
