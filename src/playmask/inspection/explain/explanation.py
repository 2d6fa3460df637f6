"""An explanation: what each piece of a text brought to an answer, as a value that draws itself."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from playmask.inspection import draw
from playmask.tasks.question import Unit

SHOWN = 3  # pieces for and against, and other answers, in words
TOLERANCE = 0.01  # the gap that is allowed, as a part of the gain
NOTHING, TINIEST = 0.01, 1e-12  # of the largest number, and of any: a gain that is none
JOINER, SKIN = "\u200d", "🏻🏼🏽🏾🏿"

Span = tuple[int, int]


@dataclass(frozen=True)
class Explanation:
    """What each token of a text, or of a pair, brought to the score of an answer.

    tokens, spans, sources, scores: one for each token; spans are half-open character spans of
    texts[source], sources are -1 for special tokens, 0 for the text and 1 for the pair. value,
    baseline_value: the score of the answer for the text and for the baseline; steps: points
    between them at which gradients were taken; read: how many characters of each text the task
    has read; unit: of the score, "log-odds", "log-probability" (both in nats) or "number";
    alternatives: the scores of all answers that the task chose among, where these are few.

    Example:
        >>> task = playmask.TextClassifier.new(model, ["坏", "好"])
        >>> explanation = playmask.integrated_gradients(task, "味道不错")
        >>> [piece for piece, score in explanation.pieces()]
        ['味', '道', '不', '错']

    """

    texts: tuple[str, ...]
    tokens: tuple[str, ...]
    spans: tuple[Span, ...]
    sources: tuple[int, ...]
    scores: tuple[float, ...]
    answer: str
    value: float
    baseline_value: float
    baseline: str
    steps: int
    read: tuple[int, ...]
    unit: Unit = "number"
    alternatives: Mapping[str, float] = field(default_factory=dict)

    @property
    def probability(self) -> float | None:
        """How likely the answer is to the task, 0 to 1; None where its score is a number."""
        return chance(self.value, self.unit)

    @property
    def gain(self) -> float:
        """What all tokens have to bring together."""
        return self.value - self.baseline_value

    @property
    def gap(self) -> float:
        """What the scores bring too much (or, below zero, too little)."""
        return sum(self.scores) - self.gain

    @property
    def relative_gap(self) -> float:
        """The gap without its sign, as a part of the gain.

        Where the gain is next to nothing, it is a part of 1 % of the largest number there is
        (a value, or all scores without their signs): less cannot be told from rounding.
        """
        largest = max(abs(self.value), abs(self.baseline_value), sum(map(abs, self.scores)))
        return abs(self.gap) / max(abs(self.gain), NOTHING * largest, TINIEST)

    @property
    def complete(self) -> bool:
        """Whether the scores add up to the gain, within 1 %."""
        return self.relative_gap <= TOLERANCE

    @property
    def apart(self) -> float:
        """The part of the scores that belongs to no character, such as that of special tokens."""
        return sum(
            score for score, span in zip(self.scores, self.spans, strict=True) if span[0] == span[1]
        )

    def pieces(self, source: int = 0) -> list[tuple[str, float | None]]:
        """One text in pieces, each with what it brought; None = the task has not read it.

        A piece is what a token stands for, or several that share a character.
        """
        text, end = self.texts[source], self.read[source]
        spans = [
            (span, score)
            for span, score, of in zip(self.spans, self.scores, self.sources, strict=True)
            if of == source and span[0] < span[1]
        ]
        pieces: list[tuple[str, float | None]] = []
        place = 0
        for (start, stop), score in _joined(text, spans):
            pieces += [*_plain(text[place:start]), (text[start:stop], score)]
            place = stop
        pieces += _plain(text[place:end])
        rest = text[max(place, end) :]
        return [*pieces, (rest, None)] if rest else pieces

    def characters(self, source: int = 0) -> np.ndarray:
        """What each character of one text brought; a token's score is spread evenly over its own.

        Shapes: (characters,) float64; 0 for spaces, nan for what was not read
        """
        return np.array(
            [
                np.nan if score is None else score / len(piece)
                for piece, score in self.pieces(source)
                for _ in piece
            ]
        )

    def draw(self, path: str | Path) -> None:
        """Draw it as .png, .svg, or as an .html page.

        Raises: InputError for another format, or if the file cannot be written
        """
        page = Path(path).suffix.lower() in (".html", ".htm")
        make = draw.attribution_page if page else draw.attribution_picture
        texts = [self.pieces(source) for source in range(len(self.texts))]
        make(texts, path, title=self.title, notes=self.notes)

    @property
    def title(self) -> str:
        """The answer, how likely it is, and its score."""
        likely = "" if self.probability is None else f", probability {self.probability:.3f}"
        return f"{self.answer}{likely} ({self.unit} {self.value:+.2f})"

    def strongest(self, sign: int) -> list[tuple[str, float]]:
        """Up to three pieces that brought most for the answer (sign 1) or against it (-1)."""
        pieces = [
            (piece, score)
            for source in range(len(self.texts))
            for piece, score in self.pieces(source)
            if score is not None and score * sign > 0
        ]
        return sorted(pieces, key=lambda each: -each[1] * sign)[:SHOWN]

    @property
    def notes(self) -> list[str]:
        """What speaks for and against the answer, its alternatives, and how sure all that is."""
        sides = (("For it", self.strongest(1)), ("Against it", self.strongest(-1)))
        notes = [
            f"{side}: {', '.join(f'{piece} {score:+.2f}' for piece, score in pieces)}."
            for side, pieces in sides
            if pieces
        ]
        others = {name: s for name, s in self.alternatives.items() if name != self.answer}
        others = dict(sorted(others.items(), key=lambda each: -each[1])[:SHOWN])
        if others:
            chances = {name: (chance(score, self.unit), score) for name, score in others.items()}
            said = (
                f"{name} {score:+.2f}" if likely is None else f"{name} {likely:.3f}"
                for name, (likely, score) in chances.items()
            )
            notes.append(f"Alternatives: {', '.join(said)}.")
        notes += [
            f"The text brings {self.gain:+.3g}: from {self.baseline_value:+.3g} for the baseline "
            f"({self.baseline}) to {self.value:+.3g}.",
            f"Integrated gradients, {self.steps} points, gap {self.relative_gap:.2%}.",
        ]
        if not self.complete:
            notes.append(f"The scores do not add up within {TOLERANCE:.0%}: take them with care.")
        if any(end < len(text) for end, text in zip(self.read, self.texts, strict=True)):
            notes.append("What is grey was cut off, and not read.")
        return notes


def chance(score: float, unit: Unit) -> float | None:
    """How likely an answer of a score is; None of a score that does not say it."""
    if unit == "number":
        return None
    return math.exp(score) if unit == "log-probability" else 0.5 * (1 + math.tanh(score / 2))


def _joined(text: str, spans: Sequence[tuple[Span, float]]) -> list[tuple[Span, float]]:
    """Join spans that share a character, or a letter and its marks."""
    pieces: list[tuple[Span, float]] = []
    for (start, stop), score in spans:
        while stop < len(text) and _continues(text, stop):
            stop += 1
        if pieces and (start < pieces[-1][0][1] or _continues(text, start)):
            (start, before), more = pieces.pop()
            stop, score = max(stop, before), score + more
        pieces.append(((start, stop), score))
    return pieces


def _continues(text: str, place: int) -> bool:
    """Whether a character belongs to the one before it: a mark, a skin colour, after a joiner."""
    here, before = text[place], text[place - 1] if place else ""
    mark = unicodedata.category(here)[0] == "M" or here == JOINER or here in SKIN
    return place > 0 and (mark or before == JOINER)


def _plain(text: str) -> list[tuple[str, float | None]]:
    """What belongs to no token, such as spaces."""
    return [(text, 0.0)] if text else []
