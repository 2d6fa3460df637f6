"""ALBERT unshared: one block's weights, pretrained for all blocks, fine-tuned apart."""

import math
from dataclasses import replace
from pathlib import Path

import keras

import playmask
from playmask.checkpoints.source import ARCHITECTURE
from playmask.experiments.models import base, learn, outcome
from playmask.experiments.objectives import Objective, labelled, masked
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
from playmask.experiments.training import Course, fit, scorer
from playmask.tokenizers import Tokenizer


def variants(sizes: Sizes) -> dict[str, Changes]:
    """What is given to `playmask.load`, besides the checkpoint."""
    return {"shared": {}, "unshared": {"sharing": "none"}}


def run(trial: Trial, desk: Desk) -> Outcome:
    """Fine-tune the pretrained model, and measure it after each epoch."""
    texts, sizes = desk.texts, trial.sizes
    pretrained = pretrain(trial, desk)
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
        answers=len(texts.extra),
        sizes=replace(sizes, steps=epochs * math.ceil(count / sizes.batch)),
        course=Course(epochs, lambda: curve.append(score(texts.test).accuracy)),
    )
    metrics = {
        "accuracy": curve[-1],
        "first_epoch": curve[0],
        "seconds_per_epoch": learned.training.steps[0] / learned.training.steps_per_second,
    }
    by_epoch = ", ".join(f"{accuracy:.3f}" for accuracy in curve)
    return outcome(model, learned, metrics, **{"accuracy by epoch": by_epoch})


def pretrain(trial: Trial, desk: Desk) -> Path:
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
        {name: desk.texts.train[name] for name in ("tokens", "segments")},
        cloze(tokenizer),
        sizes=replace(sizes, steps=steps, rate=rate),
        seed=trial.seed,
        watch=desk.watch,
    )
    playmask.save(model, folder, tokenizer=tokenizer)
    return folder


def cloze(tokenizer: Tokenizer) -> Objective:
    """Masked tokens, with what a tokenizer calls them."""
    special = list(tokenizer.special.values())
    return masked(tokenizer.pad or 0, tokenizer.mask or 0, special, len(tokenizer))


SIZES = {
    "smoke": sized("smoke", width=64, depth=2, vocabulary=1000, length=32, steps=0, batch=16,
                   rate=2e-3, train=2000, test=200,
                   more={"epochs": 3, "pretraining": 100, "pretraining_rate": 3e-3}),
    "default": sized("default", depth=4, vocabulary=4000, length=64, steps=0, batch=32, rate=5e-4,
                     more={"epochs": 3, "pretraining": 1200, "pretraining_rate": 1e-3}),
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
            "field", "first_epoch", "unshared", "shared",
        ),
        Claim("… and so is the last.", "field", "accuracy", "unshared", "shared"),
        Claim(
            "On simple classification nothing is gained.",
            "sentiment", "accuracy", "unshared", "shared", "no better",
        ),
        Claim(
            "An epoch takes 3 to 15 % longer.",
            "sentiment", "seconds_per_epoch", "unshared", "shared", "worse",
        ),
    ),
    (
        Task("sentiment", "Chinese reviews, positive or negative, the test without leaks",
             "reviews", METRICS, SIZES, classification.prepare, run),
        Task("field", "The field of an article by its title (CSL), of 13", "categories",
             METRICS, SIZES, classification.prepare, run),
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
            "field", "IFLYTEK dev, small", POST, False, {"unshared": 57.73, "shared": 57.14}
        ),
        Published(
            "field", "first epoch", POST, False, {"unshared": 49.35, "shared": 48.21}
        ),
        Published("field", "s/epoch", POST, False, {"unshared": 27, "shared": 24}),
        Published(
            "field", "LIC2019 F1, small", POST, False, {"unshared": 77.89, "shared": 77.69}
        ),
        Published(
            "field", "first epoch there", POST, False, {"unshared": 61.11, "shared": 46.58}
        ),
    ),
    notes=(
        "The post fine-tunes ALBERT as published; here a model of that shape is pretrained "
        "briefly, on the training texts of the task itself.",
    ),
)  # fmt: skip
