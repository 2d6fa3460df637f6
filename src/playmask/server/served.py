"""What the server needs of anything that answers: a saved task today, an exported one as well."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Row = str | tuple[str, str]
"""A text, or a pair of texts: what `predict` takes one or several of."""
Fields = dict[str, Any]
Vector = npt.NDArray[np.float32]

CHARACTER = "文"  # what the texts are made of that warm a server
PREDICT, EMBED, RERANK, COMPLETE = "predict", "embed", "rerank", "complete"
"""What requests ask for; all that is served can predict."""


class Decoding(NamedTuple):
    """How a text is written: texts of equal options are written in one batch.

    temperature: 0 is the likeliest token each time; top_p: None draws from all tokens
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float | None = None


class Prompt(NamedTuple):
    """What is gone on from, the seed of what is drawn, and the texts that end it."""

    text: str
    seed: int = 0
    stop: tuple[str, ...] = ()


class Completion(NamedTuple):
    """A text that was written, or its next piece.

    tokens: of the prompt, and of the text so far; finish: "stop" for one that came to an end,
    "length" for one that reached max_tokens, None while it goes on
    """

    text: str
    prompt_tokens: int
    tokens: int
    finish: str | None


class Served(Protocol):
    """Something that answers under a name; its methods are called by threads, never by the loop.

    kind: the task's name; abilities: which of PREDICT, EMBED, RERANK and COMPLETE it has;
    pairs: whether it takes pairs alone (True), texts alone (False) or both (None);
    size: of the vectors that it makes, 0 where it makes none; threads: how many batches run at
    once; continues: whether a prompt may be empty
    """

    name: str
    kind: str
    abilities: frozenset[str]
    pairs: bool | None
    size: int
    threads: int
    continues: bool

    def tokens(self, rows: Sequence[Row]) -> list[int]:
        """How many tokens of each row are read."""

    def predict(self, rows: Sequence[Row], schema: str | None = None) -> list[Fields]:
        """The answer to each row, as JSON has it.

        schema: of a task that is asked by names, as JSON
        Raises: PlaymaskError for a row that cannot be answered
        """

    def vectors(self, rows: Sequence[Row], size: int | None = None) -> list[Vector]:
        """The vector of each text, cut to `size`."""

    def room(self, prompt: str) -> int:
        """How many tokens are written where nobody says."""

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """The text that follows each prompt."""

    def stream(
        self, prompt: Prompt, decoding: Decoding, stopped: Callable[[], bool]
    ) -> Iterator[Completion]:
        """The same of one prompt, piece by piece; the last one has a `finish`.

        stopped: asked before each token; once it says so, the writing ends
        """

    def warm(self) -> None:
        """Run every shape that requests come to, so that none is compiled while one waits."""
