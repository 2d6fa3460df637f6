"""SQL as a row of symbols: read from any spelling, written for a model, written for SQLite.

A symbol is a keyword ("GROUP BY", "COUNT ("), a table, a column as "table.column", an operator, a
number, or a string in single quotes. Aliases are resolved, so that a name says what it means.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Schema = Mapping[str, Sequence[str]]  # the columns of each table

COMPARISONS = ("=", "!=", "<", ">", "<=", ">=")
AGGREGATES = ("COUNT", "MAX", "MIN", "SUM", "AVG")
COMPOUNDS = ("UNION", "INTERSECT", "EXCEPT")
PHRASES = ("GROUP BY", "ORDER BY", "NOT IN", "NOT LIKE", "UNION ALL", "LEFT JOIN")
KEYWORDS = (
    "SELECT", "DISTINCT", "FROM", "JOIN", "ON", "WHERE", "HAVING", "LIMIT", "AND", "OR", "IN",
    "LIKE", "BETWEEN", "ASC", "DESC", "AS", "NOT", "GROUP", "ORDER", "BY", "LEFT", "INNER", "OUTER",
    "ALL", "EXISTS", "IS", "NULL", *COMPOUNDS, *PHRASES,
)  # fmt: skip
SAME = {"<>": "!=", "==": "=", "INNER JOIN": "JOIN", "LEFT OUTER": "LEFT"}
CLAUSES = ("SELECT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", *COMPOUNDS)
SIGNS = r"<>|!=|<=|>=|==|[=<>+\-*/(),.;]"
STRING = r"'(?:[^']|'')*'|\"[^\"]*\""


class Plainless(ValueError):
    """A query that needs more than its tables' own names: aliases of one table, derived tables."""


def plain(sql: str, schema: Schema) -> list[str]:
    """The symbols of a query, whatever its aliases, quotes and case.

    "SELECT T1.Name FROM singer AS T1;" -> ["SELECT", "singer.Name", "FROM", "singer"]
    Raises: Plainless for what cannot be said in these symbols, or names that are not there
    """
    (tree, _) = _nested([t for t in _lexed(sql, schema) if t != ";"], 0)
    return _query(tree, schema)


def spoken(symbols: Sequence[str]) -> str:
    """Symbols as a text that a model writes: spaces between them, and between digits."""
    return " ".join(
        " ".join(symbol) if _is_number(symbol) else re.sub(r"^'(.*)'$", r"' \1 '", symbol)
        for symbol in symbols
    )


def heard(text: str, schema: Schema, question: str = "") -> list[str]:
    """The symbols of a text that a model wrote, however its tokens were spaced.

    question: where strings were copied from; they are spelled as there. What is no symbol stays as
    it is, so that SQLite refuses it.
    """
    names = [*schema, *(f"{table}.{column}" for table in schema for column in schema[table])]
    calls = [f"{name} (" for name in AGGREGATES]
    known = {_squeezed(each): each for each in (*COMPARISONS, *KEYWORDS, *calls, *names)}
    spelled = "|".join(_loosely(each) for each in sorted(known, key=len, reverse=True))
    pattern = rf"('[^']*')|(\d[\d\s]*(?:\.\s*\d[\d\s]*)?)|({spelled})|({SIGNS})|(\S)"
    symbols = []
    for string, number, name, sign, other in re.findall(pattern, text, re.IGNORECASE):
        if string:
            symbols.append(f"'{_as_in(string[1:-1], question)}'")
        else:
            squeezed = _squeezed(number or name or sign or other)
            symbols.append(known.get(squeezed, squeezed))
    return symbols


def runnable(symbols: Sequence[str], schema: Schema) -> str:
    """Symbols as SQL; names that are no plain words, or are words of SQL, in double quotes."""
    tables = {*schema}
    return " ".join(
        ".".join(map(_quoted, symbol.split(".", 1)))
        if symbol in tables or symbol.split(".", 1)[0] in tables
        else symbol
        for symbol in symbols
    )


