"""Mining of hard negatives: sentences that an encoder takes for similar to a text, and are not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples
from playmask.data.sentences import Contrasted, Sentences, negatives_of
from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe
from playmask.tasks.similarity.index import Encoder, SentenceIndex, normalized
from playmask.tasks.similarity.pairs import scores_of
from playmask.tasks.similarity.sentences import pair_of, positives

EXACT = 20_000  # sentences up to which texts are compared with all of them


@recipe
class MiningOptions(Options):
    """Which of the sentences that are similar to a text become its negatives.

    first, last: ranks among those that are not linked with the text by pairs, from 1; margin: how
    much less similar than the text's pair a negative is at least; highest: the largest cosine of a
    negative; draw: at random among those ranks, in place of the most similar ones
    Units:  cosines
    Raises: ConfigError for ranks that are fewer than the negatives
    Source: sentence-transformers' mine_hard_negatives
    """

    negatives: int = option(default=5, text="Negatives for each pair.", minimum=1)
    first: int = option(default=1, text="The best rank of a negative.", minimum=1)
    last: int = option(default=50, text="The last rank of a negative.", minimum=1)
    margin: float | None = option(
        default=None, text="How much less similar than the pair a negative is at least (cosine)."
    )
    highest: float | None = option(default=None, text="The largest cosine of a negative.")
    draw: bool = option(default=False, text="Draw among the ranks; default: the most similar.")
    seed: int = option(default=0, text="Of what is drawn.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.last - self.first + 1 < self.negatives:
            raise ConfigError(
                f"Ranks {self.first} to {self.last} are fewer than {self.negatives} negatives."
            )


def mine_negatives(
    encoder: Encoder,
    pairs: Iterable[Any],
    options: MiningOptions | None = None,
    *,
    sentences: Sequence[str] = (),
    prompts: tuple[str | None, str | None] = (None, None),
    **changes: Any,
) -> Examples[Sentences]:
    """Find hard negatives for pairs by an index of their second sentences.

    No sentence is a negative of a text that pairs link it with, be it over others; of pairs with
    scores those of the highest one are similar. A pair may get fewer negatives, or none.

    pairs: as `SentenceEncoder` learns them; sentences: where negatives are looked for besides;
    prompts: of texts and of sentences; changes: of the options, by name
    Raises: ConfigError where usearch is not installed

    Example:
        >>> encoder = SentenceEncoder.new(model, max_length=16, language_model=0)
        >>> pairs = [("今天下雨", "下雨了"), ("味道不错", "很好吃"), ("太失望", "不推荐")]
        >>> mined = mine_negatives(encoder, pairs, negatives=1)
        >>> mined[0].text, mined[0].pair, mined[0].negatives[0] in ("很好吃", "不推荐")
        ('今天下雨', '下雨了', True)

    """
    options = (options or MiningOptions()).change(**changes)
    examples = Examples.of([pair_of(each) for each in pairs])
    scored = len(examples) and examples[0].label is not None
    examples = positives(examples, float(scores_of(examples).max()) if scored else None)
    texts, pool = (
        [*dict.fromkeys(each)]
        for each in (
            (example.text for example in examples),
            (*(str(example.pair) for example in examples), *sentences),
        )
    )
    groups = linked(examples)
    index = SentenceIndex.of(encoder, pool, prompts[1])
    largest = max(Counter(groups.values()).values())
    count, exact = options.last + largest, len(pool) <= EXACT
    matches = index.search(texts, count, exact=exact, prompt=prompts[0])
    near = dict(zip(texts, matches, strict=True))
    own = _cosines(encoder, examples, prompts) if options.margin is not None else None
    random = np.random.default_rng(options.seed)
    mined: list[Sentences] = []
    for number, example in enumerate(examples):
        group = groups[example.text]
        others = [match for match in near[example.text] if groups.get(match.sentence) != group]
        highest = _highest(options, None if own is None else float(own[number]))
        others = [m for m in others[options.first - 1 : options.last] if m.score <= highest]
        chosen = _chosen([match.sentence for match in others], options, random)
        negatives = tuple(dict.fromkeys((*negatives_of(example), *chosen)))
        pair = example.text, str(example.pair), None
        mined.append(Contrasted(*pair, negatives) if negatives else Example(*pair))
    return Examples(mined)


def linked(examples: Sequence[Sentences]) -> dict[str, int]:
    """The group of each text: those that pairs link, be it over others, are in one."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = text = parent[parent[text]]
        return text

    for example in examples:
        parent[root(example.text)] = root(str(example.pair))
    number = {text: i for i, text in enumerate(dict.fromkeys(map(root, [*parent])))}
    return {text: number[root(text)] for text in parent}


def _highest(options: MiningOptions, cosine: float | None) -> float:
    """The largest cosine that a negative may have, beside a pair of a cosine."""
    least = np.inf if options.highest is None else options.highest
    if cosine is None or options.margin is None:
        return float(least)
    return float(min(least, cosine - options.margin))


def _chosen(
    sentences: list[str], options: MiningOptions, random: np.random.Generator
) -> Sequence[str]:
    if not options.draw or len(sentences) <= options.negatives:
        return sentences[: options.negatives]
    places = random.choice(len(sentences), options.negatives, replace=False)
    return [sentences[i] for i in sorted(places)]


def _cosines(
    encoder: Encoder, examples: Sequence[Sentences], prompts: tuple[str | None, str | None]
) -> npt.NDArray[Any]:
    """The cosine of each pair."""
    both = [[example.text for example in examples], [str(example.pair) for example in examples]]
    one, other = (
        normalized(encoder.encode(texts) if p is None else encoder.encode(texts, prompt=p))
        for texts, p in zip(both, prompts, strict=True)
    )
    cosines: npt.NDArray[Any] = (one * other).sum(1)
    return cosines
