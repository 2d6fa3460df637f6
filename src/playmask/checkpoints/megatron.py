"""Megatron's checkpoints of GPT-2, such as the original CPM-Generate, cut over several ranks.

A folder has a file for each rank, `mp_rank_00_model_states.pt` and so on, whose tensors are under
"module". It may lie in another, whose `latest_checkpointed_iteration.txt` has its name.

Source: TsinghuaAI/CPM-1-Generate, mpu/layers.py, mpu/transformer.py and utils.py
"""

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from playmask.checkpoints import containers, torch_zip
from playmask.checkpoints.containers import Spec, Tensors
from playmask.errors import CheckpointError

RANKS, RANK = "mp_rank_*_model_states.pt", "mp_rank_{:02d}_model_states.pt"
TRACKER = "latest_checkpointed_iteration.txt"
UNDER = ("module", "model")
EXAMPLE = '{"vocab_size": 30000, "n_embd": 2560, "n_layer": 32, "n_head": 32, "n_positions": 1024}'

SQUARE = re.compile(r"\.attention\.dense\.weight$")
"""A tensor that is square when it is whole, and so tells how many ranks there are."""


class Cut(NamedTuple):
    """Along which axis the ranks share a tensor; each has that part of every one of the pieces."""

    axis: int
    pieces: int = 1


CUTS = (
    (re.compile(r"^word_embeddings\.weight$"), Cut(0)),
    (re.compile(r"\.attention\.query_key_value\.(weight|bias)$"), Cut(0, 3)),
    (SQUARE, Cut(1)),
    (re.compile(r"\.mlp\.dense_h_to_4h\.(weight|bias)$"), Cut(0)),
    (re.compile(r"\.mlp\.dense_4h_to_h\.weight$"), Cut(1)),
)
"""What is cut, and how; all other tensors are whole and the same in every rank."""

write = partial(torch_zip.write, under=UNDER[0])
"""Write all tensors as those of a single rank."""


class Ranks(Tensors):
    """The tensors of all ranks, each merged when it is asked for."""

    def __init__(self, folder: Path, ranks: list[Tensors]):
        first, *others = self._ranks = ranks
        for rank in others:
            _check_same(first, rank)
        _check_count(folder, first, len(ranks))
        specs = {name: _whole(first, name, len(ranks)) for name in first}
        unreadable = {name: why for rank in ranks for name, why in rank.unreadable.items()}
        super().__init__(folder, specs, unreadable)

    def _load(self, name: str) -> np.ndarray:
        parts, cut = [rank[name] for rank in self._ranks], _cut(name)
        if len(parts) == 1:
            return parts[0]
        if cut is not None:
            split = [np.split(part, cut.pieces, cut.axis) for part in parts]
            ordered = [part for piece in zip(*split, strict=True) for part in piece]
            return np.concatenate(ordered, cut.axis)
        for rank, part in zip(self._ranks, parts, strict=True):
            if not np.array_equal(containers.raw(part), containers.raw(parts[0])):
                raise CheckpointError(
                    f"{rank.path} has other values in {name!r} than {self._ranks[0].path.name}, "
                    "though each rank has the whole of it; the ranks are not of one checkpoint."
                )
        return parts[0]


def folder_in(place: Path) -> Path | None:
    """The folder of the ranks: this one, or the iteration's inside it; None where there is none.

    Raises: CheckpointError where the iteration's folder has none
    """
    if any(place.glob(RANKS)):
        return place
    if not (place / TRACKER).is_file():
        return None
    iteration = (place / TRACKER).read_text("utf-8", "replace").strip()
    if re.fullmatch(r"\d+|release", iteration) and any((place / iteration).glob(RANKS)):
        return place / iteration
    raise CheckpointError(
        f"{place / TRACKER} says {iteration[:40]!r}, but no folder of that name beside it holds "
        f"{RANK.format(0)}."
    )


def read(folder: Path) -> Ranks:
    """Open the ranks in a folder as one checkpoint.

    Raises: CheckpointError naming the file, and the tensor, where a rank is missing or damaged, or
            where ranks do not fit together; at first access, if they disagree in a whole tensor
    """
    count = len(list(folder.glob(RANKS)))
    files = [folder / RANK.format(rank) for rank in range(count)]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise CheckpointError(
            f"{folder} holds {count} ranks but not {missing[0].name}; put it beside them."
        )
    return Ranks(folder, [torch_zip.read(file, under=UNDER) for file in files])


def _cut(name: str) -> Cut | None:
    return next((cut for pattern, cut in CUTS if pattern.search(name)), None)


def _whole(rank: Tensors, name: str, count: int) -> Spec:
    """Shape and dtype of a tensor of several ranks."""
    (shape, dtype), cut = rank.spec(name), _cut(name)
    if cut is None or count == 1:
        return Spec(shape, dtype)
    if len(shape) <= cut.axis or shape[cut.axis] % cut.pieces:
        raise CheckpointError(
            f"{rank.path}: {name!r} has the shape {shape}, which is not {cut.pieces} equal pieces "
            f"along axis {cut.axis}."
        )
    return Spec((*shape[: cut.axis], count * shape[cut.axis], *shape[cut.axis + 1 :]), dtype)


def _check_same(first: Tensors, rank: Tensors) -> None:
    """See that two ranks have tensors of the same names, shapes and dtypes."""
    for one, other in ((first, rank), (rank, first)):
        for name in one:
            if name not in other:
                raise CheckpointError(f"{other.path} lacks {name!r}, which {one.path.name} has.")
            if one.spec(name) != other.spec(name):
                (shape, dtype), (right, kind) = other.spec(name), one.spec(name)
                raise CheckpointError(
                    f"{other.path} has {name!r} as {dtype} {shape}, where {one.path.name} has "
                    f"{kind} {right}; the ranks are not of one checkpoint."
                )


def _check_count(folder: Path, first: Tensors, count: int) -> None:
    """See from a tensor that is square when it is whole whether all ranks are there."""
    for name in filter(SQUARE.search, first):
        shape = first.spec(name).shape
        if len(shape) != 2 or shape[0] != count * shape[1]:
            raise CheckpointError(
                f"{folder} holds {count} of the ranks' files, but of the square {name!r} "
                f"{first.path.name} has {shape}; put as many ranks beside it as make it square."
            )
