"""Planning a load: every weight and every tensor is decided on before anything changes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from playmask.checkpoints.load_report import Fresh, Ignored, Loaded, Report
from playmask.checkpoints.resize import OUTPUT, VOCABULARY, Rows, resize_weight
from playmask.checkpoints.source import Source
from playmask.errors import CheckpointError
from playmask.families import FAMILIES
from playmask.families.names import Dialect, Rule
from playmask.model.architecture import Architecture
from playmask.model.heads import HEADS
from playmask.model.parts import Dot, Gated
from playmask.model.parts.projections import widths
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank

OURS = Dialect(
    "playmask",
    (),
    body=r"^(embeddings|blocks|decoder)/",
    ignored=((r"^task/", "the head of a task; load_task loads it"),),
)

BLOCK = re.compile(r"blocks/(\d+)/")
DECODER = re.compile(r"decoder/(\d+)/")
RESIZE = "resize=True would fit it"
NEW = "new: the checkpoint's architecture has no such weight"
POSITIONS = "embeddings/positions/embeddings"

Shapes = dict[str, tuple[int, ...]]
Edit = Callable[[np.ndarray], np.ndarray]
Pieces = tuple[Sequence[int], Sequence[int]]
"""The sizes, before and after, of layers that are one weight."""


def dialect_of(report: Report) -> Dialect:
    """The names a checkpoint was written in."""
    return (
        OURS if report.dialect == "playmask" else FAMILIES[report.family].dialects[report.dialect]
    )


class Step(NamedTuple):
    """How one weight is filled: from which tensor, through which rule and edit."""

    ours: str
    theirs: str
    rule: Rule
    edit: Edit | None
    note: str


class Plan(NamedTuple):
    """All steps of a load, and the report of what they do."""

    steps: list[Step]
    report: Report


class Stored(NamedTuple):
    """A checkpoint, the dialect it is named in, and the shapes of our weights as it has them."""

    source: Source
    dialect: Dialect
    shapes: Shapes


class Changes(NamedTuple):
    """What was asked for: the architectures before and after, taken rows, and whether to resize."""

    stored: Architecture
    changed: Architecture
    rows: Rows
    resize: bool

    @property
    def key_ratio(self) -> float:
        """By how much queries and keys grow, where their products are divided by their size."""
        scaled = any(part.scale for part in self.stored.content if isinstance(part, Dot))
        return self.changed.key_size_ / self.stored.key_size_ if scaled else 1.0


def make_plan(model: Transformer, source: Source, report: Report, rows: Rows, resize: bool) -> Plan:
    """Decide for every weight of a blank model where it comes from.

    Raises: CheckpointError naming the tensors, with both shapes, where the checkpoint does not fit
    """
    shapes = _shapes(model)
    original = shapes
    if model.architecture != report.architecture:
        original = _shapes(blank(lambda: Transformer(report.architecture, model.head_names)))
    changes = Changes(report.architecture, model.architecture, rows, resize)
    stored = Stored(source, dialect_of(report), original)
    stored_as = _stored_as(model.architecture, report.architecture)
    decisions = [_decide(n, stored_as(n), shape, stored, changes) for n, shape in shapes.items()]
    steps = [item for item in decisions if isinstance(item, Step)]
    fresh = [item for item in decisions if isinstance(item, Fresh)]
    wrong = [item for item in decisions if isinstance(item, str)] + _half_heads(steps, fresh)
    used = {step.theirs for step in steps}
    ignored, unknown = _unused(source, stored.dialect, used, shapes, report)
    _refuse(wrong + unknown, source, report)
    loaded = [Loaded(s.ours, s.theirs, *source.tensors.spec(s.theirs), note=s.note) for s in steps]
    done = replace(report, loaded=tuple(loaded), fresh=tuple(fresh), ignored=tuple(ignored))
    return Plan(steps, done)


def _decide(
    ours: str, origin: str, shape: tuple[int, ...], stored: Stored, changes: Changes
) -> Step | Fresh | str:
    """Decide where one weight comes from; a string says why the checkpoint does not fit.

    origin: our name of the weight in the checkpoint's own architecture
    """
    match = _find_tensor(origin, stored.dialect, stored.source)
    if match is None:
        reason = _why_fresh(origin, stored.shapes)
        return Fresh(ours, shape, reason) if reason else f"{ours} {shape} is not in the checkpoint"
    rule, theirs = match
    size = stored.source.tensors.spec(theirs).shape
    read = _shape_after(rule, size)
    if read != stored.shapes.get(origin, read) or len(read) != len(shape):
        needed = stored.shapes.get(origin, shape)
        return f"{theirs} has the shape {size}, where {ours} needs {needed}"
    fitted = _fit(ours, read, shape, changes)
    if fitted is None:
        return Fresh(ours, shape, f"{read} in the checkpoint; {RESIZE}")
    edit, note = fitted
    if edit is None and origin != ours:
        note = f"a copy for this block of {origin}"
    if edit is None and rule.piece is not None:
        note = f"{note} piece {rule.piece[0] + 1} of {rule.piece[1]}".strip()
    return Step(ours, theirs, rule, edit, note)


def _fit(
    ours: str, read: tuple[int, ...], shape: tuple[int, ...], changes: Changes
) -> tuple[Edit | None, str] | None:
    """How a tensor of one shape becomes a weight of another, and a note; None where it does not."""
    rows = changes.rows
    if ours in VOCABULARY and rows.change_anything:
        axis = VOCABULARY[ours]
        return partial(rows.take, axis=axis), f"{rows.size} rows of {read[axis]}"
    if read == shape:
        return None, ""
    if ours == POSITIONS and shape[0] < read[0] and shape[1] == read[1]:
        return _first(shape[0]), f"the first of {read[0]} rows"
    pieces = _pieces(ours, changes.stored, changes.changed)
    if (
        pieces
        and read[:-1] == shape[:-1]
        and all(b in (0, a) for a, b in zip(*pieces, strict=True))
    ):
        return partial(_without, pieces=pieces), f"without what no part uses, of {read}"
    if changes.resize:
        ratio = changes.key_ratio
        edit = partial(resize_weight, ours, shape=shape, key_ratio=ratio, pieces=pieces)
        return edit, f"resized from {read}"
    return None


def _stored_as(changed: Architecture, stored: Architecture) -> Callable[[str], str]:
    """Under which of our names the checkpoint has a weight: blocks may be shared otherwise."""
    first = {index: place for place, index in reversed([*enumerate(changed.block_map)])}
    into, beyond = stored.block_map, len(stored.block_map)

    def origin(ours: str) -> str:
        block = BLOCK.match(ours)
        if block is None or first[int(block[1])] >= beyond:
            return ours
        return f"blocks/{into[first[int(block[1])]]}/{ours[block.end() :]}"

    return origin


def _shapes(model: Transformer) -> Shapes:
    return {name: tuple(v.shape) for name, v in weights_by_name(model).items()}


def _refuse(wrong: list[str], source: Source, report: Report) -> None:
    if wrong:
        more = f"; and {len(wrong) - 6} more" if len(wrong) > 6 else ""
        raise CheckpointError(
            f"{source.path} does not fit {report.family!r} as its configuration describes it: "
            f"{'; '.join(wrong[:6])}{more}."
        )


def _first(rows: int) -> Edit:
    return lambda table: table[:rows]


def _pieces(ours: str, stored: Architecture, changed: Architecture) -> Pieces | None:
    """The sizes, before and after, of layers that are one weight: those of a gated unit."""
    block = BLOCK.match(ours)
    if block is None or "/attention/inputs/" not in ours:
        return None

    def sizes(a: Architecture) -> Sequence[int]:
        heads = (a.heads_[0], *a.cached_heads)
        return Gated.pieces(widths(heads, a.key_size_, a.value_size_), a.at(number).uses)

    number = int(block[1])
    return sizes(stored), sizes(changed)


def _without(array: np.ndarray, pieces: Pieces) -> np.ndarray:
    """Keep the pieces of the last axis that are still there."""
    old, new = pieces
    parts = np.split(array, np.cumsum(old)[:-1], axis=-1)
    return np.concatenate([part for part, size in zip(parts, new, strict=True) if size], axis=-1)


def _find_tensor(ours: str, dialect: Dialect, source: Source) -> tuple[Rule, str] | None:
    """The rule and the tensor for one of our weights."""
    if dialect is OURS:
        return (Rule(ours, ours), ours) if ours in source.tensors else None
    hit = dialect.rule_for(ours)
    if hit is None:
        return None
    rule, names = hit
    return next(((rule, name) for name in names if name in source.tensors), None)


def _shape_after(rule: Rule, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape a tensor has in our layout, found without touching its data."""
    return rule.read(np.broadcast_to(np.zeros((), "int8"), shape)).shape


