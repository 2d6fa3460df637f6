"""The grammar of SQL queries over one schema: which symbols may follow each other."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from playmask.errors import ConfigError
from playmask.generation.nested import BACK, NONE, OUT, OWN
from playmask.metrics.queries import AGGREGATES, COMPARISONS, COMPOUNDS, Schema

DIGITS, ARITHMETIC, QUOTE, END = "0123456789", "+-*/", "'", ""


LIMIT = 4  # digits


class At(NamedTuple):
    """A place in a query.

    clause: "select", "from", …; place: what was read there last, or comes next; columns: "one" so
    far, "many", or "one again" behind a UNION; due: tables whose columns were named and that FROM
    must bring; there: those it brought; grouped: whether there was a GROUP BY
    """

    clause: str = "select"
    place: str = "query"
    columns: str = "one"
    due: frozenset[str] = frozenset()
    there: frozenset[str] = frozenset()
    grouped: bool = False

    def to(self, clause: str, place: str = "", **changes: str | bool) -> "At":
        """Another place of the same query; without one, that where the clause begins."""
        return self._replace(clause=clause, place=place, **changes)  # type: ignore[arg-type]


class Move(NamedTuple):
    """A symbol, where it leads (or BACK, OUT), and the part before that: a query, OWN or NONE."""

    symbol: str
    after: At | int
    part: At | int = NONE


class Queries:
    """Which symbols of `playmask.metrics.queries` may follow each other, numbers digit by digit.

    SELECT … FROM … WHERE … GROUP BY … HAVING … ORDER BY … LIMIT, compounds of one column, queries
    in brackets. Every name says its table, and no table is twice in one FROM, so that there are no
    aliases. What SQLite refuses though it can be parsed is left out too: aggregates in WHERE, or
    in ORDER BY without a group; HAVING without one; compounds whose widths differ.
    schema: the columns of each table; tables: how many may be in one FROM
    """

    def __init__(self, schema: Schema, *, tables: int = 3) -> None:
        if not schema or not all(schema.values()):
            raise ConfigError("A schema has tables, and each of them columns.")
        if type(tables) is not int or tables < 1:
            raise ConfigError(f"tables is a whole number from 1, not {tables!r}.")
        self.schema, self.tables = schema, tables
        self.moves = cache(lambda at: [*getattr(self, f"_{at.clause}")(at)])

    def accepts(self, symbols: Sequence[str], depth: int = 2) -> bool:
        """Whether these are a query, with others in it so deep; strings may say anything."""
        at: At | int = At()
        behind: list[At | int] = []
        for unit in (u for s in symbols for u in (s if s[0] in DIGITS else [s])):
            symbol = QUOTE if unit[0] == QUOTE else unit
            move = next((move for move in self.moves(at) if move.symbol == symbol), None)
            if move is None or (move.after == BACK and not behind):
                return False
            if isinstance(move.part, At):
                behind.append(move.after)
                at = move.part
            else:
                at = behind.pop() if move.after == BACK else move.after
            if len(behind) > depth:
                return False
        return not behind and any(move.after == OUT for move in self.moves(at))

    # What columns and tables there are

    def _columns(self, tables: Sequence[str] | frozenset[str]) -> Iterator[tuple[str, str]]:
        for table in self.schema:
            if table in tables:
                for column in self.schema[table]:
                    yield table, f"{table}.{column}"

    def _fitting(self, at: At) -> list[str]:
        """Tables of which there is room for one more in FROM, and those that have theirs."""
        known = at.due | at.there
        return [t for t in self.schema if len(known | {t}) <= self.tables]

    def _any(self, at: At, place: str) -> Iterator[Move]:
        """Any column that SELECT may name; its table is then due."""
        for table, column in self._columns(self._fitting(at)):
            yield Move(column, at._replace(place=place, due=at.due | {table}))

    def _known(self, at: At, after: At) -> Iterator[Move]:
        """Any column of the tables that are there."""
        return (Move(column, after) for _, column in self._columns(at.there))

    # The clauses in turn

    def _select(self, at: At) -> Iterator[Move]:
        if at.place == "query":
            yield Move("SELECT", at.to("select", "first"))
        elif at.place in ("first", "item"):
            if at.place == "first":
                yield Move("DISTINCT", at.to("select", "item"))
                if at.columns == "one":
                    yield Move("*", at.to("select", "all", columns="many"))
            yield from self._any(at, "column")
            yield from self._aggregates(at)
        elif at.place in ("COUNT (", "aggregate", "argument"):
            yield from self._argument(at, self._any(at, "close"))
        elif at.place == "close":
            yield Move(")", at.to("select", "listed"))
        elif at.place == "operand":
            yield from self._any(at, "listed")
        else:
            if at.place == "column":
                yield from (Move(sign, at.to("select", "operand")) for sign in ARITHMETIC)
            if at.columns != "one again" and at.place != "all":
                yield Move(",", at.to("select", "item", columns="many"))
            yield Move("FROM", at.to("from"))

    def _aggregates(self, at: At) -> Iterator[Move]:
        for name in AGGREGATES:
            place = "COUNT (" if name == "COUNT" else "aggregate"
            yield Move(f"{name} (", at.to(at.clause, place))

    def _argument(self, at: At, columns: Iterator[Move]) -> Iterator[Move]:
        """What an aggregate is of."""
        if at.place == "COUNT (":
            yield Move("*", at.to(at.clause, "close"))
        if at.place != "argument":
            yield Move("DISTINCT", at.to(at.clause, "argument"))
        yield from columns

    def _from(self, at: At) -> Iterator[Move]:
        if at.place in ("", "join"):
            after = "on" if at.place == "join" else "table"
            for table in self._fitting(at):
                if table not in at.there:
                    there, due = at.there | {table}, at.due - {table}
                    yield Move(table, at._replace(place=after, there=there, due=due))
        elif at.place == "on":
            yield Move("ON", at.to("from", "left"))
        elif at.place == "left":
            yield from self._known(at, at.to("from", "equals"))
        elif at.place == "equals":
            yield Move("=", at.to("from", "right"))
        elif at.place == "right":
            yield from self._known(at, at.to("from", "table"))
        else:
            if {*self._fitting(at)} - at.there:
                yield Move(",", at.to("from"))
                yield Move("JOIN", at.to("from", "join"))
            if not at.due:
                yield Move("WHERE", at.to("where"))
                yield Move("GROUP BY", at.to("group", grouped=True))
                yield from self._tail(at)

    def _where(self, at: At) -> Iterator[Move]:
        if at.place == "":
            yield from self._known(at, at.to("where", "compared"))
        else:
            yield from self._condition(at)

    def _having(self, at: At) -> Iterator[Move]:
        if at.place == "":
            yield from self._aggregates(at)
        elif at.place in ("COUNT (", "aggregate", "argument"):
            yield from self._argument(at, self._known(at, at.to("having", "close")))
        elif at.place == "close":
            yield Move(")", at.to("having", "compared"))
        else:
            yield from self._condition(at)

    def _condition(self, at: At) -> Iterator[Move]:
        """What follows the left side of a condition."""
        clause, met = at.clause, at.to(at.clause, "met")
        if at.place == "compared":
            yield from (Move(sign, at.to(clause, "value")) for sign in COMPARISONS)
            yield from (Move(word, at.to(clause, "set")) for word in ("IN", "NOT IN"))
            yield from (Move(word, at.to(clause, "string")) for word in ("LIKE", "NOT LIKE"))
            yield Move("BETWEEN", at.to(clause, "low"))
        elif at.place in ("value", "set"):
            yield Move("(", met, At())
        if at.place == "value":
            yield from self._constant(at, "met", "number")
            if clause == "where":
                yield from self._known(at, met)
        elif at.place == "string":
            yield Move(QUOTE, met, OWN)
        elif at.place == "low":
            yield from self._constant(at, "low met", "low number")
        elif at.place == "high":
            yield from self._constant(at, "met", "number")
        elif at.place in ("low number", "low fraction", "number", "fraction"):
            yield from self._digits(at)
        elif at.place in ("low point", "point"):
            yield from self._constant(at, "", at.place.replace("point", "fraction"))
        if at.place in ("low met", "low number", "low fraction"):
            yield Move("AND", at.to(clause, "high"))
        elif at.place in ("met", "number", "fraction"):
            yield from (Move(word, at.to(clause)) for word in ("AND", "OR"))
            if clause == "where":
                yield Move("GROUP BY", at.to("group", grouped=True))
            yield from self._tail(at)

    def _constant(self, at: At, string: str, number: str) -> Iterator[Move]:
        """A string of the question, or the first digit of a number, and the places behind them."""
        if string:
            yield Move(QUOTE, at.to(at.clause, string), OWN)
        yield from (Move(digit, at.to(at.clause, number)) for digit in DIGITS)

    def _digits(self, at: At) -> Iterator[Move]:
        """How a number goes on."""
        yield from (Move(digit, at) for digit in DIGITS)
        if at.place.endswith("number"):
            yield Move(".", at.to(at.clause, at.place.replace("number", "point")))

    def _group(self, at: At) -> Iterator[Move]:
        if at.place == "":
            yield from self._known(at, at.to("group", "key"))
        else:
            yield Move(",", at.to("group"))
            yield Move("HAVING", at.to("having"))
            yield from self._tail(at)

    def _tail(self, at: At) -> Iterator[Move]:
        """What may follow any whole query: order, limit, another query, the end."""
        if at.columns != "one again":
            yield Move("ORDER BY", at.to("order"))
        if at.columns != "many":
            for word in COMPOUNDS:
                yield Move(word, At(columns="one again"))
        yield from self._end(at)

    def _order(self, at: At) -> Iterator[Move]:
        if at.place == "":
            yield from self._known(at, at.to("order", "key"))
            if at.grouped:
                yield from self._aggregates(at)
        elif at.place in ("COUNT (", "aggregate", "argument"):
            yield from self._argument(at, self._known(at, at.to("order", "close")))
        elif at.place == "close":
            yield Move(")", at.to("order", "key"))
        else:
            if at.place == "key":
                yield Move("DESC", at.to("order", "directed"))
            yield Move(",", at.to("order"))
            yield from self._end(at)

    def _end(self, at: At) -> Iterator[Move]:
        """A limit, or the end: of the text, or, of one column, of a query in another."""
        if at.columns != "one again":
            yield Move("LIMIT", At("limit", "0", "many" if at.columns == "many" else "one"))
        yield from self._ends(at)

    def _ends(self, at: At) -> Iterator[Move]:
        yield Move(END, OUT)
        if at.columns != "many":
            yield Move(")", BACK)

    def _limit(self, at: At) -> Iterator[Move]:
        read = int(at.place)
        if read < LIMIT:
            yield from (Move(digit, at.to("limit", str(read + 1))) for digit in DIGITS)
        if read:
            yield from self._ends(at)
