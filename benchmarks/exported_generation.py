"""Tokens a second of a language model by itself, and by its graph in float32 and in 8 bits.

    python benchmarks/exported_generation.py [--rounds 5] [--depth 12] [--json FILE]
    python benchmarks/exported_generation.py --perplexity [--steps 200] [--json FILE]

A GPT-2-base with random weights, batch 1, goes on from 64 tokens by 64, in turns in one process on
one thread of ONNX Runtime; of each the least processor time of the rounds is taken. With
--perplexity, a GPT-2 of 4 blocks of width 256 learns from wikitext-2 (of PLAYMASK_DATA) for so many
steps of 16 rows of 128 tokens, and its graphs read 512 windows of the test text, without overlap.
"""

import argparse
import gzip
import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

import playmask  # first: it chooses the backend
from playmask.onnx.graph import MODEL
from playmask.runtime.graph_runs import graph_run

import keras  # isort: skip

PROMPT, NEW = 64, 64
SEARCHES = {
    "greedy": playmask.Greedy(),
    "sampling": playmask.Sample(temperature=0.8, top_p=0.9),
    "4 beams": playmask.Beams(4),
}
FORMS = {"float32": None, "int8": "int8"}
SMALL = {"width": 256, "depth": 4, "attention_heads": 4, "inner": 1024}
PIECES, WINDOW, ROWS, BATCHES = 4000, 128, 8, 64
"""Of the small model's vocabulary; tokens of a window; windows read at once, and how often."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--perplexity", action="store_true")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        if options.perplexity:
            results = perplexities(Path(folder), options.steps)
        else:
            results = speeds(Path(folder), options.depth, options.rounds)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def exported(model: Any, folder: Path) -> dict[str, Path]:
    """Where the graphs of a model are, by the form of their weights."""
    for name, quantize in FORMS.items():
        playmask.export(model, folder / name, cached=True, quantize=quantize)
    return {name: folder / name for name in FORMS}


def speeds(folder: Path, depth: int, rounds: int) -> dict[str, Any]:
    """Tokens a second of each form of a model with random weights, by search."""
    architecture = playmask.architecture("gpt2").change(depth=depth)
    model = playmask.build(architecture, heads=("mlm",))
    row = np.random.default_rng(0).integers(1, architecture.vocabulary, PROMPT).tolist()
    forms = {"compiled": model} | {
        name: playmask.load_generator(place, threads=1)
        for name, place in exported(model, folder).items()
    }
    results = {}
    for name, search in SEARCHES.items():
        write = partial(playmask.generate, max_tokens=NEW, end=None, search=search)
        texts = {form: write(each, [row]).tokens for form, each in forms.items()}  # compiles
        seconds: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(rounds):
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
    return results


def perplexities(folder: Path, steps: int) -> dict[str, Any]:
    """Perplexity of real text that each form of a small trained model has, a piece of a word."""
    data = Path(os.environ["PLAYMASK_DATA"]) / "wikitext2"
    with gzip.open(data / "wiki.train.tokens.gz", "rt", encoding="utf-8") as file:
        learnt = articles(file.read())
    tokenizer = playmask.Tokenizer.from_texts(learnt, size=PIECES)
    architecture = playmask.architecture("gpt2").change(vocabulary=len(tokenizer), **SMALL)
    model = playmask.build(architecture, heads=("mlm",))
    training = playmask.Pretraining.new("lm", model, tokenizer=tokenizer, epoch_steps=steps)
    history = training.fit(learnt, epochs=1, batch_size=16, learning_rate=2e-3, verbose=0)
    test = articles((data / "wiki.test.tokens").read_text(encoding="utf-8"))
    batches = [*itertools.islice(windows(tokenizer, test), BATCHES)]
    results = {"steps": steps, "training loss": history["loss"][-1]}
    for name, place in exported(model, folder).items():
        results |= {name: perplexity(place, batches), "tokens": sum(b.size for b in batches)}
        print(name, results[name], flush=True)
    return results


def articles(text: str) -> list[str]:
    """The articles of wikitext, each of which begins with a line that is its title."""
    found = re.split(r"(?m)^ (?== [^=].*[^=] = $)", text)
    return [each.strip() for each in found if each.strip()]


def windows(tokenizer: Any, texts: list[str]) -> Iterator[np.ndarray]:
    """Batches of windows of tokens, (rows, WINDOW), without what is left at the end of a text."""
    rows = []
    for encoding in tokenizer.encode(texts):
        ids = np.asarray(encoding.ids, "int32")
        rows += [*ids[: len(ids) // WINDOW * WINDOW].reshape(-1, WINDOW)]
    for start in range(0, len(rows), ROWS):
        yield np.stack(rows[start : start + ROWS])


def perplexity(place: Path, batches: list[np.ndarray]) -> float:
    """That of a graph: each window's tokens but its first, from those before it."""
    run = graph_run(place / MODEL, threads=1)
    sizes = json.loads((place / "export.json").read_text())["graphs"][MODEL]["inputs"]
    losses = []
    for tokens in batches:
        inputs = {"tokens": tokens, "valid": np.ones_like(tokens, "bool")}
        known = {"batch": len(tokens), "past": 0}
        for name, tensor in sizes.items():
            if name.startswith("past/"):  # a cache without slots
                shape = [known.get(size, size) for size in tensor["shape"]]
                inputs[name] = np.zeros(shape, tensor["dtype"])
        logits = run(inputs)["logits"][:, :-1].astype("float64")
        logits -= logits.max(-1, keepdims=True)
        right = np.take_along_axis(logits, tokens[:, 1:, None], -1)[..., 0]
        losses.append((np.log(np.exp(logits).sum(-1)) - right).ravel())
    return float(np.exp(np.concatenate(losses).mean()))


if __name__ == "__main__":
    main()
