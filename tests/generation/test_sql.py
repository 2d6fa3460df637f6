"""Whatever a model writes under the automaton of SQL, SQLite would run on the schema."""

import random
import sqlite3

import keras
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError
from playmask.generation.nested import BACK, OUT
from playmask.generation.sql import runs, sql
from playmask.generation.sql_grammar import At, Queries
from playmask.metrics.queries import AGGREGATES, KEYWORDS, heard, plain, runnable
from playmask.tasks import Seq2Seq
from playmask.tokenizers import Tokenizer

SCHEMA = {
    "city": ["name", "name of mayor", "state"],
    "state": ["name", "area"],
    "order": ["id", "涨幅(%)"],
}
QUESTIONS = ["which city of new york is large", "涨幅大于五的是哪个", "area of o'hara's texas"]


def database(schema):
    made = sqlite3.connect(":memory:")
    for table, columns in schema.items():
        made.execute(f'CREATE TABLE "{table}" ({", ".join(f"{c!r}" for c in columns)})')
    return made


def refused(queries, schema):
    """Those that SQLite does not take."""
    found, base = [], database(schema)
    for query in queries:
        try:
            base.execute("EXPLAIN " + query)
        except sqlite3.Error as error:
            found.append((query, error))
    return found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT name FROM city",
        "SELECT * FROM state WHERE area >= 1.5 OR name LIKE 'x' ORDER BY area DESC LIMIT 10",
        "SELECT DISTINCT city.name, area / area FROM city JOIN state ON city.state = state.name",
        "SELECT COUNT(*), MAX(DISTINCT area) FROM city, state WHERE state = 'a' AND area < 3",
        "SELECT name FROM city WHERE state IN (SELECT name FROM state WHERE area BETWEEN 1 AND 2)",
        "SELECT state FROM city GROUP BY state HAVING COUNT(name) > 2 ORDER BY COUNT(*)",
        "SELECT name FROM city WHERE name = 'a' EXCEPT SELECT name FROM state",
        "SELECT name FROM state WHERE area = (SELECT MAX(area) FROM state WHERE area < "
        "(SELECT MIN(area) FROM state))",
    ],
)
def test_admits(query):
    assert Queries(SCHEMA).accepts(plain(query, SCHEMA))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT city.name FROM state",  # not in FROM
        "SELECT city.name FROM city WHERE state.area = 1",
        "SELECT city.colour FROM city",
        "SELECT COUNT( city.name FROM city",
        "SELECT city.name FROM city WHERE COUNT( city.name ) = 1",
        "SELECT city.name FROM city ORDER BY COUNT( city.name )",
        "SELECT city.name FROM city HAVING COUNT( city.name ) > 1",
        "SELECT city.name , city.state FROM city UNION SELECT state.name FROM state",
        "SELECT city.name FROM city ORDER BY city.name UNION SELECT state.name FROM state",
        "SELECT city.name FROM city WHERE city.name = ( SELECT city.name , city.state FROM city )",
        "SELECT city.name FROM city , city",
        "SELECT city.name FROM city LIMIT 12345",
        "SELECT city.name FROM",
        "DROP",
        "",
    ],
)
def test_refuses(query):
    assert not Queries(SCHEMA).accepts(heard(query, SCHEMA))


def test_depth_and_tables():
    query = "SELECT name FROM state WHERE area = (SELECT MAX(area) FROM state)"
    assert Queries(SCHEMA).accepts(plain(query, SCHEMA), 1)
    assert not Queries(SCHEMA).accepts(plain(query, SCHEMA), 0)
    joined = plain("SELECT area FROM city JOIN state ON city.state = state.name", SCHEMA)
    assert Queries(SCHEMA, tables=2).accepts(joined)
    assert not Queries(SCHEMA, tables=1).accepts(joined)


