"""Integrated gradients: what each token brought, along a line from a text that says nothing.

Between a baseline, where every token of the text is a token that says nothing, and the text itself
lies a straight line of embeddings. What a token brought is the gradient along that line, times
the way its embedding went; all tokens together bring what the score of the answer gained.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import ConfigError, InputError, nearest
from playmask.inspection.explain.explanation import Explanation
from playmask.runtime.access import reading, weights_of
from playmask.runtime.padding import bucket, pad
from playmask.tasks.question import Question
from playmask.tasks.task import Task

BASELINES = ("mask", "unk", "pad", "zero")  # the first there is
STEPS, MOST = 16, 512  # points of the line at first, and at most
TOKENS = 2048  # that go through the network at once

Text = str | tuple[str, str]


def integrated_gradients(
    task: Task[Any],
    text: Text,
    *,
    answer: str | None = None,
    baseline: str | None = None,
    steps: int = STEPS,
) -> Explanation:
    """Integrated gradients: what each token of a text, or a pair, brought to an answer's score.

    answer: one that the task can give (default: the one it gives). baseline: what stands in place
    of every token but the special ones, which stay and so bring nothing: the name of a special
    token, or "zero", no embedding at all (default: the first there is of "mask", which a pretrained
    model reads as "something unknown", "unk", "pad" and "zero"). steps: points of the line at
    which the gradient is taken at first. Scores add up on each segment of the line, too: while
    they do not, the segment with the largest gap is halved, up to 512 points.

    Raises:  ConfigError if the task cannot be explained or has no such answer; InputError for a
             text without tokens
    Source:  Sundararajan et al. 2017, eq. 1, by the Gauss-Legendre rule

    Example:
        >>> task = playmask.TextClassifier.new(model, ["坏", "好"])
        >>> integrated_gradients(task, "味道不错", answer="好").complete
        True

    """
    if not isinstance(steps, int) or not 1 <= steps <= MOST:
        raise ConfigError(f"steps is a whole number from 1 to {MOST}, not {steps!r}.")
    texts = tuple(text) if isinstance(text, (tuple, list)) else (text,)
    if len(texts) not in (1, 2) or not all(isinstance(part, str) for part in texts):
        raise InputError(f"A text or a pair of texts is explained, not {text!r:.60}.")
    with reading(weights_of(task.network)):
        return _explained(task, texts, answer, baseline, steps)


def _explained(
    task: Task[Any], texts: tuple[str, ...], answer: str | None, baseline: str | None, steps: int
) -> Explanation:
    """The same, when texts and steps are checked."""
    question = task.question(texts, answer)
    baseline = _baseline(task, baseline)
    line = _line(task, question, baseline)
    about = {
        "texts": texts,
        "tokens": tuple(task.tokenizer.tokens(question.row["tokens"])),
        "spans": tuple(question.offsets),
        "sources": tuple(question.sources),
        "answer": question.answer,
        "baseline": baseline,
        "read": tuple(question.read),
        "unit": question.unit,
        "alternatives": question.alternatives,
    }
    follow = partial(_follow, task, line, question.targets, most=steps + 3)
    segments, taken = follow((0.0, 1.0), steps), steps
    result = _summed(segments, taken, about)
    while not result.complete and taken + steps <= MOST:
        place, worst = max(enumerate(segments), key=lambda numbered: abs(numbered[1].gap))
        middle = (worst.start + worst.stop) / 2
        halves = follow((worst.start, middle, worst.stop), max(1, steps // 2))
        segments[place : place + 1] = halves
        taken += steps
        result = _summed(segments, taken, about)
    return result


def _summed(segments: "Sequence[Segment]", steps: int, about: dict[str, Any]) -> Explanation:
    """Add up the segments of the line, in their order."""
    scores = np.sum([segment.scores for segment in segments], axis=0)
    return Explanation(
        scores=tuple(scores[: len(about["tokens"])].tolist()),
        value=segments[-1].high,
        baseline_value=segments[0].low,
        steps=steps,
        **about,
    )


class Line(NamedTuple):
    """The line from the baseline to the text, padded; the network's other inputs stay the same.

    Shapes: start, direction (T, E); inputs (1, …) each
    """

    start: np.ndarray
    direction: np.ndarray
    inputs: dict[str, np.ndarray]


class Segment(NamedTuple):
    """A part of the line: where it is, from 0 to 1, the score at its ends, what tokens brought."""

    start: float
    stop: float
    low: float
    high: float
    scores: np.ndarray

    @property
    def gain(self) -> float:
        """How much the score rises along the segment."""
        return self.high - self.low

    @property
    def gap(self) -> float:
        """How far the tokens' sum is from that."""
        return float(self.scores.sum()) - self.gain


