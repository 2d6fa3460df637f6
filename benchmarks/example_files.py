"""What bert4keras' examples read: checkpoints with random weights, and files of real texts."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from material import SMALL, VOCABULARY

SHAPES = {
    "tiny": SMALL,
    "small": {"width": 128, "attention_heads": 2, "inner": 512, "depth": 4},
    "base": {"width": 768, "attention_heads": 12, "inner": 3072, "depth": 12},
}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class Checkpoint(NamedTuple):
    """A family, the heads of its checkpoint, and what is changed in its architecture."""

    family: str = "bert"
    heads: tuple[str, ...] = ("mlm", "pool", "nsp")
    changes: Mapping[str, Any] = {}


CHECKPOINTS = {
    "bert": Checkpoint(),
    "albert": Checkpoint("albert", changes={"embedding_size": 64, "activation": "gelu"}),
    "nezha": Checkpoint("nezha", ("mlm",), {"segments": 0}),
    "gpt2_ml": Checkpoint("gpt2_ml", ("mlm",)),
}


def checkpoint(folder: Path, kind: str, shape: str) -> Path:
    """A folder in the original TensorFlow format, made where it is missing.

    A kind "bert, simplified" has the tokens that bert4keras' `load_vocab(simplified=True)` keeps,
    of "bert, simplified, mask" [MASK] too.
    """
    import playmask  # first: it chooses the backend
    from playmask.tokenizers import simplified

    import keras  # isort: skip

    place = folder / f"{kind.replace(', ', '-')}-{shape}"
    if (place / "vocab.txt").exists():
        return place
    base, _, pruned = kind.partition(", ")
    if pruned:
        whole = checkpoint(folder, base, shape)
        first = (*SPECIAL, "[MASK]") if pruned.endswith("mask") else SPECIAL
        kept = simplified(playmask.Tokenizer.load(whole), first=first)
        model = playmask.load(whole, keep_tokens=kept, heads=("mlm", "pool"))
        playmask.save(model, place, dialect="google")
        model.tokenizer.save(place, vocab=True)
        return place
    made = CHECKPOINTS[base]
    keras.utils.set_random_seed(0)
    changes = {**SHAPES[shape], "vocabulary": 21128, "pad": 0, **made.changes}
    model = playmask.build(playmask.architecture(made.family).change(**changes), heads=made.heads)
    playmask.save(model, place, dialect="google")
    shutil.copy(VOCABULARY, place / "vocab.txt")
    return place


class Data:
    """Files of real data sets as both sides read them, of so many examples each.

    data: the folder of the data sets (`PLAYMASK_DATA`)
    """

    def __init__(self, folder: Path, data: Path, count: int) -> None:
        self.folder, self.data, self.count = folder, data, count
        folder.mkdir(parents=True, exist_ok=True)
        for name, make in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(make(self), encoding="gbk" if name.startswith("novels/") else "utf-8")

    def lines(self, name: str) -> list[str]:
        """The lines of a file."""
        path = self.data / name
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            return file.read().split("\n")

    def rows(self, name: str) -> Iterator[list[str]]:
        """The cells of a table's lines."""
        return (line.split("\t") for line in self.lines(name) if line)

    def titles(self) -> list[tuple[str, str]]:
        """Abstracts of papers, their first 120 characters, and titles."""
        found = map(json.loads, filter(None, self.lines("csl/title_dev.json")))
        pairs = [(row["abstract"][:120].replace("\t", " "), row["title"]) for row in found]
        return [(text, title) for text, title in pairs if len(title) <= 28][: self.count]

    def questions(self) -> list[tuple[str, str, str]]:
        """Passages up to 120 characters, questions and answers that occur in them."""
        articles = json.loads("\n".join(self.lines("cmrc2018/dev.json.gz")))["data"]
        found = []
        for paragraph in (p for article in articles for p in article["paragraphs"]):
            text = paragraph["context"][:120]
            for qa in paragraph["qas"]:
                answer = qa["answers"][0]["text"]
                if answer in text and len(answer) <= 14 and len(qa["question"]) <= 60:
                    found.append((text, qa["question"], answer))
        return found[: self.count]


def reviews(data: Data) -> str:
    """Reviews and 0 or 1."""
    rows = [row for row in data.rows("sentiment_zh/valid.tsv") if len(row) == 2]
    return _lines("\t".join(row) for row in rows[: data.count])


def topics(data: Data) -> str:
    """Titles of papers and the numbers of their fields, in IFLYTEK's form."""
    rows = [*data.rows("csl/category_dev.tsv")][: data.count]
    fields = sorted({field for _, field in rows})
    made = ({"sentence": text, "label": str(fields.index(field))} for text, field in rows)
    return _objects({**row, "id": number} for number, row in enumerate(made))


