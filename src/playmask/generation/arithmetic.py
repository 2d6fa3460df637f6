"""The automaton of arithmetic expressions, for math word problems."""

from collections.abc import Iterator, Mapping, Sequence

from playmask.errors import ConfigError
from playmask.generation.constraints import Automaton

DIGITS, OPERATORS = "0123456789", "+-*/"
NEEDED = (*DIGITS, *OPERATORS, "(", ")")
OPERAND, NUMBER, POINT, FRACTION, CLOSED = range(5)  # what was read last, or is expected
ENDS = (NUMBER, FRACTION, CLOSED)  # where an expression is complete

Symbols = Mapping[str, int | Sequence[int]]


def arithmetic(tokens: Symbols, end: int, *, depth: int = 3) -> Automaton:
    """Automaton of arithmetic expressions, brackets nested up to a depth, and then the end.

    Numbers are digits, perhaps a point and digits, perhaps a percent sign; they stand between
    + - * /, and anything may stand in brackets.
    tokens: the id of each digit, operator and bracket, of "." and "%" where there are such; several
        ids of one symbol ("5" and "##5") are given as a list
    Raises:  ConfigError for a symbol that is missing or is no part of an expression
    Source:  kexue.fm 7809 (math word problems by seq2seq)

    Example:
        >>> symbols = {symbol: place for place, symbol in enumerate("0123456789+-*/()", 5)}
        >>> edges = arithmetic(symbols, end=2, depth=0).edges.tolist()
        >>> "".join(s for s in symbols if any([0, symbols[s]] == edge[:2] for edge in edges))
        '0123456789'

    """
    missing = [symbol for symbol in NEEDED if symbol not in tokens]
    if missing:
        raise ConfigError(f"Expressions need tokens for {' '.join(missing)}.")
    unknown = set(tokens) - {*NEEDED, ".", "%"}
    if unknown:
        raise ConfigError(f"{sorted(unknown)[0]!r} is no symbol of an expression.")
    if type(depth) is not int or depth < 0:
        raise ConfigError(f"depth is a whole number from 0, not {depth!r}.")
    ids = {s: [each] if isinstance(each, int) else [*each] for s, each in tokens.items()}
    last = len(ENDS) + 2  # states of each depth; the last of all has ended
    edges = [
        (level * last + state, token, after_level * last + after)
        for level in range(depth + 1)
        for state, symbol, after_level, after in _moves(level, depth)
        for token in ids.get(symbol, ())
    ]
    ended = (depth + 1) * last
    return Automaton.of([*edges, *((state, end, ended) for state in ENDS)])


def _moves(level: int, depth: int) -> Iterator[tuple[int, str, int, int]]:
    """From what state at a depth of brackets which symbol leads where."""
    follows = {OPERAND: NUMBER, NUMBER: NUMBER, POINT: FRACTION, FRACTION: FRACTION}
    for state, after in follows.items():
        for digit in DIGITS:
            yield state, digit, level, after
    yield NUMBER, ".", level, POINT
    for state in (NUMBER, FRACTION):
        yield state, "%", level, CLOSED
    for state in ENDS:
        for operator in OPERATORS:
            yield state, operator, level, OPERAND
        if level:
            yield state, ")", level - 1, CLOSED
    if level < depth:
        yield OPERAND, "(", level + 1, OPERAND
