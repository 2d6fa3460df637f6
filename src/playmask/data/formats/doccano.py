"""doccano's JSON: relations between entities that have numbers, as plain objects."""

from collections.abc import Mapping
from typing import Any

from playmask.data.gathering import BadExample

Fields = dict[str, Any]
ENDS = ("from_id", "to_id")


def of_doccano(fields: Fields) -> Fields:
    """An object whose relations hold their ends, as playmask writes them; others as they are."""
    relations, entities = fields.get("relations"), fields.get("entities")
    if not (isinstance(relations, list) and isinstance(entities, list)) or not relations:
        return fields
    if not all(isinstance(each, Mapping) and {*ENDS} <= {*each} for each in relations):
        return fields
    places = {
        repr(each.get("id")): {"start": each.get("start_offset"), "end": each.get("end_offset")}
        for each in entities
        if isinstance(each, Mapping)
    }
    named = {"text": fields["data"]} if isinstance(fields.get("data"), str) else {}
    return {**fields, **named, "relations": [_joined(each, places) for each in relations]}


def _joined(relation: Mapping[str, Any], places: Mapping[str, Fields]) -> Fields:
    subject, thing = (places.get(repr(relation[end])) for end in ENDS)
    if subject is None or thing is None:
        raise BadExample(
            f"A relation joins the entities {relation[ENDS[0]]!r:.20} and {relation[ENDS[1]]!r:.20}"
            ", which are not both there."
        )
    return {"subject": subject, "predicate": relation.get("type"), "object": {"@value": thing}}
