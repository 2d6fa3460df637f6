"""The model that all variants change: BERT's body at the sizes of a task, with random weights."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

import playmask
from playmask.experiments.objectives import Objective, Rows, Texts
from playmask.experiments.plan import Outcome, Sizes, Training, Trial, Watch
from playmask.experiments.training import Score, fit, frequencies, scorer
from playmask.inspection.cost import count
from playmask.model.architecture import Architecture
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer
from playmask.tokenizers import Tokenizer


def base(trial: Trial, tokenizer: Tokenizer) -> Architecture:
    """BERT's body, with ReLU and without dropout over attention weights: both are quick."""
    sizes = trial.sizes
    body: Architecture = playmask.architecture("bert")
    return body.change(
        vocabulary=len(tokenizer),
        width=sizes.width,
        depth=sizes.depth,
        attention_heads=sizes.heads,
        inner=sizes.inner,
        activation="relu",
        position=Learned(sizes.length),
        pad=tokenizer.pad,
        dropout=sizes.dropout,
        attention_dropout=0.0,
    )


def fresh(
    trial: Trial, tokenizer: Tokenizer, heads: str | tuple[str, ...] = "mlm", **own: Any
) -> Transformer:
    """A variant's model with weights drawn from the trial's seed; own: what the task changes."""
    keras.utils.set_random_seed(trial.seed)
    architecture = base(trial, tokenizer).change(**own).change(**trial.changes)
    model: Transformer = playmask.build(architecture, heads)
    return model


class Lesson(NamedTuple):
    """How the training went, and what it is compared with.

    The score on held-out rows, what frequencies alone would cost there, what scores other rows,
    how long the texts were, and facts about them.
    """

    training: Training
    score: Score
    baseline: float
    scorer: Callable[[Rows], Score]
    length: int
    facts: dict[str, str]


def learn(
    trial: Trial,
    network: keras.Model,
    texts: Texts,
    objective: Objective,
    watch: Watch,
    *,
    answers: int,
    sizes: Sizes | None = None,
    **options: Any,
) -> Lesson:
    """Train, then score the held-out rows; sizes: in place of the task's; options: of `fit`."""
    sizes = sizes or trial.sizes
    score = scorer(network, objective, batch=sizes.batch)
    baseline = frequencies(texts, objective, answers=answers, batch=sizes.batch)
    training = fit(
        network, texts.train, objective, sizes=sizes, seed=trial.seed, watch=watch, **options
    )
    watch.step("measuring", 0.0)
    length = min(texts.train["tokens"].shape[1], sizes.length)
    return Lesson(training, score(texts.test), baseline, score, length, texts.facts)


def outcome(
    model: Transformer, learned: Lesson, metrics: dict[str, float], **samples: str
) -> Outcome:
    """What a task that used `learn` reports; samples: see Outcome."""
    return Outcome(
        {**metrics, "loss": learned.score.loss},
        loss=learned.score.loss,
        baseline=learned.baseline,
        training=learned.training,
        model=described(model, learned.length),
        facts=learned.facts,
        samples=samples,
    )


def described(model: Transformer, length: int) -> dict[str, Any]:
    """How large a model is: the numbers it learns, and multiply-adds for a text of this length."""
    return {
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
        "operations": count(model, length=length).products,
        "architecture": model.architecture.to_json(),
    }
