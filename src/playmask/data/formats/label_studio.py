"""Label Studio's JSON: tasks with their annotations, as plain objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playmask.data.gathering import BadExample

Fields = dict[str, Any]
ANNOTATIONS = ("annotations", "completions")
TEXTS = ("text", "content", "sentence", "document", "文本")


def of_label_studio(fields: Fields) -> Fields:
    """A task's data with its `mentions`, `relations` and `label`; other objects as they are.

    Spans (labels) become mentions, relations those between them, choices and ratings labels; of a
    task without annotations the data alone are left.
    """
    data = fields.get("data")
    if not isinstance(data, dict) or not any(name in fields for name in (*ANNOTATIONS, "id")):
        return fields
    plain = {"id": fields.get("id", ""), **data}
    texts = [name for name, value in data.items() if isinstance(value, str)]
    named = next((name for name in TEXTS if name in texts), None)
    if named is None and len(texts) == 1:
        named = texts[0]
    if named is not None:
        plain["text"] = data[named]
    results = _results(fields)
    return plain if results is None else {**plain, **_read(results, str(plain.get("text", "")))}


def _results(fields: Fields) -> Sequence[Any] | None:
    """What the one annotation of a task says; None where the task has none."""
    listed = next((fields[name] for name in ANNOTATIONS if name in fields), None)
    if not isinstance(listed, list):
        return None
    valid = [each for each in listed if isinstance(each, dict) and not each.get("was_cancelled")]
    results = [each.get("result") for each in valid]
    if not results:
        return None
    if not all(isinstance(each, list) for each in results):
        raise BadExample(f"An annotation of Label Studio has {results[0]!r:.60} as `result`.")
    if any(_plain(each) != _plain(results[0]) for each in results[1:]):
        raise BadExample(
            f"The task has {len(results)} annotations that differ; export the one that counts."
        )
    return list(results[0] or ())


def _plain(result: Any) -> list[str]:
    """What a result says, without the names of its regions."""
    return sorted(repr(each.get("value")) if isinstance(each, dict) else "" for each in result)


def _read(results: Sequence[Any], text: str) -> Fields:
    regions: dict[str, Fields] = {}
    mentions: list[Fields] = []
    labels: list[Any] = []
    for each in results:
        if not isinstance(each, dict):
            raise BadExample(f"A result of Label Studio is {each!r:.60}, no object.")
        value, kind = each.get("value"), each.get("type")
        if not isinstance(value, Mapping):
            continue
        if "start" in value and "end" in value:
            place = {name: value[name] for name in ("start", "end", "text") if name in value}
            regions[str(each.get("id"))] = place
            names = value.get("labels", value.get(str(kind), ()))
            mentions += [{**place, "label": name} for name in names or ()]
        else:
            labels += _labels(value)
    read: Fields = {"mentions": mentions}
    relations = [*_relations(results, regions)]
    if relations:
        read["relations"] = relations
    if labels:
        read["label"] = labels
    return read


def _labels(value: Mapping[str, Any]) -> list[Any]:
    """Choices, or a rating, of a whole text."""
    if isinstance(choices := value.get("choices"), list):
        return [*choices]
    numbers = (value[name] for name in ("rating", "number") if name in value)
    return [*numbers]


def _relations(results: Sequence[Any], regions: Mapping[str, Fields]) -> Iterator[Fields]:
    """Relations between regions, as playmask writes them."""
    for each in results:
        if each.get("type") != "relation":
            continue
        ends = [regions.get(str(each.get(name))) for name in ("from_id", "to_id")]
        if None in ends:
            raise BadExample("A relation of Label Studio joins regions that are not there.")
        names = each.get("labels") or []
        if not names:
            raise BadExample("A relation of Label Studio has no label; it names no predicate.")
        for name in names:
            yield {"subject": ends[0], "predicate": name, "object": {"@value": ends[1]}}
