"""What each option of training costs: the time of a step beside that of plain training.

    python benchmarks/training_options.py [--rounds 5] [--steps 16] [--only FGM,R-Drop]

A classifier of 4 blocks of width 256 learns 32 texts of 64 tokens a step. The options take turns,
round after round, so that what else the machine does meets them alike; a step's time is the median
of a round's, a ratio is that of the medians of one round, and what is printed is the median of the
ratios with their least and greatest.
"""

import argparse
import json
import statistics
import sys
from typing import Any

import numpy as np

import playmask
from playmask.experiments.plan import Watch
from playmask.experiments.tasks.fine_tuning import Clock

WARM = 3  # steps at the beginning of a round that do not count: one of them compiles
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "FGM": {"adversarial": "fgm:0.5"},
    "PGD, 3 steps": {"adversarial": "pgd:0.5,steps=3"},
    "AWP": {"adversarial": "awp:0.01"},
    "gradient penalty": {"adversarial": "penalty:1"},
    "VAT": {"adversarial": "vat:1"},
    "R-Drop": {"r_drop": 4},
    "mixup": {"mixup": 0.2},
    "EMA": {"ema": 0.999},
    "SWA": {"swa": 0.5},
    "Lookahead": {"lookahead": 5},
    "Tiger": {"optimizer": "tiger"},
    "Lion": {"optimizer": "lion"},
    "LAMB": {"optimizer": "lamb"},
    "Muon": {"optimizer": "muon"},
    "LoRA": {"lora": "rank=8,alpha=16,pattern=attention"},
    "frozen below the third block": {"freeze": "embeddings|blocks/[01]/"},
    "recomputed blocks": {"rematerialize": True},
    "bfloat16": {"precision": "bfloat16"},
    "label smoothing": {"label_smoothing": 0.1},
}


def seconds(options: dict[str, Any], steps: int) -> float:
    """The median seconds of a step of a new training."""
    random = np.random.default_rng(0)
    letters = [chr(0x4E00 + i) for i in range(2000)]
    texts = ["".join(random.choice(letters, 62)) for _ in range(32 * (steps + WARM))]
    tokenizer = playmask.Tokenizer.from_texts(texts, size=2100, minimum=1)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer),
        pad=tokenizer.pad,
        width=256,
        depth=4,
        attention_heads=4,
        inner=1024,
    )
    labels = [str(i) for i in range(10)]
    task = playmask.TextClassifier.new(
        playmask.build(architecture, ()), labels, tokenizer=tokenizer, max_length=64
    )
    data = [(text, labels[i % 10]) for i, text in enumerate(texts)]
    clock = Clock(Watch(), steps)
    task.fit(
        data, epochs=1, batch_size=32, learning_rate=1e-4, callbacks=[clock], verbose=0, **options
    )
    return statistics.median(clock.seconds[WARM:])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--only", default="", help="of the options, with commas between")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = [name for name in OPTIONS if name in ("plain", *arguments.only.split(","))]
    names = chosen if arguments.only else [*OPTIONS]
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name in names:
            times[name].append(seconds(OPTIONS[name], arguments.steps))
            print(
                f"round {number + 1}: {name} {times[name][-1]:.4f} s", file=sys.stderr, flush=True
            )
    if arguments.json:
        print(json.dumps(times))
        return
    print("| option | time of a step, × plain | least to greatest |\n|---|---:|---:|")
    for name in names:
        ratios = [own / plain for own, plain in zip(times[name], times["plain"], strict=True)]
        print(
            f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )


if __name__ == "__main__":
    main()
