"""--columns names the fields of JSON for every task that reads it, also inside its lists."""

import json

import pytest

from playmask.errors import DataError
from playmask.tasks.registry import SETTINGS, task_class

TEXT = "张三在北京"
PLACES = {"起": 0, "止": 2, "原文": "张三", "类型": "PER"}
ASKED = {"正文": TEXT, "问": "谁", "答": [{"答文": "张三", "起": 0}]}
PAIR = {"甲": "好人", "乙": "坏人", "分值": 0.5}
FIELDS = {
    "classify": ({"正文": TEXT, "判": "好"}, "text=正文,label=判"),
    "regress": ({"正文": TEXT, "判": 1.5}, "text=正文,label=判"),
    "pattern": ({"正文": TEXT, "判": "好"}, "text=正文,label=判"),
    "language-model": ({"篇": TEXT}, "text=篇"),
    "seq2seq": ({"篇": TEXT, "题": "张"}, "source=篇,target=题"),
    "mask-fill": ({"篇": TEXT}, "text=篇"),
    "caption": ({"图": "a.png", "说": TEXT}, "image=图,caption=说"),
    "tag": ({"正": TEXT, "实体": [PLACES]}, "text=正,mentions=实体,start=起,end=止,label=类型"),
    "spans": (
        {"文": TEXT, "体": [PLACES]},
        "text=文,spans=体,start=起,end=止,type=类型,word=原文",
    ),
    "relations": (
        {"正": TEXT, "三元组": [{"头": "张三", "谓": "在", "尾": "北京"}]},
        "text=正,spo_list=三元组,subject=头,predicate=谓,object=尾",
    ),
    "events": (
        {"正": TEXT, "事": [{"类": "去", "词": [PLACES]}]},
        "text=正,events=事,type=类,parts=词,start=起,end=止,text=原文,role=类型",
    ),
    "uie": (
        {"正": TEXT, "提示": "人", "结果": [{"原文": "张三", "起": 0, "止": 2}]},
        "content=正,prompt=提示,result_list=结果,text=原文,start=起,end=止",
    ),
    "read": (ASKED, "question=问,text=正文,answers=答,start=起,text=答文"),
    "read-copying": (ASKED, "question=问,text=正文,answers=答,start=起,text=答文"),
    "similar": (PAIR, "text=甲,pair=乙,label=分值"),
    "pair": (PAIR, "text=甲,pair=乙,label=分值"),
    "rerank": (PAIR, "text=甲,pair=乙,label=分值"),
}  # fmt: skip


def test_every_task_is_there():
    assert FIELDS.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_json(tmp_path, name):
    fields, columns = FIELDS[name]
    kind = task_class(name)
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
    [example] = kind.parse(SETTINGS[name](), path, columns=columns.split(","))
    held = repr(example)
    texts = [v for v in fields.values() if isinstance(v, str)]
    assert all(text in held for text in texts)
    lists = [v for v in fields.values() if isinstance(v, list)]
    assert not lists or "(0, 2" in held or "start=0, end=2" in held, held
    with pytest.raises(DataError, match=r"a\.jsonl:1: "):
        kind.parse(SETTINGS[name](), path, columns=["text=无"])
