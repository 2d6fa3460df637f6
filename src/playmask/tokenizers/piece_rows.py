"""The vocabulary of a Unigram model: a row for each token, and what is made of them once."""

from collections.abc import Mapping
from functools import cached_property
from operator import itemgetter

Row = tuple[str, float]


class PieceRows(list[Row]):
    """Rows (token, log-probability) in the order of their ids; nobody changes them in place."""

    @cached_property
    def names(self) -> list[str]:
        """The tokens in the order of their ids."""
        return [*map(itemgetter(0), self)]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token, in any order."""
        return dict(zip(self.names, range(len(self)), strict=True))

    def renamed(self, names: Mapping[int, str]) -> "PieceRows":
        """A copy in which some ids have other names; those above all others are new."""
        rows, ids = PieceRows(self), dict(self.ids)
        rows += [("", 0.0)] * (max(names, default=-1) + 1 - len(self))
        for number, name in names.items():
            before, score = rows[number]
            ids.pop(before, None)
            rows[number] = name, score
        ids |= {name: number for number, name in names.items()}
        rows.__dict__["ids"] = ids  # a quarter of the time that making them anew takes
        return rows
