"""Constraints: what may come next, or is less likely to, weighed inside the compiled loop.

A constraint holds what decides the compiled program in its class and fields; what differs from
call to call (its tables) is passed in as arrays, so that a new dictionary compiles nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.generation.search import FORBIDDEN, LOST
from playmask.model.array_operations import Tensor, operations_of

Arrays = dict[str, Any]


class Past(NamedTuple):
    """What was generated: texts (B, K, N), -1 where nothing is yet; step (): how many tokens."""

    texts: Tensor
    step: Tensor


class Constraint:
    """Weighs the next tokens of every lane; subclasses say how.

    B prompts, K lanes, V tokens. An instance must be hashable by what its functions read of it.
    """

    def take(self, rows: Sequence[int], count: int) -> "Constraint":
        """The same for some of `count` prompts."""
        return self

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The arrays of a call: for prompts int32 (B, P), of which `valid` are no padding."""
        return {}

    def begin(self, arrays: Arrays, batch: int, lanes: int) -> Any:
        """What is kept for each lane: a nest of tensors (B, K, …)."""
        return {}

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """The log-probabilities (B, K, V), changed."""
        return logs

    def follow(self, carry: Any, tokens: Tensor, arrays: Arrays) -> Any:
        """What is kept after tokens (B, K) were chosen."""
        return carry


@dataclass(frozen=True)
class RepetitionPenalty(Constraint):
    """Repetition penalty: multiplies the log-probability of tokens that were there already.

    prompt: whether those of the prompt count too
    Raises:  ConfigError for a penalty that is not above 0
    Source:  Keskar et al. 2019 (CTRL), §4.1, on log-probabilities, since logits have no zero

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> options = {"max_tokens": 4, "end": None, "constrain": RepetitionPenalty(1.5)}
        >>> len(playmask.generate(model, [[1, 2]], **options).tokens[0][0])
        4

    """

    penalty: float
    prompt: bool = True

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise ConfigError(f"penalty is above 0 (1 = none), not {self.penalty!r}.")

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The prompts' tokens, where they count."""
        return {"prompts": np.where(valid & self.prompt, prompts, -1)}

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """Make tokens that were there less likely."""
        ops, (batch, lanes, vocabulary) = operations_of(logs), logs.shape
        prompts = ops.expand_dims(arrays["prompts"], 1)
        prompts = ops.broadcast_to(prompts, (batch, lanes, prompts.shape[-1]))
        there = marked(ops.concatenate([prompts, past.texts], axis=-1), vocabulary)
        there = ops.logical_and(there, logs > LOST)  # what may not come stays out
        return ops.where(there, ops.maximum(logs * self.penalty, LOST), logs)


@dataclass(frozen=True)
class NoRepeat(Constraint):
    """N-gram blocking: no n tokens in a row come twice in what is generated.

    Raises:  ConfigError for an n below 1
    Source:  Paulus et al. 2017, §2.5

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> options = {"max_tokens": 4, "end": None, "constrain": NoRepeat(1)}
        >>> [[text]] = playmask.generate(model, [[1, 2]], **options).tokens
        >>> len(set(text))
        4

    """

    n: int

    def __post_init__(self) -> None:
        if type(self.n) is not int or self.n < 1:
            raise ConfigError(f"n is a whole number from 1, not {self.n!r}.")

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """Bar tokens that would complete a run of n that was there."""
        ops = operations_of(logs)
        texts, step, before = past.texts, past.step, self.n - 1
        count = texts.shape[-1] - before
        if count < 1:
            return logs
        same = ops.arange(count) + before < step  # n-grams that lie in the past whole
        for m in range(before):
            place = ops.maximum(step - before + m, 0)
            last = ops.slice(texts, (0, 0, place), (*texts.shape[:2], 1))
            same = ops.logical_and(same, texts[:, :, m : m + count] == last)
        barred = ops.where(same, texts[:, :, before:], -1)
        return ops.where(marked(barred, logs.shape[-1]), FORBIDDEN, logs)