def _why_fresh(ours: str, original: Shapes) -> str | None:
    """Why a weight may be missing from the checkpoint; None where it may not."""
    head = ours.split("/")[0]
    if ours not in original:
        return NEW
    return f"the checkpoint has no head {head!r}" if head in HEADS else None


def _half_heads(steps: list[Step], fresh: list[Fresh]) -> list[str]:
    """A head of which some weights are there and some are not is damage, not absence."""
    present = {step.ours.split("/")[0] for step in steps} & set(HEADS)
    halves = [i for i in fresh if i.ours.split("/")[0] in present and i.reason != NEW]
    return [f"{item.ours} {item.shape} is not in the checkpoint" for item in halves]


def _unused(
    source: Source, dialect: Dialect, used: set[str], shapes: Shapes, report: Report
) -> tuple[list[Ignored], list[str]]:
    """Say for each tensor that fills nothing why; what nobody can explain is wrong."""
    ignored, unknown = [], []
    for theirs in source.tensors:
        if theirs in used:
            continue
        reason = _why_unused(theirs, dialect, shapes, report)
        if reason is None:
            shape = source.tensors.spec(theirs).shape
            unknown.append(f"{theirs} {shape} belongs to no weight of it")
        else:
            ignored.append(Ignored(theirs, reason))
    ignored += [Ignored(name, reason) for name, reason in source.tensors.unreadable.items()]
    return ignored, unknown


def _why_unused(theirs: str, dialect: Dialect, shapes: Shapes, report: Report) -> str | None:
    reason = dialect.reason_to_ignore(theirs)
    if reason is not None:
        return reason
    ours = theirs if dialect is OURS else dialect.ours_for(theirs)
    if ours == OUTPUT and report.architecture.vocabulary_head.tied:
        return "tied: a copy of the token embedding"
    if ours in shapes:
        return "another copy of a tensor, or of another shape than asked for"
    if ours is not None and ours.split("/")[0] in HEADS:
        return f"the head {ours.split('/')[0]!r} was not asked for"
    if ours is not None and not _beyond(ours, report.architecture):
        return "not in the changed architecture"
    if re.search(dialect.body, theirs):
        return None
    return f"not part of a {report.family} model"


def _beyond(ours: str, stored: Architecture) -> bool:
    """Whether a weight is of a block that the checkpoint's own architecture does not have."""
    block, decoder = BLOCK.match(ours), DECODER.match(ours)
    if block is not None:
        return int(block[1]) not in stored.block_map
    return decoder is not None and (
        stored.decoder is None or int(decoder[1]) >= stored.decoder.depth
    )
