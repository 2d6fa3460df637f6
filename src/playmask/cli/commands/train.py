"""`playmask train …`: one command for each task."""

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from playmask.runtime.train.options import TrainingOptions

app = typer.Typer(help="Train a task on data of your own.", no_args_is_help=True)

NEEDED = inspect.Parameter.empty
Parameters = dict[str, tuple[Any, Any]]  # name -> type with its help, default


def _of(kind: Any, text: str, *names: str, **options: Any) -> tuple[Any, None]:
    """An option that is not given unless somebody gives it."""
    return Annotated[kind | None, Option(*names, help=text, **options)], None


def _flag(name: str, text: str) -> tuple[Any, bool]:
    return Annotated[bool, Option(name, help=text)], False


def _training(*names: str) -> Parameters:
    """Options of the training, as their fields say."""
    fields = {field.name: field for field in dataclasses.fields(TrainingOptions)}
    return {
        name: _of(
            type(fields[name].default),
            f"{fields[name].metadata['help']} Default: {fields[name].default:g}.",
            **({"min": 1} if fields[name].metadata["minimum"] else {}),
        )
        for name in names
    }


FIRST: Parameters = {
    "out": (Annotated[Path, Option(help="The folder the task is saved in.")], NEEDED),
    "validation": _of(Path, "Data of the same form that tell the best epoch."),
    "model": _of(str, "A pretrained model: a path or a hub's name."),
    "family": _of(str, "The model's family, where it does not tell itself."),
    "new": _of(bool, "Start from a small random model.", "--new"),
    **_training("epochs", "batch_size", "learning_rate"),
}
LAST: Parameters = {
    "columns": _of(str, "Of the files, such as label,text,_."),
    **_training("seed", "warm_up", "weight_decay", "clip", "multiplier"),
    "width": _of(int, "With --new. Default: 128.", min=1),
    "depth": _of(int, "With --new. Default: 2.", min=1),
    "attention_heads": _of(int, "With --new. Default: 4.", min=1),
    "vocabulary": _of(int, "With --new. Default: 8000.", min=64),
    "skip_bad": _flag("--skip-bad", "Leave bad lines out."),
    "resume": _flag("--resume", "Go on after an interruption."),
    "force": _flag("--force", "Replace the task that --out holds; it goes at once."),
}
LENGTH: Parameters = {"max_length": _of(int, "Tokens a text is cut to. Default: 128.", min=4)}
WINDOW: Parameters = {
    "max_length": _of(int, "Tokens that are read at once. Default: 128.", min=8),
}
READING: Parameters = {
    "max_length": _of(int, "Tokens that are read at once. Default: 256.", min=16),
    "max_answer": _of(int, "Tokens of an answer. Default: 30.", min=1),
}
PASSAGES = "Questions, passages, answers: .json of SQuAD's form, .jsonl."
LABELS: Parameters = {
    "labels": _of(str, "Such as a,b,c. Default: those of the training file."),
}
TASKS: dict[str, tuple[str, str, Parameters]] = {
    "classify": (
        "Train a classifier of texts or of pairs.",
        "Labelled texts: .tsv, .csv, .jsonl.",
        {
            **LENGTH,
            "pooling": _of(str, "mean_max, mean, first, last or pooled. Default: mean_max."),
            **LABELS,
        },
    ),
    "language-model": (
        "Train a model that writes texts, of a label where --condition says how it is told.",
        "Texts: .txt with one a line, .tsv, .csv, .jsonl.",
        {
            **LENGTH,
            "condition": _of(str, "How the label is told: label (to the norms), code or unused."),
            **LABELS,
        },
    ),
    "seq2seq": (
        "Train a model that writes a target for each source.",
        "Sources and targets: .tsv, .csv, .jsonl.",
        {
            "max_source": _of(int, "Tokens a source is cut to. Default: 128.", min=3),
            "max_target": _of(int, "Tokens a target is cut to. Default: 64.", min=1),
        },
    ),
    "similar": (
        "Train an encoder of sentences whose vectors are close where they are similar.",
        "Pairs of similar sentences, or with scores behind them: .tsv, .csv, .jsonl.",
        {
            "max_length": _of(int, "Tokens a sentence is cut to. Default: 64.", min=4),
            "pooling": _of(str, "first, mean, mean_max, last or pooled. Default: first."),
            "language_model": _of(
                float, "Weight of writing the other sentence; 0: vectors alone. Default: 1.", min=0
            ),
            "similar_from": _of(
                float, "The lowest score of pairs to learn from. Default: the highest there is."
            ),
        },
    ),
    "pair": (
        "Train a model that scores how similar two sentences are.",
        "Pairs of sentences with scores: .tsv, .csv, .jsonl.",
        {
            **LENGTH,
            "pooling": _of(str, "mean_max, mean, first, last or pooled. Default: mean_max."),
        },
    ),
    "tag": (
        "Train a tagger that finds mentions which stand apart: entities, words.",
        "Texts with mentions: columns of tags (.bio, .bmes …), .json, .csv, brat's .ann.",
        {
            **WINDOW,
            "tagger": _of(str, "crf, memm or softmax. Default: crf."),
            "scheme": _of(str, "The tags' letters: bio or bmes. Default: bio."),
            **LABELS,
        },
    ),
    "spans": (
        "Train a tagger that finds mentions which may overlap.",
        "Texts with mentions: columns of tags (.bio, .bmes …), .json, .csv, brat's .ann.",
        {
            **WINDOW,
            "pointer": _of(str, "efficient or global. Default: efficient."),
            **LABELS,
        },
    ),
    "relations": (
        "Train an extractor of relations between a subject and objects.",
        "Texts with relations: .json, .jsonl of DuIE's, WebNLG's or playmask's form, CoNLL04's.",
        {
            **WINDOW,
            "way": _of(str, "linker, or pointers: subjects first. Default: linker."),
            "pointer": _of(str, "Of the linker: efficient or global. Default: efficient."),
            **LABELS,
        },
    ),
    "events": (
        "Train an extractor of events and of what takes part in them.",
        "Texts with events: .json, .jsonl of DuEE's, FewFC's or playmask's form.",
        {
            **WINDOW,
            "way": _of(str, "linker, or tags: one event of a type. Default: linker."),
            "pointer": _of(str, "Of the linker: efficient or global. Default: efficient."),
            **LABELS,
        },
    ),
    "read": (
        "Train a reader that finds what in a passage answers a question.",
        PASSAGES,
        {**READING, "way": _of(str, "pointers or mask-fill. Default: pointers.")},
    ),
    "read-copying": (
        "Train a reader that writes the answer, copied from the passage.",
        PASSAGES,
        READING,
    ),
    "mask-fill": (
        "Train a masked language model on texts of your field.",
        "Texts: .txt with one a line, .tsv, .csv, .jsonl.",
        LENGTH,
    ),
}
"""Of each command: what it does, what data it takes, and its own options."""


def _command(name: str, does: str, data: str, own: Parameters) -> None:
    """Add the command of a task, whose options are those of all tasks and its own."""

    def train(**given: Any) -> None:
        from playmask.cli.actions.run_folder import Job
        from playmask.cli.actions.train import run

        run(name, Job(**{field: given.pop(field) for field in Job._fields}), given)

    file = Annotated[Path, Argument(metavar="TRAIN", help=data)]
    parameters: Parameters = {"train": (file, NEEDED), **FIRST, **own, **LAST}
    train.__doc__ = (
        f"{does}\n\nThe best epoch is kept. Everything that can be wrong is told before training "
        "begins."
    )
    train.__annotations__ = {key: kind for key, (kind, _) in parameters.items()}
    train.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in parameters.items()
        ]
    )
    app.command(name)(train)


for _name, _task in TASKS.items():
    _command(_name, *_task)