def _follow(
    task: Task[Any],
    line: Line,
    extra: tuple[Any, ...],
    bounds: Sequence[float],
    steps: int,
    *,
    most: int,
) -> list[Segment]:
    """Take the gradients at so many points between each bound and the next.

    most: points that go through the network at once, so that one shape is compiled
    """
    starts, widths = np.array(bounds[:-1])[:, None], np.diff(bounds)[:, None]
    points, shares = np.polynomial.legendre.leggauss(steps)
    inner = starts + (points + 1) / 2 * widths
    ends, slopes = _slopes(task, line, extra, np.append(bounds, inner), most)
    slopes = slopes[len(bounds) :].reshape(*inner.shape, -1)
    brought = np.einsum("sp,spt->st", shares / 2 * widths, slopes)
    ends = ends[: len(bounds)].tolist()
    return list(map(Segment, bounds[:-1], bounds[1:], ends[:-1], ends[1:], brought))


def _slopes(
    task: Task[Any], line: Line, extra: tuple[Any, ...], points: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The score at points of the line, and how fast each token raises it there.

    Shapes: points (P,) -> (P,), (P, T)
    """
    size = min(most, max(1, TOKENS // len(line.direction)))
    inputs = {name: np.repeat(values, size, axis=0) for name, values in line.inputs.items()}
    values, slopes = [], []
    for first in range(0, len(points), size):
        some = points[first : first + size]
        vectors = line.start + np.resize(some, size)[:, None, None] * line.direction
        result = task.slopes(vectors.astype("float32"), inputs, *extra)
        score, gradient = (
            keras.ops.convert_to_numpy(x)[: len(some)].astype("float64") for x in result
        )
        values.append(score)
        slopes.append((gradient * line.direction).sum(axis=-1))
    if not all(map(np.all, map(np.isfinite, [*values, *slopes]))):
        raise InputError("The gradient is not finite; explain the model in float32.")
    return np.concatenate(values), np.concatenate(slopes)


def _baseline(task: Task[Any], name: str | None) -> str:
    """The name of the baseline: "zero", or a special token that there is."""
    special = task.tokenizer.special
    if name is None:
        return next(role for role in BASELINES if role in (*special, "zero"))
    if name not in (*special, "zero"):
        raise ConfigError(f"There is no baseline {name!r}.{nearest(str(name), ('zero', *special))}")
    return name


def _line(task: Task[Any], question: Question, baseline: str) -> Line:
    """From the baseline to the text, as embeddings of tokens."""
    row = question.row
    ids = np.array([row["tokens"]], "int32")
    length = bucket(ids.size, task.predictor.lengths)
    inputs = {name: pad([values], length) for name, values in row.items() if name != "tokens"}
    inputs |= question.also
    inputs["valid"] = np.arange(length)[None] < ids.size
    end, start = np.zeros((2, length, task.transformer.architecture.embedding_size_))
    end[: ids.size] = start[: ids.size] = _embedded(task, ids)
    ours = np.flatnonzero(np.array(question.sources) >= 0)
    empty = task.tokenizer.special.get(baseline)
    start[ours] = 0.0 if empty is None else _embedded(task, np.array([[empty]], "int32"))
    return Line(start, end - start, inputs)


def _embedded(task: Task[Any], ids: np.ndarray) -> np.ndarray:
    """The rows of the token table: ids (1, T) -> (T, E)."""
    rows = task.transformer.embeddings.tokens(ids)[0]
    return np.asarray(keras.ops.convert_to_numpy(rows), "float64")
