"""Tokens a second of a language model by itself, and by its graph in float32 and in 8 bits.

    python benchmarks/exported_generation.py [--rounds 5] [--depth 12] [--json FILE]

A GPT-2-base with random weights, batch 1, goes on from 64 tokens by 64, in turns in one process on
one thread of ONNX Runtime; of each the least processor time of the rounds is taken.
"""

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

import playmask  # first: it chooses the backend

import keras  # isort: skip

PROMPT, NEW = 64, 64
SEARCHES = {
    "greedy": playmask.Greedy(),
    "sampling": playmask.Sample(temperature=0.8, top_p=0.9),
    "4 beams": playmask.Beams(4),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    architecture = playmask.architecture("gpt2").change(depth=options.depth)
    model = playmask.build(architecture, heads=("mlm",))
    row = np.random.default_rng(0).integers(1, architecture.vocabulary, PROMPT).tolist()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        forms = {"compiled": model}
        for name, quantize in (("float32", None), ("int8", "int8")):
            place = Path(folder) / name
            playmask.export(model, place, cached=True, quantize=quantize)
            forms[name] = playmask.load_generator(place, threads=1)
        for name, search in SEARCHES.items():
            write = partial(playmask.generate, max_tokens=NEW, end=None, search=search)
            texts = {form: write(each, [row]).tokens for form, each in forms.items()}  # compiles
            seconds: dict[str, list[float]] = {form: [] for form in forms}
            for _ in range(options.rounds):
                for form, each in forms.items():
                    began = time.process_time()
                    write(each, [row])
                    seconds[form].append(time.process_time() - began)
            least = {form: min(each) for form, each in seconds.items()}
            results[name] = {
                "tokens a second": {form: NEW / each for form, each in least.items()},
                "times as fast": {form: least["compiled"] / each for form, each in least.items()},
                "same text": {form: each == texts["compiled"] for form, each in texts.items()},
            }
            print(name, json.dumps(results[name]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
