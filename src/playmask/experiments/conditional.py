"""Generating on a condition: reviews of a wanted sentiment, by four methods of conditioning."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np

import playmask
from playmask.checkpoints.source import WEIGHTS
from playmask.data.examples import Example
from playmask.errors import DataError
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import base, fresh, learn, outcome
from playmask.experiments.objectives import Rows, Texts, labelled, next_tokens
from playmask.experiments.plan import (
    Changes,
    Claim,
    Desk,
    Experiment,
    Outcome,
    Sizes,
    Task,
    Trial,
    digest,
    sized,
)
from playmask.experiments.tasks import classification
from playmask.experiments.tasks.classification import rows_for
from playmask.experiments.training import fit, scorer
from playmask.generation import Sample, generate
from playmask.model.parts import ContextAttention, PseudoSelf
from playmask.model.transformer import Transformer
from playmask.tasks import TextClassifier, load_task
from playmask.tokenizers import Tokenizer

LABELS = ("0", "1")


class Conditioning(NamedTuple):
    """How a model is told the label: changes of its architecture, and of its inputs.

    inputs: tokens (B, T), label (B,), vocabulary -> what the inputs get or have replaced
    """

    changes: Changes
    inputs: Callable[[np.ndarray, np.ndarray, int], dict[str, np.ndarray]]


def _one_hot(label: np.ndarray) -> np.ndarray:
    return np.take(np.eye(len(LABELS), dtype="float32"), label, axis=0)


def _coded(tokens: np.ndarray, label: np.ndarray, vocabulary: int) -> dict[str, np.ndarray]:
    """A code in place of [CLS]; the last ids of the vocabulary, which no text contains."""
    codes = (vocabulary - len(LABELS) + label)[:, None].astype("int32")
    return {"tokens": np.concatenate([codes, tokens[:, 1:]], axis=1)}


CONDITIONINGS = {
    "not told": Conditioning({}, lambda tokens, label, vocabulary: {}),
    "control code": Conditioning({}, _coded),
    "conditional norm": Conditioning(
        {"condition_size": len(LABELS)},
        lambda tokens, label, vocabulary: {"condition": _one_hot(label)},
    ),
    "pseudo-self attention": Conditioning(
        {"context": PseudoSelf(len(LABELS))},
        lambda tokens, label, vocabulary: {"context": _one_hot(label)},
    ),
    "context attention": Conditioning(
        {"context": ContextAttention(len(LABELS))},
        lambda tokens, label, vocabulary: {"context": _one_hot(label)},
    ),
}
"""The methods of conditioning on a sentiment, by name."""


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """Reviews and their labels, which are the extra too."""
    texts = classification.prepare(corpus, sizes)
    if texts.extra != [*LABELS]:
        raise DataError(f"The reviews have the labels {texts.extra}; 0 and 1 are expected.")
    return texts


def run(trial: Trial, desk: Desk) -> Outcome:
    """Learn to write reviews of a sentiment; a classifier of real ones judges them."""
    texts, sizes, conditioning = desk.texts, trial.sizes, CONDITIONINGS[trial.variant]
    tokenizer, size = texts.tokenizer, len(texts.tokenizer) + len(LABELS)
    judge = scorer(judge_of(trial, desk), labelled, batch=sizes.batch)
    turned = {**texts.test, "label": 1 - texts.test["label"]}
    rows, right, wrong = (
        conditioned(conditioning, each, size) for each in (texts.train, texts.test, turned)
    )
    model = fresh(trial, tokenizer, vocabulary=size, mask="lm")
    reviews = texts._replace(train=rows, test=right)
    learned = learn(trial, model, reviews, next_tokens(texts.pad), desk.watch, answers=size)
    desk.watch.step("writing", 0.0)
    labels = np.arange(int(sizes.more["samples"])) % len(LABELS)
    written = write(model, conditioning, labels, tokenizer, trial)
    examples = [Example(text, None, LABELS[i]) for text, i in zip(written, labels, strict=True)]
    metrics = {
        "agreement": judge(rows_for(examples, LABELS, tokenizer, sizes)).accuracy,
        "loss_of_wrong": learned.scorer(wrong).loss,
    }
    known = {
        "written": f"{len(written)} reviews",
        "accuracy of the judge": f"{judge(texts.test).accuracy:.3f}",
    }
    learned = learned._replace(facts={**learned.facts, **known})
    return outcome(model, learned, metrics, negative=written[0], positive=written[1])


def conditioned(conditioning: Conditioning, rows: Rows, vocabulary: int) -> Rows:
    """Rows with the label where the method has it."""
    tokens = rows["tokens"]
    return {"tokens": tokens, **conditioning.inputs(tokens, rows["label"], vocabulary)}


def write(
    model: Transformer,
    conditioning: Conditioning,
    labels: np.ndarray,
    tokenizer: Tokenizer,
    trial: Trial,
) -> list[str]:
    """Sample one review for each wanted label; an empty one is a full stop."""
    first = np.full((len(labels), 1), tokenizer.cls, "int32")
    inputs = {
        "tokens": first,
        **conditioning.inputs(first, labels, model.architecture.vocabulary),
    }
    generated = generate(
        model,
        inputs["tokens"].tolist(),
        max_tokens=trial.sizes.length - 1,
        search=Sample(top_p=0.95),
        end=tokenizer.sep,
        seed=trial.seed * len(labels),
        batch_size=128,
        condition=inputs.get("condition"),
        context=inputs.get("context"),
    )
    return [
        tokenizer.decode([i for i in ids if i < len(tokenizer)]) or "。"
        for [ids] in generated.tokens
    ]


def judge_of(trial: Trial, desk: Desk) -> keras.Model:
    """A classifier's network, trained on real reviews.

    All variants of a seed have the same judge; it is kept beside their results.
    """
    settings = {**trial.settings(desk.source), "variant": "", "changes": {}}
    folder = desk.folder / f"judge.seed-{trial.seed}.{digest(settings)}"
    if (folder / WEIGHTS).is_file():
        return load_task(folder).network
    texts, sizes = desk.texts, trial.sizes
    keras.utils.set_random_seed(trial.seed)
    model = playmask.build(base(trial, texts.tokenizer), heads=())
    judge = TextClassifier.new(model, LABELS, tokenizer=texts.tokenizer, max_length=sizes.length)
    steps = int(sizes.more["judging"])
    fit(
        judge.network,
        texts.train,
        labelled,
        sizes=replace(sizes, steps=steps),
        seed=trial.seed,
        watch=desk.watch,
    )
    judge.save(folder)
    return judge.network


def variants(sizes: Sizes) -> dict[str, Changes]:
    """What each method changes in the architecture."""
    return {name: conditioning.changes for name, conditioning in CONDITIONINGS.items()}


SIZES = {
    "smoke": sized("smoke", vocabulary=1000, length=32, steps=120, batch=32, rate=5e-3,
                   train=1600, test=200, more={"samples": 20, "judging": 60}),
    "default": sized("default", vocabulary=3000, length=48, steps=1500, batch=32, rate=2e-3,
                     more={"samples": 400, "judging": 600}),
    "gpu": sized("gpu", vocabulary=8000, length=128, steps=8000, batch=64, rate=5e-4,
                 more={"samples": 2000, "judging": 2000}),
}  # fmt: skip

TASK = Task(
    "reviews",
    "Writing Chinese reviews of a wanted sentiment (nucleus sampling, 0.95)",
    "reviews",
    ("agreement", "loss", "loss_of_wrong"),
    SIZES,
    prepare,
    run,
)

EXPERIMENT = Experiment(
    "conditional",
    "Conditional generation: where to put the condition",
    "kexue.fm 7124; Keskar et al. 2019 (CTRL); Ziegler et al. 2019",
    (
        Claim(
            "A condition on the norms is enough to generate what is asked for.",
            "reviews", "agreement", "conditional norm", "not told",
        ),
        Claim(
            "It does as well as a control code …",
            "reviews", "agreement", "conditional norm", "control code", "no worse",
        ),
        Claim(
            "… and as pseudo-self attention.",
            "reviews", "agreement", "conditional norm", "pseudo-self attention", "no worse",
        ),
        Claim(
            "Told the label, a model finds real reviews likelier.",
            "reviews", "loss", "conditional norm", "not told",
        ),
    ),
    (TASK,),
    variants,
    notes=(
        "The judge is a classifier trained on the same real reviews; how often it is right about "
        "others bounds what \"asked sentiment met\" can say. None of the sources gives a number.",
    ),
)  # fmt: skip
