"""Tokenising real reviews: playmask's encode against the `tokenizers` library underneath.

    python benchmarks/tokenize_texts.py [--texts 20000]

Both get the same texts in one batch and give lists of ids, in turn, five times; prints medians and
their ratio. playmask also adds the special tokens and cuts to 128.
"""

import argparse
import gzip
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import tokenizers

from playmask import Tokenizer

REVIEWS = Path(__file__).parents[1] / "data" / "reviews_zh" / "train.tsv.gz"


def main() -> None:
    """Measure both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20000)
    options = parser.parse_args()
    with gzip.open(REVIEWS, "rt", encoding="utf-8") as lines:
        reviews = [line.rsplit("\t", 1)[0] for line in lines]
    texts = list(itertools.islice(itertools.cycle(reviews), options.texts))
    ours = Tokenizer.from_texts(reviews, size=6000)
    with tempfile.TemporaryDirectory() as folder:
        ours.save(folder)
        raw = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    calls = {
        "tokenizers.encode_batch": lambda: [e.ids for e in raw.encode_batch(texts)],
        "playmask encode": lambda: [e.ids for e in ours.encode(texts, max_length=128)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(5):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:24} {value:6.2f} s   {len(texts) / value:8.0f} texts/s")
    print(f"ratio {medians['playmask encode'] / medians['tokenizers.encode_batch']:.2f}")


if __name__ == "__main__":
    main()
