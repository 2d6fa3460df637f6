"""Packs trained weights as they are shipped: a task that compares sentences, in 8 bits.

    python recipes/zh_small/pack.py TRAINED ENCODER OUT

The vocabulary head is TRAINED's, the rest ENCODER's, whose last training had no such head.
"""

import argparse

import playmask
from playmask.model.transformer import weights_by_name
from playmask.tasks import SentenceEncoder

LENGTH = 128  # tokens a sentence is cut to; those that read longer texts say so
HEAD = "mlm"


def main() -> None:
    """Load both, and save them as one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", help="a checkpoint with the head mlm")
    parser.add_argument("encoder", help="a checkpoint of the same shape")
    parser.add_argument("out")
    arguments = parser.parse_args()
    model = playmask.load(arguments.trained, heads=HEAD)
    weights = weights_by_name(model)
    for name, weight in weights_by_name(playmask.load(arguments.encoder)).items():
        weights[name].assign(weight)
    task = SentenceEncoder.new(model, max_length=LENGTH, language_model=0, pooling="mean")
    task.save(arguments.out, container="int8")


if __name__ == "__main__":
    main()
