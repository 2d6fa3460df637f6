"""Texts whose parts hold each other, such as queries in queries: an automaton with a stack."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.generation.constraints import (
    Arrays,
    Automaton,
    Past,
    marked,
    width_of,
)
from playmask.generation.search import FORBIDDEN
from playmask.model.array_operations import Tensor, operations_of

NONE, OWN = -1, -2  # no part; the part that each prompt has for itself
BACK, OUT = -2, -3  # the part ends; the whole text does
FAR = 1 << 20  # tokens: no path leads to the end

Edge = tuple[int, int, int, int]


@dataclass(frozen=True)
class Nested(Automaton):
    """Only texts that an automaton spells whose edges may call parts, and come back from them.

    Edges are (state, token, next, part). After the token comes the part that begins in the state
    `part`, or OWN, if it is not NONE, and then `next`. An edge to BACK ends a part, and is there
    in parts only; one to OUT, an end token's, ends the text, and is there outside of them only.
    Every text comes to its end: an edge from which that takes more than `room` tokens in all, or
    more than `depth` parts in each other, is closed. Own parts do not count, and call none.
    """

    depth: int
    room: int = field(compare=False)
    rows: tuple[int, ...] = field(compare=False, repr=False)  # where each prompt's own part begins
    least: np.ndarray = field(compare=False, repr=False)  # (depth + 2, states) tokens to the end

    @classmethod
    def nested(
        cls, edges: Iterable[Edge], *, depth: int, room: int, rows: Sequence[int] = (NONE,)
    ) -> Self:
        """Make it of edges, from state 0; rows: where each prompt has its own part, or all have.

        Raises: ConfigError for two edges from a state by a token, or where no text fits
        """
        table = np.array(sorted(set(edges)), "int32").reshape(-1, 4)
        least = _least(table, depth, rows)
        if least[0, 0] > room:
            need = "no text has an end" if least[0, 0] == FAR else f"a text has {least[0, 0]}"
            raise ConfigError(f"There is room for {room} tokens, but {need}.")
        return cls(table, width_of(table), depth, room, tuple(rows), least)

    @property
    def levels(self) -> int:
        """Outside of all parts, in so many, and in an own part of the last."""
        return self.depth + 2

    def take(self, rows: Sequence[int], count: int) -> Self:
        """The same with the own parts of some prompts."""
        if len(self.rows) == 1:
            return self
        if len(self.rows) != count:
            raise InputError(f"{len(self.rows)} own parts were given for {count} prompts.")
        return replace(self, rows=tuple(self.rows[i] for i in rows))

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The edges, and the fewest tokens to an end by each, at each level."""
        arrays = super().arrays(prompts, valid)
        levels, room = self.levels, len(arrays["edges"])
        costs = np.full((levels, room), FAR, "int32")
        costs[:, : len(self.edges)] = [
            _costs(self.edges, self.least, i, self.depth, self.rows) for i in range(levels)
        ]
        least = np.full((levels, len(arrays["starts"])), FAR, "int32")
        least[:, : self.least.shape[1]] = self.least[:levels]
        own = np.broadcast_to(np.array(self.rows, "int32")[:, None], (len(prompts), 1))
        return {**arrays, "costs": costs, "least": least, "own": own, "room": np.int32(self.room)}

    def begin(self, arrays: Arrays, batch: int, lanes: int) -> Arrays:
        """State 0 outside of all parts, for each lane."""
        ops = operations_of(arrays["starts"])
        zeros = ops.zeros((batch, lanes), "int32")
        back = ops.zeros((batch, lanes, self.levels - 1), "int32")
        return {"state": zeros, "level": zeros, "back": back}

    def weigh(self, logs: Tensor, carry: Arrays, arrays: Arrays, past: Past) -> Tensor:
        """Bar edges by which the text would not come to its end in the room."""
        ops, (there, places) = operations_of(logs), self._places(carry["state"], arrays)
        level = carry["level"]
        at = level[..., None] * arrays["costs"].shape[1] + places
        costs = ops.take(ops.reshape(arrays["costs"], (-1,)), at)
        levels = ops.arange(self.levels - 1, dtype="int32")
        states = levels * arrays["least"].shape[1] + carry["back"]
        after = ops.take(ops.reshape(arrays["least"], (-1,)), states)  # behind each open part
        due = ops.sum(ops.where(levels < level[..., None], after, 0), axis=-1)
        fits = costs + due[..., None] <= arrays["room"] - past.step
        tokens = ops.take(arrays["edges"][:, 0], places)
        tokens = ops.where(ops.logical_and(there, fits), tokens, -1)
        return ops.where(marked(tokens, logs.shape[-1]), logs, FORBIDDEN)

    def follow(self, carry: Arrays, tokens: Tensor, arrays: Arrays) -> Arrays:
        """Take the edges of the tokens, into parts and back."""
        ops, (there, places) = operations_of(tokens), self._places(carry["state"], arrays)
        level, back = carry["level"], carry["back"]
        taken = ops.logical_and(there, ops.take(arrays["edges"][:, 0], places) == tokens[..., None])
        place = ops.max(ops.where(taken, places, -1), axis=-1)
        edge = ops.take(arrays["edges"], ops.maximum(place, 0), axis=0)
        after, part = edge[..., 1], edge[..., 2]
        calls, closes = part != NONE, after == BACK
        last = ops.arange(self.levels - 1, dtype="int32") == (level - 1)[..., None]
        behind = ops.sum(ops.where(last, back, 0), axis=-1)  # where the open part was called
        state = ops.where(calls, ops.where(part == OWN, arrays["own"], part), after)
        state = ops.where(closes, behind, state)
        this = ops.arange(self.levels - 1, dtype="int32") == level[..., None]
        return {
            "state": ops.where(place >= 0, state, -1),
            "level": level + ops.cast(calls, "int32") - ops.cast(closes, "int32"),
            "back": ops.where(ops.logical_and(this, calls[..., None]), after[..., None], back),
        }


def _costs(
    edges: np.ndarray, least: np.ndarray, level: int, depth: int, rows: Sequence[int]
) -> np.ndarray:
    """How many tokens it takes at least to the end of a part by each edge, inside `level` parts."""
    _, _, after, part = edges.T
    inner = least[level + 1]
    own = max((int(inner[row]) for row in rows if row >= 0), default=FAR)
    calls = inner[np.maximum(part, 0)] if level < depth else FAR
    called = np.where(part >= 0, calls, np.where(part == OWN, own, 0))
    ends = np.where(after == (BACK if level else OUT), 0, FAR)
    behind = np.where(after >= 0, least[level][np.maximum(after, 0)], ends)
    costs: np.ndarray = np.minimum(1 + called + behind, FAR)
    return costs


def _least(edges: np.ndarray, depth: int, rows: Sequence[int]) -> np.ndarray:
    """The same from each state, by the shortest path: (depth + 3, states), the last all FAR."""
    states = int(edges[:, [0, 2, 3]].max()) + 1
    least = np.full((depth + 3, states), FAR)
    for level in reversed(range(depth + 2)):
        before = None
        while before is None or (before != least[level]).any():
            before = least[level].copy()
            np.minimum.at(least[level], edges[:, 0], _costs(edges, least, level, depth, rows))
    return least