def wandered(grammar, seed, depth=2, most=80):
    """A query that is written by chance: each kind of place is as likely as the others."""
    chance = random.Random(seed)
    at, behind, symbols = At(), [], []
    while len(symbols) < most:
        moves = [m for m in grammar.moves(at) if behind or m.after != BACK]
        moves = [m for m in moves if not (behind and m.after == OUT)]
        moves = [m for m in moves if len(behind) < depth or not isinstance(m.part, At)]
        if not moves:
            return None
        kinds = {m.after for m in moves}
        kind = chance.choice(sorted(kinds, key=repr))
        move = chance.choice([m for m in moves if m.after == kind])
        if move.after == OUT:
            return symbols
        symbols.append("'x'" if move.symbol == "'" else move.symbol)
        if isinstance(move.part, At):
            behind.append(move.after)
            at = move.part
        else:
            at = behind.pop() if move.after == BACK else move.after
    return None


def test_all_of_the_grammar_runs():
    grammar = Queries(SCHEMA)
    found = [made for seed in range(1500) if (made := wandered(grammar, seed))]
    assert len(found) > 300
    words = {symbol for symbols in found for symbol in symbols}
    assert {"HAVING", "BETWEEN", "NOT IN", "LIKE", "EXCEPT", "LIMIT", "JOIN", "DESC"} <= words
    queries = [runnable(heard(" ".join(symbols), SCHEMA), SCHEMA) for symbols in found]
    assert not refused(queries, SCHEMA)


@pytest.fixture(scope="module")
def task():
    names = [f"{table}.{column}" for table, columns in SCHEMA.items() for column in columns]
    words = " ".join((*names, *KEYWORDS, *AGGREGATES, *"0123456789=!<>+-*/(),.'", *QUESTIONS))
    tokenizer = Tokenizer.from_texts([words] * 2, size=400)
    body = TINY.change(
        vocabulary=len(tokenizer), mask="unilm", position=playmask.Learned(128), pad=tokenizer.pad
    )
    keras.utils.set_random_seed(1)
    model = playmask.build(body, "mlm")
    model.tokenizer = tokenizer
    return Seq2Seq.new(model, max_source=32, max_target=64)


def spelling(task):
    return lambda symbol: task.tokenizer.encode(symbol, special=False).ids


def test_an_untrained_model_writes_what_runs(task):
    """Fifty texts of random weights, parsed by SQLite over empty tables."""
    spell, asked = spelling(task), [QUESTIONS[i % 3] for i in range(50)]
    words = [text.split() if " " in text else [*text] for text in asked]
    strings = [[spell(" ".join(run)) for run in runs(each)] for each in words]
    constrain = sql(SCHEMA, spell, task.tokenizer.sep, strings=strings, room=64)
    made = task.predict(
        asked, constrain=constrain, search=playmask.Sample(1, temperature=2.0), seed=1
    )
    symbols = [heard(text, SCHEMA, asked[i]) for i, text in enumerate(made)]
    queries = [runnable(each, SCHEMA) for each in symbols]
    assert not refused(queries, SCHEMA)
    assert len(set(queries)) > 20
    assert sum(query.count("SELECT") > 1 for query in queries) > 3
    told = [(s[1:-1], asked[i]) for i, each in enumerate(symbols) for s in each if s[0] == "'"]
    assert told and all(string in question for string, question in told)
    # The same check bites where the schema is another one, and without the automaton.
    assert refused(queries, {**SCHEMA, "city": ["name", "mayor", "state"]})
    free = task.predict(QUESTIONS)
    assert len(refused([runnable(heard(t, SCHEMA), SCHEMA) for t in free], SCHEMA)) == 3


def test_errors(task):
    spell = spelling(task)
    with pytest.raises(ConfigError, match="A schema has tables, and each of them columns"):
        sql({"empty": []}, spell, 3)
    with pytest.raises(ConfigError, match="tables is a whole number from 1, not 0"):
        sql(SCHEMA, spell, 3, tables=0)
    with pytest.raises(ConfigError, match="no tokens for"):
        sql(SCHEMA, lambda symbol: [] if symbol == "JOIN" else spell(symbol), 3)
    with pytest.raises(ConfigError, match="cannot be told apart|two ways"):
        sql(SCHEMA, lambda symbol: [7], 3)
    with pytest.raises(ConfigError, match="There is room for 3 tokens"):
        sql(SCHEMA, spell, 3, room=3)


def test_runs():
    assert runs("abc", 2) == [("a",), ("a", "b"), ("b",), ("b", "c"), ("c",)]