def _is_number(symbol: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", symbol) is not None


def _squeezed(text: str) -> str:
    return "".join(text.split()).lower()


def _loosely(text: str) -> str:
    return r"\s*".join(map(re.escape, text))


def _as_in(value: str, question: str) -> str:
    """A value as the question spells it."""
    squeezed = _squeezed(value)
    place = re.search(_loosely(squeezed), question, re.IGNORECASE) if squeezed else None
    return place[0] if place else value.strip()


def _quoted(name: str) -> str:
    word = re.fullmatch(r"[^\W\d]\w*", name) and name.isascii()
    return name if word and f"{name.upper()}" not in RESERVED else f'"{name}"'


RESERVED = {*KEYWORDS, "TABLE", "INDEX", "CASE", "WHEN", "TO", "SET", "USING", "CREATE", "VALUES"}


def _lexed(sql: str, schema: Schema) -> list[str]:
    """Words, strings, numbers and signs."""
    odd = {name for table in schema for name in (table, *schema[table]) if re.search(r"\W", name)}
    own = "".join(rf"(?:\w+\.)?{re.escape(name)}|" for name in sorted(odd, key=len, reverse=True))
    pattern = rf"{STRING}|{own}\d+\.\d+(?![\w.])|\w+(?:\s*\.\s*\w+)?|{SIGNS}|\S"
    return [
        re.sub(r"\s*\.\s*", ".", t) if t[0] not in "'\"" else t for t in re.findall(pattern, sql)
    ]


def _nested(tokens: list[str], at: int) -> tuple[list[Any], int]:
    """Tokens with what stands in brackets as a list of its own, and where they end."""
    tree: list[Any] = []
    while at < len(tokens) and tokens[at] != ")":
        if tokens[at] == "(":
            inner, at = _nested(tokens, at + 1)
            tree.append(inner)
        else:
            tree.append(tokens[at])
        at += 1
    return tree, at


def _query(tree: list[Any], schema: Schema) -> list[str]:
    """The symbols of a query or of several that are joined by UNION and the like."""
    symbols, block = list[str](), list[Any]()
    for item in (*tree, None):
        if item is None or (isinstance(item, str) and item.upper() in COMPOUNDS):
            symbols += _block(block, schema)
            symbols += [] if item is None else [item.upper()]
            block = []
        else:
            block.append(item)
    return symbols


def _block(block: list[Any], schema: Schema) -> list[str]:
    """The symbols of one SELECT, its names resolved by its FROM."""
    words = [item.upper() if isinstance(item, str) else "" for item in block]
    if not words or words[0] != "SELECT" or "FROM" not in words:
        raise Plainless("A query is SELECT … FROM ….")
    begins = words.index("FROM")
    after = (
        i for i, w in enumerate(words) if w in ("WHERE", "LIMIT") or words[i + 1 : i + 2] == ["BY"]
    )
    ends = min(after, default=len(words))
    tables = {table.lower(): table for table in schema}
    names, dropped = _tables(block[begins:ends], tables), set[int]()
    for i, word in enumerate(words):
        if word == "AS":
            dropped |= {i, i + 1}
        elif begins < i < ends and word.lower() in names and words[i - 1].lower() in tables:
            dropped.add(i)
    symbols = list[str]()
    for i, (item, after) in enumerate(_followed(block)):
        if begins < i < ends and words[i - 1] in ("FROM", "JOIN", ","):
            symbols.append(tables[item.lower()])
        elif i not in dropped:
            symbols += _said(item, after, names, schema, words[i - 1])
    return _merged(symbols)


def _followed(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items, [*items[1:], None], strict=True)


def _tables(items: list[Any], known: Mapping[str, str]) -> dict[str, str]:
    """What each name of a FROM stands for, a table's own or its alias, in small letters."""
    names, last = dict[str, str](), ""
    for before, item in pairwise(items):
        starts = isinstance(before, str) and before.upper() in ("FROM", "JOIN", ",")
        if starts and (isinstance(item, list) or item.lower() not in known):
            raise Plainless(f"{item!r:.40} is no table.")
        if starts:
            last = known[item.lower()]
            if last in names.values():
                raise Plainless(f"The table {last} is there twice.")
            names[item.lower()] = last
        elif isinstance(before, str) and isinstance(item, str):
            alias = before.upper() == "AS" or before.lower() in known
            if alias and item.upper() not in (*KEYWORDS, ",", "="):
                names.pop(last.lower(), None)
                names[item.lower()] = last
    return names


def _said(
    item: Any, after: Any, names: Mapping[str, str], schema: Schema, before: str = ""
) -> list[str]:
    """The symbols of one word, or of what stands in brackets that mean something."""
    if isinstance(item, list):
        if item and isinstance(item[0], str) and item[0].upper() == "SELECT":
            return ["(", *_query(item, schema), ")"]
        words = ["", *(one.upper() if isinstance(one, str) else "" for one in item)]
        inner = [
            symbol
            for (one, then), word in zip(_followed(item), words, strict=False)
            for symbol in _said(one, then, names, schema, word)
        ]
        needed = before in (*AGGREGATES, "IN") or {"OR", ",", *"+-*/"} & {*inner}
        return ["(", *inner, ")"] if needed else inner
    upper = item.upper()
    if item[0] in "'\"":
        inner = item[1:-1].replace("''", "'")
        if "'" in inner:
            raise Plainless("A string holds a quote.")
        return [f"'{inner}'"]
    if upper in AGGREGATES and isinstance(after, list):
        return [upper]
    if _is_number(item) or re.fullmatch(SIGNS, item):
        return [SAME.get(item, item)]
    return [_name(item, names, schema)]


def _name(item: str, names: Mapping[str, str], schema: Schema) -> str:
    """A table, a column, or a keyword."""
    table, _, column = item.rpartition(".")
    among = [names.get(table.lower(), "")] if table else [*names.values()]
    for each in among:
        for own in schema.get(each, ()):
            if own.lower() == column.lower():
                return f"{each}.{own}"
    if item.upper() in KEYWORDS:
        return item.upper()
    raise Plainless(f"{item!r:.40} is no name here.")


def _merged(symbols: list[str]) -> list[str]:
    """Words that belong together as one symbol; ASC, which is the rule, left out."""
    merged: list[str] = []
    for symbol in symbols:
        symbol = SAME.get(symbol, symbol)
        both = f"{merged[-1]} {symbol}" if merged else symbol
        both = SAME.get(both, both)
        calls = symbol == "(" and merged and merged[-1] in AGGREGATES
        if calls or both in (*PHRASES, "LEFT", "JOIN"):
            merged[-1:] = [both]
        elif symbol != "ASC":
            merged.append(symbol)
    return merged
