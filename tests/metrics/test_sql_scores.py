"""Queries as symbols, and their scores, worked by hand."""

import sqlite3

import pytest

from playmask.metrics.queries import Plainless, heard, plain, runnable, spoken
from playmask.metrics.sql import exact_match, execution, rows_of, same_query

SCHEMA = {
    "city": ["name", "state", "size"],
    "state": ["name", "area"],
    "order": ["id", "涨幅(%)", "2018 sales"],
}


@pytest.mark.parametrize(
    "sql, symbols",
    [
        ("SELECT name FROM city;", "SELECT city.name FROM city"),
        ('select T1.NAME from City as T1 where T1.state == "new york"',
         "SELECT city.name FROM city WHERE city.state = 'new york'"),
        ("SELECT c.size FROM city c JOIN state s ON c.state = s.name ORDER BY c.size ASC LIMIT 1",
         "SELECT city.size FROM city JOIN state ON city.state = state.name ORDER BY city.size "
         "LIMIT 1"),
        ("SELECT COUNT( * ) AS n FROM city AS c0 , state AS s0 WHERE (c0.state <> s0.name)",
         "SELECT COUNT ( * ) FROM city , state WHERE city.state != state.name"),
        ("SELECT name FROM state WHERE area = (SELECT MAX(s.area) FROM state AS s)",
         "SELECT state.name FROM state WHERE state.area = "
         "( SELECT MAX ( state.area ) FROM state )"),
        ("select 涨幅(%) from order where id not in (select size from city)",
         "SELECT order.涨幅(%) FROM order WHERE order.id NOT IN ( SELECT city.size FROM city )"),
    ],
)  # fmt: skip
def test_plain(sql, symbols):
    found = plain(sql, SCHEMA)
    assert " ".join(found) == symbols
    assert heard(spoken(found), SCHEMA) == found  # what is spoken is heard


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a.name FROM city AS a JOIN city AS b ON a.name = b.state",  # one table twice
        "SELECT x.name FROM (SELECT name FROM city) AS x",
        "SELECT name FROM state AS s WHERE area > (SELECT size FROM city WHERE state = s.name)",
        "SELECT colour FROM city",
        "DROP TABLE city",
        "",
    ],
)
def test_what_cannot_be_plain(sql):
    with pytest.raises(Plainless):
        plain(sql, SCHEMA)


def test_heard_whatever_the_spaces():
    text = "select count(* ) from city where city. size>= 1 5 0 and city. state=' newyork '"
    symbols = heard(text, SCHEMA, "how many are in New York")
    assert symbols == [
        "SELECT", "COUNT (", "*", ")", "FROM", "city", "WHERE", "city.size", ">=", "150", "AND",
        "city.state", "=", "'New York'",
    ]  # fmt: skip
    assert heard("city zzz", SCHEMA) == ["city", *"zzz"]


def test_odd_names_are_quoted():
    symbols = ["SELECT", "order.涨幅(%)", ",", "order.2018 sales", "FROM", "order"]
    sql = runnable(symbols, SCHEMA)
    assert sql == 'SELECT "order"."涨幅(%)" , "order"."2018 sales" FROM "order"'


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("SELECT name, size FROM city", "SELECT T.size, T.name FROM city AS T", True),
        ("SELECT name FROM city WHERE size > 1 AND state = 'x'",
         "SELECT name FROM city WHERE state = 'x' AND size > 1", True),
        ("SELECT name FROM city WHERE size > 1 OR state = 'x'",
         "SELECT name FROM city WHERE state = 'x' OR size > 1", False),
        ("SELECT name FROM city WHERE size BETWEEN 1 AND 2 AND state = 'x'",
         "SELECT name FROM city WHERE state = 'x' AND size BETWEEN 1 AND 2", True),
        ("SELECT name FROM city WHERE size > 1", "SELECT name FROM city WHERE size > 2", False),
        ("SELECT name FROM city", "SELECT DISTINCT name FROM city", False),
        ("SELECT area FROM city JOIN state ON city.state = state.name",
         "SELECT area FROM state JOIN city ON state.name = city.state", True),
        ("SELECT name FROM city UNION SELECT name FROM state",
         "SELECT name FROM state UNION SELECT name FROM city", True),
        ("SELECT name FROM city EXCEPT SELECT name FROM state",
         "SELECT name FROM state EXCEPT SELECT name FROM city", False),
        ("SELECT name FROM city ORDER BY size, name", "SELECT name FROM city ORDER BY name, size",
         False),
        ("nonsense", "nonsense", True),
        ("SELECT name FROM", "SELECT name FROM city", False),
    ],
)  # fmt: skip
def test_same_query(one, other, same):
    assert same_query(one, other, SCHEMA) == same_query(other, one, SCHEMA) == same


def test_shares():
    made = ["SELECT name FROM city", "SELECT size FROM city"]
    assert exact_match(made, [made[0], made[0]], [SCHEMA] * 2) == 1 / 2
    assert exact_match([], [], []) == 0


def test_execution_by_hand():
    database = sqlite3.connect(":memory:")
    database.executescript(
        "CREATE TABLE city (name, state, size); INSERT INTO city VALUES ('a', 'x', 1), "
        "('b', 'x', 2), ('c', 'y', 0.1), ('c', 'z', 2)"
    )
    assert rows_of("SELECT state FROM city WHERE size < 3", database) == {
        ("x",): 2, ("y",): 1, ("z",): 1,
    }  # fmt: skip
    wanted = ["SELECT name FROM city WHERE state = 'x'"] * 5
    made = [
        "SELECT name FROM city WHERE state = 'x' ORDER BY name DESC",  # another order: right
        "SELECT name FROM city WHERE size <= 2 AND state != 'y'",  # c too: wrong
        "SELECT DISTINCT name FROM city WHERE name = 'a' OR name = 'b'",  # the same rows: right
        "SELECT nothing FROM city",  # invalid
        "SELECT 1; DROP TABLE city",  # two statements: invalid, and nothing happens
    ]
    assert execution(made, wanted, [database] * 5) == (2 / 5, 2 / 5)
    assert rows_of("SELECT COUNT(*) FROM city", database) == {(4,): 1}


def test_endless_queries_fail():
    forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT SUM(x) FROM n"
    assert rows_of(forever, sqlite3.connect(":memory:")) is None
