"""Loading: from a checkpoint of any format to a model, every weight accounted for."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from playmask.checkpoints.identify import identify
from playmask.checkpoints.load_plan import (
    NO_HEAD,
    OURS,
    RESIZE,
    Plan,
    Step,
    dialect_of,
    make_plan,
)
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.resize import Compounds, Rows
from playmask.checkpoints.source import Source, find, verifying
from playmask.checkpoints.tokenizer_beside import rows_of, tokenizer_beside
from playmask.errors import ConfigError, nearest
from playmask.families import FAMILIES
from playmask.families.config import Fields
from playmask.garbage import searched_later
from playmask.habits import hint, hinting
from playmask.model.architecture import Architecture
from playmask.model.depth import with_blocks
from playmask.model.masks import Mask
from playmask.model.products import PRODUCTS, bfloat_products
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank, fill, fill_all

DTYPES = (
    "float32", "bfloat16", "float16", "float64", "mixed_bfloat16", "mixed_float16",
    PRODUCTS, "int8",
)  # fmt: skip
"""What models can be loaded in; "int8" is 8-bit weights, which float32 is computed with."""
GENERATING = ("lm", "unilm", "turns")

DType: TypeAlias = str | keras.DTypePolicy


def architecture(
    path_or_family: str | Path,
    *,
    config: str | Path | None = None,
    family: str | None = None,
    ignore: Iterable[str] = (),
) -> Architecture:
    """Return the architecture of a checkpoint, or a family's base architecture.

    Raises: CheckpointError, ConfigError where the checkpoint or its configuration is not known

    Example:
        >>> base = playmask.architecture("bert")
        >>> base.width, base.depth, base.attention_heads
        (768, 12, 12)
        >>> playmask.architecture(path).family
        'bert'

    """
    if path_or_family in FAMILIES and not Path(path_or_family).exists():
        return FAMILIES[str(path_or_family)].base
    return identify(find(path_or_family, family, config), family, ignore).architecture


def build(
    architecture: Architecture,
    heads: str | Sequence[str] | None = None,
    *,
    dtype: DType | None = None,
) -> Transformer:
    """Build a model of an architecture with randomly initialised weights.

    heads: of "pool", "nsp", "mlm", "discriminator" (default: "mlm" for models that generate)
    Raises: ConfigError for a head or dtype that does not exist

    Example:
        >>> small = playmask.architecture("bert").change(
        ...     vocabulary=100, width=32, depth=2, attention_heads=4, inner=64
        ... )
        >>> small_model = playmask.build(small, heads="mlm")
        >>> small_model({"tokens": np.array([[2, 7, 3]])})["logits"].shape
        (1, 3, 100)

    """
    model = Transformer(architecture, _heads(heads, architecture), dtype=policy_of(dtype))
    return in_dtype(model, dtype)


def policy_of(dtype: DType | None) -> DType | None:
    """Return the dtype policy a model is built in; refuses what is no dtype to compute in."""
    if isinstance(dtype, str) and dtype not in DTYPES:
        raise ConfigError(f"There is no dtype {dtype!r} to compute in.{nearest(dtype, DTYPES)}")
    if dtype == PRODUCTS:
        return bfloat_products()
    return "float32" if dtype == "int8" else dtype


def in_dtype(model: Transformer, dtype: DType | None) -> Transformer:
    """Quantise a model where its dtype says so, and return it."""
    if dtype == "int8":
        model.quantize("int8")
    return model


@hinting("load")
@searched_later()
def load(
    path: str | Path,
    *,
    config: str | Path | None = None,
    family: str | None = None,
    order: Any = None,
    mask: str | Mask | None = None,
    heads: str | Sequence[str] | None = None,
    dtype: DType | None = None,
    like: str | None = None,
    keep_tokens: Sequence[int] | None = None,
    compound_tokens: Compounds | None = None,
    blocks: Sequence[int] | None = None,
    resize: bool = False,
    copy: bool = False,
    ignore: Iterable[str] = (),
    **changes: Any,
) -> Transformer:
    """Load a pretrained model from any format it was published in.

    path: a directory, a TensorFlow checkpoint's prefix, a weights file (Keras 2's HDF5 too), or a
    hub's `org/name`; config: its configuration, where it lies elsewhere, with the tokenizer;
    order, mask: how the order rises and what is compared ("lm", "unilm", "turns" work in mask=);
    heads: of "pool", "nsp", "mlm", "discriminator" (default: "mlm" for models that generate);
    like: "bert4keras" computes what that program does where it differs from the trained model
    (T5's cross-attention bias and scale, epsilons, gelu; see docs/families.md);
    dtype: to hold weights and compute in, see DTYPES; keep_tokens: old ids in new order;
    compound_tokens: new tokens as means of old ones, which texts have by their names if it is a
    dict, else where they read as their parts do; blocks: those (of the encoder) that stay, from 0;
    resize: fit weights to changed sizes instead of drawing them; copy: read all weights into memory
    now, where they else may stay in the mapped file, and change (or end the process) with it when
    another program writes into it; ignore: configuration keys to overlook; changes: fields of the
    architecture. `model.report` says what became of each weight.
    Raises: CheckpointError, ConfigError; no model is returned partly filled

    Example:
        >>> language_model = playmask.load(path, mask="lm", heads="mlm")
        >>> language_model.architecture.order, len(language_model.report.fresh)
        ('lm', 0)

    """
    if message := hint("load", **changes):
        raise ConfigError(message)
    source = find(path, family, config)
    report = identify(source, family, ignore)
    changes |= {n: v for n, v in (("order", order), ("mask", mask)) if v is not None}
    rows, pruned = rows_of(source, report, keep_tokens, compound_tokens)
    changed = _changed(report, like, rows, changes, blocks)
    with verifying(source.directory):
        chosen = _heads(heads, changed)
        if heads is None and source.container == "playmask":
            chosen = tuple(dict.fromkeys((*source.config["heads"], *chosen)))
        policy = policy_of(dtype)
        model = blank(lambda: Transformer(changed, chosen, dtype=policy))
        plan = make_plan(model, source, report, rows, resize, blocks=blocks)
        _warn_of_fresh(plan, heads)
        beside = tokenizer_beside(source, rows, pruned)
        fill_planned(weights_by_name(model), source, plan, copy=copy)
    model.report, model.tokenizer = beside.added_to(plan.report), beside.tokenizer
    return in_dtype(model, dtype)


def _changed(
    report: Report, like: str | None, rows: Rows, changes: Fields, blocks: Sequence[int] | None
) -> Architecture:
    """Apply the changes asked for to a checkpoint's architecture."""
    if rows.change_anything:
        changes = changes | of_rows(report.architecture, rows, changes)
    changed = _like(report, like).change(**changes)
    _check_order(report, changed)
    return changed if blocks is None else with_blocks(changed, blocks)


def of_rows(stored: Architecture, rows: Rows, changes: Fields) -> Fields:
    """What an architecture says of a changed vocabulary: its size, and where ids went."""
    moved: Fields = {"vocabulary": rows.size, "pad": rows.pad(stored.pad)}
    if "decoder" in changes or stored.decoder is None or stored.decoder.start is None:
        return moved
    start = rows.pad(stored.decoder.start)
    if start is None:
        raise ConfigError(
            f"keep_tokens drops the id {stored.decoder.start}, which this decoder's texts begin "
            "with; keep it."
        )
    return moved | {"decoder": replace(stored.decoder, start=start)}


def _warn_of_fresh(plan: Plan, heads: str | Sequence[str] | None) -> None:
    """Warn of weights that are not loaded: their shape was changed, or nobody drew them on purpose.

    A head that was named may be there to be trained; but one that is there by default, or that a
    family cannot do without to generate, is a published tensor that is missing. Biases begin at 0,
    and say as much as if they were not there.
    """
    reshaped = [item for item in plan.report.fresh if RESIZE in item.reason]
    absent = [
        item
        for item in plan.report.fresh
        if item.reason.startswith(NO_HEAD) and not item.ours.endswith("/bias")
    ]
    messages = []
    if reshaped:
        messages.append(
            f"{len(reshaped)} weights start fresh, since the checkpoint has them in another shape "
            f"({reshaped[0].ours}: {reshaped[0].reason}); see model.report."
        )
    if absent and (heads is None or _generates(FAMILIES[plan.report.family].base)):
        head = absent[0].ours.split("/")[0]
        messages.append(
            f"{plan.report.path} has no {head!r} head ({absent[0].ours} is missing), so it is "
            "drawn at random; pass heads=[] to load the model without it."
        )
    for message in messages:
        warnings.warn(message, stacklevel=5)  # the line that calls load, past its decorators


def _like(report: Report, like: str | None) -> Architecture:
    """The architecture as another program computes it."""
    if like is None:
        return report.architecture
    if like != "bert4keras":
        raise ConfigError(f"like is 'bert4keras' or nothing, not {like!r}.")
    return FAMILIES[report.family].bert4keras(report.architecture)


def _check_order(report: Report, changed: Architecture) -> None:
    """Refuse to make a language model of what cannot be one."""
    family = FAMILIES[report.family]
    if not family.one_order or changed.order == report.architecture.order:
        return
    raise ConfigError(
        f"The order of {report.family!r} stays {report.architecture.order!r}, not "
        f"{changed.order!r}: {family.one_order}."
    )


def _heads(heads: str | Sequence[str] | None, architecture: Architecture) -> tuple[str, ...]:
    if heads is None:
        return ("mlm",) if _generates(architecture) else ()
    return (heads,) if isinstance(heads, str) else tuple(heads)


def _generates(architecture: Architecture) -> bool:
    """Whether a model generates texts, and so has a vocabulary head by default."""
    return architecture.order in GENERATING or architecture.decoder is not None


def fill_planned(
    weights: Mapping[str, Any], source: Source, plan: Plan, *, copy: bool = False
) -> None:
    """Verify every tensor, then give each blank weight its value; few are held at a time."""
    for name in dict.fromkeys(step.theirs for step in plan.steps):
        source.tensors[name]  # the last thing that may fail; what it gives goes at once
    values = [(weights[step.ours], partial(_value, source, step)) for step in plan.steps]
    fill_all(values, copy=copy)
    for item in plan.report.fresh:
        fill(weights[item.ours])


def _value(source: Source, step: Step) -> np.ndarray:
    """One weight's value, through its rule and edit."""
    value = step.rule.read(source.tensors[step.theirs])
    return value if step.edit is None else step.edit(value)


def stored_heads(source: Source, report: Report, *names: str) -> tuple[str, ...]:
    """Those of some heads that a checkpoint has weights of."""
    dialect = dialect_of(report)
    weights = [n if dialect is OURS else dialect.ours_for(n) or "" for n in source.tensors]
    return tuple(head for head in names if any(each.startswith(f"{head}/") for each in weights))
