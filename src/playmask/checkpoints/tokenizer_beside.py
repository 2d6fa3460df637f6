"""The tokenizer beside a checkpoint's weights, changed as their vocabulary is."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from playmask.checkpoints.load_report import Ignored, Report
from playmask.checkpoints.resize import Compounds, Rows
from playmask.checkpoints.source import KERAS, Source
from playmask.errors import ConfigError, PlaymaskError
from playmask.model.transformer import Transformer
from playmask.tokenizers import Tokenizer, simplified, vocabulary_files

TOKENIZER = "the tokenizer"  # what a report calls it
BROKEN = "\ufffd"  # in a text whose bytes are no characters


class Pruned(NamedTuple):
    """What was kept of a vocabulary before the weights were saved: how many, and which ids."""

    rows: int
    keep: Sequence[int] | None


class Beside(NamedTuple):
    """The tokenizer beside a checkpoint's weights, what of it is ignored, and notes on it."""

    tokenizer: Tokenizer | None
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()

    def added_to(self, report: Report) -> Report:
        """A load's report that says so too."""
        ignored, notes = (*report.ignored, *self.ignored), (*report.notes, *self.notes)
        return replace(report, ignored=ignored, notes=notes)


def rows_of(
    source: Source,
    report: Report,
    keep_tokens: Sequence[int] | None,
    compound_tokens: Compounds | None,
) -> tuple[Rows, Pruned | None]:
    """Which rows of the vocabulary are taken, and how it was pruned before, if it was.

    Then keep_tokens is that of the program which saved the weights, and chooses the tokenizer's
    tokens only.
    """
    declared, rows = source.config.get("vocab_size"), report.architecture.vocabulary
    fewer = source.container == KERAS and isinstance(declared, int) and declared > rows
    if fewer and (keep_tokens is None or len(keep_tokens) == rows):
        return Rows(rows, None, compound_tokens), Pruned(rows, keep_tokens)
    return Rows(rows, keep_tokens, compound_tokens), None


def _as_pruned(tokenizer: Tokenizer, pruned: Pruned) -> tuple[Tokenizer, list[str]]:
    """Keep the tokens that have rows, and note what was guessed.

    Where nobody says which, they are those of bert4keras' `simplified=True`.
    """
    if len(tokenizer) == pruned.rows:
        return tokenizer, []
    keep = simplified(tokenizer) if pruned.keep is None else pruned.keep
    if len(keep) != pruned.rows:
        raise ConfigError(
            f"it has {len(tokenizer)} tokens and the weights {pruned.rows} rows; the ids of those "
            "that were kept belong into keep_tokens=."
        )
    guess = f"the tokenizer has the {pruned.rows} tokens of bert4keras' simplified=True alone"
    return tokenizer.keep(keep), [guess] if pruned.keep is None else []


def tokenizer_beside(source: Source, rows: Rows, pruned: Pruned | None = None) -> Beside:
    """Load the tokenizer that lies beside the weights, and change it as their rows are.

    One that cannot be read, or has no ids for such rows, is left out with a warning, for the
    report to repeat: the weights are right without it.
    """
    if not vocabulary_files.present(source.directory):
        return Beside(None)
    try:
        tokenizer = Tokenizer.load(source.directory)
        notes: list[str] = []
        if pruned is not None:
            tokenizer, notes = _as_pruned(tokenizer, pruned)
        if rows.keep is not None:
            tokenizer = tokenizer.keep(rows.keep)
        texts, ignored = _texts(tokenizer, rows)
        return Beside(tokenizer.extend(texts) if texts else tokenizer, tuple(ignored), tuple(notes))
    except PlaymaskError as error:
        warnings.warn(
            f"The tokenizer in {source.directory} is left out, and the model has none: {error}",
            stacklevel=5,  # the line that calls load
        )
        return Beside(None, (Ignored(TOKENIZER, str(error)),))


def why_no_tokenizer(model: Transformer) -> str:
    """Say why a model has no tokenizer, as part of an error message."""
    return why_none(() if model.report is None else model.report.ignored)


def why_none(ignored: Iterable[Ignored]) -> str:
    """Say why a load brought no tokenizer, by what it ignored."""
    reasons = [item.reason.rstrip(".") for item in ignored if item.theirs == TOKENIZER]
    absent = "no tokenizer.json, vocab.txt, *.model, or vocab.json with merges.txt lay beside it"
    return f"the one beside it was left out: {reasons[0]}" if reasons else absent


def _texts(tokenizer: Tokenizer, rows: Rows) -> tuple[dict[str, int], list[Ignored]]:
    """Choose what texts compound tokens stand for: their names, or what they are made of."""
    if rows.compounds and len(tokenizer) > rows.old_rows:
        raise ConfigError(
            f"the tokenizer has {len(tokenizer)} tokens and the weights {rows.old_rows} rows, so "
            "that compound tokens have no ids of their own."
        )
    names = rows.names or [tokenizer.decode(_ids(tokenizer, part)) for part in rows.parts]
    texts: dict[str, int] = {}
    ignored = []
    for number, text in enumerate(names, rows.old_rows):
        if (
            text
            and BROKEN not in text
            and text not in texts
            and tokenizer.token_to_id(text) is None
        ):
            texts[text] = number
        else:
            reason = f"no text reaches it, since {text!r:.60} is not a text of its own"
            ignored.append(Ignored(f"compound token {number}", reason))
    if ignored:
        warnings.warn(
            f"{len(ignored)} compound tokens are reached by no text ({ignored[0].theirs}: "
            f"{ignored[0].reason}); name them: compound_tokens={{'[E1]': …}}.",
            stacklevel=6,  # the line that calls load
        )
    return texts, ignored


def _ids(tokenizer: Tokenizer, part: np.ndarray) -> list[int]:
    """Return the ids of a compound token's parts that the tokenizer has."""
    return [number for number in part.tolist() if number < len(tokenizer)]