@dataclass(frozen=True)
class Never(Constraint):
    """Token ban: tokens that may stand nowhere, such as [UNK] or words that nobody should read.

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> barred = Never(tuple(range(10, len(tokenizer))))
        >>> options = {"max_tokens": 4, "end": None, "constrain": barred}
        >>> max(playmask.generate(model, [[1, 2]], **options).tokens[0][0]) < 10
        True

    """

    tokens: tuple[int, ...] = field(compare=False)

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The barred tokens, padded."""
        barred = np.full((1, 1, room_for(len(self.tokens))), -1, "int32")
        barred[..., : len(self.tokens)] = self.tokens
        return {"barred": barred}

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """Bar the tokens."""
        ops = operations_of(logs)
        return ops.where(marked(arrays["barred"], logs.shape[-1]), FORBIDDEN, logs)


@dataclass(frozen=True)
class Automaton(Constraint):
    """Finite automaton: only texts that its edges (state, token, next state) spell, from state 0.

    Where no edge leaves a state, the text ends there (in a beam search it is lost, so lead to an
    end token). The constructors `only`, `prefix_tree` and `arithmetic` make the usual ones.

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> names = Automaton.prefix_tree([[7, 8], [7, 9, 9]], end=tokenizer.sep)
        >>> [[text]] = playmask.generate(model, [[1]], max_tokens=4, constrain=names).tokens
        >>> text[:-1] in ([7, 8], [7, 9, 9])
        True

    """

    edges: np.ndarray = field(compare=False, repr=False)
    width: int  # room for the edges of one state, so that as few as possible are compiled

    @classmethod
    def of(cls, edges: Iterable[tuple[int, int, int]]) -> "Automaton":
        """Make it of edges; a state and a token lead to one next state.

        Raises: ConfigError for no edges, negative numbers, or two edges from a state by a token
        """
        table = np.array(sorted(set(edges)), "int32").reshape(-1, 3)
        if not len(table) or table.min() < 0:
            raise ConfigError("An automaton has edges (state, token, next state), all from 0.")
        return cls(table, width_of(table))

    @classmethod
    def only(cls, tokens: Iterable[int], end: int | None = None) -> "Automaton":
        """Only these tokens, in any order, and the end."""
        also = [] if end is None else [(0, end, 1)]
        return cls.of([*((0, int(t), 0) for t in tokens if t != end), *also])

    @classmethod
    def prefix_tree(cls, texts: Iterable[Sequence[int]], end: int) -> "Automaton":
        """One of these texts and then the end: entities, labels, titles of a catalogue."""
        edges: dict[tuple[int, int], int] = {}
        for text in texts:
            state = 0
            for token in (*text, end):
                state = edges.setdefault((state, int(token)), len(edges) + 1)
        return cls.of((state, token, after) for (state, token), after in edges.items())

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The edges, and where those of each state start."""
        states = int(max(self.edges[:, 0].max(), self.edges[:, 2].max())) + 2
        starts = np.searchsorted(self.edges[:, 0], np.arange(room_for(states)))
        room = np.full((room_for(len(self.edges)), self.edges.shape[1] - 1), -1, "int32")
        room[: len(self.edges)] = self.edges[:, 1:]
        return {"starts": starts.astype("int32"), "edges": room}

    def begin(self, arrays: Arrays, batch: int, lanes: int) -> Any:
        """State 0 for each lane."""
        return operations_of(arrays["starts"]).zeros((batch, lanes), "int32")

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """Bar tokens by which no edge leaves the state."""
        ops, (tokens, _) = operations_of(logs), self._leaving(carry, arrays)
        return ops.where(marked(tokens, logs.shape[-1]), logs, FORBIDDEN)

    def follow(self, carry: Any, tokens: Tensor, arrays: Arrays) -> Any:
        """Take the edges of the tokens; -1 where there is none."""
        ops, (leaving, after) = operations_of(tokens), self._leaving(carry, arrays)
        return ops.max(ops.where(leaving == tokens[..., None], after, -1), axis=-1)

    def _leaving(self, state: Tensor, arrays: Arrays) -> tuple[Tensor, Tensor]:
        """Tokens and next states of the edges that leave each state: (B, K, width), -1 = none."""
        ops, (there, places) = operations_of(state), self._places(state, arrays)
        edges = ops.where(there[..., None], ops.take(arrays["edges"], places, axis=0), -1)
        return edges[..., 0], edges[..., 1]

    def _places(self, state: Tensor, arrays: Arrays) -> tuple[Tensor, Tensor]:
        """Which edges leave each state: whether one is there, and its place (B, K, width)."""
        ops = operations_of(state)
        here = ops.maximum(state, 0)
        start, stop = (ops.take(arrays["starts"], here + i)[..., None] for i in (0, 1))
        places = start + ops.arange(self.width, dtype="int32")
        there = ops.logical_and(places < stop, state[..., None] >= 0)
        return there, ops.minimum(places, arrays["edges"].shape[0] - 1)