def pairs(data: Data) -> str:
    """Pairs of questions and 0 or 1."""
    return _lines("\t".join(row) for row in [*data.rows("afqmc/train.tsv")][: data.count])


def tags(data: Data) -> str:
    """Characters and B, I, O of names in CVs."""
    texts = "\n".join(data.lines("resume_ner/train.bmes")).split("\n\n")
    short = [text for text in texts if text.strip() and text.count("\n") < 120][: data.count]
    bio = str.maketrans("MES", "IIB")
    made = []
    for text in short:
        cells = [line.split(" ") for line in text.strip().split("\n")]
        lines = [f"{c} {tag[:1].translate(bio)}{tag[1:]}" for c, tag in cells]
        made.append("\n".join(lines))
    return "".join(f"{text}\n\n" for text in made)


def words(data: Data) -> str:
    """Titles cut into pieces of two characters, in place of words."""
    cut = ([title[i : i + 2] for i in range(0, len(title), 2)] for _, title in data.titles())
    return _lines("  ".join(pieces) for pieces in cut)


def novel(data: Data) -> str:
    """Abstracts, one sentence after another."""
    texts = (text.replace(" ", "").rstrip("。") + "。" for text, _ in data.titles())
    return "".join(c for text in texts for c in text if c.encode("gbk", "ignore"))


def squad(data: Data) -> str:
    """Questions in SQuAD's form."""
    made = []
    for number, (text, question, answer) in enumerate(data.questions()):
        answers = [{"text": answer, "answer_start": text.index(answer)}]
        qas = [{"id": str(number), "question": question, "answers": answers}]
        made.append({"title": str(number), "paragraphs": [{"context": text, "qas": qas}]})
    return _json({"version": "1", "data": made})


def webqa(data: Data) -> str:
    """The same questions in WebQA's form."""
    rows = enumerate(data.questions())
    return _json(
        [
            {"id": str(n), "question": question, "passages": [{"passage": text, "answer": answer}]}
            for n, (text, question, answer) in rows
        ]
    )


def relations(data: Data) -> str:
    """Sentences and their triples in DuIE's form (WebNLG's, in English)."""
    made = []
    for row in map(json.loads, filter(None, data.lines("webnlg/dev.json"))):
        text, triples = row["text"], row["triple_list"]
        spo = [{"subject": s, "predicate": p, "object": o} for s, p, o in triples]
        if len(text) <= 200 and all(s in text and o in text for s, _, o in triples):
            made.append({"text": text, "spo_list": spo})
    return _objects(made[: data.count])


def schemas(data: Data) -> str:
    """The predicates that occur there."""
    rows = map(json.loads, relations(data).splitlines())
    names = sorted({spo["predicate"] for row in rows for spo in row["spo_list"]})
    return _objects({"predicate": name} for name in names)


def problems(data: Data) -> Iterator[dict[str, str]]:
    """Math word problems of up to 60 characters."""
    rows = map(json.loads, filter(None, data.lines("ape210k_10k/valid.json")))
    short = (row for row in rows if len(row["question"]) <= 60 and len(row["equation"]) < 30)
    return (row for row, _ in zip(short, range(data.count), strict=False))


def upstream_problems(data: Data) -> str:
    """The same with upstream's names."""
    names = {"question": "original_text", "equation": "equation", "answer": "ans"}
    return _objects({names[k]: row[k] for k in names} for row in problems(data))


FILES: dict[str, Callable[[Data], str]] = {
    "reviews.data": reviews,
    "few.data": lambda data: _lines(reviews(data).splitlines()[:8]),
    "random_order.json": lambda data: _json([*range(data.count)]),
    "topics.json": topics,
    "pairs.data": pairs,
    "titles.tsv": lambda data: _lines(f"{text}\t{title}" for text, title in data.titles()),
    "csl.tsv": lambda data: _lines(f"{title}\t{text}" for text, title in data.titles()),
    "tags.bio": tags,
    "words.utf8": words,
    "novels/one/one.txt": novel,
    "novel.txt": novel,
    "squad.json": squad,
    "webqa.json": webqa,
    "none.json": lambda data: "[]",
    "relations.jsonl": relations,
    "schemas.jsonl": schemas,
    "problems.json": lambda data: _objects(problems(data)),
    "ape.json": upstream_problems,
    "raw.txt": lambda data: "今天天气不错\n",
}
"""Each file, and what makes its text."""


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _objects(rows: Iterable[Any]) -> str:
    return _lines(map(_json, rows))
