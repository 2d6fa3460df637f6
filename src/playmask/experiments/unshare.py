"""ALBERT unshared: one block's weights, pretrained for all blocks, fine-tuned apart."""

import math
from dataclasses import replace
from pathlib import Path

import keras

import playmask
from playmask.checkpoints.source import ARCHITECTURE
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import base, learn, outcome
from playmask.experiments.objectives import Objective, Rows, Texts, labelled, masked, rows_of
from playmask.experiments.plan import (
    Changes,
    Claim,
    Desk,
    Experiment,
    Outcome,
    Published,
    Sizes,
    Task,
    Trial,
    digest,
    sized,
)
from playmask.experiments.tasks import classification
from playmask.experiments.training import fit, scorer
from playmask.tokenizers import Tokenizer


def variants(sizes: Sizes) -> dict[str, Changes]:
    """What is given to `playmask.load`, besides the checkpoint."""
    return {"shared": {}, "unshared": {"sharing": "none"}}


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """Labelled texts; extra: the labels, and the texts alone, to pretrain on."""
    texts = classification.prepare(corpus, sizes)
    examples = corpus.train[: sizes.train]
    alone = [text for e in examples for text in (e.text, e.pair) if text]
    encodings = texts.tokenizer.encode(alone, max_length=sizes.length)
    return texts._replace(extra=(texts.extra, rows_of(encodings, sizes.length, texts.pad)))


def run(trial: Trial, desk: Desk) -> Outcome:
    """Fine-tune the pretrained model, and measure it after each epoch."""
    labels, unlabelled = desk.texts.extra
    texts, sizes = desk.texts._replace(extra=labels), trial.sizes
    pretrained = pretrain(trial, desk, unlabelled)
    keras.utils.set_random_seed(trial.seed)
    model = playmask.load(pretrained, heads=(), **trial.changes)
    network = classification.classifier(model, texts, sizes)
    score = scorer(network, labelled, batch=sizes.batch)
    curve: list[float] = []
    epochs, count = int(sizes.more["epochs"]), len(texts.train["tokens"])
    learned = learn(
        trial,
        network,
        texts,
        labelled,
        desk.watch,
        answers=len(labels),
        sizes=replace(sizes, steps=epochs * math.ceil(count / sizes.batch)),
        stretches=epochs,
        after=lambda: curve.append(score(texts.test).accuracy),
    )
    metrics = {
        "accuracy": curve[-1],
        "first_epoch": curve[0],
        "seconds_per_epoch": learned.training.steps[0] / learned.training.steps_per_second,
    }
    by_epoch = ", ".join(f"{accuracy:.3f}" for accuracy in curve)
    return outcome(model, learned, metrics, **{"accuracy by epoch": by_epoch})


def pretrain(trial: Trial, desk: Desk, rows: Rows) -> Path:
    """An ALBERT-shaped model that learned to fill in masked tokens of the task's own texts.

    All variants of a seed start from the same one; it is kept beside their results.
    """
    settings = {**trial.settings(desk.source), "variant": "", "changes": {}}
    folder = desk.folder / f"pretrained.{trial.task.name}.seed-{trial.seed}.{digest(settings)}"
    if (folder / ARCHITECTURE).is_file():
        return folder
    sizes, tokenizer = trial.sizes, desk.texts.tokenizer
    keras.utils.set_random_seed(trial.seed)
    shape = base(trial, tokenizer).change(sharing="all", embedding_size=sizes.width // 2)
    model = playmask.build(shape, "mlm")
    steps, rate = int(sizes.more["pretraining"]), sizes.more["pretraining_rate"]
    fit(
        model,
        rows,
        cloze(tokenizer),
        sizes=replace(sizes, steps=steps, rate=rate),
        seed=trial.seed,
        watch=desk.watch,
    )
    return playmask.save(model, folder, tokenizer=tokenizer)


def cloze(tokenizer: Tokenizer) -> Objective:
    """Masked tokens, with what a tokenizer calls them."""
    special = list(tokenizer.special.values())
    return masked(tokenizer.pad or 0, tokenizer.mask or 0, special, len(tokenizer))


SIZES = {
    "smoke": sized("smoke", width=64, depth=2, vocabulary=1000, length=32, steps=0, batch=16,
                   rate=2e-3, train=2000, test=200,
                   more={"epochs": 3, "pretraining": 100, "pretraining_rate": 3e-3}),
    "default": sized("default", depth=4, vocabulary=6000, length=64, steps=0, batch=32, rate=5e-4,
                     more={"epochs": 3, "pretraining": 2000, "pretraining_rate": 1e-3}),
    "gpu": sized("gpu", vocabulary=8000, length=128, steps=0, batch=32, rate=1e-4,
                 more={"epochs": 5, "pretraining": 20000, "pretraining_rate": 5e-4}),
}  # fmt: skip

POST = "kexue.fm 7187"
METRICS = ("accuracy", "first_epoch", "seconds_per_epoch", "loss")

EXPERIMENT = Experiment(
    "unshare",
    "ALBERT unshared: one block pretrained, many fine-tuned",
    POST,
    (
        Claim(
            "Unshared, the first epoch is better on a harder task.",
            "pairs", "first_epoch", "unshared", "shared",
        ),
        Claim("… and so is the last.", "pairs", "accuracy", "unshared", "shared"),
        Claim(
            "On simple classification nothing is gained.",
            "sentiment", "accuracy", "unshared", "shared",
        ),
        Claim(
            "An epoch takes 3 to 15 % longer.",
            "sentiment", "seconds_per_epoch", "unshared", "shared",
        ),
    ),
    (
        Task("sentiment", "Chinese reviews, positive or negative, the test without leaks",
             "reviews", METRICS, SIZES, prepare, run),
        Task("pairs", "AFQMC: whether two questions mean the same, dev",
             "questions", METRICS, SIZES, prepare, run),
    ),
    variants,
    published=(
        Published(
            "sentiment", "valid, ALBERT small", POST, False, {"unshared": 94.66, "shared": 94.57}
        ),
        Published(
            "sentiment", "first epoch", POST, False, {"unshared": 90.75, "shared": 91.02}
        ),
        Published("sentiment", "s/epoch", POST, False, {"unshared": 38, "shared": 33}),
        Published(
            "pairs", "LIC2019 F1, small", POST, False, {"unshared": 77.89, "shared": 77.69}
        ),
        Published(
            "pairs", "first epoch", POST, False, {"unshared": 61.11, "shared": 46.58}
        ),
        Published("pairs", "s/epoch", POST, False, {"unshared": 375, "shared": 335}),
    ),
    notes=(
        "The post fine-tunes ALBERT as published; here a model of that shape is pretrained "
        "briefly, on the training texts of the task itself.",
    ),
)  # fmt: skip
