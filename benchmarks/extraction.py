"""What finding costs beside reading: each task's predictions against its encoder's forward pass.

    python benchmarks/extraction.py [--runs 5] [--batch 32] [--length 128] [--depth 12]
        [--width 768]

A BERT-base-sized encoder with random weights, and tasks on it that were never trained: their scores
are noise, and lifted so far that nearly all of it says yes (a fresh pointer's begin below), so that
as many candidates are looked at as ever. In each round the encoder and every task read the same
texts, one after the other; medians are printed, how many times the encoder's own time that is, how
many milliseconds a text more, and how much is found in a text.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import playmask  # first: it chooses the backend
from playmask.runtime.predictor import Predictor
from playmask.tasks.saving import all_weights

import keras  # isort: skip

CHARACTERS = [chr(0x4E00 + i) for i in range(2000)]
LABELS = {"few": [f"L{i}" for i in range(10)], "many": [f"P{i}" for i in range(48)]}
LIFT = 2.0  # nats: what a fresh pointer needs to find nearly everything likely
ANSWERS = {"max_answer": 10}
ROLES = [f"E{i}@R{j}" for i in range(65) for j in range(3)]

TASKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tags, CRF, 10 labels": (playmask.SequenceTagger, {"labels": LABELS["few"]}),
    "tags, MEMM, 10 labels": (
        playmask.SequenceTagger, {"labels": LABELS["few"], "tagger": "memm"},
    ),
    "spans, efficient, 10 labels": (playmask.SpanTagger, {"labels": LABELS["few"]}),
    "spans, global, 10 labels": (
        playmask.SpanTagger, {"labels": LABELS["few"], "pointer": "global"},
    ),
    "relations, linker, 48 predicates": (playmask.RelationExtractor, {"labels": LABELS["many"]}),
    "relations, subjects first, 48 predicates": (
        playmask.RelationExtractor, {"labels": LABELS["many"], "method": "casrel"},
    ),
    "events, linker, 195 roles": (playmask.EventExtractor, {"labels": ROLES}),
    "events, tags, 195 roles": (playmask.EventExtractor, {"labels": ROLES, "method": "tags"}),
    "reading, pointers": (playmask.ReadingComprehension, ANSWERS),
    "reading, mask-fill": (playmask.ReadingComprehension, {"method": "mask-fill", **ANSWERS}),
}  # fmt: skip


def encoder(depth: int, width: int) -> tuple[Any, Any]:
    """A model and its tokenizer."""
    keras.utils.set_random_seed(0)
    tokenizer = playmask.Tokenizer.from_texts(["".join(CHARACTERS)], size=4000, minimum=1)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer), pad=tokenizer.pad, depth=depth,
        width=width, inner=4 * width, attention_heads=max(width // 64, 1),
    )  # fmt: skip
    return playmask.build(architecture, "mlm"), tokenizer


def noisy(task: Any) -> Any:
    """A fresh task whose scores are noise that says yes."""
    for name, variable in all_weights(task.network).items():
        if name.startswith("task/") and name.endswith("bias"):
            variable.assign(np.full(variable.shape, LIFT, "float32"))
    return task


def reads(task: Any) -> Callable[[], Any]:
    """The encoder alone, on the rows that a task reads; one number for each text comes back."""
    model = task.transformer
    predictor = Predictor(
        model,
        limits=task.predictor.limits,
        maximum=task.settings.max_length,
        function=lambda inputs: {"mean": keras.ops.mean(model(inputs)["hidden"], axis=(1, 2))},
    )
    return predictor


def measure(
    batch: int, length: int, depth: int, width: int, runs: int
) -> dict[str, dict[str, float]]:
    """Seconds of the encoder and of each task: medians."""
    model, tokenizer = encoder(depth, width)
    random = np.random.default_rng(0)
    texts = ["".join(random.choice(CHARACTERS, length - 2)) for _ in range(batch)]
    tasks = {
        name: noisy(kind.new(model, tokenizer=tokenizer, max_length=length, **options))
        for name, (kind, options) in TASKS.items()
    }
    question = 16
    asked = [(text[:question], text[question + 1 :]) for text in texts]
    given = {name: asked if name.startswith("reading") else texts for name in tasks}
    plain = tasks["tags, CRF, 10 labels"]
    predictor, rows = reads(plain), [plain.row(text) for text in texts]
    work: dict[str, Callable[[], Any]] = {"the encoder": lambda: predictor(rows)}
    work |= {
        name: (lambda task=task, name=name: task.predict(given[name]))
        for name, task in tasks.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in work}
    found = {}
    for round_ in range(runs + 1):
        for name, run in work.items():
            start = time.perf_counter()
            answers = run()
            found[name] = sum(len(each) for each in answers)
            if round_:  # the first one compiles
                taken[name].append(time.perf_counter() - start)
        print(f"round {round_} of {runs}", flush=True)
    alone = median(taken["the encoder"])
    return {
        name: {
            "seconds": median(times),
            "least": min(times),
            "most": max(times),
            "ratio": median(times) / alone,
            "more": 1e3 * (median(times) - alone) / batch,
            "found": found[name] / batch,
        }
        for name, times in taken.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = {"runs": 5, "batch": 32, "length": 128, "depth": 12, "width": 768}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measure(**{name: getattr(options, name) for name in sizes})
    for name, row in results.items():
        print(
            f"{name:42} {row['seconds']:7.3f} s ({row['least']:.3f}–{row['most']:.3f})"
            f"  {row['ratio']:5.2f} x  {row['more']:6.2f} ms a text  {row['found']:5.1f} found"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
