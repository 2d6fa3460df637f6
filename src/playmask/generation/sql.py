"""The automaton of SQL queries over the tables and columns of one schema."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from playmask.errors import ConfigError
from playmask.generation.nested import BACK, NONE, OUT, OWN, Edge, Nested
from playmask.metrics.queries import AGGREGATES, COMPARISONS, COMPOUNDS, Schema

DIGITS, ARITHMETIC, QUOTE, END = "0123456789", "+-*/", "'", ""
LIMIT = 4  # digits

Spell = Callable[[str], Sequence[int]]


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


def sql(
    schema: Schema,
    spell: Spell,
    end: int,
    *,
    strings: Sequence[Sequence[Sequence[int]]] = (),
    depth: int = 2,
    tables: int = 3,
    room: int = 64,
) -> Nested:
    """Let only SQL through that SQLite would run against a schema, and then the end.

    schema: the columns of each table; spell: the tokens of a symbol of `Queries`, each of which is
        a text by itself; strings: for each prompt what may stand in quotes, as tokens that
        `generate` does not bar (none = the empty string); depth: of queries in brackets; tables:
        in one FROM; room: the max_tokens of `generate`, in which every text comes to its end
    Raises:  ConfigError for a symbol without tokens, or two that cannot be told apart
    """
    return _Spelled(Queries(schema, tables=tables), spell, end).constraint(strings, depth, room)


class Way(NamedTuple):
    """The tokens that are left of a symbol, and where its move leads."""

    tokens: tuple[int, ...]
    after: At | int
    part: At | int


Ways = frozenset[Way]  # a state: what may still come


class _Spelled:
    """The states and edges of a grammar over tokens; only what can be reached has a state.

    Where one symbol's tokens begin another's ("name", "name of"), both ways stay open.
    """

    def __init__(self, grammar: Queries, spell: Spell, end: int) -> None:
        self.grammar, self.end, self.spell = grammar, end, cache(spell)
        self.ways = cache(self._ways)
        self.numbers: dict[Ways, int] = {}
        self.waiting: list[Ways] = []
        self.edges: list[Edge] = []
        self.count = 0  # of states, those of strings included

    def constraint(
        self, strings: Sequence[Sequence[Sequence[int]]], depth: int, room: int
    ) -> Nested:
        """All edges, and behind them those of each prompt's strings."""
        self.place(At())
        while self.waiting:
            ways = self.waiting.pop()
            number = self.numbers[ways]
            self.edges += [(number, *edge) for edge in self._leaving(ways)]
        self.count = len(self.numbers)
        rows = [self._row(each) for each in strings or [[]]]
        return Nested.nested(self.edges, depth=depth, room=room, rows=rows)

    def place(self, at: At | int) -> int:
        """The state of a place; BACK and the like are none."""
        return at if isinstance(at, int) else self._state(self.ways(at))

    def _state(self, ways: Ways) -> int:
        if ways not in self.numbers:
            self.numbers[ways] = len(self.numbers)
            self.waiting.append(ways)
        return self.numbers[ways]

    def _ways(self, at: At) -> Ways:
        return frozenset(
            Way(self._tokens(symbol), after, part) for symbol, after, part in self.grammar.moves(at)
        )

    def _tokens(self, symbol: str) -> tuple[int, ...]:
        tokens = (self.end,) if symbol == END else tuple(self.spell(symbol))
        if not tokens or min(tokens) < 0:
            raise ConfigError(f"The vocabulary has no tokens for {symbol!r}.")
        return tokens

    def _leaving(self, ways: Ways) -> Iterator[tuple[int, int, int]]:
        """Tokens, next states and parts."""
        by_token: dict[int, set[Way]] = {}
        for way in ways:
            rest = way._replace(tokens=way.tokens[1:])
            by_token.setdefault(way.tokens[0], set()).add(rest)
        for token, after in by_token.items():
            read = [way for way in after if not way.tokens]
            if len(after) == len(read) == 1:
                yield token, self.place(read[0].after), self.place(read[0].part)
                continue
            for way in read:
                if way.part != NONE or isinstance(way.after, int):
                    raise ConfigError("Two symbols cannot be told apart by their tokens.")
                after = after - {way} | self.ways(way.after)
            yield token, self._state(frozenset(after)), NONE

    def _row(self, strings: Sequence[Sequence[int]]) -> int:
        """The state where the strings of a prompt begin; a quote closes each."""
        (quote,) = self._tokens(QUOTE)
        told = [tuple(each) for each in strings if len(each) and quote not in each] or [()]
        begins = {text[:i] for text in told for i in range(len(text) + 1)}
        states = {begin: self.count + i for i, begin in enumerate(sorted(begins))}
        self.count += len(states)
        self.edges += [(states[b[:-1]], b[-1], states[b], NONE) for b in begins if b]
        self.edges += {(states[text], quote, BACK, NONE) for text in told}
        return states[()]


def runs(items: Sequence[Any], most: int = 5) -> list[tuple[Any, ...]]:
    """Every run of up to `most` items: of a question's words, what its strings may be."""
    return [
        tuple(items[i:j])
        for i in range(len(items))
        for j in range(i + 1, min(i + most, len(items)) + 1)
    ]
