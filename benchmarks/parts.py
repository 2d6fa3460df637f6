"""What each part of the attention costs beside the dot product: time and memory, with the bound.

    taskset -c 0 python benchmarks/parts.py [--rounds 7] [--save docs/benchmarks/parts.json]

Four blocks of width 256 with 4 heads read 16 texts of 128 tokens, forward and with gradients. The
programs take turns; a time is processor time, a ratio is that of one round, and what is printed is
the median. The bound is how many multiply-adds there are beside the dot product's: a part that
computes nothing but products can be no quicker. Memory is what XLA reserves for a program besides
weights and inputs; its bound is the numbers that the sub-layers make, which a training keeps.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

import playmask
from playmask.inspection.cost import count
from playmask.model.architecture import Architecture
from stepping import Program, in_turns, program, ratios

BATCH, LENGTH, WIDTH, DEPTH, HEADS = 16, 128, 256, 4, 4
LABELS, TAGS, SIZE = 200, 400, 64  # of pointers and of a CRF; numbers of a pointer's query
CONDITION = 128  # numbers that norms depend on
PLAIN, CONDITIONAL = "dot", "conditional norms"


class Case(NamedTuple):
    """What is measured: a model, its loss, and how much it cannot do without.

    products: multiply-adds of a forward pass; activations: numbers that the sub-layers make
    """

    model: keras.Model
    loss: Callable[[Any], Any]
    products: int
    activations: int


def body(**changes: Any) -> Architecture:
    """The small BERT that every part is put into."""
    return playmask.architecture("bert").change(
        vocabulary=1000, width=WIDTH, depth=DEPTH, attention_heads=HEADS, inner=4 * WIDTH,
        position=playmask.Learned(LENGTH), dropout=0.0, attention_dropout=0.0,
    ).change(**changes)  # fmt: skip


def texts(batch: int, length: int) -> dict[str, np.ndarray]:
    """Token ids by chance, without padding."""
    random = np.random.default_rng(0)
    return {
        "tokens": random.integers(1, 1000, (batch, length)).astype("int32"),
        "valid": np.ones((batch, length), "bool"),
    }


def part(**changes: Any) -> Case:
    """A part in the attention, or another change of the architecture."""
    model = playmask.build(body(**changes), heads=())
    counts = count(model, batch=BATCH, length=LENGTH)
    activations = sum(line.activations for line in counts.lines)
    return Case(model, lambda out: ops.mean(out["hidden"] ** 2), counts.products, activations)


def head(layer: Callable[[Any, Any], Any], loss: Any, products: int, made: int) -> Case:
    """A layer on top of the encoder; products, made: of the layer, for one text."""
    plain = part()
    symbolic = {
        name: keras.Input((LENGTH,), dtype=each.dtype, name=name)
        for name, each in texts(BATCH, LENGTH).items()
    }
    scores = layer(plain.model(symbolic)["hidden"], symbolic["valid"])
    return Case(
        keras.Model(symbolic, scores), loss,
        plain.products + BATCH * products, plain.activations + BATCH * made,
    )  # fmt: skip


def pointer(make: Callable[..., Any], products: int) -> Case:
    """Spans of LABELS labels, three of each text wanted."""
    targets = np.full((BATCH, LABELS, 3), 5 * LENGTH + 9, "int32")
    wanted = playmask.SparseMultilabelCrossentropy()
    return head(
        make(LABELS, size=SIZE), lambda scores: wanted(targets, scores),
        products + SIZE * LENGTH**2, LABELS * LENGTH**2,
    )  # fmt: skip


def crf() -> Case:
    """Tags of a linear chain: the forward algorithm is a step of TAGS² for each token."""
    chain = playmask.ConditionalRandomField(TAGS)
    dense, wanted = keras.layers.Dense(TAGS), playmask.TagCrossentropy(chain)
    targets = np.random.default_rng(0).integers(0, TAGS, (BATCH, LENGTH))
    return head(
        lambda hidden, valid: chain(dense(hidden)), lambda logits: wanted(targets, logits),
        LENGTH * (WIDTH * TAGS + TAGS**2), 2 * LENGTH * TAGS,
    )  # fmt: skip


def synthesizer(kind: str) -> Any:
    """A Synthesizer for texts of LENGTH tokens."""
    return playmask.Synthesizer(kind, length=LENGTH)


CASES: dict[str, Callable[[], Case]] = {
    PLAIN: part,
    "random Synthesizer": lambda: part(attention=synthesizer("random")),
    "dense Synthesizer": lambda: part(attention=synthesizer("dense")),
    "factorized random Synthesizer": lambda: part(attention=synthesizer("factorized_random")),
    "factorized dense Synthesizer": lambda: part(attention=synthesizer("factorized_dense")),
    "random + dot": lambda: part(attention=playmask.mix(synthesizer("random"), playmask.Dot())),
    "talking heads": lambda: part(talking_heads=True),
    "keys of twice the size": lambda: part(key_size=2 * WIDTH // HEADS),
    CONDITIONAL: lambda: part(condition=playmask.Condition(CONDITION)),
    "ALiBi": lambda: part(position="alibi"),
    "rotary": lambda: part(position="rotary"),
    "T5 buckets": lambda: part(position="buckets"),
    "NEZHA": lambda: part(position="nezha"),
    "disentangled": lambda: part(position="disentangled"),
    "Linformer": lambda: part(attention=playmask.Linformer(32, length=LENGTH)),
    "light convolution": lambda: part(attention=playmask.LightConvolution()),
    "dynamic convolution": lambda: part(attention=playmask.DynamicConvolution()),
    f"GlobalPointer, {LABELS} labels": lambda: pointer(
        playmask.GlobalPointer, LENGTH * WIDTH * 2 * SIZE * LABELS + (LABELS - 1) * SIZE * LENGTH**2
    ),
    f"EfficientGlobalPointer, {LABELS} labels": lambda: pointer(
        playmask.EfficientGlobalPointer, LENGTH * (WIDTH * 2 * SIZE + 2 * SIZE * 2 * LABELS)
    ),
    f"CRF, {TAGS} tags": crf,
}


def compiled(name: str, *, gradients: bool) -> tuple[Program, Case]:
    """A case's program."""
    case, inputs = CASES[name](), texts(BATCH, LENGTH)
    if name == CONDITIONAL:
        inputs["condition"] = np.ones((BATCH, CONDITION), "float32")
    return program(case.model, inputs, case.loss, gradients=gradients), case


