"""The grammar of checkpoint names: reversible rules between our names and theirs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import product
from typing import Protocol

import numpy as np

from playmask.errors import CheckpointError
from playmask.model.architecture import Architecture


class Op(Protocol):
    """A change of layout that runs both ways."""

    def read(self, theirs: np.ndarray) -> np.ndarray:
        """From the checkpoint's layout to ours."""

    def write(self, ours: np.ndarray) -> np.ndarray:
        """From our layout to the checkpoint's."""


@dataclass(frozen=True)
class Transpose:
    """PyTorch stores a dense kernel as (out, in), Keras and TensorFlow as (in, out)."""

    def read(self, theirs: np.ndarray) -> np.ndarray:
        """(out, in) -> (in, out)."""
        return theirs.T

    def write(self, ours: np.ndarray) -> np.ndarray:
        """(in, out) -> (out, in)."""
        return ours.T


@dataclass(frozen=True)
class Row:
    """A vector that a checkpoint stores as the only row of a matrix."""

    def read(self, theirs: np.ndarray) -> np.ndarray:
        """(1, n) -> (n,)."""
        return theirs.reshape(theirs.shape[1:]) if len(theirs) == 1 else theirs

    def write(self, ours: np.ndarray) -> np.ndarray:
        """(n,) -> (1, n)."""
        return ours[None]


@dataclass(frozen=True)
class JoinedHeads:
    """Heads and their sizes, stored as two axes: (n, N, H) there, (n, N·H) here.

    size: H, of the architecture that is written
    """

    size: int = 0

    def bound(self, size: int) -> "JoinedHeads":
        """The same for heads of a size."""
        return JoinedHeads(size)

    def read(self, theirs: np.ndarray) -> np.ndarray:
        """(n, N, H) -> (n, N·H)."""
        return theirs.reshape(len(theirs), -1)

    def write(self, ours: np.ndarray) -> np.ndarray:
        """(n, N·H) -> (n, N, H)."""
        return ours.reshape(len(ours), -1, self.size)


@dataclass(frozen=True)
class Rule:
    """One of our weights and its tensor in the checkpoint.

    {i} stands for the block, in theirs with a format such as {i:0>2} where it is padded; piece:
    (index, count) where the weight is one of several equal pieces along the tensor's last axis,
    as queries, keys and values often are; ops come before the cut; copies: other names under
    which programs store the same tensor besides, or instead.
    """

    ours: str
    theirs: str
    ops: tuple[Op, ...] = ()
    piece: tuple[int, int] | None = None
    copies: tuple[str, ...] = ()

    def bound(self, size: int) -> "Rule":
        """The same for heads of a size, which some layouts need to know."""
        ops = (op.bound(size) if isinstance(op, JoinedHeads) else op for op in self.ops)
        return replace(self, ops=tuple(ops))

    def read(self, theirs: np.ndarray) -> np.ndarray:
        """Bring a checkpoint's tensor into our layout."""
        for op in self.ops:
            theirs = op.read(theirs)
        if self.piece is None:
            return theirs
        index, count = self.piece
        size = theirs.shape[-1] // count
        return theirs[..., index * size : (index + 1) * size]

    def write(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Bring a weight, or all pieces of one tensor, into the checkpoint's layout."""
        theirs = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)
        for op in reversed(self.ops):
            theirs = op.write(theirs)
        return theirs


TOKENS = "embeddings/tokens/embeddings"
OUTPUT = "mlm/output/kernel"  # of models whose vocabulary head is not tied to the token table
BLOCK, DECODER = re.compile(r"blocks/(\d+)/"), re.compile(r"decoder/(\d+)/")
"""What our names of a block's weights begin with."""

INDEX = re.compile(r"\{i(?::.*?)?\}")  # the block's number in a rule's name


def counting(ids: np.ndarray) -> bool:
    """Whether positions count from 0: (T,) or (1, T)."""
    return bool(np.array_equal(ids.reshape(-1), np.arange(ids.size)))


def causal(mask: np.ndarray) -> bool:
    """Whether a mask (1, 1, T, T) shows each site what is before it, and itself."""
    size = mask.shape[-1] if mask.ndim else 0
    return mask.size == size * size and bool((mask.reshape(size, size) == np.tri(size)).all())


