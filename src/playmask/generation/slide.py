"""Texts longer than a model's positions: a window of the last tokens that slides along."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playmask.errors import ConfigError
from playmask.generation.generate import Generated, generate
from playmask.generation.generator import Generator, facts_of
from playmask.generation.prompts import Rows, taken
from playmask.generation.search import Greedy, Search
from playmask.runtime.access import reading

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer


def slide(
    model: "Transformer | Generator",
    tokens: Rows,
    *,
    window: int,
    max_tokens: int,
    min_tokens: int = 0,
    search: Search | None = None,
    end: int | Sequence[int] | str | None = "sep",
    seed: int = 0,
    **options: Any,
) -> Generated:
    """Continue prompts as `generate` does, also past the model's positions.

    Where the positions run out, the model goes on from the last `window` tokens alone, counted
    from 0 again; a prompt that is too long is seen so from the start.
    Raises: ConfigError for a search of several lanes, for a window as long as the positions, or for
            a model of another order than "lm"

    Example:
        >>> short = playmask.load(path, mask="lm", position=playmask.Learned(8))
        >>> texts = slide(short, [[1, 2, 3]], window=4, max_tokens=20, end=None)
        >>> short.architecture.limit, len(texts.tokens[0][0])  # beyond the 8 positions
        (8, 20)

    """
    generator, facts, search = Generator.of(model), facts_of(model), search or Greedy()
    limit = facts.limit or 2**30
    if search.lanes > 1:
        raise ConfigError(f"A window slides along one text a prompt, not along {search!r}.")
    if facts.order != "lm" or facts.decodes:
        raise ConfigError("A window slides along running text; load the model with mask='lm'.")
    if type(window) is not int or not 0 < window < limit:
        raise ConfigError(f"window is from 1 to below the {limit} positions, not {window!r}.")
    ends = generator.ends(end)
    rows: dict[str, Any] = {name: options.pop(name, None) for name in ("condition", "context")}
    texts: list[list[int]] = [[] for _ in tokens]
    scores = [0.0 for _ in tokens]
    going, done = list(range(len(texts))), 0
    with reading(generator.model.weights):
        while going and done < max_tokens:
            windows = [_window([*tokens[i], *texts[i]], limit, window) for i in going]
            count = min(max_tokens - done, limit - max(map(len, windows)) + 1)
            continued = generate(
                generator,
                windows,
                max_tokens=count,
                min_tokens=min(max(min_tokens - done, 0), count),
                search=search,
                end=end,
                seed=[seed + i + done * len(texts) for i in going],
                **{**options, **taken(rows, going, len(texts))},
            )
            done += count
            for i, text, score in zip(going, continued.tokens, continued.scores, strict=True):
                texts[i] += text[0]
                scores[i] += score[0]
            whole = [len(text) == count for (text,) in continued.tokens]
            going = [i for i, w in zip(going, whole, strict=True) if w and texts[i][-1] not in ends]
    return Generated([[text] for text in texts], [[score] for score in scores])


def _window(text: list[int], limit: int, window: int) -> list[int]:
    """What the model sees of a text: all where there is room for more, else its last tokens."""
    return text if len(text) <= limit else text[-window:]
