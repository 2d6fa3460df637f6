"""Generating text: prompts in, the tokens that follow them out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy.typing as npt

from playmask.generation.constraints import Constraint
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.generator import Generator, ScoredTexts
from playmask.generation.prompts import Prompts, Rows, taken
from playmask.generation.search import Greedy, Search
from playmask.runtime.access import reading
from playmask.runtime.batch_progress import BatchProgress, tell

if TYPE_CHECKING:
    from playmask.generation.steering import Steering
    from playmask.model.transformer import Transformer


class Generated(NamedTuple):
    """What was generated, for each prompt its texts, the best first.

    tokens[prompt][k]: the new ids alone, the end among them where it came
    scores[prompt][k]: what the search compares; for a lane of its own the log-probability in nats
    """

    tokens: list[list[list[int]]]
    scores: list[list[float]]

    @classmethod
    def of(cls, results: Sequence[ScoredTexts]) -> "Generated":
        """Texts and scores apart, of each prompt's texts with their scores."""
        return cls(
            [[text for text, _ in texts] for texts in results],
            [[score for _, score in texts] for texts in results],
        )


def generate(
    model: "Transformer | Generator",
    tokens: Rows,
    *,
    max_tokens: int,
    min_tokens: int = 0,
    search: Search | None = None,
    end: int | Sequence[int] | str | None = "sep",
    seed: int | Sequence[int] = 0,
    segments: Rows | None = None,
    start: int | Sequence[int] | None = None,
    condition: npt.ArrayLike | None = None,
    context: npt.ArrayLike | None = None,
    constrain: Constraint | Sequence[Constraint] = (),
    steer: "Steering | None" = None,
    batch_size: int = 32,
) -> Generated:
    """Continue prompts: of a language model, of a text to rewrite (UniLM), of an encoder's (T5).

    tokens: rows of ids, each of any length from 1; what comes out follows them. For an
        encoder-decoder they are what its encoder reads, and the text begins with `start`.
    max_tokens, min_tokens: how many new tokens at most, the end among them, and how many come
        before any end
    search: Greedy(), Beams(n) or Sample(n)
    end: the tokens that end a text (default: the tokenizer's [SEP], </s> …); None = none
    seed: row i draws by seed + i, or each by its own; the same seed draws the same text, whatever
        stands in other rows, as long as shapes are padded to the same size
    segments: of the prompts, default 0; new tokens have 1 after the orders "unilm" and "turns",
        else that of the prompt's last token
    start: what an encoder-decoder's text begins with (default: its `start_id`)
    condition (B, C), context (B, E, C): of models that have them, one row a prompt
    constrain: what may come; several are applied in turn
    steer: pushes a language model towards an attribute as it writes (PPLM), one text a prompt
    batch_size: how many prompts are generated at a time; they are sorted by length
    Raises: InputError for prompts that are empty, too long, or hold ids that are not there;
            ConfigError for a model that cannot generate

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> texts = generate(model, [[1, 2, 3], [1]], max_tokens=4, end=None)
        >>> [len(text) for [text] in texts.tokens]
        [4, 4]

    """
    generator = Generator.of(model)
    prompts = Prompts.of(generator.facts, tokens, segments=segments, start=start, seed=seed)
    options = DecodingOptions(max_tokens, min_tokens, search or Greedy(), end, constrain, steer)
    count, own = len(prompts.tokens), {"condition": condition, "context": context}
    results: list[ScoredTexts] = [[]] * count
    with reading(generator.model.weights):
        for batch in _watched(prompts.batches(batch_size), count, generator):
            inputs = taken(own, batch, count)
            session = generator(prompts.take(batch), options.take(batch, count), inputs)
            session.advance()
            for index, texts in zip(batch, session.texts(), strict=True):
                results[index] = texts
    return Generated.of(results)


def _watched(
    batches: Iterable[Sequence[int]], count: int, generator: Generator
) -> Iterator[Sequence[int]]:
    """The batches; once one is written, whoever listens is told of it."""
    done = 0
    for batch in batches:
        traces = generator.model.traces
        yield batch
        done += len(batch)
        tell(BatchProgress(done, count, 0, 0, compiled=generator.model.traces > traces))