@dataclass(frozen=True)
class Dialect:
    """How one program names a family's tensors.

    aliases: (usual, other) pieces of names: a tensor may also be stored under the name in which
    usual pieces are replaced; ignored: (pattern, reason) of tensors that no model needs; constants:
    (pattern, test) of those among them whose values playmask computes by itself, so that they must
    be these; body: what the names of the encoder itself look like, where an unknown tensor is an
    error; settle: (architecture, tensors) -> the architecture that a program's files hold, where
    its users change what the configuration says, and notes of that.
    """

    name: str
    rules: tuple[Rule, ...]
    body: str
    aliases: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, Callable[[np.ndarray], bool]], ...] = ()
    settle: Callable[[Architecture, Mapping[str, np.ndarray]], tuple[Architecture, list[str]]] = (
        field(default=lambda architecture, tensors: (architecture, []))
    )

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Rule]]:
        return [(_pattern(rule.ours), rule) for rule in self.rules]

    @cached_property
    def _by_letters(self) -> dict[str, list[tuple[str, Rule]]]:
        """Their names and rules by what remains of a name without its numbers."""
        spelled: dict[str, list[tuple[str, Rule]]] = {}
        for rule in self.rules:
            for name in self._names(rule):
                spelled.setdefault(_letters(INDEX.sub("0", name)), []).append((name, rule))
        return spelled

    def rule_for(self, ours: str) -> tuple[Rule, list[str]] | None:
        """The rule for one of our weights, and its tensor's possible names, the usual one first."""
        hits = [(m, rule) for p, rule in self._patterns if (m := p.fullmatch(ours))]
        if len(hits) > 1:
            raise CheckpointError(
                f"{ours} is named by {len(hits)} rules of {self.name!r}, not one."
            )
        for match, rule in hits:
            return rule, [n.format(**match.groupdict()) for n in self._names(rule)]
        return None

    def readings(self, ours: str, tied: bool = False) -> list[tuple[Rule, str]]:
        """The tensors that one of our weights may be read from, with their rules, the usual first.

        tied: the output layer is the token table, which may then be stored under either name
        """
        hit = self.rule_for(ours)
        if hit is None:
            return []
        rule, names = hit
        readings = [(rule, name) for name in names]
        output = self.rule_for(OUTPUT) if tied and ours == TOKENS else None
        if output is not None:
            turned = Rule(ours, output[0].theirs, (*output[0].ops, Transpose()))
            readings += [(turned, name) for name in output[1]]
        return readings

    def names_of(self, ours: str) -> list[str]:
        """The names that one of our weights may have in a checkpoint."""
        hit = self.rule_for(ours)
        return [] if hit is None else hit[1]

    def ours_for(self, theirs: str) -> str | None:
        """Which of our weights a tensor would fill, whether or not the model has it."""
        for name, rule in self._by_letters.get(_letters(theirs), ()):
            if match := _pattern(name).fullmatch(theirs):
                numbers = {"i": 0, **match.groupdict()}  # a name without one is of the only block
                return rule.ours.format(**{k: int(v) for k, v in numbers.items()})
        return None

    def reason_to_ignore(self, theirs: str) -> str | None:
        """Why no model needs this tensor; None where it should not be there."""
        for pattern, reason in self.ignored:
            if re.search(pattern, theirs):
                return reason
        return None

    def with_rules(self, rules: Sequence[Rule]) -> "Dialect":
        """The dialect with further rules, which come in the place of those of the same tensors."""
        theirs = {rule.theirs for rule in rules}
        others = (rule for rule in self.rules if rule.theirs not in theirs)
        return replace(self, rules=(*others, *rules))

    def renamed(self, usual: str, other: str) -> "Dialect":
        """The dialect with names that begin with one root where they began with another."""
        rules = (
            replace(rule, theirs=other + rule.theirs.removeprefix(usual))
            if rule.theirs.startswith(usual)
            else rule
            for rule in self.rules
        )
        return replace(self, rules=tuple(rules))

    def constant(self, theirs: str) -> Callable[[np.ndarray], bool] | None:
        """What tells whether a constant has its values; None for a tensor that is no constant."""
        return next((test for p, test in self.constants if re.search(p, theirs)), None)

    def knows(self, names: Iterable[str]) -> float:
        """The share of these tensors that the rules name, 0 to 1; ignored ones do not count."""
        counted = [name for name in names if self.reason_to_ignore(name) is None]
        named = sum(self.ours_for(name) is not None for name in counted)
        return named / len(counted) if counted else 0.0

    def _names(self, rule: Rule) -> Iterator[str]:
        """All names of a rule's tensor, those of copies last."""
        for name in (rule.theirs, *rule.copies):
            yield from self._spellings(name)

    def _spellings(self, theirs: str) -> Iterator[str]:
        """The usual name, then those with pieces replaced by their aliases."""
        present = [(usual, other) for usual, other in self.aliases if usual in theirs]
        yielded = set()
        for choice in product((False, True), repeat=len(present)):
            name = theirs
            for (usual, other), replaced in zip(present, choice, strict=True):
                name = name.replace(usual, other) if replaced else name
            if name not in yielded:
                yielded.add(name)
                yield name


def _letters(name: str) -> str:
    """A name with the same number wherever it has one."""
    return re.sub(r"\d+", "0", name)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    before, *after = map(re.escape, INDEX.split(name))
    return re.compile(before + "".join(r"(?P<i>\d+)" + text for text in after))


def pairs(ours: str, theirs: str, names: dict[str, str], ops: tuple[Op, ...] = ()) -> list[Rule]:
    """One rule for each weight of a layer; ops go to two-dimensional kernels only."""
    return [
        Rule(f"{ours}/{mine}", f"{theirs}{yours}", ops if mine == "kernel" else ())
        for mine, yours in names.items()
    ]


def fused(
    ours: Sequence[str], theirs: str, names: dict[str, str], ops: tuple[Op, ...] = ()
) -> list[Rule]:
    """Rules for several of our layers that are one layer in the checkpoint."""
    return [
        Rule(rule.ours, rule.theirs, rule.ops, (index, len(ours)))
        for index, layer in enumerate(ours)
        for rule in pairs(layer, theirs, names, ops)
    ]
