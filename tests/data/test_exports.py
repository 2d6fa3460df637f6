"""What annotation tools and corpora write: JSON arrays, exports, tokens with tags, words."""

import json

import pytest

from playmask.data.annotated import Annotated, Mention
from playmask.data.inputs import read_texts
from playmask.data.mentions import read_mentions
from playmask.data.readers import read_examples
from playmask.data.relations import read_relations
from playmask.errors import DataError

TEXT = "张三在北京"
PER, LOC = Mention(0, 2, "PER"), Mention(3, 5, "LOC")


def region(name, start, end, label):
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {"id": name, "type": "labels", "value": value}


RESULT = [
    region("a", 0, 2, "PER"),
    region("b", 3, 5, "LOC"),
    {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["住"]},
    {"id": "c", "type": "choices", "value": {"choices": ["好"]}},
]
LABEL_STUDIO = {"id": 7, "data": {"text": TEXT}, "annotations": [{"result": RESULT}]}
PLACES = [{"start": 0, "end": 2, "labels": ["PER"]}, {"start": 3, "end": 5, "labels": ["LOC"]}]

EXPORTS = {
    "label studio": LABEL_STUDIO,
    "label studio, json-min": {"id": 7, "text": TEXT, "label": PLACES},
    "doccano": {"id": 7, "text": TEXT, "label": [[0, 2, "PER"], [3, 5, "LOC"]]},
    "doccano, labels": {"id": 7, "text": TEXT, "labels": [[0, 2, "PER"], [3, 5, "LOC"]]},
    "doccano, data": {"id": 7, "data": TEXT, "label": [[0, 2, "PER"], [3, 5, "LOC"]]},
    "doccano, relations": {
        "text": TEXT,
        "entities": [
            {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2},
            {"id": 2, "label": "LOC", "start_offset": 3, "end_offset": 5},
        ],
        "relations": [],
    },
    "tokens": {"tokens": [*TEXT], "ner_tags": ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"]},
    "characters": {"text": [*TEXT], "labels": ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"]},
}


def write(path, *objects, array=False, indent=None):
    dumped = [json.dumps(each, ensure_ascii=False, indent=indent) for each in objects]
    text = f"[{', '.join(dumped)}]" if array else "\n".join(dumped)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("array, indent", [(False, None), (True, None), (True, 1), (False, 2)])
def test_exports(tmp_path, name, array, indent):
    path = write(tmp_path / "a.json", EXPORTS[name], EXPORTS[name], array=array, indent=indent)
    assert read_mentions(path) == [Annotated(TEXT, (PER, LOC))] * 2
    assert [each.text for each in read_texts(path)] == [TEXT] * 2


def test_a_task_of_label_studio_is_all_it_says(tmp_path):
    path = write(tmp_path / "a.json", LABEL_STUDIO, array=True)
    assert read_examples(path) == [(TEXT, None, "好")]
    [example] = read_relations(path)
    [relation] = example.relations
    assert relation.subject == (0, 2) and relation.predicate == "住"
    assert relation.object[0][1:] == (3, 5)


def test_relations_of_doccano(tmp_path):
    ends = {"start_offset": 0, "end_offset": 2}, {"start_offset": 3, "end_offset": 5}
    entities = [{"id": i, "label": "X", **end} for i, end in enumerate(ends)]
    fields = {"text": TEXT, "entities": entities}
    joins = [{"id": 9, "from_id": 0, "to_id": 1, "type": "住"}]
    path = write(tmp_path / "a.jsonl", fields | {"relations": joins}, fields | {"relations": []})
    first, second = read_relations(path)
    [relation] = first.relations
    assert (relation.subject, relation.predicate, relation.object[0][1:]) == ((0, 2), "住", (3, 5))
    assert not second.relations
    path = write(tmp_path / "a.jsonl", fields | {"relations": [joins[0] | {"to_id": 7}]})
    with pytest.raises(DataError, match="a.jsonl:1: A relation joins the entities 0 and 7"):
        read_relations(path)


def test_annotations_that_differ_or_are_not_there(tmp_path):
    two = LABEL_STUDIO | {"annotations": [{"result": RESULT}, {"result": RESULT[:1]}]}
    with pytest.raises(DataError, match="a.json:item 2: .* 2 annotations that differ"):
        read_mentions(write(tmp_path / "a.json", LABEL_STUDIO, two, array=True))
    dropped = LABEL_STUDIO | {
        "annotations": [{"result": RESULT}, {"result": [], "was_cancelled": True}]
    }
    assert read_mentions(write(tmp_path / "a.json", dropped))[0].mentions == (PER, LOC)
    with pytest.raises(DataError, match="Of mentions, entities, spans there is none"):
        read_mentions(write(tmp_path / "a.json", LABEL_STUDIO | {"annotations": []}))


def test_doccano_labels_of_texts(tmp_path):
    path = write(tmp_path / "a.jsonl", {"id": 1, "data": "好", "label": ["正"]})
    assert read_examples(path) == [("好", None, "正")]
    path = write(tmp_path / "a.jsonl", {"text": "好", "label": ["正", "快"]})
    with pytest.raises(DataError, match=r"a.jsonl:1: .*\['正', '快'\].*--multiple"):
        read_examples(path)
    assert read_examples(path, separator="|") == [("好", None, ("正", "快"))]


def test_prompts_of_uie(tmp_path):
    """All prompts of a text together; those of relations are none, and that is said."""
    found = {"人名": ("张三", 0, 2), "地名": ("北京", 3, 5), "张三的住地": ("北京", 3, 5)}
    lines = [
        {"content": TEXT, "prompt": prompt, "result_list": [{"text": t, "start": s, "end": e}]}
        for prompt, (t, s, e) in found.items()
    ]
    none = {"content": "好", "prompt": "人名", "result_list": []}
    examples = read_mentions(write(tmp_path / "a.txt.json", *lines[:1], none, *lines[1:]))
    assert examples == [
        Annotated(TEXT, (Mention(0, 2, "人名"), Mention(3, 5, "地名"))),
        Annotated("好"),
    ]
    assert "left out" in examples.notes[0]
    with pytest.raises(DataError, match=r"a.json:2: .*it stands at 0"):
        bad = {
            "content": TEXT,
            "prompt": "人名",
            "result_list": [{"text": "张三", "start": 1, "end": 3}],
        }
        read_mentions(write(tmp_path / "a.json", none, bad))


def test_tags_without_names_say_what_is_due(tmp_path):
    path = write(tmp_path / "a.jsonl", {"tokens": ["John", "ran"], "ner_tags": [1, 0]})
    with pytest.raises(DataError, match="The tags are numbers, .*int2str"):
        read_mentions(path)
    path = write(tmp_path / "a.jsonl", {"tokens": ["John"], "ner_tags": ["B-P", "O"]})
    with pytest.raises(DataError, match="1 tokens and 2 tags"):
        read_mentions(path)


def test_fields_of_json_are_named(tmp_path):
    path = write(tmp_path / "a.jsonl", {"body": "好", "verdict": "正"})
    with pytest.raises(
        DataError, match=r"\['body', 'verdict'\] are none of a text: .*--columns text=NAME"
    ):
        read_examples(path)
    assert read_examples(path, columns=["text=body", "label=verdict"]) == [("好", None, "正")]
    with pytest.raises(DataError, match="'bod' is none of them"):
        read_examples(path, columns=["text=bod"])
    path = write(tmp_path / "a.jsonl", {"text": "坏", "content": "好", "label": "正"})
    assert read_examples(path, columns=["content", "label"]) == [("好", None, "正")]
    path = write(tmp_path / "a.jsonl", {"t": TEXT, "m": [[0, 2, "PER"], [3, 5, "LOC"]]})
    assert read_mentions(path, columns=["text=t", "mentions=m"]) == [Annotated(TEXT, (PER, LOC))]


@pytest.mark.parametrize(
    "text, message",
    [
        ('[{"text": "好", "label": 1}, {"text": ', "a.json:item 2: The array is not JSON"),
        ('[{"text": "好", "label": 1},', "a.json:1: The array has no end"),
        ('[{"text": "好", "label": 1}] [', "More follows behind the array"),
        ('[\n{"text": "好", "label": 1},\n{"text": "好"}\n]', "a.json:3: The label is missing"),
        ('[\n{"text": "好", "label": 1},\n5\n]', "a.json:3: The line is 5; an object is due"),
        ('{\n"text": "好"\n}\n{\n"text": "好", "label": 1}', "a.json:1: The label is missing"),
        ("[]", "holds no usable text"),
    ],
)
def test_arrays_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_examples(path)
    assert message in str(error.value)
