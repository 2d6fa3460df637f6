"""Files of events: DuEE, FewFC and playmask's own; what is wrong is named."""

import json

import pytest

from playmask.data.events import TRIGGER, Event, Part, labels_of, read_events
from playmask.errors import DataError

DUEE = {
    "text": "雀巢裁员4000人：雀巢称",
    "id": "e1",
    "event_list": [
        {
            "event_type": "组织关系-裁员",
            "trigger": "裁员",
            "trigger_start_index": 2,
            "arguments": [
                {"argument_start_index": 0, "role": "裁员方", "argument": "雀巢", "alias": []},
                {
                    "argument_start_index": 4,
                    "role": "人数",
                    "argument": "4000人",
                    "alias": ["4千"],
                },
            ],
            "class": "组织关系",
        }
    ],
}
FEWFC = {
    "id": "f1",
    "content": "甲公司质押股",
    "events": [
        {
            "type": "质押",
            "mentions": [
                {"word": "甲公司", "span": [0, 3], "role": "obj-org"},
                {"word": "质押", "span": [3, 5], "role": "trigger"},
            ],
        }
    ],
}


def write(path, *objects):
    path.write_text("".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects), "utf-8")
    return path


def test_duee(tmp_path):
    [report] = read_events(write(tmp_path / "a.json", DUEE))
    parts = (Part(0, 2, "裁员方"), Part(2, 4, TRIGGER), Part(4, 9, "人数", ("4千",)))
    assert report == (DUEE["text"], (Event("组织关系-裁员", parts),), "e1")
    assert [*labels_of(report)][1] == "组织关系-裁员@trigger"


def test_without_a_place_all_matches_count(tmp_path):
    event = DUEE["event_list"][0]
    argument = {"role": "裁员方", "argument": "雀巢", "argument_start_index": -1}
    line = DUEE | {"event_list": [event | {"arguments": [argument]}]}
    [report] = read_events(write(tmp_path / "a.json", line))
    assert [p[:2] for p in report.events[0].parts if p.role == "裁员方"] == [(0, 2), (10, 12)]


def test_fewfc_and_own(tmp_path):
    wanted = (Event("质押", (Part(0, 3, "obj-org"), Part(3, 5, TRIGGER))),)
    own = {
        "text": FEWFC["content"],
        "events": [
            {
                "type": "质押",
                "parts": [
                    {"start": 3, "end": 5, "role": "trigger"},
                    {"start": 0, "end": 3, "role": "obj-org", "text": "甲公司"},
                ],
            }
        ],
    }
    first, second = read_events(write(tmp_path / "a.json", FEWFC, own))
    assert first.events == second.events == wanted and (first.id, second.id) == ("f1", "")


ARGUMENT = {"role": "裁员方", "argument": "雀巢", "argument_start_index": 0}


def test_one_alias_is_one(tmp_path):
    event = DUEE["event_list"][0] | {"arguments": [ARGUMENT | {"alias": "雀巢公司"}]}
    [report] = read_events(write(tmp_path / "a.json", DUEE | {"event_list": [event]}))
    assert report.events[0].parts[0].aliases == ("雀巢公司",)


def spanning(span):
    mention = {"word": "甲公司", "span": span, "role": "obj-org"}
    events = [{"type": "质押", "mentions": [mention]}]
    return json.dumps(FEWFC | {"events": events}, ensure_ascii=False) + "\n"


def broken(**changes):
    event = DUEE["event_list"][0]
    return json.dumps(DUEE | {"event_list": [event | changes]}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}\n", "1: The object has None as `text or content`"),
        ('{"text": "甲"}\n', "`event_list` or `events` is due"),
        ('{"text": "甲", "events": [3]}\n', "An event is 3"),
        (broken(trigger_start_index=1), "'裁员' is stated: it stands at 2"),
        (broken(event_type=""), "An event has '' as `event_type`"),
        (broken(arguments=[{"argument": "雀巢"}]), "An argument has None as `role`"),
        (broken(arguments=[{"argument": "谁", "role": "裁员方"}]), "'谁' does not stand"),
        (broken(arguments=3), "An event has 3 as `arguments`"),
        (
            '{"text": "甲乙", "events": [{"type": "t", "parts": [{"start": 0, "end": 0, '
            '"text": "甲", "role": "r"}]}]}\n',
            "the end seems to be the last character",
        ),
        (
            '{"text": "甲乙", "events": [{"type": "t", "parts": [{"start": "0", "role": "r"}]}]}\n',
            "A part goes from '0' to None",
        ),
        (broken(arguments=[ARGUMENT | {"alias": 5}]), "The `alias` of an argument is 5; a list"),
        (
            broken(arguments=[ARGUMENT | {"alias": [1, "a"]}]),
            "The `alias` of an argument is [1, 'a']",
        ),
        (spanning([0]), "The `span` of a part is [0]; [start, end] is due"),
        (spanning([0, 3, 4]), "The `span` of a part is [0, 3, 4]"),
        (spanning(3), "The `span` of a part is 3"),
        (spanning([]), "The `span` of a part is []"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError) as error:
        read_events(path)
    assert message in str(error.value) and "a.json:1: " in str(error.value)
    path.write_text(content + json.dumps(DUEE), "utf-8")
    assert len(read_events(path, skip_bad=True).skipped) == 1


def test_bad_lines_are_counted(tmp_path):
    path = write(tmp_path / "a.json", DUEE, {"text": "甲"})
    found = read_events(path, skip_bad=True)
    assert len(found) == 1 and "a.json:2" in found.skipped[0]
    with pytest.raises(DataError, match="'组织关系-裁员@裁员方' is not one of the labels"):
        read_events(path, labels=["t@r"])
    with pytest.raises(DataError, match="The format '.txt' is unknown"):
        read_events(path.rename(tmp_path / "a.txt"))
    with pytest.raises(DataError, match="This is a folder; name one of its files"):
        read_events(tmp_path)
