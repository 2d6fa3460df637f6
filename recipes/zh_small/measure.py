"""Fine-tunes zh-small, or another model, on real data sets, and measures it on their tests.

    python recipes/zh_small/measure.py --data DIR --out runs/measured reviews resume weibo

DIR holds the sets' folders. Each result is a line of OUT/results.jsonl; what is there is not done
again, and a training that was interrupted goes on.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

COMMON = "--warm-up 0.1"
CLASSIFIER = "--learning-rate 2e-4 --batch-size 32 --pooling mean"


class Measurement(NamedTuple):
    """A task's training and test: names of files in DIR, options, and what of `evaluate` counts."""

    task: str
    train: str
    validation: str | None
    test: str
    measure: str
    options: str


WORKS = {
    "reviews": Measurement(
        "classify",
        "sentiment_zh/train.tsv.gz",
        None,  # a third of it is in train: the last epoch is taken
        "sentiment_zh/test_clean.tsv",
        "accuracy",
        f"{CLASSIFIER} --epochs 2 --max-length 96 --precision bfloat16",
    ),
    "resume": Measurement(
        "tag",
        "resume_ner/train.bmes",
        "resume_ner/dev.bmes",
        "resume_ner/test.bmes",
        "f1",
        "--epochs 5 --learning-rate 2e-4 --batch-size 32 --max-length 160 --multiplier 10 "
        "--freeze embeddings/tokens",
    ),
    "weibo": Measurement(
        "tag",
        "weibo_ner/train.bio",
        "weibo_ner/dev.bio",
        "weibo_ner/test.bio",
        "f1",
        "--epochs 12 --learning-rate 2e-4 --batch-size 32 --max-length 160 --multiplier 10 "
        "--freeze embeddings/tokens",
    ),
    "csl": Measurement(
        "classify",
        "csl/category_train.tsv",
        "csl/category_dev.tsv",
        "csl/category_test.tsv",
        "accuracy",
        f"{CLASSIFIER} --epochs 4 --max-length 48",
    ),
    "afqmc": Measurement(
        "classify",
        "afqmc/train.tsv",
        None,  # the dev part is the test here, since that of the test has no labels
        "afqmc/dev.tsv",
        "accuracy",
        f"{CLASSIFIER} --epochs 2 --max-length 64",
    ),
    "cmrc": Measurement(
        "read",
        "cmrc2018/train.json.gz",
        None,
        "cmrc2018/dev.json.gz",
        "f1",
        "--epochs 1 --learning-rate 2e-4 --batch-size 32 --max-length 256 --skip-bad",
    ),
}


def measured(name: str, model: str, data: Path, out: Path, seed: int) -> dict[str, object]:
    """Train, unless that is done, and evaluate."""
    work, folder = WORKS[name], out / f"{name}-{seed}"
    playmask = [sys.executable, "-m", "playmask"]
    train = [*playmask, "train", work.task, str(data / work.train), "--out", str(folder)]
    if work.validation:
        train += ["--validation", str(data / work.validation)]
    train += ["--model", model, "--seed", str(seed), *work.options.split(), *COMMON.split()]
    train += ["--save-every", "100", *(["--resume"] if folder.exists() else [])]
    began = time.perf_counter()
    subprocess.run(train, check=True)
    seconds = time.perf_counter() - began
    evaluate = [*playmask, "evaluate", str(folder), str(data / work.test), "--json"]
    answer = subprocess.run(evaluate, check=True, stdout=subprocess.PIPE, text=True)
    scores = json.loads(answer.stdout)
    return {"name": name, "model": model, "seed": seed, "seconds": round(seconds), **scores}


def main() -> None:
    """Measure what is named, and not yet measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", choices=[*WORKS, []], default=[*WORKS])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="zh-small")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = arguments.out / "results.jsonl"
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    there = {(r["name"], r["model"], r["seed"]) for r in map(json.loads, lines)}
    for name in arguments.works:
        if (name, arguments.model, arguments.seed) in there:
            continue
        result = measured(name, arguments.model, arguments.data, arguments.out, arguments.seed)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
        print(f"{name}: {WORKS[name].measure} {result[WORKS[name].measure]}", flush=True)


if __name__ == "__main__":
    main()
