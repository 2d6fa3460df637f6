"""Similar sentences from the command line: train, evaluate, predict, search."""

import json
import shutil
from pathlib import Path

import pytest

import playmask
from cli.commands import SMALL, call, complaint, reviews, write_table

pytest.importorskip("usearch")

ENCODER = Path(__file__).parents[1] / "oracles" / "sentence_transformers" / "cls_normalize"
THINGS = ("书", "酒店", "手机", "菜", "电影")
ENDINGS = ("很好", "不错", "太差", "一般")


def similar(count: int) -> list[tuple[str, str]]:
    rows = [(thing, end) for thing in THINGS for end in ENDINGS]
    return [(f"这{t}{e}", f"{e}的{t}") for t, e in rows * (count // len(rows))]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("similar")
    file = write_table(folder / "pairs.tsv", similar(60))
    options = (*SMALL, "--epochs", 10, "--pooling", "mean")
    result = call("train", "similar", file, "--out", folder / "task", *options)
    assert result.exit_code == 0, result.stderr
    assert f"playmask search {folder / 'task'}" in result.stderr
    return folder / "task"


def test_from_pairs_to_a_search(encoder, tmp_path):
    pairs = write_table(tmp_path / "test.tsv", similar(20))
    scores = json.loads(call("evaluate", encoder, pairs, "--json").stdout)
    assert scores["accuracy"] > 0.3 and scores["examples"] == 20, scores
    file = tmp_path / "sentences.txt"
    file.write_text("".join(f"{b}\n" for _, b in similar(20)), encoding="utf-8")
    options = ("--text", "很好的书", "-n", 3, "--index", tmp_path / "index")
    result = call("search", encoder, file, *options)
    assert "The index of 20 sentences is kept" in result.stderr
    (answer,) = map(json.loads, result.stdout.splitlines())
    assert answer["text"] == "很好的书" and len(answer["found"]) == 3
    assert answer["found"][0] == {"sentence": "很好的书", "score": pytest.approx(1, abs=1e-5)}
    again = call("search", encoder, file, *options, "--exact")
    assert again.stdout == result.stdout and "kept" not in again.stderr
    more = tmp_path / "more.txt"
    more.write_text("这菜很好\n\n这书一般\n", encoding="utf-8")
    assert "more.txt:2: The line is empty" in complaint(call("search", encoder, more, *options))
    result = call("search", encoder, more, *options, "--skip-bad")
    assert "is of other sentences; it is made anew" in result.stderr
    assert {f["sentence"] for f in json.loads(result.stdout)["found"]} == {"这菜很好", "这书一般"}
    piped = call("search", encoder, file, "-n", 1, input="不错的菜\n太差的电影\n")
    found = [json.loads(line)["found"][0]["sentence"] for line in piped.stdout.splitlines()]
    assert found == ["不错的菜", "太差的电影"]


def test_vectors_and_similarities(encoder):
    (vector,) = json.loads(call("predict", encoder, "--text", "这书很好").stdout)["vector"][:1]
    assert -1 < vector < 1
    result = call("predict", encoder, "--text", "这书很好", "--pair", "这书很好")
    assert json.loads(result.stdout)["score"] == pytest.approx(1, abs=1e-5)
    written = call("generate", encoder, "这书很好")
    assert written.exit_code == 0 and written.stdout.strip(), written.stderr


def test_scores_of_pairs(tmp_path):
    rows = [(a, b, str(int(a[0] == b[0]))) for a, _ in similar(20) for b, _ in similar(20)[:3]]
    rows += [(f"好{a}", f"差{b}", "0") for a, b, _ in rows[:20]]
    file, out = write_table(tmp_path / "scored.tsv", rows), tmp_path / "task"
    result = call("train", "pair", file, "--out", out, *SMALL, "--epochs", 2)
    assert result.exit_code == 0, result.stderr
    assert "spearman" in json.loads(call("evaluate", out, file, "--json").stdout)
    result = call("predict", out, "--text", "这书很好", "--pair", "这书很好")
    assert 0 <= json.loads(result.stdout)["score"] <= 1


def test_what_is_refused(encoder, task, tmp_path):
    file = tmp_path / "sentences.txt"
    file.write_text("一\n", encoding="utf-8")
    assert "'classify', which makes no vectors" in complaint(
        call("search", task, file, "--text", "好")
    )
    assert "--text is empty" in complaint(call("search", encoder, file, "--text", " "))
    labelled = write_table(tmp_path / "reviews.tsv", [(a, b, b) for a, b in reviews(8)])
    out = ("--out", tmp_path / "out", *SMALL)
    said = complaint(call("train", "similar", labelled, *out))
    assert "has the score '差评', which is no number" in said
    few = write_table(tmp_path / "few.tsv", similar(20)[:1])
    assert "there are 1" in complaint(call("train", "similar", few, *out))
    assert "has no score" in complaint(call("train", "pair", few, *out))


def test_a_published_encoder_is_searched_by_its_prompts(tmp_path):
    """A folder of sentence-transformers, as it is; what is searched for has a prompt of its own."""
    folder = tmp_path / "encoder"
    shutil.copytree(ENCODER, folder)
    options = {"prompts": {"query": "今天", "passage": "天气"}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(options), "utf-8")
    task = playmask.load_task(folder)
    described = json.loads(call("inspect", folder, "--json").stdout)
    assert described["task"]["task"] == "similar"
    sentences = ["花呗怎么还款", "今天天气很好", "适合出门散步"]
    file = tmp_path / "sentences.txt"
    file.write_text("\n".join(sentences), "utf-8")
    prompts = ("--prompt", "query", "--sentence-prompt", "passage")
    result = call("search", folder, file, "--text", "出门", "-n", 1, "--exact", *prompts)
    (match,) = json.loads(result.stdout)["found"]
    cosines = task.encode(sentences, prompt="passage") @ task.encode(["出门"], prompt="query")[0]
    assert match["score"] == pytest.approx(cosines.max(), abs=1e-5)
    assert match["sentence"] == sentences[cosines.argmax()]
    bad = complaint(call("search", folder, file, "--text", "出门", "--prompt", "qery"))
    assert "There is no prompt 'qery'. Did you mean 'query'" in bad


def test_from_mined_negatives_to_smaller_vectors(tmp_path):
    """A published encoder mines; one is trained on that for two sizes; the first is whitened."""
    pairs = write_table(tmp_path / "pairs.tsv", similar(20))
    mined, out = tmp_path / "mined.jsonl", tmp_path / "task"
    result = call("mine", ENCODER, pairs, mined, "--negatives", 2)
    assert result.exit_code == 0 and "20 pairs with 40 negatives" in result.stderr, result.stderr
    first = json.loads(mined.read_text("utf-8").splitlines()[0])
    assert first["text"] == "这书很好" and len(first["negatives"]) == 2
    assert first["pair"] not in first["negatives"]
    options = ("--loss", "infonce", "--sizes", "8,4", "--epochs", 1, *SMALL)
    result = call("train", "similar", mined, "--out", out, "--validation", mined, *options)
    assert result.exit_code == 0, result.stderr
    assert playmask.load_task(out).settings.sizes == (8, 4)
    vector = json.loads(call("predict", out, "--text", "书很好", "--size", 4).stdout)["vector"]
    assert len(vector) == 4 and sum(x * x for x in vector) == pytest.approx(1, abs=1e-4)
    scores = json.loads(call("evaluate", out, mined, "--size", 8, "--json").stdout)
    assert {"map", "ndcg_10", "recall_10", "rerank_map"} <= {*scores}
    assert "size is from 1 to 16, not 17" in complaint(
        call("predict", out, "--text", "好", "--size", 17)
    )
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{a}\n{b}\n" for a, b in similar(20)), encoding="utf-8")
    white = tmp_path / "white"
    result = call("whiten", ENCODER, texts, white, "--size", 4)
    assert result.exit_code == 0 and "vectors of 4 numbers" in result.stderr, result.stderr
    assert playmask.load_task(white).encode(["好"]).shape == (1, 4)
    assert "exists; give another folder" in complaint(call("whiten", ENCODER, texts, white))
    assert "a .jsonl is due" in complaint(call("mine", ENCODER, pairs, tmp_path / "a.tsv"))
