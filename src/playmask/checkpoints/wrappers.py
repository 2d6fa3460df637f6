"""The prefix that a wrapper put before the names of a model's tensors.

PyTorch's DataParallel writes `module.`, torch.compile `_orig_mod.`, and a class of one's own
whatever it calls the model inside.
"""

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from playmask.checkpoints.containers import Renamed, Tensors
from playmask.errors import CheckpointError
from playmask.families import FAMILIES
from playmask.families.names import OUTPUT, TOKENS

ENDS = (".", "/")
"""What a prefix ends with."""

HALF = 0.5  # of a checkpoint's tensors


def unwrapped(path: Path, tensors: Tensors, prefix: str) -> Renamed:
    """The tensors of another mapping by their names without a prefix, where they have it."""
    names: dict[str, str] = {}
    for name in tensors:
        short = name.removeprefix(prefix)
        if short in names:
            raise CheckpointError(
                f"{path} has both {names[short]!r} and {name!r}; without the prefix "
                f"{prefix!r} they are one. Save the tensors of one model alone."
            )
        names[short] = name
    return Renamed(path, tensors, names)


def prefix_of(path: Path, container: str, tensors: Tensors) -> str:
    """The prefix before the token table's name, "" where it has none or there is no such table.

    Raises: CheckpointError naming the prefixes, where models stand under several
    """
    for ours in (TOKENS, OUTPUT):
        tables = _names(container, ours)
        prefixes = prefixes_of(tensors, tables)
        if not tables.isdisjoint(tensors):
            for prefix in ("", *prefixes):
                if _is_known([name.removeprefix(prefix) for name in tensors], container, ours):
                    return prefix
            return ""
        if len(prefixes) > 1:
            counts = (f"{p!r} ({sum(n.startswith(p) for n in tensors)} tensors)" for p in prefixes)
            raise CheckpointError(
                f"{path} holds {len(prefixes)} models, under the prefixes {', '.join(counts)}; "
                "save the tensors of one of them alone, without its prefix."
            )
        if prefixes:
            return prefixes[0]
    return ""


def prefixes_of(tensors: Iterable[str], tables: Collection[str]) -> list[str]:
    """The prefixes under which some of the tables stand, those that begin with another left out."""
    return _shortest({prefix for name in tensors for prefix in _before(name, tables)})


def _is_known(names: Collection[str], container: str, ours: str) -> bool:
    """Whether a family that has its table among these names knows half of them.

    What is one family's name of its table may be another's behind a prefix: `model.shared.weight`.
    """
    dialects = (family.readable.get(container) for family in FAMILIES.values())
    having = (d for d in dialects if d is not None and any(t in names for t in d.names_of(ours)))
    return any(dialect.knows(names) >= HALF for dialect in having)


def table_names(container: str) -> frozenset[str]:
    """All names that the families of a container have for the token table."""
    return _names(container, TOKENS)


def _before(name: str, tables: Collection[str]) -> set[str]:
    """What stands before a table's name in a tensor's, where it ends with one."""
    starts = {i + 1 for i, letter in enumerate(name) if letter in ENDS}
    return {name[:start] for start in starts if name[start:] in tables}


def _shortest(prefixes: set[str]) -> list[str]:
    """Those that do not go on from a shorter one: of `module.` and `module.bert.` the first."""
    return sorted(
        prefix
        for prefix in prefixes
        if not any(prefix != other and prefix.startswith(other) for other in prefixes)
    )


@cache
def _names(container: str, ours: str) -> frozenset[str]:
    """All names that the families of a container have for one of our weights."""
    dialects = (family.readable.get(container) for family in FAMILIES.values())
    return frozenset(name for d in dialects if d is not None for name in d.names_of(ours))
