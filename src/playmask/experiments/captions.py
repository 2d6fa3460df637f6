"""Captions of drawn shapes: where what an image shows should come in."""

from collections import Counter
from typing import Any, NamedTuple

import keras
import numpy as np

import playmask
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import base, described
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
from playmask.experiments.shapes import Captioned, image_network
from playmask.experiments.tasks.fine_tuning import fit
from playmask.model.norms import Condition
from playmask.model.parts import ContextAttention
from playmask.tasks import ImageCaptioner
from playmask.tokenizers import Tokenizer

CONDITIONINGS = ("attention", "norms", "both")


class Captions(NamedTuple):
    """Images with their captions; baseline: the nats of a held-out token by its frequency alone."""

    tokenizer: Tokenizer
    train: list[Captioned]
    test: list[Captioned]
    baseline: float


def variants(sizes: Sizes) -> dict[str, Changes]:
    """Attention to the grid of the image network's features, norms by a vector of it, or both."""
    return {name: {"conditioning": name} for name in CONDITIONINGS}


def prepare(corpus: Corpus, sizes: Sizes) -> Captions:
    """The images as they are, and a tokenizer of the captions to learn from."""
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    tokenizer = Tokenizer.from_texts([caption for _, caption in train], size=sizes.vocabulary)

    def tokens(examples: list[Captioned]) -> list[int]:
        encodings = tokenizer.encode([caption for _, caption in examples])
        return [token for encoding in encodings for token in encoding.ids[1:]]

    counts, held = Counter(tokens(train)), tokens(test)
    total = counts.total() + len(tokenizer)
    baseline = -float(np.mean([np.log((counts[token] + 1) / total) for token in held]))
    return Captions(tokenizer, train, test, baseline)


def run(trial: Trial, desk: Desk) -> Outcome:
    """Learn to write captions; exact: greedy captions of combinations never seen, word for word."""
    captions, sizes = desk.texts, trial.sizes
    conditioning = trial.changes["conditioning"]
    keras.utils.set_random_seed(trial.seed)
    network = image_network(conditioning)
    features = network.output_shape[-1]
    conditioned: dict[str, dict[str, Any]] = {
        "norms": {"condition": Condition(features)},
        "attention": {"context": ContextAttention(features)},
        "both": {"condition": Condition(features), "context": ContextAttention(features)},
    }
    body = base(trial, captions.tokenizer).change(mask="lm", **conditioned[conditioning])
    task = ImageCaptioner.new(
        playmask.build(body, "mlm"), network, conditioning,
        tokenizer=captions.tokenizer, max_length=sizes.length,
    )  # fmt: skip
    clock = fit(trial, task, captions.train, desk.watch)
    desk.watch.step("writing captions", 0.0)
    measured = task.evaluate(captions.test)
    image, caption = captions.test[0]
    return Outcome(
        {"exact": measured["exact"], "loss": measured["loss"]},
        loss=measured["loss"],
        baseline=captions.baseline,
        training=clock.training(),
        model=described(task.transformer, sizes.length),
        facts={
            "learnt from": f"{len(captions.train):,} images",
            "measured on": f"{len(captions.test):,} of combinations never seen",
        },
        samples={"caption": caption, "written": task.predict(image)},
    )


SIZES = {
    "smoke": sized("smoke", width=64, depth=2, vocabulary=100, length=26, steps=120, batch=32,
                   rate=3e-3, train=600, test=40, dropout=0.0),
    "default": sized("default", vocabulary=100, length=26, steps=3000, batch=32, rate=2e-3,
                     dropout=0.1),
    "gpu": sized("gpu", vocabulary=100, length=26, steps=6000, batch=64, rate=5e-4),
}  # fmt: skip

EXPERIMENT = Experiment(
    "captions",
    "Captions of images: where should what an image shows come in?",
    "kexue.fm 7124; Xu et al. 2015, arXiv 1502.03044",
    (
        Claim("Attention to a grid of features is better than norms on the condition of a vector.",
              "shapes", "exact", "attention", "norms"),
        Claim("Both are better than attention alone.", "shapes", "exact", "both", "attention"),
        Claim("Both are better than norms alone.", "shapes", "exact", "both", "norms"),
    ),
    (
        Task("shapes", "Chinese captions of drawn shapes, combinations never seen", "shapes",
             ("exact", "loss"), SIZES, prepare, run, drawn=2),
    ),
    variants,
    notes=(
        "The images are drawn: one or two groups of shapes, each in a corner, of a shape, a "
        "colour and a number. A fifth of all combinations is held out.",
        "Norms alone read one vector that a dense layer makes of the whole grid; beside "
        "attention they read the grid's mean.",
    ),
)  # fmt: skip
