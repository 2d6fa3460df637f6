"""What the examples share: how texts are read, a small model from nothing, and scores."""

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import keras
import rich
import rich.markup
import rich.table
import typer

import playmask
from playmask.tokenizers import Tokenizer

Data = Annotated[
    Path, typer.Option(envvar="PLAYMASK_DATA", help="The folder that holds the data sets.")
]
MaybeData = Annotated[
    Path | None,
    typer.Option(envvar="PLAYMASK_DATA", help="The same; without it, samples beside the example."),
]
Epochs = Annotated[int, typer.Option(help="How often all texts are learnt.")]
Limit = Annotated[int | None, typer.Option(help="Read so many texts only, to try it out.")]
NEW = "new"
RATES = {NEW: 1e-3, "zh-small": 2e-4}  # and 2e-5 of larger checkpoints
Start = Annotated[
    str, typer.Option("--model", help="What it starts from: zh-small, a path, or new: nothing.")
]
Out = Annotated[Path, typer.Option(help="Where the task and its results are written.")]
Width = Annotated[int, typer.Option(help="Of a new model.")]


def lines_of(path: Path, limit: int | None = None) -> list[str]:
    """The lines of a text file."""
    return path.read_text(encoding="utf-8").splitlines()[:limit]


def objects_of(path: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """The objects of a file with one in JSON on each line."""
    return [json.loads(line) for line in lines_of(path, limit)]


def small_model(
    texts: Iterable[str], *, vocabulary: int, length: int, width: int, lowercase: bool = True,
    **changes: Any,
) -> playmask.Transformer:  # fmt: skip
    """BERT's body with three blocks, random weights and a vocabulary made from the texts."""
    tokenizer = Tokenizer.from_texts(texts, size=vocabulary, lowercase=lowercase)
    body = {
        "vocabulary": len(tokenizer),
        "width": width,
        "depth": 3,
        "attention_heads": max(width // 48, 1),
        "inner": 4 * width,
        "activation": "relu",
        "position": playmask.Learned(length),
        "pad": tokenizer.pad,
        "attention_dropout": 0.0,
    }
    architecture = playmask.architecture("bert").change(**{**body, **changes})
    keras.utils.set_random_seed(0)
    model = playmask.build(architecture, "mlm")
    model.tokenizer = tokenizer
    return model


class Characters:
    """Every character that is not a space is a token, for `rouge_score`."""

    def tokenize(self, text: str) -> list[str]:
        """Cut a text."""
        return [character for character in text if not character.isspace()]


def rouge_l(made: Sequence[str], wanted: Sequence[str]) -> float:
    """ROUGE-L over characters, F1 in per cent, a mean over texts."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=Characters())
    scores = [scorer.score(b, a)["rougeL"].fmeasure for a, b in zip(made, wanted, strict=True)]
    return 100 * sum(scores) / len(scores)


def bleu(made: Sequence[str], wanted: Sequence[str], tokenize: str = "13a") -> float:
    """BLEU as sacrebleu computes it; tokenize: "char" for Chinese."""
    import sacrebleu

    return sacrebleu.corpus_bleu([*made], [[*wanted]], tokenize=tokenize).score


class Clock:
    """The seconds of each part of an example."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def __call__(self) -> float:
        """Those since the last time it was asked."""
        before, self.began = self.began, time.perf_counter()
        return round(self.began - before, 1)


def report(out: Path, results: dict[str, Any], samples: Iterable[tuple[str, ...]]) -> None:
    """Print results and some of what was written, and keep the results in results.json."""
    table = rich.table.Table("what", "result", title=out.name)
    for name, value in results.items():
        table.add_row(name, f"{value:,.4g}" if isinstance(value, float) else f"{value:,}")
    rich.print(table)
    for sample in samples:
        rich.print("  ->  ".join(rich.markup.escape(text) for text in sample))
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**results, "cores": len(os.sched_getaffinity(0))}, indent=1)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
