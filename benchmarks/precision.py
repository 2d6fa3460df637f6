"""What half precision and 8-bit weights change: the loss and the texts of a trained task.

    python benchmarks/precision.py DIR PAIRS.tsv [--texts 500] [--tokenize 13a]

The task at DIR (say runs/examples/translation) is loaded once in each dtype and asked for the
targets of the same sources; loss and accuracy are of the true targets, BLEU is sacrebleu's.
"""

import argparse
import time
from pathlib import Path

import sacrebleu

from playmask.model.transformer import weights_by_name
from playmask.tasks import load_task

DTYPES = ("float32", "bfloat16", "float16", "mixed_bfloat16", "int8")


def main() -> None:
    """Print a row for each dtype."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--tokenize", default="13a", help="sacrebleu's; char for Chinese")
    options = parser.parse_args()
    lines = options.pairs.read_text(encoding="utf-8").splitlines()[: options.texts]
    pairs = [tuple(line.split("\t")) for line in lines]
    sources, wanted = map(list, zip(*pairs, strict=True))
    print("| dtype | weights, MB | loss | accuracy | BLEU | same text as float32 | s |")
    print("|---|---|---|---|---|---|---|")
    first: list[str] = []
    for dtype in DTYPES:
        task = load_task(options.task, dtype=dtype)
        scores = task.evaluate(pairs)
        task.predict(sources)  # compiles
        began = time.perf_counter()
        made = task.predict(sources)
        seconds = time.perf_counter() - began
        first = first or made
        same = sum(a == b for a, b in zip(made, first, strict=True)) / len(made)
        found = sacrebleu.corpus_bleu(made, [wanted], tokenize=options.tokenize).score
        size = sum(v.value.nbytes for v in weights_by_name(task.transformer).values()) / 1e6
        print(
            f"| {dtype} | {size:.1f} | {scores['loss']:.4f} | {scores['accuracy']:.4f} | "
            f"{found:.2f} | {same:.1%} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
