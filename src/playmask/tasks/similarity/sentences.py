"""Sentences as an encoder learns from them: what each loss needs, and what can be measured on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playmask.data.columns import Columns
from playmask.data.examples import Example, Examples
from playmask.data.gathering import NUMBER, BadExample, check_all, filled
from playmask.data.sentences import Contrasted, Sentences, negatives_of, read_sentences
from playmask.errors import DataError
from playmask.tasks.classification.answers import numbers_of
from playmask.tasks.similarity.pairs import scores_of

TUPLES = "(text, pair), (text, pair, score) or (text, pair, [negative, …])"


def sentences_of(example: Any) -> Sentences:
    """An example of any kind: a text, or a tuple of it, its pair, the score and negatives."""
    if isinstance(example, str):
        return Example(filled(example))
    if not isinstance(example, (tuple, list)) or not 1 <= len(example) <= 4:
        raise BadExample(f"It is {example!r:.80}, not a text, {TUPLES}.")
    text, pair, score, negatives = _four(*example)
    text = filled(text)
    if pair is None:
        if negatives:
            raise BadExample("There are negatives but no pair; a text's pair is due beside them.")
        return Example(text)
    pair = filled(pair, "pair")
    label = None if score is None else numbers_of(score)[0]
    if not negatives:
        return Example(text, pair, label)
    return Contrasted(text, pair, label, tuple(filled(each, "negative") for each in negatives))


def _four(text: Any, pair: Any = None, score: Any = None, negatives: Any = ()) -> tuple[Any, ...]:
    """Text, pair, score and negatives, which may stand in the score's place."""
    if isinstance(score, (tuple, list)):
        return text, pair, None, score
    return text, pair, score, negatives or ()


def pair_of(example: Any) -> Sentences:
    """A pair, perhaps with a score or negatives."""
    if isinstance(example, str):
        raise BadExample(f"It is {example!r:.80}, not {TUPLES}.")
    sentences = sentences_of(example)
    if sentences.pair is None:
        raise BadExample(
            f"It is one text ({sentences.text!r:.40}); a pair is two, such as text and pair."
        )
    return sentences


def scored_of(example: Any) -> Sentences:
    """A pair with its score."""
    pair = pair_of(example)
    if pair.label is None:
        raise BadExample("It has no score; all pairs need one.")
    if negatives_of(pair):
        raise BadExample("It has negatives; pairs with scores have none.")
    return pair


def triple_of(example: Any) -> Sentences:
    """A pair with negatives."""
    pair = pair_of(example)
    if not negatives_of(pair):
        raise BadExample("It has no negative; all pairs need one, such as playmask mine finds.")
    return pair


FORMS: dict[str, Callable[[Any], Sentences]] = {
    "texts": sentences_of,
    "pairs": pair_of,
    "scores": scored_of,
    "triples": triple_of,
}
"""What each form of examples is checked by."""


def takes(check: Callable[[Any], Sentences], example: Any) -> bool:
    """Whether a check takes an example."""
    try:
        check(example)
    except BadExample:
        return False
    return True


def parse_sentences(
    path: str | Path, form: str, *, columns: Columns = None, skip_bad: bool = False
) -> Examples[Sentences]:
    """Read examples of a form from a table or JSON lines.

    Raises: DataError also where some pairs have scores and others have none
    """
    examples = read_sentences(path, columns=columns, skip_bad=skip_bad)
    examples = check_all(examples, FORMS[form], skip_bad=skip_bad)
    check_alike(examples)
    paired = [each for each in examples if each.pair is not None]
    if len(paired) > 1 and all(NUMBER.fullmatch(str(each.pair)) for each in paired):
        raise DataError(
            f"{path}: The second texts are numbers, {paired[0].pair} first; pairs with scores "
            "have three columns, text, pair and score."
        )
    return examples


def check_alike(examples: Examples[Sentences]) -> bool:
    """Whether examples have scores; raises DataError where some have and others have none."""
    scored = [example.label is not None for example in examples]
    if any(scored) and not all(scored):
        place = examples.place_of(scored.index(False))
        raise DataError(f"{place} has no score; all pairs need one, or none.")
    return all(scored)


def distinct_texts(examples: Examples[Sentences]) -> Examples[Sentences]:
    """All texts of examples as examples, each once, with the weight of the first it is in."""
    first: dict[str, int] = {}
    for number, example in enumerate(examples):
        for text in (example.text, example.pair, *negatives_of(example)):
            if text is not None:
                first.setdefault(text, number)
    return examples.chosen([*first.values()]).replaced(Example(text) for text in first)


def positives(examples: Examples[Sentences], least: float | None) -> Examples[Sentences]:
    """The similar pairs among examples: all, or those with such a score at least."""
    if not len(examples) or examples[0].label is None or least is None:
        return examples
    return examples.chosen([i for i, score in enumerate(scores_of(examples)) if score >= least])
