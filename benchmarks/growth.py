"""How time and memory grow with a text's length, a batch, depth, labels and the vocabulary.

    taskset -c 0 python benchmarks/growth.py [--rounds 5] [--save docs/benchmarks/growth.json]

For each quantity, programs that differ in it alone take turns; the slope is that of a line through
the logarithms: 1 is linear, 2 quadratic. What theory gives is the slope of the multiply-adds and of
the numbers that the sub-layers make, at the same values; both are sums of terms of different order,
so that it is seldom whole. Times are processor times of a forward pass with its gradients, memory
is what XLA reserves for it besides weights and inputs.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

import playmask
from parts import Case, body, texts
from playmask.inspection.cost import count
from stepping import Program, in_turns, program, slope

BATCH, LENGTH = 8, 128
TEXTS = (250, 1000, 4000)  # that a task answers
COLUMNS = ("seconds", "products", "bytes", "activations")


class Growth(NamedTuple):
    """A quantity, its values, and the case and the inputs of each."""

    values: Sequence[int]
    case: Callable[[int], tuple[Case, dict[str, np.ndarray]]]


def encoder(batch: int = BATCH, length: int = LENGTH, **changes: Any) -> Any:
    """A small BERT's hidden states."""
    model = playmask.build(body(**changes, position=playmask.Learned(length)), heads=())
    counts = count(model, batch=batch, length=length)
    made = sum(line.activations for line in counts.lines)
    case = Case(model, lambda out: ops.mean(out["hidden"] ** 2), counts.products, made)
    return case, texts(batch, length)


def vocabulary(size: int) -> Any:
    """Masked language modelling, a logit for each token of each place."""
    model = playmask.build(body(vocabulary=size), heads="mlm")
    counts = count(model, batch=BATCH, length=LENGTH)
    made = sum(line.activations for line in counts.lines)
    case = Case(model, lambda out: ops.mean(out["logits"] ** 2), counts.products, made)
    return case, texts(BATCH, LENGTH)


def top(layer: Callable[[Any, Any], Any], loss: Any, products: int, made: int) -> Any:
    """A layer alone, on hidden states of width 256."""
    random = np.random.default_rng(0)
    inputs = {**texts(BATCH, LENGTH), "hidden": random.normal(size=(BATCH, LENGTH, 256))}
    del inputs["tokens"]
    inputs["hidden"] = inputs["hidden"].astype("float32")
    symbolic = {n: keras.Input(x.shape[1:], dtype=x.dtype, name=n) for n, x in inputs.items()}
    model = keras.Model(symbolic, layer(symbolic["hidden"], symbolic["valid"]))
    return Case(model, loss, BATCH * products, BATCH * made), inputs


def tags(number: int) -> Any:
    """A linear chain: scores of each tag, and a step of number² for each token."""
    chain = playmask.ConditionalRandomField(number)
    dense, wanted = keras.layers.Dense(number), playmask.TagCrossentropy(chain)
    targets = np.random.default_rng(0).integers(0, number, (BATCH, LENGTH))
    return top(
        lambda hidden, valid: chain(dense(hidden)), lambda logits: wanted(targets, logits),
        LENGTH * (256 * number + number**2), 2 * LENGTH * number,
    )  # fmt: skip


def labels(number: int) -> Any:
    """A GlobalPointer: a query and a key of 64 for each label, a score for each pair of places."""
    targets = np.full((BATCH, number, 3), 5 * LENGTH + 9, "int32")
    wanted = playmask.SparseMultilabelCrossentropy()
    return top(
        playmask.GlobalPointer(number, size=64), lambda scores: wanted(targets, scores),
        number * (LENGTH * 256 * 128 + 64 * LENGTH**2), number * (LENGTH * 128 + LENGTH**2),
    )  # fmt: skip


GROWTHS = {
    "length": Growth((64, 128, 256, 512, 1024), lambda n: encoder(2, n)),
    "batch": Growth((2, 4, 8, 16, 32), encoder),
    "depth": Growth((1, 2, 4, 8), lambda n: encoder(depth=n)),
    "vocabulary": Growth((1000, 4000, 16000, 64000), vocabulary),
    "tags of a CRF": Growth((50, 100, 200, 400), tags),
    "labels of a GlobalPointer": Growth((4, 16, 64, 200), labels),
}


def measured(name: str, growth: Growth, rounds: int) -> dict[str, Any]:
    """The slopes of a quantity, and what they were fitted to."""
    cases = [growth.case(value) for value in growth.values]
    programs = [program(case.model, inputs, case.loss, gradients=True) for case, inputs in cases]
    seconds = [median(own) for own in in_turns(programs, rounds)]
    columns = {
        "seconds": seconds,
        "products": [float(case.products) for case, _ in cases],
        "bytes": [float(each.temporary) for each in programs],
        "activations": [float(case.activations) for case, _ in cases],
    }
    slopes = {key: slope(growth.values, values) for key, values in columns.items()}
    return {"quantity": name, "values": growth.values, "slopes": slopes, **columns}


def of_texts(rounds: int) -> dict[str, Any]:
    """The seconds of a classifier's answers to more and more texts of 5 to 60 characters."""
    random = np.random.default_rng(0)
    letters = [chr(0x4E00 + i) for i in range(900)]
    drawn = ["".join(random.choice(letters, random.integers(5, 60))) for _ in range(TEXTS[-1])]
    tokenizer = playmask.Tokenizer.from_texts(drawn, size=1000, minimum=1)
    model = playmask.build(body(vocabulary=len(tokenizer), pad=tokenizer.pad), ())
    task = playmask.TextClassifier.new(model, ["a", "b"], tokenizer=tokenizer, max_length=64)
    programs = [Program(lambda n=n: task.predict(drawn[:n]), 0) for n in TEXTS]
    seconds = [median(own) for own in in_turns(programs, rounds)]
    lengths = np.cumsum([len(text) + 2 for text in drawn])
    products = [float(lengths[n - 1]) for n in TEXTS]
    columns = {"seconds": seconds, "products": products}
    slopes = {key: slope(TEXTS, values) for key, values in columns.items()}
    return {"quantity": "texts", "values": TEXTS, "slopes": slopes, **columns}


def table(rows: list[dict[str, Any]]) -> str:
    """The slopes as Markdown."""
    lines = [
        "| grows | from … to | time | multiply-adds | memory | numbers made |\n"
        "|---|---|---:|---:|---:|---:|"
    ]
    for row in rows:
        shown = [row["slopes"].get(key) for key in COLUMNS]
        lines.append(
            f"| {row['quantity']} | {row['values'][0]:,} … {row['values'][-1]:,} | "
            + " | ".join("" if each is None else f"{each:.2f}" for each in shown)
            + " |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="of the quantities, with commas between")
    parser.add_argument("--save", type=Path, help="a JSON file of all that was measured")
    arguments = parser.parse_args()
    only = arguments.only.split(",") if arguments.only else [*GROWTHS, "texts"]
    rows = [measured(n, GROWTHS[n], arguments.rounds) for n in only if n in GROWTHS]
    rows += [of_texts(arguments.rounds)] if "texts" in only else []
    if arguments.save:
        arguments.save.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
