"""The tasks that `playmask train` trains: how each is read, made and described."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras

from playmask.checkpoints import build
from playmask.checkpoints.source import find
from playmask.cli.actions.run_folder import LONGEST, Options
from playmask.data import events, relations
from playmask.data.events import read_events
from playmask.data.examples import Examples
from playmask.data.mentions import read_mentions
from playmask.data.passages import read_passages
from playmask.data.readers import read_examples, read_pairs
from playmask.data.relations import read_relations
from playmask.errors import ConfigError, DataError
from playmask.model.architecture import Architecture
from playmask.model.parts import Learned, Rotary
from playmask.model.transformer import Transformer
from playmask.tasks import (
    CopyingReader,
    EventExtractor,
    LanguageModel,
    MaskFill,
    ReadingComprehension,
    RelationExtractor,
    SentenceEncoder,
    SentencePair,
    Seq2Seq,
    SequenceTagger,
    SpanTagger,
    Task,
    TextClassifier,
)
from playmask.tasks.reading.extractive import heads_of
from playmask.tasks.saving import load_reader
from playmask.tasks.similarity.pairs import read_sentences
from playmask.tokenizers import Tokenizer

Labels = list[str] | None
SHOWN = 12  # labels in a line


def check_labels(path: Path, examples: Examples, labels: list[str]) -> None:
    """Refuse labels between which there is no choice, and columns the other way round."""
    if len(labels) < 2:
        raise DataError(f"{path} has one label only ({labels[0]!r}); there is no choice.")
    if len(labels) > max(20, len(examples) // 2):
        raise DataError(
            f"{path} has {len(labels)} labels in {len(examples)} lines; if its columns are "
            "the other way round, give --columns label,text."
        )


def check_found(path: Path, examples: Examples, labels: list[str]) -> None:
    """Refuse texts in which there is nothing to find."""
    if not labels:
        raise DataError(f"{path} has {len(examples)} texts and nothing to find in them.")


class Kind(NamedTuple):
    """What a task's training takes of its own; `labels` are those allowed, None = there are none.

    open: loads a pretrained model (path, family, heads, changes); changes: of its architecture;
    fresh: those of a new one besides; settings: what `task.new` is given; labelled: whether
    examples have labels; names: those of an example; check: what labels may not be; texts: those
    of an example; length: how long a text may be; use: the command that tries the task;
    defaults: of options, where they are not those of all tasks
    """

    task: type[Task]
    read: Callable[[Options], Callable[..., Examples]]
    settings: Callable[[Options, Labels], dict[str, Any]]
    open: Callable[..., Transformer]
    fresh: dict[str, Any] = {}  # noqa: RUF012
    changes: Callable[[Options, Labels], dict[str, Any]] = lambda options, labels: {}
    heads: Callable[[Options], Any] = lambda options: "mlm"
    labelled: Callable[[Options], bool] = lambda options: False
    names: Callable[[Any], Iterable[str]] = lambda example: filter(None, [example.label])
    check: Callable[[Path, Examples, list[str]], None] = check_labels
    texts: Callable[[Any], tuple[str | None, ...]] = lambda example: (example.text, example.pair)
    length: Callable[[Options], int | None] = lambda options: options["max_length"]
    use: str = "generate {out} …"
    defaults: Options = {}  # noqa: RUF012

    def make(self, options: Options, examples: Examples, labels: Labels) -> Any:
        """A fresh task on a pretrained or on a new model."""
        keras.utils.set_random_seed(options["seed"])
        changes, heads = self.changes(options, labels), self.heads(options)
        if options["new"]:
            model, tokenizer = self._new_model(options, examples, heads, changes)
        else:
            tokenizer = Tokenizer.load(find(options["model"]).directory)
            model = self.open(options["model"], family=options["family"], heads=heads, **changes)
            _fit_length(options, model.architecture)
        settings = self.settings(options, labels)
        return self.task.new(model, tokenizer=tokenizer, **settings)

    def _new_model(
        self, options: Options, examples: Examples, heads: Any, changes: dict[str, Any]
    ) -> tuple[Transformer, Tokenizer]:
        texts = (text for e in examples for text in self.texts(e) if text)
        if "max_length" in options:
            options["max_length"] = options["max_length"] or LONGEST
        tokenizer = Tokenizer.from_texts(texts, size=options["vocabulary"])
        architecture = Architecture(
            family="bert",
            vocabulary=len(tokenizer),
            width=options["width"],
            depth=options["depth"],
            attention_heads=options["attention_heads"],
            inner=4 * options["width"],
            position=Learned(self.length(options) or LONGEST),
            pad=tokenizer.pad,
        )
        return build(architecture.change(**self.fresh, **changes), heads), tokenizer


def _fit_length(options: Options, architecture: Architecture) -> None:
    """Keep texts as short as the positions that a model has."""
    positions = architecture.limit
    if "max_length" not in options:
        return
    if options["max_length"] is None:
        options["max_length"] = min(LONGEST, positions or LONGEST)
    elif positions is not None and options["max_length"] > positions:
        raise ConfigError(
            f"--max-length is {options['max_length']}, but the model has {positions} positions."
        )


def counted(labels: list[str], names: Iterable[str]) -> str:
    """The labels, and how often each occurs; "" where there are none."""
    number = Counter(names)
    shown = ", ".join(f"{label} ({number[label]:,})" for label in labels[:SHOWN])
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"; labels {shown}{more}" if labels else ""


def _take(*names: str) -> Callable[[Options, Labels], dict[str, Any]]:
    return lambda options, labels: {name: options[name] for name in names}


def _size(options: Options, labels: Labels) -> dict[str, Any]:
    """Norms that depend on the label, where it is told so."""
    return {"condition_size": len(labels or ())} if options["condition"] == "label" else {}


def _pooler(options: Options) -> Any:
    """The head that the pooling needs."""
    return "pool" if options["pooling"] == "pooled" else ()


def _needs(options: Options) -> dict[str, Any]:
    return SentenceEncoder.needs(options["pooling"], options["language_model"])


def _finding(
    task: type[Task],
    read: Callable[..., Examples],
    names: Callable[[Any], Iterable[str]],
    *own: str,
) -> Kind:
    """A task that finds something in texts; a new model for it knows how far tokens are apart."""
    return Kind(
        task,
        read=lambda options: read,
        settings=lambda options, labels: {
            "labels": labels,
            **_take("max_length", *own)(options, labels),
        },
        open=load_reader,
        heads=lambda options: (),
        labelled=lambda options: True,
        names=names,
        check=check_found,
        fresh={"position": Rotary()},
        defaults={"way": "linker"},
        texts=lambda example: (example.text,),
        use="annotate {out} --text …",
    )


def _reading(task: type[Task], *own: str, **more: Any) -> Kind:
    """A task that answers questions about passages."""
    return Kind(
        task,
        read=lambda options: read_passages,
        settings=_take("max_length", "max_answer", *own),
        names=lambda example: (),
        texts=lambda example: (example.question, example.text),
        use="predict {out} --text QUESTION --pair PASSAGE",
        defaults={"max_length": 256, "max_answer": 30, "way": "pointers"},
        **more,
    )


def _mentioned(example: Any) -> Iterable[str]:
    return (mention.label for mention in example.mentions)


def _related(example: Any) -> Iterable[str]:
    return (label for relation in example.relations for label in relations.labels_of(relation))


KINDS = {
    "classify": Kind(
        TextClassifier,
        read=lambda options: read_examples,
        settings=lambda options, labels: {
            "labels": labels,
            **_take("max_length", "pooling")(options, labels),
        },
        open=load_reader,
        heads=_pooler,
        labelled=lambda options: True,
        use="predict {out} --text …",
    ),
    "language-model": Kind(
        LanguageModel,
        read=lambda options: partial(read_examples, labelled=bool(options["condition"])),
        settings=lambda options, labels: {
            "labels": labels or (),
            **_take("max_length", "condition")(options, labels),
        },
        open=LanguageModel.open,
        fresh=LanguageModel.changes,
        changes=_size,
        labelled=lambda options: bool(options["condition"]),
    ),
    "seq2seq": Kind(
        Seq2Seq,
        read=lambda options: read_pairs,
        settings=_take("max_source", "max_target"),
        open=Seq2Seq.open,
        fresh=Seq2Seq.changes,
        length=lambda options: options["max_source"] + options["max_target"],
    ),
    "mask-fill": Kind(
        MaskFill,
        read=lambda options: partial(read_examples, labelled=False),
        settings=_take("max_length"),
        open=MaskFill.open,
        use="predict {out} --text '…[MASK]…'",
    ),
    "similar": Kind(
        SentenceEncoder,
        read=lambda options: read_sentences,
        settings=_take("max_length", "pooling", "language_model", "similar_from"),
        open=load_reader,
        heads=lambda options: _needs(options)["heads"],
        changes=lambda options, labels: {k: v for k, v in _needs(options).items() if k != "heads"},
        length=lambda options: 2 * options["max_length"] - 1,
        use="search {out} sentences.txt --text …",
        defaults={"max_length": 64, "pooling": "first", "language_model": 1.0},
    ),
    "pair": Kind(
        SentencePair,
        read=lambda options: partial(read_sentences, scored=True),
        settings=_take("max_length", "pooling"),
        open=load_reader,
        heads=_pooler,
        use="predict {out} --text … --pair …",
    ),
    "tag": _finding(SequenceTagger, read_mentions, _mentioned, "tagger", "scheme"),
    "spans": _finding(SpanTagger, read_mentions, _mentioned, "pointer"),
    "relations": _finding(RelationExtractor, read_relations, _related, "way", "pointer"),
    "events": _finding(EventExtractor, read_events, events.labels_of, "way", "pointer"),
    "read": _reading(
        ReadingComprehension,
        "way",
        open=load_reader,
        heads=lambda options: heads_of(options["way"]),
    ),
    "read-copying": _reading(CopyingReader, open=CopyingReader.open, fresh=CopyingReader.changes),
}
"""The kinds of tasks, by the names of their commands, which task.json has too."""
