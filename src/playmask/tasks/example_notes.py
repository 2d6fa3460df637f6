"""Notes on examples: what was trimmed, what no token's ends meet, labels that were not learnt."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from playmask.data.examples import Examples
from playmask.data.offsets import Place
from playmask.tasks.windows import Window

LISTED = 6  # labels in a line


class Located(NamedTuple):
    """A text, and the places in it that are to be found."""

    text: str
    places: Sequence[Place]


def trimming_notes(
    before: Examples[Any], after: Examples[Any], located: Callable[[Any], Located]
) -> list[str]:
    """How many places had white space at their ends, of the examples that stayed."""
    places = before.places if len(before.places) == len(before) else range(len(before))
    stayed = {*after.places}
    cut = [
        (place, text[start:end])
        for place, example in zip(places, before, strict=True)
        if place in stayed
        for text, spans in [located(example)]
        for start, end in spans
        if text[start].isspace() or text[end - 1].isspace()
    ]
    if not cut:
        return []
    place, stated = cut[0]
    return [
        f"white space at the ends of {_mentions(len(cut))} is no part of what is learnt and "
        f"measured (the first, {_where(after, place)}: {stated!r:.40})"
    ]


def misalignments(
    windows: Iterable[Window], examples: Sequence[Any], located: Callable[[Any], Located]
) -> list[str]:
    """How many places begin or end where no token does, so that they cannot be found just so."""
    texts = [located(example) for example in examples]
    untouched = {(i, place) for i, each in enumerate(texts) for place in each.places}
    odd, total = set(), len(untouched)
    for window in windows:
        offsets = window.offsets
        for start, end in texts[window.text].places:
            cut = window.tokens_of(start, end)
            if cut is None:
                continue
            untouched.discard((window.text, (start, end)))
            begins = cut.left or offsets[cut.first][0] == start
            if not begins or not (cut.right or offsets[cut.last][1] == end):
                odd.add((window.text, (start, end)))
    odd |= untouched
    if not odd:
        return []
    i, (start, end) = min(odd)
    text, place = texts[i].text, examples.places[i] if isinstance(examples, Examples) else i
    return [
        f"{len(odd):,} of {_mentions(total)} begin or end inside a token, and cannot be found just "
        f"so (the first, {_where(examples, place)}: {text[start:end]!r:.40} in "
        f"{text[max(0, start - 8) : end + 8]!r:.60})"
    ]


def unlearnt_notes(names: Iterable[str], labels: Sequence[str]) -> list[str]:
    """Which labels of examples were not learnt, which therefore count as missed."""
    counts = Counter(names)
    odd = [name for name in counts if name not in {*labels}]
    if not odd:
        return []
    listed = ", ".join(f"{name!r:.60} ({counts[name]:,})" for name in odd[:LISTED])
    more = f" and {len(odd) - LISTED} more" if len(odd) > LISTED else ""
    return [f"labels that were not learnt count as missed: {listed}{more}"]


def _mentions(count: int) -> str:
    return "1 mention" if count == 1 else f"{count:,} mentions"


def _where(examples: Sequence[Any], place: int | str) -> str:
    path = getattr(examples, "path", None)
    return f"example {place}" if path is None else f"{path}:{place}"


def add_notes(examples: Sequence[Any], notes: Iterable[str]) -> None:
    """Put notes to examples of a file, each once."""
    if isinstance(examples, Examples):
        examples.notes += [note for note in notes if note not in examples.notes]
