"""LIC 2020, semantic parsing (DuSQL): questions to SQL, freely and by an automaton.

Without a folder of data it learns from twenty invented questions beside it, on three databases in
DuSQL's format. With one, it learns `geoquery`, and counts how many queries of `cspider_dev`, which
has nothing to learn from, the automaton admits.
"""

import csv
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from playmask.generation.sql import runs, sql
from playmask.generation.sql_grammar import Queries
from playmask.metrics.queries import (
    AGGREGATES,
    KEYWORDS,
    Plainless,
    Schema,
    heard,
    plain,
    runnable,
    spoken,
)
from playmask.metrics.sql import exact_match, execution
from playmask.tasks import Seq2Seq
from scratch import Clock, Epochs, Limit, MaybeData, Out, Width, objects_of, report, small_model

SAMPLES = Path(__file__).parent / "samples"
SOURCE, TARGET = 96, 96  # tokens
DEPTH, TABLES = 2, 3  # queries in each other, tables in one FROM
WORD = re.compile(r"[一-鿿]|[^\s一-鿿]+")


class Base:
    """A database: the columns of each table, the tables themselves, and the texts in them."""

    def __init__(self, schema: Schema, rows: sqlite3.Connection) -> None:
        self.schema, self.rows = schema, rows
        self.cells = {
            str(cell).lower()
            for table in schema
            for row in rows.execute(f'SELECT * FROM "{table}"')
            for cell in row
        }


class Question(NamedTuple):
    """A question of a database, and the query that answers it."""

    id: str
    text: str
    query: str
    base: str


class Track(NamedTuple):
    """What is learnt, what is asked, and the databases by name."""

    train: list[Question]
    test: list[Question]
    bases: dict[str, Base]


def geoquery(data: Path, limit: int | None = None) -> Track:
    """One database of American geography; questions split by question."""
    folder = data / "geoquery"
    schema: dict[str, list[str]] = {}
    with open(folder / "schema.csv", encoding="utf-8") as file:
        for table, column, *_ in list(csv.reader(file, skipinitialspace=True))[1:]:
            if table != "-":
                schema.setdefault(table, []).append(column)
    rows = sqlite3.connect(":memory:")
    dump = (folder / "geography-db.sql").read_text(encoding="utf-8")
    dump = re.sub(r"\) ENGINE=[^;]*;", ");", dump).replace("\\'", "''")
    for statement in re.findall(r"^(?:CREATE TABLE|INSERT INTO) .*?\);$", dump, re.M | re.S):
        rows.execute(statement)
    for table, columns in schema.items():  # one is not in the dump
        rows.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})")
    train, test = (
        [
            Question(f"qid{i:06d}", row["question"], row["sql"], "geography")
            for i, row in enumerate(objects_of(folder / f"{name}.json", limit))
        ]
        for name in ("train", "test")
    )
    return Track(train, test, {"geography": Base(schema, rows)})


def schema_of(row: dict) -> dict[str, list[str]]:
    """The columns of each table, of one database in the format of Spider, CSpider and DuSQL."""
    tables = row.get("table_names_original", row["table_names"])
    columns = row.get("column_names_original", row["column_names"])
    return {t: [name for i, name in columns if i == n] for n, t in enumerate(tables)}


def dusql(folder: Path, limit: int | None = None) -> Track:
    """Questions, db_schema.json and db_content.json in DuSQL's format; every fifth is asked."""
    questions, schemas, contents = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("questions", "db_schema", "db_content")
    )
    bases = {}
    for row in schemas:
        schema, rows = schema_of(row), sqlite3.connect(":memory:")
        kinds = [
            "NUMERIC" if kind == "number" else "TEXT"
            for (table, _), kind in zip(row["column_names"], row["column_types"], strict=True)
            if table >= 0
        ]
        tables = next(each["tables"] for each in contents if each["db_id"] == row["db_id"])
        for table, columns in schema.items():
            told = ", ".join(f'"{name}" {kinds.pop(0)}' for name in columns)
            rows.execute(f'CREATE TABLE "{table}" ({told})')
            marks = ", ".join("?" * len(columns))
            rows.executemany(f'INSERT INTO "{table}" VALUES ({marks})', tables[table]["cell"])
        bases[row["db_id"]] = Base(schema, rows)
    asked = [
        Question(row["question_id"], row["question"], row["query"], row["db_id"])
        for row in questions[:limit]
    ]
    return Track([q for i, q in enumerate(asked) if i % 5], asked[::5], bases)


def admitted(pairs: Sequence[tuple[str, Schema]]) -> float:
    """The share of queries that the automaton admits, wherever their strings come from."""
    right = 0
    for query, schema in pairs:
        try:
            right += Queries(schema, tables=TABLES).accepts(plain(query, schema), DEPTH)
        except Plainless:
            continue
    return right / len(pairs)


