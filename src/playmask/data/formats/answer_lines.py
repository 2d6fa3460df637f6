"""Answers to rows as lines of JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playmask.data.formats.parquet import renamed

Fields = dict[str, Any]


def answered(
    objects: Sequence[Any], rows: Sequence[int], answers: Sequence[Fields]
) -> list[Fields]:
    """Some rows with the answers to them; columns of an answer's name are called `input_…`."""
    return [
        {**{renamed(name, [*answer]): value for name, value in objects[row].items()}, **answer}
        for row, answer in zip(rows, answers, strict=True)
    ]


def line_of(value: Fields) -> bytes:
    """A line of JSON in UTF-8; half a surrogate pair, which came escaped, goes so."""
    try:
        return f"{json.dumps(value, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(value)}\n".encode()


def write(file: Path, values: Sequence[Fields]) -> None:
    """Write lines of JSON."""
    with file.open("wb") as out:
        out.writelines(map(line_of, values))
