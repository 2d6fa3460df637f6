"""Writing texts with a model, by playmask.generate."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from playmask.generation import Constraint, Never, Search, generate, stream
from playmask.generation.generator import Generator
from playmask.tasks.texts import texts_of
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer


class Written(NamedTuple):
    """A text that was written, and its score: what the search compares, log-probabilities."""

    text: str
    score: float


class PromptRows(NamedTuple):
    """Rows of ids that are gone on from, and what else `generate` takes for them."""

    rows: list[list[int]]
    options: dict[str, Any]


class Prompting(Protocol):
    """How texts become prompts, and new tokens become texts."""

    @property
    def continues(self) -> bool:
        """Whether what is written goes on from the text of the prompt."""

    def prompts(self, texts: Sequence[str], condition: Any = None) -> PromptRows:
        """What is gone on from, for each text; condition: what the new text is to be like."""

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """How many new tokens there may be, where nobody says it."""

    def decode(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """What the new tokens behind a row say."""


def plain_options(
    model: "Transformer | Generator", tokenizer: Tokenizer, options: dict[str, Any]
) -> dict[str, Any]:
    """Options of `generate` by which no special token comes but an end: they say nothing."""
    special = {tokenizer.unk, tokenizer.pad, tokenizer.cls, tokenizer.mask}
    ends = Generator.of(model).ends(options.get("end", "sep"))
    barred = tuple(token for token in special if token is not None and token not in ends)
    constrain = options.get("constrain", ())
    several = (constrain,) if isinstance(constrain, Constraint) else tuple(constrain)
    return {**options, "constrain": (*([Never(barred)] if barred else ()), *several)}


class Writer:
    """Writes texts with a Transformer, or with a graph of it that was exported."""

    def __init__(
        self, model: "Transformer | Generator", tokenizer: Tokenizer, prompting: Prompting
    ) -> None:
        self.model, self.tokenizer, self.prompting = model, tokenizer, prompting

    @property
    def continues(self) -> bool:
        """Whether what is written goes on from the text of the prompt."""
        return self.prompting.continues

    def _options(self, prompts: PromptRows, options: dict[str, Any]) -> dict[str, Any]:
        return plain_options(self.model, self.tokenizer, {**prompts.options, **options})

    def write(
        self,
        texts: str | Sequence[str],
        *,
        max_tokens: int | None = None,
        search: Search | None = None,
        condition: Any = None,
        **options: Any,
    ) -> list[list[Written]]:
        """Write on from each text: all that the search has found, the best first.

        condition: what they are to be like, for tasks that take that; options: of
        `playmask.generate`
        """
        several = texts_of(texts)
        if not several:
            return []
        prompts = self.prompting.prompts(several, condition)
        results = generate(
            self.model,
            prompts.rows,
            max_tokens=self.prompting.room(prompts.rows) if max_tokens is None else max_tokens,
            search=search,
            **self._options(prompts, options),
        )
        return [
            [
                Written(self.prompting.decode(row, new), score)
                for new, score in zip(news, scores, strict=True)
            ]
            for row, news, scores in zip(prompts.rows, results.tokens, results.scores, strict=True)
        ]

    def stream(
        self,
        text: str,
        *,
        max_tokens: int | None = None,
        search: Search | None = None,
        condition: Any = None,
        **options: Any,
    ) -> Iterator[str]:
        """Write on from one text, piece by piece; options as of `write`."""
        prompts = self.prompting.prompts([text], condition)
        (row,) = prompts.rows
        pieces = stream(
            self.model,
            [row],
            max_tokens=self.prompting.room([row]) if max_tokens is None else max_tokens,
            decode=lambda tokens: self.prompting.decode(row, tokens),
            search=search,
            **self._options(prompts, options),
        )
        return (piece.text for piece in pieces)


def picked(texts: Any, written: list[list[Written]], best: int | None) -> Any:
    """The best text of each row, or a list of the `best` ones; for one text not in a list."""
    if best is None:
        answers: list[Any] = [next((one.text for one in row), "") for row in written]
    else:
        answers = [[one.text for one in row[:best]] for row in written]
    return answers[0] if isinstance(texts, str) else answers
