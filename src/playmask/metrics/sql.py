"""Scores of SQL queries: the same clauses, and the same results."""

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from playmask.metrics.queries import CLAUSES, COMPOUNDS, Plainless, Schema, plain

PATIENCE = 100  # times 100,000 steps of SQLite's machine, before a query counts as failed


def same_query(prediction: str, target: str, schema: Schema) -> bool:
    """Whether two queries have the same clauses, in any spelling and with the same values.

    What is selected, the tables, and conditions that are joined by AND alone may come in any
    order, and so may the sides of UNION and INTERSECT; ORDER BY and LIMIT must be the same. Queries
    in brackets are compared as they stand.
    Source: the rule of DuSQL's evaluation with values, after Spider's
    """
    try:
        one, other = (clauses(plain(sql, schema)) for sql in (prediction, target))
        return bool(one == other)
    except Plainless:
        return prediction.lower().split() == target.lower().split()


def exact_match(
    predictions: Sequence[str], targets: Sequence[str], schemas: Sequence[Schema]
) -> float:
    """The share of queries that are the same as those wanted, each over its schema."""
    pairs = zip(predictions, targets, schemas, strict=True)
    return sum(itertools.starmap(same_query, pairs)) / max(len(targets), 1)


class Executed(NamedTuple):
    """Shares of queries: right ones give the rows that are wanted, invalid ones give an error."""

    right: float
    invalid: float


def execution(
    predictions: Sequence[str], targets: Sequence[str], databases: Sequence[sqlite3.Connection]
) -> Executed:
    """Run each query and the one wanted on its database, and compare the rows, in any order."""
    results = [
        (rows_of(one, database), rows_of(other, database))
        for one, other, database in zip(predictions, targets, databases, strict=True)
    ]
    right = sum(one is not None and one == other for one, other in results)
    invalid = sum(one is None for one, _ in results)
    return Executed(right / max(len(predictions), 1), invalid / max(len(predictions), 1))


def rows_of(sql: str, database: sqlite3.Connection) -> Counter[tuple[Any, ...]] | None:
    """The rows of a query and how often each is there; None where it fails or takes too long."""
    left = iter(range(PATIENCE))
    database.set_progress_handler(lambda: next(left, None) is None, 100_000)
    try:
        return Counter(tuple(map(_rounded, row)) for row in database.execute(sql))
    except (sqlite3.Error, sqlite3.Warning):
        return None
    finally:
        database.set_progress_handler(None, 0)


def clauses(symbols: Sequence[str]) -> Any:
    """The clauses of a query's symbols as a value that is equal where only the order differs."""
    blocks: list[list[Any]] = [[]]
    compounds = []
    for clause, inner in _split(symbols, CLAUSES):
        if clause in COMPOUNDS:
            compounds.append(clause)
            blocks.append([])
        elif clause:
            blocks[-1].append((clause, _items(clause, inner)))
    queries = [tuple(block) for block in blocks]
    return compounds, queries if "EXCEPT" in compounds else Counter(queries)


def _items(clause: str, symbols: list[str]) -> Any:
    """What a clause holds: in order, or as a set with how often each is there."""
    if clause == "FROM":
        tables = [inner for _, inner in _split(symbols, (",", "JOIN"))]
        parts = [tuple(inner) for table in tables for _, inner in _split(table, ("ON",))]
        return _bag(tuple(sorted(part)) for part in parts)  # a = b is b = a
    if clause in ("SELECT", "GROUP BY"):
        distinct = symbols[:1] == ["DISTINCT"]
        return distinct, _bag(tuple(i) for _, i in _split(symbols[distinct:], (",",)))
    if clause in ("WHERE", "HAVING") and not any(word for word, _ in _split(symbols, ("OR",))):
        return _bag(_conditions(symbols))
    return tuple(symbols)


def _conditions(symbols: list[str]) -> Iterator[tuple[str, ...]]:
    """What AND joins; that of BETWEEN joins nothing."""
    parts = [inner for _, inner in _split(symbols, ("AND",))]
    while parts:
        part = parts.pop(0)
        if "BETWEEN" in part and parts:
            part = [*part, "AND", *parts.pop(0)]
        yield tuple(part)


def _bag(items: Iterable[tuple[str, ...]]) -> frozenset[Any]:
    return frozenset(Counter(items).items())


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _split(symbols: Sequence[str], words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What stands behind each of these words, outside of brackets; "" is before the first."""
    word, inner, depth = "", list[str](), 0
    for symbol in symbols:
        if depth == 0 and symbol in words:
            yield word, inner
            word, inner = symbol, []
        else:
            inner.append(symbol)
            depth += symbol.endswith("(") - (symbol == ")")
    yield word, inner
