"""Packs a trained encoder as it is shipped: a task that compares sentences, its weights in 8 bits.

python recipes/zh_small/pack.py TRAINED OUT
"""

import argparse

import playmask
from playmask.tasks import SentenceEncoder

LENGTH = 128  # tokens a sentence is cut to; those that read longer texts say so


def main() -> None:
    """Load, and save as a task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", help="a checkpoint with the head mlm")
    parser.add_argument("out")
    arguments = parser.parse_args()
    model = playmask.load(arguments.trained, heads="mlm")
    task = SentenceEncoder.new(model, max_length=LENGTH, language_model=0, pooling="mean")
    task.save(arguments.out, container="int8")


if __name__ == "__main__":
    main()
