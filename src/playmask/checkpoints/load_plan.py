"""Planning a load: every weight and every tensor is decided on before anything changes."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from playmask.checkpoints.containers import same
from playmask.checkpoints.edits import Changes, Edit, edit_for
from playmask.checkpoints.load_report import Fresh, Ignored, Loaded, Report
from playmask.checkpoints.resize import Rows
from playmask.checkpoints.source import Source
from playmask.errors import CheckpointError
from playmask.families import FAMILIES
from playmask.families.names import BLOCK, OUTPUT, TOKENS, Dialect, Rule, Transpose
from playmask.families.published_heads import OWN
from playmask.model.heads import HEADS
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank

TASK_HEAD = "the head of a task; load_task loads it"

OURS = Dialect(
    "playmask",
    (),
    body=r"^(embeddings|blocks|decoder)/",
    ignored=((f"^{OWN}", TASK_HEAD),),
)

RESIZE = "resize=True would fit it"
NO_HEAD = "the checkpoint has no head"
NEW = "new: the checkpoint's architecture has no such weight"

Shapes = dict[str, tuple[int, ...]]


def dialect_of(report: Report) -> Dialect:
    """The names a checkpoint was written in."""
    if report.dialect == OURS.name:
        return OURS
    return dialect_with(report.family, report.dialect, report.head)


@cache
def dialect_with(family: str, name: str, head: str = "") -> Dialect:
    """A dialect of a family, and the names of the head of one of its published classes."""
    dialect = FAMILIES[family].readable[name]
    if not head:
        return dialect
    published = FAMILIES[family].published[head]
    return dialect.renamed(*published.roots).with_rules(published.rules)


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
    """A checkpoint, the dialect it is named in, and the shapes of our weights as it has them.

    tied: whether its vocabulary head scores with the token table; blocks: those that stay, or None
    """

    source: Source
    dialect: Dialect
    shapes: Shapes
    tied: bool
    blocks: frozenset[int] | None = None

    def left_out(self, ours: str | None) -> bool:
        """Whether a weight, by our name for it there, is of a block that does not stay."""
        block = BLOCK.match(ours or "")
        return self.blocks is not None and block is not None and int(block[1]) not in self.blocks


def make_plan(
    model: Transformer,
    source: Source,
    report: Report,
    rows: Rows,
    resize: bool,
    head: Mapping[str, tuple[int, ...]] | None = None,
    blocks: Sequence[int] | None = None,
) -> Plan:
    """Decide for every weight of a blank model where it comes from.

    head: the shapes of a task's own weights, which are to be filled too; blocks: those that stay
    Raises: CheckpointError naming the tensors, with both shapes, where the checkpoint does not fit
    """
    own = dict(head or {})
    shapes = original = _shapes(model) | own
    if model.architecture != report.architecture:
        stored_model = blank(lambda: Transformer(report.architecture, model.head_names))
        original = _shapes(stored_model) | own
    changes = Changes(report.architecture, model.architecture, rows, resize, blocks)
    tied = report.architecture.vocabulary_head.tied
    stays = None if blocks is None else frozenset(report.architecture.block_map[b] for b in blocks)
    stored = Stored(source, dialect_of(report), original, tied, stays)
    stored_as = _stored_as(changes)
    decisions = [_decide(n, stored_as(n), shape, stored, changes) for n, shape in shapes.items()]
    steps = [item for item in decisions if isinstance(item, Step)]
    fresh = [item for item in decisions if isinstance(item, Fresh)]
    wrong = [item for item in decisions if isinstance(item, str)] + _half_heads(steps, fresh)
    used = {stored_as(step.ours): step.theirs for step in steps}
    ignored, unknown = _unused(stored, used, model, shapes)
    _refuse(wrong + unknown, source, report)
    loaded = [Loaded(s.ours, s.theirs, *source.tensors.spec(s.theirs), note=s.note) for s in steps]
    done = replace(
        report,
        loaded=tuple(loaded),
        fresh=tuple(fresh),
        ignored=tuple(ignored),
        notes=(*report.notes, *filter(None, map(_note, steps))),
    )
    return Plan(steps, done)


def _decide(
    ours: str, origin: str, shape: tuple[int, ...], stored: Stored, changes: Changes
) -> Step | Fresh | str:
    """Decide where one weight comes from; a string says why the checkpoint does not fit.

    origin: our name of the weight in the checkpoint's own architecture
    """
    match = _find_tensor(origin, stored)
    if match is None:
        reason = _why_fresh(origin, stored.shapes)
        return Fresh(ours, shape, reason) if reason else f"{ours} {shape} is not in the checkpoint"
    rule, theirs = match
    size = stored.source.tensors.spec(theirs).shape
    read = _shape_after(rule, size)
    if read != stored.shapes.get(origin, read) or len(read) != len(shape):
        needed = stored.shapes.get(origin, shape)
        return f"{theirs} has the shape {size}, where {ours} needs {needed}"
    fitted = edit_for(ours, read, shape, changes)
    if fitted is None:
        return Fresh(ours, shape, f"{read} in the checkpoint; {RESIZE}")
    edit, note = fitted
    if edit is None and origin != ours:
        note = f"{'a copy for this block of' if changes.blocks is None else 'from'} {origin}"
    if edit is None and rule.piece is not None:
        note = f"{note} piece {rule.piece[0] + 1} of {rule.piece[1]}".strip()
    return Step(ours, theirs, rule, edit, note)


def _stored_as(changes: Changes) -> Callable[[str], str]:
    """Under which of our names the checkpoint has a weight: blocks may be shared, or fewer."""
    into, beyond = changes.stored.block_map, len(changes.stored.block_map)
    places = changes.blocks or range(max(beyond, changes.changed.depth))
    first = {index: place for place, index in reversed([*enumerate(changes.changed.block_map)])}

    def origin(ours: str) -> str:
        block = BLOCK.match(ours)
        if block is None or places[first[int(block[1])]] >= beyond:
            return ours
        return f"blocks/{into[places[first[int(block[1])]]]}/{ours[block.end() :]}"

    return origin


def _shapes(model: Transformer) -> Shapes:
    return {name: tuple(v.shape) for name, v in weights_by_name(model).items()}


def _refuse(wrong: list[str], source: Source, report: Report) -> None:
    if wrong:
        listed = wrong[:6] + [f"and {len(wrong) - 6} more"] * (len(wrong) > 6)
        raise CheckpointError(
            f"{source.path} does not fit {report.family!r} as its configuration describes it: "
            f"{'; '.join(listed)}."
        )


def readings_of(ours: str, dialect: Dialect, tied: bool) -> list[tuple[Rule, str]]:
    """The tensors that one of our weights may be stored as, each with its rule, the usual first."""
    return [(Rule(ours, ours), ours)] if dialect is OURS else dialect.readings(ours, tied)


def _find_tensor(ours: str, stored: Stored) -> tuple[Rule, str] | None:
    """The rule and the tensor for one of our weights."""
    readings = readings_of(ours, stored.dialect, stored.tied)
    return next((reading for reading in readings if reading[1] in stored.source.tensors), None)


def _note(step: Step) -> str | None:
    """Say where a weight was read from its tied copy, since the usual tensor is not there."""
    if step.ours == TOKENS and step.rule.ops[-1:] == (Transpose(),) and len(step.rule.ops) > 1:
        return f"the token embedding is {step.theirs}, which is tied to it and stored in its place"
    return None


def _shape_after(rule: Rule, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape a tensor has in our layout, found without touching its data."""
    return rule.read(np.broadcast_to(np.zeros((), "int8"), shape)).shape


