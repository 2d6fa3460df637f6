"""The demo on a handful of reviews: everything it says and writes is there."""

import gzip
import json

import pytest

from playmask.experiments.demo import SENTENCES, run

REVIEWS = [
    (f"{text}{stop}", label)
    for stop in ("。", "！", "…", "，真的", "，是的", "啊", "吧", "呢")
    for text, label in (("味道很好，下次还来", "1"), ("质量太差，退货了", "0"))
]


@pytest.mark.experiments
def test_the_demo_trains_measures_draws_and_shows(tmp_path):
    folder = tmp_path / "reviews_zh"
    folder.mkdir()
    for name in ("train", "valid", "test", "test_clean"):
        with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{text}\t{label}\n" for text, label in REVIEWS * 2)
    lines: list[str] = []
    metrics = run(tmp_path / "demo", data=tmp_path, say=lines.append, count=16)
    written = {file.name for file in (tmp_path / "demo").iterdir()}
    assert {"task.json", "weights.safetensors", "confusion.png", "explanation.png"} <= written
    assert json.loads((tmp_path / "demo" / "metrics.json").read_text("utf-8")) == metrics
    said = "\n".join(lines)
    assert all(sentence in said for sentence in SENTENCES)
    for part in ("positive", "negative", "16 real reviews", "Similar to", "may stand"):
        assert part in said