def sources(questions: Sequence[Question], bases: dict[str, Base]) -> list[str]:
    """What is read: the question, and the tables and columns where there are several databases."""
    if len(bases) == 1:
        return [question.text for question in questions]
    return [f"{q.text} | {' '.join(_names(bases[q.base].schema))}" for q in questions]


def _names(schema: Schema) -> list[str]:
    return [f"{table}.{column}" for table, columns in schema.items() for column in columns]


def spoken_pairs(track: Track) -> Iterator[tuple[str, str]]:
    """Sources and targets to learn from, without the queries that need aliases."""
    for question, source in zip(track.train, sources(track.train, track.bases), strict=True):
        try:
            yield source, spoken(plain(question.query, track.bases[question.base].schema))
        except Plainless:
            continue


def values_of(text: str, base: Base) -> list[str]:
    """What a query may quote of a question: its runs of words that are cells, or, if none, all."""
    words = list(WORD.finditer(text))
    told = [text[run[0].start() : run[-1].end()] for run in runs(words, most=8)]
    return [each for each in told if each.lower() in base.cells] or told


def written(task: Seq2Seq, track: Track, *, constrained: bool) -> list[str]:
    """SQL for each question that is asked, database by database, as each has its automaton."""
    made: dict[str, str] = {}

    def spell(symbol: str) -> list[int]:
        return task.tokenizer.encode(symbol, special=False).ids

    for name, base in track.bases.items():
        asked = [question for question in track.test if question.base == name]
        options = {}
        if constrained and asked:
            values = [[spell(value) for value in values_of(q.text, base)] for q in asked]
            strings = [[ids for ids in each if task.tokenizer.unk not in ids] for each in values]
            end, bounds = task.tokenizer.sep, {"depth": DEPTH, "tables": TABLES, "room": TARGET}
            options["constrain"] = sql(base.schema, spell, end, strings=strings, **bounds)
        texts = task.predict(sources(asked, track.bases), **options)
        for question, text in zip(asked, texts, strict=True):
            symbols = heard(text, base.schema, question.text)
            made[question.id] = runnable(symbols, base.schema)
    return [made[question.id] for question in track.test]


def submit(path: Path, track: Track, made: Sequence[str]) -> None:
    """Write the track's file: id, query, database; "=" is "==" in it."""
    lines = (
        "\t".join((question.id, re.sub(r"(?<= )=(?= )", "==", query), question.base)) + "\n"
        for question, query in zip(track.test, made, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")


def main(
    data: MaybeData = None,
    epochs: Epochs = 60,
    limit: Limit = None,
    width: Width = 128,
    out: Out = Path("runs/examples/lic2020/sql"),
) -> None:
    """Learn SQL, then answer the test questions with and without the automaton."""
    track = dusql(SAMPLES / "dusql", limit) if data is None else geoquery(data, limit)
    pairs = [*spoken_pairs(track)]
    names = [name for base in track.bases.values() for name in _names(base.schema)]
    grammar = " ".join((*names, *KEYWORDS, *AGGREGATES, *"0123456789=!<>+-*/(),.'"))
    texts = [text for pair in pairs for text in pair] + [grammar] * 2
    model = small_model(texts, vocabulary=2000, length=SOURCE + TARGET, width=width, mask="unilm")
    task = Seq2Seq.new(model, max_source=SOURCE, max_target=TARGET)
    clock = Clock()
    task.fit(pairs, epochs=epochs, learning_rate=1e-3, directory=out)
    seconds = clock()
    asked = [*track.train, *track.test]
    schemas = [track.bases[question.base].schema for question in track.test]
    rows = [track.bases[question.base].rows for question in track.test]
    wanted = [question.query for question in track.test]
    results: dict[str, float] = {
        "loss": task.evaluate([*spoken_pairs(track._replace(train=track.test))])["loss"],
        "admitted": admitted([(q.query, track.bases[q.base].schema) for q in asked]),
    }
    for name in ("free", "automaton"):
        made = written(task, track, constrained=name == "automaton")
        results[f"exact match, {name}"] = exact_match(made, wanted, schemas)
        done = execution(made, wanted, rows)
        results |= {f"right rows, {name}": done.right, f"invalid, {name}": done.invalid}
    if data is not None:
        folder = data / "cspider_dev"
        others = {row["db_id"]: schema_of(row) for row in objects_of(folder / "tables.json")}
        queries = [(row["query"], others[row["db_id"]]) for row in objects_of(folder / "dev.json")]
        results["admitted of cspider_dev"] = admitted(queries)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    submit(out / "submission.txt", track, made)
    report(out, results, [(q.text, text) for q, text in zip(track.test[:5], made, strict=False)])


if __name__ == "__main__":
    typer.run(main)
