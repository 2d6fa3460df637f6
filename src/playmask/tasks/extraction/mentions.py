"""Mentions: what taggers find."""

from collections.abc import Sequence
from typing import Any

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.gathering import BadExample
from playmask.data.mentions import read_mentions
from playmask.metrics.sets import Scores, set_scores
from playmask.tasks.extraction.content import DIGITS, Content, Fields, Marked, place_json


def annotated(example: Any) -> Annotated:
    """An Annotated, or (text, mentions)."""
    if isinstance(example, Annotated):
        return example
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        raise BadExample(f"It is {example!r:.80}, not (text, mentions).")
    try:
        return Annotated(example[0], [Mention(*mention) for mention in example[1]])
    except TypeError:
        raise BadExample(
            f"Its mentions are {example[1]!r:.60}, not a list of (start, end, label)."
        ) from None


def mention_scores(predictions: Sequence[Annotated], targets: Sequence[Annotated]) -> Scores:
    """Place and label must be just so."""
    return set_scores(
        *([[m[:3] for m in each.mentions] for each in some] for some in (predictions, targets))
    )


def mentions_json(text: str, mentions: Sequence[Mention]) -> Fields:
    """Mentions in JSON."""
    return {
        "mentions": [
            {
                **place_json(text, mention.start, mention.end),
                "label": mention.label,
                "score": round(mention.score, DIGITS),
            }
            for mention in mentions
        ]
    }


MENTIONS = Content(
    parse=read_mentions,
    example_of=annotated,
    check=check_mentions,
    items=lambda example: example.mentions,
    names=lambda example: (mention.label for mention in example.mentions),
    labelled=lambda example: ((m.label, m.start, m.end) for m in example.mentions),
    metrics={"exact": mention_scores},
    json=mentions_json,
    mark=lambda text, mentions: Marked([*mentions], []),
    places=lambda example: ((mention.start, mention.end) for mention in example.mentions),
    moved=lambda example, move: Annotated(
        example.text, [Mention(*move(m[:2]), *m[2:]) for m in example.mentions]
    ),
    known=lambda example, labels: Annotated(
        example.text, [mention for mention in example.mentions if mention.label in labels]
    ),
    options=("join",),
)
