"""The special tokens around texts, as the `post_processor` entry of tokenizer.json has them."""

from collections.abc import Callable, Sequence

from playmask.errors import DataError
from playmask.files import JsonObject, PathLike
from playmask.tokenizers.encoding import Frame

Names = tuple[Sequence[str], Sequence[str], Sequence[str], int]


def read(
    entry: JsonObject | None, find: Callable[[str], int | None], source: PathLike
) -> Frame | None:
    """Read which special tokens a tokenizer.json puts around texts; None if it does not say.

    Raises: DataError if the entry is damaged, or a token is not in the vocabulary
    """
    try:
        names = _names(entry)
        missing = [token for part in (names or ())[:3] for token in part if find(token) is None]
    except Exception as error:  # whatever comes of entries of other types
        raise DataError(f"{source}: its post_processor cannot be read ({error!r:.80}).") from None
    if names is None:
        return None
    if missing:
        raise DataError(
            f"{source}: its post_processor puts {missing[0]!r} around texts, which is not in the "
            "vocabulary."
        )
    head, between, end = (tuple(int(find(token) or 0) for token in part) for part in names[:3])
    return Frame(head, between, end, names[3])


def write(frame: Frame, vocabulary: Sequence[str]) -> JsonObject:
    """Write the special tokens around texts as the `post_processor` entry of tokenizer.json."""
    tokens = {vocabulary[number]: number for part in frame[:3] for number in part}
    head, between, end = ([vocabulary[number] for number in part] for part in frame[:3])

    def row(part: list[str], segment: int) -> list[JsonObject]:
        return [{"SpecialToken": {"id": token, "type_id": segment}} for token in part]

    first = [*row(head, 0), {"Sequence": {"id": "A", "type_id": 0}}]
    second = {"Sequence": {"id": "B", "type_id": frame.second}}
    return {
        "type": "TemplateProcessing",
        "single": [*first, *row(end, 0)],
        "pair": [*first, *row(between, 0), second, *row(end, frame.second)],
        "special_tokens": {
            token: {"id": token, "ids": [number], "tokens": [token]}
            for token, number in tokens.items()
        },
    }


def _names(entry: JsonObject | None) -> Names | None:
    entry = entry or {}
    if entry.get("type") == "Sequence":
        processed = (_names(processor) for processor in entry["processors"])
        return next((names for names in processed if names is not None), None)
    reader = READERS.get(entry.get("type", ""))
    return reader(entry) if reader else None


def _template(entry: JsonObject) -> Names:
    known = entry["special_tokens"]

    def tokens(row: list[JsonObject]) -> list[str]:
        return [token for one in row for token in known[one["SpecialToken"]["id"]]["tokens"]]

    single, pair = entry["single"], entry["pair"]
    texts = [place for place, one in enumerate(pair) if "Sequence" in one]
    first, second = texts
    head, end = tokens(pair[:first]), tokens(pair[second + 1 :])
    alone = next(place for place, one in enumerate(single) if "Sequence" in one)
    if (tokens(single[:alone]), tokens(single[alone + 1 :])) != (head, end):
        raise ValueError("one text and a pair begin or end with different tokens")
    return head, tokens(pair[first + 1 : second]), end, int(pair[second]["Sequence"]["type_id"])


def _bert(entry: JsonObject) -> Names:
    cls, sep = entry["cls"][0], entry["sep"][0]
    return [cls], [sep], [sep], 1


def _roberta(entry: JsonObject) -> Names:
    cls, sep = entry["cls"][0], entry["sep"][0]
    return [cls], [sep, sep], [sep], 0


READERS: dict[str, Callable[[JsonObject], Names]] = {
    "TemplateProcessing": _template,
    "BertProcessing": _bert,
    "RobertaProcessing": _roberta,
}
