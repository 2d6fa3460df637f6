"""The automaton of SQL queries over the tables and columns of one schema."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from playmask.errors import ConfigError
from playmask.generation.nested import BACK, NONE, Edge, Nested
from playmask.generation.sql_grammar import END, QUOTE, At, Queries
from playmask.metrics.queries import Schema

Spell = Callable[[str], Sequence[int]]


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


class Branch(NamedTuple):
    """The tokens that are left of a symbol, and where its move leads."""

    tokens: tuple[int, ...]
    after: At | int
    part: At | int


Branches = frozenset[Branch]  # a state: what may still come


class _Spelled:
    """The states and edges of a grammar over tokens; only what can be reached has a state.

    Where one symbol's tokens begin another's ("name", "name of"), both readings stay open.
    """

    def __init__(self, grammar: Queries, spell: Spell, end: int) -> None:
        self.grammar, self.end, self.spell = grammar, end, cache(spell)
        self.branches = cache(self._branches)
        self.numbers: dict[Branches, int] = {}
        self.waiting: list[Branches] = []
        self.edges: list[Edge] = []
        self.count = 0  # of states, those of strings included

    def constraint(
        self, strings: Sequence[Sequence[Sequence[int]]], depth: int, room: int
    ) -> Nested:
        """All edges, and behind them those of each prompt's strings."""
        self.place(At())
        while self.waiting:
            branches = self.waiting.pop()
            number = self.numbers[branches]
            self.edges += [(number, *edge) for edge in self._leaving(branches)]
        self.count = len(self.numbers)
        rows = [self._row(each) for each in strings or [[]]]
        return Nested.nested(self.edges, depth=depth, room=room, rows=rows)

    def place(self, at: At | int) -> int:
        """The state of a place; BACK and the like are none."""
        return at if isinstance(at, int) else self._state(self.branches(at))

    def _state(self, branches: Branches) -> int:
        if branches not in self.numbers:
            self.numbers[branches] = len(self.numbers)
            self.waiting.append(branches)
        return self.numbers[branches]

    def _branches(self, at: At) -> Branches:
        return frozenset(
            Branch(self._tokens(symbol), after, part)
            for symbol, after, part in self.grammar.moves(at)
        )

    def _tokens(self, symbol: str) -> tuple[int, ...]:
        tokens = (self.end,) if symbol == END else tuple(self.spell(symbol))
        if not tokens or min(tokens) < 0:
            raise ConfigError(f"The vocabulary has no tokens for {symbol!r}.")
        return tokens

    def _leaving(self, branches: Branches) -> Iterator[tuple[int, int, int]]:
        """Tokens, next states and parts."""
        by_token: dict[int, set[Branch]] = {}
        for branch in branches:
            rest = branch._replace(tokens=branch.tokens[1:])
            by_token.setdefault(branch.tokens[0], set()).add(rest)
        for token, after in by_token.items():
            read = [branch for branch in after if not branch.tokens]
            if len(after) == len(read) == 1:
                yield token, self.place(read[0].after), self.place(read[0].part)
                continue
            for branch in read:
                if branch.part != NONE or isinstance(branch.after, int):
                    raise ConfigError("Two symbols cannot be told apart by their tokens.")
                after = after - {branch} | self.branches(branch.after)
            yield token, self._state(frozenset(after)), NONE

    def _row(self, strings: Sequence[Sequence[int]]) -> int:
        """The state where the strings of a prompt begin; a quote closes each."""
        (quote,) = self._tokens(QUOTE)
        texts = [tuple(each) for each in strings if len(each) and quote not in each] or [()]
        begins = {text[:i] for text in texts for i in range(len(text) + 1)}
        states = {begin: self.count + i for i, begin in enumerate(sorted(begins))}
        self.count += len(states)
        self.edges += [(states[b[:-1]], b[-1], states[b], NONE) for b in begins if b]
        self.edges += {(states[text], quote, BACK, NONE) for text in texts}
        return states[()]


def runs(items: Sequence[Any], most: int = 5) -> list[tuple[Any, ...]]:
    """Every run of up to `most` items: of a question's words, what its strings may be."""
    return [
        tuple(items[i:j])
        for i in range(len(items))
        for j in range(i + 1, min(i + most, len(items)) + 1)
    ]