@dataclass(frozen=True)
class Copy(Constraint):
    """Copy constraint: only tokens of the source (and `also`, such as the end), as in reading.

    sources: rows of ids, one a prompt (None = the prompt); fragment: the text must be one span
    of the source
    Source:  kexue.fm 7115, "only copy"

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> prompt = tokenizer.encode("味道不错").ids
        >>> options = {"max_tokens": 3, "end": None, "constrain": Copy()}
        >>> set(playmask.generate(model, [prompt], **options).tokens[0][0]) <= set(prompt)
        True

    """

    also: tuple[int, ...] = ()
    fragment: bool = False
    sources: Sequence[Sequence[int]] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "also", tuple(self.also))

    def take(self, rows: Sequence[int], count: int) -> "Copy":
        """The constraint with the sources of some prompts."""
        if self.sources is None:
            return self
        if len(self.sources) != count:
            raise InputError(f"{len(self.sources)} sources were given for {count} prompts.")
        return replace(self, sources=[self.sources[i] for i in rows])

    def arrays(self, prompts: np.ndarray, valid: np.ndarray) -> Arrays:
        """The sources and the other allowed tokens, padded."""
        rows = np.where(valid, prompts, -1)
        if self.sources is not None:
            rows = np.full((len(prompts), room_for(max(map(len, self.sources), default=1))), -1)
            for row, source in zip(rows, self.sources, strict=True):
                row[: len(source)] = source
        return {"sources": rows.astype("int32"), "also": np.array([*self.also, -1], "int32")}

    def begin(self, arrays: Arrays, batch: int, lanes: int) -> Any:
        """Which tokens of the source may come next: all at first."""
        ops = operations_of(arrays["sources"])
        source = ops.expand_dims(arrays["sources"], 1)
        return ops.broadcast_to(source >= 0, (batch, lanes, source.shape[-1]))

    def weigh(self, logs: Tensor, carry: Any, arrays: Arrays, past: Past) -> Tensor:
        """Bar what may not come next."""
        ops = operations_of(logs)
        source = ops.where(carry, ops.expand_dims(arrays["sources"], 1), -1)
        also = ops.broadcast_to(arrays["also"], (*logs.shape[:2], arrays["also"].shape[0]))
        allowed = marked(ops.concatenate([source, also], axis=-1), logs.shape[-1])
        return ops.where(allowed, logs, FORBIDDEN)

    def follow(self, carry: Any, tokens: Tensor, arrays: Arrays) -> Any:
        """With `fragment`, only what stands behind the last token may come next."""
        if not self.fragment:
            return carry
        ops = operations_of(tokens)
        source = ops.expand_dims(arrays["sources"], 1)
        here = ops.logical_and(carry, source == tokens[..., None])
        after = ops.pad(here[..., :-1], [[0, 0], [0, 0], [1, 0]])
        return ops.logical_and(after, source >= 0)


def marked(tokens: Tensor, vocabulary: int) -> Tensor:
    """Which tokens of a vocabulary occur: (B, K, M) int, others = none -> bool (B, K, V)."""
    ops, (batch, lanes, _) = operations_of(tokens), tokens.shape
    width = vocabulary + 1  # the last place takes what is none
    rows = ops.reshape(ops.arange(batch * lanes, dtype="int32"), (batch, lanes, 1)) * width
    none = ops.logical_or(tokens < 0, tokens > vocabulary)
    places = rows + ops.where(none, vocabulary, tokens)
    flat = ops.reshape(places, (-1, 1))
    ones = ops.ones_like(flat[:, 0])
    marks = ops.scatter_update(ops.zeros((batch * lanes * width,), "int32"), flat, ones)
    return ops.reshape(marks, (batch, lanes, width))[..., :vocabulary] > 0


def width_of(edges: np.ndarray) -> int:
    """Room for the edges that leave one state, of edges (E, 2 or more) that are sorted.

    Raises: ConfigError for two edges from a state by a token
    """
    twice = (edges[1:, :2] == edges[:-1, :2]).all(axis=1)
    if twice.any():
        state, token = edges[1:][twice][0][:2]
        raise ConfigError(f"State {state} leads two ways by token {token}.")
    return room_for(int(np.bincount(edges[:, 0]).max()))


def room_for(count: int) -> int:
    """The next power of two, so that few sizes are compiled."""
    return 1 << max(count - 1, 1).bit_length()