def measured(rounds: int, names: list[str]) -> list[dict[str, Any]]:
    """A row for each case, forward and with gradients."""
    rows = [{"part": name} for name in names]
    for gradients, way in ((False, "forward"), (True, "step")):
        both = [compiled(name, gradients=gradients) for name in names]
        seconds = in_turns([each for each, _ in both], rounds)
        for row, (own, case), times in zip(rows, both, seconds, strict=True):
            plain, plain_case = both[0]
            row[way] = ratios(times, seconds[0])
            row[f"{way}_memory"] = own.temporary / plain.temporary
            row["products"] = case.products / plain_case.products
            row["activations"] = case.activations / plain_case.activations
            row[f"{way}_seconds"] = min(times)
            row[f"{way}_bytes"] = own.temporary
    return rows


HEADER = (
    "| part | multiply-adds, × dot (bound) | forward, × dot | with gradients, × dot | "
    "numbers made, × dot (bound) | memory with gradients, × dot |\n|---|---:|---:|---:|---:|---:|"
)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: a ratio with its least and greatest over the rounds."""
    lines = [HEADER]
    for row in rows:
        forward, step = (
            "{:.2f} ({:.2f} to {:.2f})".format(*row[way]) for way in ("forward", "step")
        )
        lines.append(
            f"| {row['part']} | {row['products']:.2f} | {forward} | {step} | "
            f"{row['activations']:.2f} | {row['step_memory']:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="of the parts, with commas between")
    parser.add_argument("--save", type=Path, help="a JSON file of all that was measured")
    arguments = parser.parse_args()
    only = arguments.only.split(",") if arguments.only else [*CASES]
    rows = measured(arguments.rounds, [PLAIN, *(n for n in CASES if n in only and n != PLAIN)])
    if arguments.save:
        arguments.save.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
