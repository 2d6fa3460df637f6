"""One process's share of bulk inference: a part of the rows in, a file of answers out."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.examples import Examples
from playmask.data.formats import answer_lines, parquet
from playmask.data.gathering import BadLine
from playmask.data.row_parts import Fields, RowPart
from playmask.data.tables import BadRow
from playmask.errors import DataError, PlaymaskError
from playmask.files import replacing
from playmask.tasks.bulk.options import BulkOptions

SKIPPED = "_skipped-{}.txt"


class Answered(NamedTuple):
    """Which rows of a part were answered, what was answered, and why the others were not."""

    rows: list[int]
    answers: list[Fields]
    skipped: list[str]


class Written(NamedTuple):
    """What came of a part: its rows, and how many of them were left out, with the first reason."""

    rows: int
    skipped: int = 0
    reason: str = ""


class Answerer:
    """A task that answers parts of rows; it is loaded with the first one.

    task: its directory; out: the folder of answers, where a part's texts stand for a moment as a
    file of JSON, which the task reads as it reads any
    Raises: DataError naming file and row; what loading and predicting raise
    """

    def __init__(self, task: Path, out: Path, options: BulkOptions) -> None:
        self.path, self.out, self.options = task, out, options

    @cached_property
    def task(self) -> Any:
        """The task, loaded."""
        from playmask.tasks.call_options import cut_vectors, with_schema
        from playmask.tasks.loading import load_text_task

        task = load_text_task(self.path, "bulk prediction")
        cut_vectors(task, self.options.size)
        if self.options.schema is not None:
            task.settings = with_schema(task.settings, self.options.schema)
        return task

    def write(self, part: RowPart) -> Written:
        """Answer a part, and write its file whole or not at all."""
        done = self.answer(part)
        target = target_of(self.out, part)
        listed = [self.out / SKIPPED.format(part.name)] if done.skipped else []
        with replacing(*listed, target) as paths:
            if listed:
                paths[0].write_text("".join(f"{line}\n" for line in done.skipped), "utf-8")
            if isinstance(part.rows, list):
                values = answer_lines.answered(part.objects, done.rows, done.answers)
                answer_lines.write(paths[-1], values)
            else:
                parquet.write(paths[-1], parquet.answered(part.rows, done.rows, done.answers))
        return Written(len(part), len(done.skipped), *done.skipped[:1])

    def answer(self, part: RowPart) -> Answered:
        """Answer the rows of a part that can be read.

        Raises: DataError for the first that cannot, unless bad rows are skipped
        """
        good, skipped = [], []
        for row, fields in enumerate(part.objects):
            reason = self._refusal(fields)
            if reason is None:
                good.append(row)
                continue
            skipped.append(f"{part.place_of(row)}: {reason}")
            if not self.options.skip_bad:
                raise BadLine(skipped[0])
        rows, examples = self._read(part, good, skipped)
        try:
            answers = self.task.predict([*map(self.task.input_of, examples)]) if rows else []
        except PlaymaskError as error:
            first, last = part.places[rows[0]], part.places[rows[-1]]
            raise type(error)(f"{part.path}, rows {first} to {last}: {error}") from error
        both = zip(examples, answers, strict=True)
        return Answered(rows, [self.task.answer_json(*each) for each in both], skipped)

    def _refusal(self, fields: Fields | BadRow) -> str | None:
        """Why a row is none, or has no id."""
        if isinstance(fields, BadRow):
            return str(fields)
        name = self.options.id
        if name is None or fields.get(name) not in (None, ""):
            return None
        if name in fields:
            return f"The column {name!r}, which is the id, is empty."
        return f"There is no column {name!r} for the id; there are {', '.join(fields)!s:.200}."

    def _read(self, part: RowPart, good: Sequence[int], skipped: list[str]) -> Any:
        """The rows of a part that the task takes, and its examples of them.

        A file without a usable row is an error to who reads it, so its rows are halved.
        """
        if not good:
            return [], []
        objects, skip = part.objects, self.options.skip_bad and len(good) > 1
        with self._scratch(part) as file:
            with file.open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(objects[i], default=str) + "\n" for i in good)
            try:
                examples: Examples[Any] = self.task.read_inputs(
                    file, columns=self.options.columns or None, skip_bad=skip
                )
            except DataError as error:
                reason = _placed(str(error), file, part, good)
                if not self.options.skip_bad:
                    raise type(error)(reason) from None
                if len(good) == 1:
                    skipped.append(reason)
                    return [], []
                half = len(good) // 2
                both = [self._read(part, rows, skipped) for rows in (good[:half], good[half:])]
                return [*both[0][0], *both[1][0]], [*both[0][1], *both[1][1]]
        rows = [good[int(place) - 1] for place in examples.places]
        if len({*rows}) < len(rows):
            raise DataError(f"{part.path}: A row holds several examples; one a row is due.")
        skipped += [_placed(reason, file, part, good) for reason in examples.skipped]
        return rows, list(examples)

    @contextmanager
    def _scratch(self, part: RowPart) -> Iterator[Path]:
        """A file beside the answers, which goes at once, or with the next run after a kill."""
        file = self.out / f".{part.name}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)


def target_of(out: Path, part: RowPart) -> Path:
    """The file of a part's answers."""
    return out / f"{part.name}{'.jsonl' if isinstance(part.rows, list) else '.parquet'}"


def _placed(reason: str, file: Path, part: RowPart, good: Sequence[int]) -> str:
    """What was said of a line of a part's file, said of the row that it is."""
    match = re.search(rf"{re.escape(str(file))}:(\d+)", reason)
    if match is not None:
        reason = reason.replace(match[0], part.place_of(good[int(match[1]) - 1]))
    return reason.replace(str(file), str(part.path))
