"""Measures what zh-small, or another encoder, does without training: similarity, masked tokens.

    python recipes/zh_small/untrained.py --data DIR zh-small

DIR holds stsb_zh, and cmrc2018, whose dev passages are not in the corpus.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path

import playmask
from playmask.metrics.similarity import correlation
from playmask.tasks import SentenceEncoder


def similarity(path: str, data: Path) -> float:
    """Spearman's correlation of cosines with the scores of STS-B-zh's test."""
    task = SentenceEncoder.new(playmask.load(path), max_length=96, language_model=0, pooling="mean")
    lines = (data / "stsb_zh" / "test.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    scores = task.similarity([(first, second) for first, second, _ in rows])
    return float(correlation(scores, [float(score) for *_, score in rows]).spearman)


def passages(data: Path) -> list[str]:
    """The distinct passages of cmrc2018's dev part."""
    with gzip.open(data / "cmrc2018" / "dev.json.gz", "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    return sorted({each["context"] for article in articles for each in article["paragraphs"]})


def masked(path: str, data: Path) -> dict[str, float]:
    """Of masked tokens: how many are found, and how many the most frequent token would be."""
    model = playmask.load(path, heads="mlm")
    texts = passages(data)
    counts = Counter(i for text in texts for i in model.tokenizer.encode(text, special=False).ids)
    ((_, most),) = counts.most_common(1)
    scores = playmask.Pretraining.new("mlm", model, max_length=128).evaluate(texts)
    return {**scores, "most frequent token": most / counts.total(), "passages": len(texts)}


def main() -> None:
    """Print the figures of each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--masked", action="store_true", help="models have a vocabulary head")
    arguments = parser.parse_args()
    for path in arguments.models:
        began = time.process_time()
        playmask.load(path)
        print(f"{path}: loaded in {time.process_time() - began:.2f} s of processor time")
        print(f"STS-B-zh test, Spearman: {similarity(path, arguments.data):.4f}")
        if arguments.masked:
            print(masked(path, arguments.data), flush=True)


if __name__ == "__main__":
    main()
