"""What tasks share that write texts, by playmask.generate."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from playmask.generation import Constraint, Never, Search, generate, stream
from playmask.generation.generate import ends_of
from playmask.tasks.texts import texts_of
from playmask.tasks.writing.tokens import TokenTask


class Written(NamedTuple):
    """A text that was written, and its score: what the search compares, log-probabilities."""

    text: str
    score: float


class Prompts(NamedTuple):
    """Rows of ids that are gone on from, and what else `generate` is given for them."""

    rows: list[list[int]]
    options: dict[str, Any]


class Writer(TokenTask):
    """A task that writes: `prompts` says what is gone on from, `said` what the new tokens say."""

    @abstractmethod
    def prompts(self, texts: Sequence[str], told: Any = None) -> Prompts:
        """What is gone on from, for each text; told: what the new text is to be like."""

    @abstractmethod
    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """How many new tokens there may be, where nobody says it."""

    def said(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """What the new tokens behind a row say."""
        return self.tokenizer.decode(tokens)

    def _options(self, given: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """What `generate` is given; special tokens say nothing, so that none but an end comes."""
        tokenizer, given = self.tokenizer, {**given, **options}
        special = {tokenizer.unk, tokenizer.pad, tokenizer.cls, tokenizer.mask}
        ends = ends_of(self.transformer, given.get("end", "sep"))
        barred = tuple(token for token in special if token is not None and token not in ends)
        constrain = given.get("constrain", ())
        several = (constrain,) if isinstance(constrain, Constraint) else tuple(constrain)
        return {**given, "constrain": (*([Never(barred)] if barred else ()), *several)}

    def write(
        self,
        texts: str | Sequence[str],
        *,
        max_tokens: int | None = None,
        search: Search | None = None,
        told: Any = None,
        **options: Any,
    ) -> list[list[Written]]:
        """Write on from each text: all that the search has found, the best first.

        told: what they are to be like, for tasks that take that; options: of `playmask.generate`
        """
        several = texts_of(texts)
        if not several:
            return []
        rows, given = self.prompts(several, told)
        most = self.room(rows) if max_tokens is None else max_tokens
        found = generate(
            self.transformer,
            rows,
            max_tokens=most,
            search=search,
            **self._options(given, options),
        )
        return [
            [Written(self.said(row, new), score) for new, score in zip(news, scores, strict=True)]
            for row, news, scores in zip(rows, found.tokens, found.scores, strict=True)
        ]

    def stream(
        self,
        text: str,
        *,
        max_tokens: int | None = None,
        search: Search | None = None,
        told: Any = None,
        **options: Any,
    ) -> Iterator[str]:
        """Write on from one text, piece by piece; options as of `write`."""
        (row,), given = self.prompts([text], told)
        pieces = stream(
            self.transformer,
            [row],
            max_tokens=self.room([row]) if max_tokens is None else max_tokens,
            decode=lambda tokens: self.said(row, tokens),
            search=search,
            **self._options(given, options),
        )
        return (piece.text for piece in pieces)


def picked(texts: Any, found: list[list[Written]], best: int | None) -> Any:
    """The best text of each row, or a list of the `best` ones; for one text not in a list."""
    if best is None:
        answers: list[Any] = [next((one.text for one in row), "") for row in found]
    else:
        answers = [[one.text for one in row[:best]] for row in found]
    return answers[0] if isinstance(texts, str) else answers
