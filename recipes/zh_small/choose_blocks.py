"""Finds which blocks of a sentence encoder to leave out: each time the one that is missed least.

    python recipes/zh_small/choose_blocks.py MODEL TEXTS 6

MODEL's vectors of 300 texts have cosines; a shorter model is as good as its own correlate with
them, before any training. TEXTS: a text a line.
"""

import argparse
from pathlib import Path

import numpy as np
from keras import ops

import playmask
from playmask.tasks import SentenceEncoder

TEXTS, LENGTH = 300, 64


def cosines(model: playmask.Transformer, texts: list[str]) -> np.ndarray:
    """The cosines of all pairs of texts, of the means over their tokens."""
    encoder = SentenceEncoder.new(model, max_length=LENGTH, language_model=0, pooling="mean")
    vectors = ops.convert_to_numpy(encoder.encode(texts))
    return (vectors @ vectors.T)[np.triu_indices(len(texts), 1)]


def main() -> None:
    """Leave out one block after another, and say which stay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts", type=Path)
    parser.add_argument("blocks", type=int, help="how many are to stay")
    arguments = parser.parse_args()
    with arguments.texts.open(encoding="utf-8") as lines:
        texts = [line.strip() for _, line in zip(range(TEXTS), lines, strict=False)]
    model = playmask.load(arguments.model)
    whole = cosines(model, texts)
    blocks = [*range(model.architecture.depth)]
    while len(blocks) > arguments.blocks:
        scores = {}
        for block in blocks:
            rest = [each for each in blocks if each != block]
            shorter = cosines(playmask.keep_blocks(model, rest), texts)
            scores[block] = np.corrcoef(whole, shorter)[0, 1]
        least = max(scores, key=scores.__getitem__)
        blocks.remove(least)
        print(f"without {least}: {scores[least]:.3f}; {','.join(map(str, blocks))}", flush=True)


if __name__ == "__main__":
    main()
