"""Columns of tokens and tags: CoNLL, BIO, BIOES, BMES, BILOU."""

import re
from collections.abc import Callable
from pathlib import Path

from playmask.data.annotated import Annotated, Mention
from playmask.data.gathering import (
    BadExample,
    Numbered,
    lines_of,
    on_line,
)

BEGIN, INSIDE, END, SINGLE = "B", "IM", "EL", "SU"
"""The letters of tags: BIO, BIOES, BMES and BILOU's L and U."""


TAG = re.compile(rf"O|[{BEGIN}{INSIDE}{END}{SINGLE}]-\S+")


def tags_to_mentions(tags: list[str]) -> list[Mention]:
    """The stretches that tags such as B-PER, I-PER, O, S-LOC mark, in places of the tags.

    A stretch begins at B, at S, or where the label changes, and ends with E, S or the last tag of
    its label: the reading of conlleval.
    """
    mentions: list[Mention] = []
    begun: tuple[int, str] | None = None
    for i, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        goes_on = begun is not None and letter in (*INSIDE, *END) and begun[1] == label
        if begun is not None and not goes_on:
            mentions.append(Mention(begun[0], i, begun[1]))
            begun = None
        if letter == "O":
            continue
        if begun is None:
            begun = (i, label)
        if letter in (*END, *SINGLE):
            mentions.append(Mention(begun[0], i + 1, begun[1]))
            begun = None
    return mentions


def read_tag_columns(path: Path) -> Numbered[Annotated]:
    """Tokens and tags; the tokens are joined by spaces, unless they are single characters."""
    rows: list[tuple[int, list[str]]] = []
    for number, line in [*lines_of(path), (0, "")]:
        if line.strip() and not line.startswith(("-DOCSTART-", "#doc")):
            rows.append((number, line.rstrip().split("\t" if "\t" in line else " ")))
        elif rows:
            yield rows[0][0], _tagged(rows)
            rows = []


def _tagged(rows: list[tuple[int, list[str]]]) -> Callable[[], Annotated]:
    def make() -> Annotated:
        for number, row in rows:
            with on_line(number):
                _check_row(row)
        tokens = [row[0] for _, row in rows]
        tags = [row[-1] for _, row in rows]
        between = "" if sum(map(len, tokens)) <= 1.2 * len(tokens) else " "
        starts, place = [], 0
        for token in tokens:
            starts.append(place)
            place += len(token) + len(between)
        mentions = tuple(
            Mention(starts[m.start], starts[m.end - 1] + len(tokens[m.end - 1]), m.label)
            for m in tags_to_mentions(tags)
        )
        return Annotated(between.join(tokens), mentions)

    return make


def _check_row(row: list[str]) -> None:
    if len(row) < 2 or not TAG.fullmatch(row[-1]):
        raise BadExample(
            f"The line is {' '.join(row)!r:.60}; a token and a tag such as B-PER, I-PER or O are "
            "due."
        )