def _why_fresh(ours: str, original: Shapes) -> str | None:
    """Why a weight may be missing from the checkpoint; None where it may not."""
    head = ours.split("/")[0]
    if ours not in original:
        return NEW
    return f"{NO_HEAD} {head!r}" if head in HEADS else None


def _half_heads(steps: list[Step], fresh: list[Fresh]) -> list[str]:
    """A head of which some weights are there and some are not is damage, not absence."""
    present = {step.ours.split("/")[0] for step in steps} & set(HEADS)
    halves = [i for i in fresh if i.ours.split("/")[0] in present and i.reason != NEW]
    return [f"{item.ours} {item.shape} is not in the checkpoint" for item in halves]


def _unused(
    stored: Stored, used: dict[str, str], model: Transformer, shapes: Shapes
) -> tuple[list[Ignored], list[str]]:
    """Say for each tensor that fills nothing why; what nobody can explain is wrong."""
    ignored, unknown = [], []
    tensors, filling = stored.source.tensors, set(used.values())
    for theirs in tensors:
        if theirs in filling:
            continue
        ours = theirs if stored.dialect is OURS else stored.dialect.ours_for(theirs)
        first = used.get(ours or "")
        if first is not None and not same(tensors[theirs], tensors[first]):
            unknown.append(f"{theirs} and {first} are both {ours}, but with other values")
            continue
        holds = stored.dialect.constant(theirs)
        if holds is not None and not holds(tensors[theirs]):
            unknown.append(f"{theirs} has other values than the constant that it should be")
            continue
        reason = f"a copy of {first}" if first else _why_unused(theirs, ours, stored, shapes, model)
        if reason is None:
            unknown.append(f"{theirs} {tensors.spec(theirs).shape} belongs to no weight of it")
        else:
            ignored.append(Ignored(theirs, reason))
    ignored += [Ignored(name, reason) for name, reason in tensors.unreadable.items()]
    return ignored, unknown


def _why_unused(
    theirs: str, ours: str | None, stored: Stored, shapes: Shapes, model: Transformer
) -> str | None:
    """Why a tensor, named after one of our weights or none, fills nothing; None = no reason."""
    dialect, head = stored.dialect, (ours or "").split("/")[0]
    if f"{head}/" == OWN and ours not in shapes:
        return TASK_HEAD
    reason = dialect.reason_to_ignore(theirs)
    if reason is not None:
        return reason
    if ours == OUTPUT and stored.tied and dialect is not OURS:  # as `own_output` has compared
        return "tied: a copy of the token embedding"
    if ours in shapes and not stored.left_out(ours):
        return "of another shape than asked for"
    if ours in stored.shapes:
        return "not in the changed architecture"
    if head in HEADS and head not in model.heads:
        return f"the head {head!r} was not asked for"
    if ours is not None or re.search(dialect.body, theirs):
        return None
    return f"not part of a {model.architecture.family} model"
