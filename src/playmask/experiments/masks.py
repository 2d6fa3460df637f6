"""One model, four masks: what each lets it learn from the same texts."""

from dataclasses import replace

import numpy as np
from keras import ops

from playmask.experiments.corpora import Corpus
from playmask.experiments.models import fresh, learn, outcome
from playmask.experiments.objectives import Objective, Rows, Texts, permuted, rows_of, targets
from playmask.experiments.plan import (
    Changes,
    Claim,
    Desk,
    Experiment,
    Outcome,
    Sizes,
    Task,
    Trial,
    sized,
)
from playmask.experiments.tasks import classification, translation
from playmask.experiments.unshare import cloze
from playmask.model.transformer import Transformer
from playmask.tokenizers import Tokenizer

SEES_ITSELF = "permutation (wrong mask)"

VARIANTS: dict[str, Changes] = {
    "full": {"mask": "full"},
    "lm": {"mask": "lm"},
    "unilm": {"mask": "unilm"},
    "permutation": {"mask": "permutation"},
    SEES_ITSELF: {"mask": "permutation"},
}


def variants(sizes: Sizes) -> dict[str, Changes]:
    """The orders; the last one's queries may look at their own rank, which is a mistake."""
    return VARIANTS


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """[CLS] abstract [SEP] title [SEP]; a long abstract is cut, a title never."""
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    texts = [text for article in train for text in article]
    tokenizer = Tokenizer.from_texts(texts, size=sizes.vocabulary)

    def rows(articles: list[tuple[str, str]]) -> Rows:
        abstracts, titles = ([*each] for each in zip(*articles, strict=True))
        encodings = tokenizer.encode(abstracts, titles, max_length=sizes.length)
        return rows_of(encodings, sizes.length, tokenizer.pad or 0)

    facts = {"learnt from": f"{len(train):,} articles", "measured on": f"{len(test):,} articles"}
    return Texts(tokenizer, rows(train), rows(test), facts)


def title(trial: Trial, desk: Desk) -> Outcome:
    """Write an article's title after its abstract, and see whether an answer sees itself."""
    texts: Texts = desk.texts
    pad, mask, count = texts.pad, texts.tokenizer.mask or 0, int(trial.sizes.more["title"])
    model, answers = fresh(trial, texts.tokenizer), len(texts.tokenizer)
    objective = {
        "permutation": permuted(model.architecture, pad, mask, count),
        SEES_ITSELF: permuted(model.architecture, pad, mask, count, strict=False),
    }.get(trial.variant, targets(pad, count))
    learned = learn(trial, model, texts, objective, desk.watch, answers=answers)
    metrics = {
        "accuracy": learned.score.accuracy,
        "sees_itself": sees_itself(model, texts.test, objective),
    }
    return outcome(model, learned, metrics)


def hidden(trial: Trial, desk: Desk) -> Outcome:
    """Fill in hidden tokens of titles and abstracts."""
    texts: Texts = desk.texts
    model, answers = fresh(trial, texts.tokenizer), len(texts.tokenizer)
    learned = learn(trial, model, texts, cloze(texts.tokenizer), desk.watch, answers=answers)
    return outcome(model, learned, {"accuracy": learned.score.accuracy})


def sees_itself(model: Transformer, held: Rows, objective: Objective) -> float:
    """How much the first answer's logits move when the token that is asked for is another.

    It must be 0: what is asked for is not to be seen.
    """
    rows = {name: values[:8].copy() for name, values in held.items()}
    first = (rows["segments"] == 1).argmax(axis=1)
    places = np.arange(len(first))
    other = {name: values.copy() for name, values in rows.items()}
    other["tokens"][places, first] = np.roll(rows["tokens"][places, first], 1)
    logits = []
    for texts in (rows, other):
        inputs, _, _ = objective(texts, np.random.default_rng(0))  # the same ranks for both
        outputs = model({**inputs, "read": inputs["read"][:, :1]})
        logits.append(ops.convert_to_numpy(outputs["logits"]))
    return float(np.abs(logits[0] - logits[1]).max())


_TITLE = {"title": 48}  # tokens of the longest

SIZES = {
    "smoke": sized("smoke", depth=2, vocabulary=600, length=64, steps=120, batch=16, rate=5e-3,
                   train=400, test=64, more=_TITLE),
    "default": sized("default", vocabulary=3000, length=128, steps=600, batch=16, rate=1e-3,
                     more=_TITLE),
    "gpu": sized("gpu", vocabulary=6000, length=256, steps=3000, batch=32, rate=3e-4,
                 more=_TITLE),
}  # fmt: skip

CLOZE = {name: replace(sizes, steps=3 * sizes.steps) for name, sizes in SIZES.items()}

CATEGORIES = {
    "smoke": classification.TASK.sizes["smoke"],
    **{name: replace(classification.TASK.sizes[name], length=48) for name in ("default", "gpu")},
}

EXPERIMENT = Experiment(
    "masks",
    "It is all in the mask: one model as encoder, language model, seq2seq and permutation model",
    "kexue.fm 6933; Dong et al. 2019 (UniLM); Yang et al. 2019 (XLNet)",
    (
        Claim(
            "A source that sees all of itself (UniLM) serves the target better than a causal one.",
            "title", "loss", "unilm", "lm",
        ),
        Claim("The same in translation.", "translation", "bleu", "unilm", "lm"),
        Claim(
            "To fill in what is hidden, both sides are needed.",
            "cloze", "accuracy", "full", "lm",
        ),
        Claim("So too to classify.", "category", "accuracy", "full", "lm"),
        Claim(
            "In a permutation model an answer never sees itself (0); with the wrong mask it does.",
            "title", "sees_itself", "permutation", SEES_ITSELF,
        ),
    ),
    (
        Task("title", "The title after the abstract (CSL)", "titles",
             ("loss", "accuracy", "sees_itself"), SIZES, prepare, title,
             ("unilm", "lm", "permutation", SEES_ITSELF)),
        Task("cloze", "Hidden tokens of abstracts and titles (CSL)", "titles",
             ("accuracy", "loss"), CLOZE, prepare, hidden, ("full", "lm")),
        replace(classification.TASK, name="category", corpus="categories",
                title="The field of an article by its title (CSL)", sizes=CATEGORIES,
                variants=("full", "lm")),
        replace(translation.BY_MASK, variants=("unilm", "lm")),
    ),
    variants,
    notes=(
        "A loss under a permutation is comparable with the others': each is the cost of a whole "
        "title, told in some order. But a permutation model is told where a title ends.",
        "\"Sees itself\" is how far the logits of a title's first token move when that token is "
        "another: 0, unless the mask lets it be seen.",
        "The titles are few: 1,000 articles to learn from.",
    ),
)  # fmt: skip
