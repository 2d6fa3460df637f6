"""Streaming: text as soon as no later token can change it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError, InputError
from playmask.generation.constraints import Constraint
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.generator import Generator, Session
from playmask.generation.prompts import Prompts, Rows, taken
from playmask.generation.search import LOST, Greedy, Sample, Search
from playmask.model.array_operations import operations_of
from playmask.tokenizers.wordpiece import is_ideograph

if TYPE_CHECKING:
    from playmask.generation.steering import Steering
    from playmask.model.transformer import Transformer


class Piece(NamedTuple):
    """A piece of a prompt's text; the pieces of a prompt, put together, are its text."""

    prompt: int
    text: str


def stream(
    model: "Transformer | Generator",
    tokens: Rows,
    *,
    max_tokens: int,
    decode: Callable[[Sequence[int]], str] | None = None,
    search: Search | None = None,
    end: int | Sequence[int] | str | None = "sep",
    seed: int | Sequence[int] = 0,
    segments: Rows | None = None,
    start: int | Sequence[int] | None = None,
    condition: npt.ArrayLike | None = None,
    context: npt.ArrayLike | None = None,
    min_tokens: int = 0,
    constrain: Constraint | Sequence[Constraint] = (),
    steer: "Steering | None" = None,
) -> Iterator[Piece]:
    """Generate, and yield each prompt's text piece by piece, as soon as it is stable.

    A character that lacks bytes, or a word that may go on, waits; with beams, so does what they do
    not agree on. All prompts grow at once.
    decode: ids to text (default: that of the model's tokenizer); all else: as of `generate`
    Raises: what `generate` raises; ConfigError for several samples of a prompt

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> pieces = [*stream(model, [[1, 2]], max_tokens=4, end=None)]
        >>> {piece.prompt for piece in pieces}
        {0}

    """
    search, generator = search or Greedy(), Generator.of(model)
    if isinstance(search, Sample) and search.n > 1:
        raise ConfigError(f"A stream is one text a prompt; Sample draws n={search.n}.")
    if decode is None:
        tokenizer = generator.model.tokenizer
        if tokenizer is None:
            raise InputError("The model has no tokenizer; give decode=tokenizer.decode.")
        decode = tokenizer.decode
    prompts = Prompts.of(generator.facts, tokens, segments=segments, start=start, seed=seed)
    if not prompts.tokens:
        return
    own = {"condition": condition, "context": context}
    options = DecodingOptions(max_tokens, min_tokens, search, end, constrain, steer)
    inputs = taken(own, range(len(prompts.tokens)))
    session = generator(prompts, options, inputs)
    sent = [""] * len(prompts.tokens)
    while True:
        last = session.done
        for i, ids in enumerate(best(session) if last else agreed(session)):
            text = decode(ids) if last else stable(decode(ids))
            if len(text) > len(sent[i]) and text.startswith(sent[i]):
                yield Piece(i, text[len(sent[i]) :])
                sent[i] = text
        if last:
            return
        session.advance(1)


def best(session: Session) -> list[list[int]]:
    """The best text of each prompt."""
    return [texts[0][0] if texts else [] for texts in session.texts()]


def agreed(session: Session) -> list[list[int]]:
    """What all texts of a prompt that may still become the best begin with."""
    state = session.state
    convert = operations_of(state.done).convert_to_numpy
    lanes, scores, done = map(convert, (state.texts, state.scores, state.done))
    agreements = []
    for row, texts in enumerate(session.texts()):
        growing = lanes[row][scores[row] > LOST]
        rivals = [lane[lane >= 0].tolist() for lane in growing] + [text for text, _ in texts]
        agreements.append(_common([texts[0][0]] if done[row] and texts else rivals))
    return agreements


def _common(texts: Sequence[Sequence[int]]) -> list[int]:
    """The longest beginning that all share."""
    shortest = min(map(len, texts), default=0)
    if not shortest:
        return []
    table = np.array([text[:shortest] for text in texts])
    same = (table == table[0]).all(axis=0)
    return list(texts[0][: int(np.argmin([*same, False]))])


def stable(text: str) -> str:
    """What no later token changes: all up to the last word, or to the last ideograph."""
    end = len(text)
    while end and not (text[end - 1].isspace() or is_ideograph(text[end - 1])):
        end -= 1
    return text[:end].rstrip()
