"""The laboratory at one clock: parts of the attention in one small masked language model.

Which attention to choose depends on what is scarce: steps, operations or seconds. The rate is
constant after its warm-up, so that every moment of a training can be compared with every other.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import playmask
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import base, fresh, learn, outcome
from playmask.experiments.objectives import Texts, masked
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
from playmask.experiments.tasks.language import windows
from playmask.experiments.training import Course, scorer, step_ratio
from playmask.files import read_json, write_json
from playmask.inspection.cost import count
from playmask.model.masks import Ordered, Window
from playmask.model.parts import (
    ByBlock,
    Dot,
    DynamicConvolution,
    Gated,
    Learned,
    LightConvolution,
    Part,
    Synthesizer,
    mix,
)
from playmask.runtime.train.schedules import Constant, Schedule
from playmask.tokenizers import Tokenizer

DOT, LEARNED = "dot", "learned positions"
SPARE = 1.5  # of the steps that are compared: what is quicker takes more of them in the same time
MOMENTS = 24  # of a training at which held-out texts are measured
WARM_UP = 0.05  # of the training
LOCAL = 16  # tokens to each side


def variants(sizes: Sizes) -> dict[str, Changes]:
    """What each changes in a BERT; all but those that say otherwise have rotary positions."""

    def synthesizer(kind: str) -> Part:
        return Synthesizer(kind, length=sizes.length)

    learned = Learned(sizes.length)
    local = Ordered() & Window(LOCAL)
    changes: dict[str, Changes] = {
        DOT: {},
        LEARNED: {"position": learned},
        "ALiBi": {"position": "alibi"},
        "T5 buckets": {"position": "buckets"},
        "NEZHA": {"position": "nezha"},
        "disentangled": {"position": "disentangled"},
        "talking heads": {"talking_heads": True},
        "keys of twice the size": {"key_size": 2 * sizes.width // sizes.heads},
        "random Synthesizer": {"attention": synthesizer("random")},
        "dense Synthesizer": {"attention": synthesizer("dense"), "position": learned},
        "random + dot": {"attention": mix(synthesizer("random"), Dot())},
        "local, the last block global": {"mask": ByBlock(((sizes.depth - 1, Ordered()),), local)},
        "light convolution": {"attention": LightConvolution()},
        "dynamic convolution": {"attention": DynamicConvolution()},
        "gated unit": {
            "projections": Gated(),
            "feedforward": False,
            "depth": 2 * sizes.depth,
            "attention_heads": 1,
            "key_size": sizes.width // 2,
            "value_size": 2 * sizes.width,
        },
    }
    return {name: {"position": "rotary", **own} for name, own in changes.items()}


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """Windows of running text, documents one behind the other."""
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    tokenizer = Tokenizer.from_texts(train, size=sizes.vocabulary)
    rows, held = (windows(texts, tokenizer, sizes.length - 1) for texts in (train, test))
    facts = {
        "learnt from": f"{rows['tokens'].size:,} tokens",
        "measured on": f"{held['tokens'].size:,} tokens",
    }
    return Texts(tokenizer, rows, held, facts)


def run(trial: Trial, desk: Desk) -> Outcome:
    """Fill in hidden tokens; the held-out loss at equal steps, operations and seconds.

    Seconds are a ratio to the dot product's, whose steps are timed in turns with the variant's;
    once, since they are the same for every seed.
    """
    texts: Texts = desk.texts
    tokenizer, sizes = texts.tokenizer, trial.sizes
    special = list(tokenizer.special.values())
    objective = masked(texts.pad, tokenizer.mask or 0, special, len(tokenizer))
    model = fresh(trial, tokenizer)
    score, losses = scorer(model, objective, batch=sizes.batch), list[float]()
    learned = learn(
        trial,
        model,
        texts,
        objective,
        desk.watch,
        answers=len(tokenizer),
        course=Course(MOMENTS, lambda: losses.append(score(texts.test).loss), _constant),
    )
    plain = playmask.build(base(trial, tokenizer).change(**variants(sizes)[DOT]), "mlm")
    products, of_dot = (count(each, length=sizes.length).products for each in (model, plain))
    seconds = seconds_ratio(
        trial, desk, lambda: step_ratio(model, plain, texts.train, objective, sizes)
    )
    compared = sizes.steps / SPARE
    costs = {"at_steps": 1.0, "at_operations": products / of_dot, "at_seconds": seconds}
    metrics = {
        name: float(np.interp(compared / cost, learned.training.steps, losses))
        for name, cost in costs.items()
    }
    ratios = {"operations_ratio": products / of_dot, "seconds_ratio": seconds}
    curve = " ".join(f"{loss:.3f}" for loss in losses)
    return outcome(model, learned, {**metrics, **ratios}, **{"held-out loss": curve})


def seconds_ratio(trial: Trial, desk: Desk, measure: Callable[[], float]) -> float:
    """The seconds of a variant's step beside the dot product's, stored beside the results."""
    settings = {**trial.settings(desk.source), "seed": "every"}
    file = desk.folder / f"seconds.{digest(settings)}.json"
    if not file.is_file():
        desk.watch.step("timing beside the dot product", 0.0)
        write_json(file, {"seconds_ratio": measure()})
    return float(read_json(file)["seconds_ratio"])


def _constant(rate: float, steps: int) -> Schedule:
    return Constant().build(rate, steps, WARM_UP)


SHORT = {
    "smoke": sized("smoke", width=64, vocabulary=300, length=32, steps=432, batch=16, rate=3e-3,
                   train=800, test=60, dropout=0.0),
    "default": sized("default", vocabulary=4000, length=128, steps=1440, batch=8, rate=1e-3,
                     test=200, dropout=0.0),
    "gpu": sized("gpu", vocabulary=8000, length=128, steps=30000, batch=128, rate=3e-4, test=2000),
}  # fmt: skip
LONG = {
    **SHORT,
    **{name: replace(SHORT[name], length=512, batch=SHORT[name].batch // 4)
       for name in ("default", "gpu")},
}  # fmt: skip
METRICS = ("at_steps", "at_operations", "at_seconds", "seconds_ratio", "operations_ratio")


def task(name: str, title: str, sizes: dict[str, Sizes]) -> Task:
    """Masked language modelling at one length."""
    return Task(name, title, "documents", METRICS, sizes, prepare, run, drawn=3)


EXPERIMENT = Experiment(
    "laboratory",
    "The laboratory at one clock: which attention to choose?",
    "the papers of the parts, docs/laboratory.md",
    (
        Claim("Rotary positions are better than learned ones …",
              "short", "at_steps", DOT, LEARNED),
        Claim("… and no worse than ALiBi …", "short", "at_steps", DOT, "ALiBi", "no worse"),
        Claim("… than T5's buckets …", "short", "at_steps", DOT, "T5 buckets", "no worse"),
        Claim("… than NEZHA's relative ones …", "short", "at_steps", DOT, "NEZHA", "no worse"),
        Claim("… and than disentangled ones in the same time.",
              "short", "at_seconds", DOT, "disentangled", "no worse"),
        Claim("Talking heads are better than silent ones.",
              "short", "at_steps", "talking heads", DOT),
        Claim("Keys of twice the size are better.",
              "short", "at_steps", "keys of twice the size", DOT),
        Claim("Without a dot product, a random Synthesizer is worse …",
              "short", "at_steps", "random Synthesizer", DOT, "worse"),
        Claim("… and mixed with one it is better.", "short", "at_steps", "random + dot", DOT),
        Claim("A dynamic convolution is no worse in the same time.",
              "short", "at_seconds", "dynamic convolution", DOT, "no worse"),
        Claim("Gated units are better in the same time.", "short", "at_seconds", "gated unit", DOT),
        Claim("Local attention is no worse for the same operations …",
              "short", "at_operations", "local, the last block global", DOT, "no worse"),
        Claim("… and at 512 tokens.",
              "long", "at_operations", "local, the last block global", DOT, "no worse"),
        Claim("At 512 tokens too, rotary positions are better than learned ones.",
              "long", "at_steps", DOT, LEARNED),
    ),
    (
        task("short", "Hidden tokens of an encyclopedia, 128 at a time", SHORT),
        task("long", "The same, 512 at a time", LONG),
    ),
    variants,
    notes=(
        "The body is BERT's with rotary positions in place of learned ones, since learned ones "
        "learn too little at this scale to tell anything else apart. A dense Synthesizer keeps "
        "them: it has no other positions.",
        f"The rate is constant after a warm-up. Held-out texts are measured {MOMENTS} times; the "
        f"loss at a moment is read off the line between them. Compared is what {1 / SPARE:.0%} of "
        "the dot product's steps take, so that what is quicker takes up to half as many again.",
        "Seconds are those of training steps, timed in turns with the dot product's, once for "
        "all seeds, so that the intervals leave out how exactly they are known; "
        "operations are those of a forward pass, by rules and not by what is skipped: a "
        "local mask computes what it hides.",
    ),
)  # fmt: skip
