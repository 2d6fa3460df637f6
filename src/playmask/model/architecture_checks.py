"""What an architecture may not be: sizes, names, and parts that do not go together.

`a` is an Architecture, whose module imports this one.
"""

from types import NoneType
from typing import Any

from playmask.errors import ConfigError, brief, nearest
from playmask.model.masks import ORDERS, Mask, Ordered
from playmask.model.norms import Around, Norm
from playmask.model.parts import (
    NORMALIZATIONS,
    ByBlock,
    ContextAttention,
    Gated,
    Mixer,
    Part,
    PseudoSelf,
    choices,
)
from playmask.model.parts.part import adds_to_embedding

CHOICES = {
    "embedding_dropout": ("before", "after", "none"),
    "normalization": tuple(NORMALIZATIONS),
}
"""Fields that name one of a few choices."""

BY_BLOCK: dict[str, tuple[Any, str]] = {
    "attention": (tuple, "a tuple of parts"),
    "position": ((Part, NoneType), "a position part such as Rotary(), or None"),
    "mask": (Mask, "a Mask or the name of an order"),
    "attention_norm": (Around, "Around(before, after)"),
    "feedforward_norm": (Around, "Around(before, after)"),
}
"""Fields that may be a ByBlock, the type of each choice, and what to call it."""

BIASED = (
    *("query", "key", "value", "output", "value_gate", "inputs"),
    *("inner", "gate", "outer", "projection"),
)
"""The dense layers that `bias` may name."""


DEEPEST = 10_000  # blocks
LARGEST = (1 << 31) - 1  # what any size may be


def check(a: Any) -> None:
    """Refuse sizes, names and combinations that cannot be; raises ConfigError for the first."""
    for name in ("vocabulary", "width", "depth", "attention_heads", "inner"):
        size = getattr(a, name)
        if not _is_count(size):
            raise ConfigError(f"{name} must be a whole number of at least 1, not {brief(size)}.")
    depths = (a.depth, 1 if a.decoder is None else a.decoder.depth)
    if not all(_is_count(depth) and depth <= DEEPEST for depth in depths):
        raise ConfigError(f"depth must be from 1 to {DEEPEST}, not {brief(max(depths, key=str))}.")
    if a.width % a.attention_heads and None in (a.key_size, a.value_size):
        raise ConfigError(
            f"width {a.width} does not divide by {a.attention_heads} attention_heads; "
            "give key_size and value_size, or another number of heads."
        )
    for name in ("key_size", "value_size", "embedding_size"):
        size = getattr(a, name)
        if size is not None and not _is_count(size):
            raise ConfigError(f"{name} must be None or a whole number from 1, not {brief(size)}.")
    for name in ("dropout", "attention_dropout"):
        rate = getattr(a, name)
        if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise ConfigError(f"{name} must be from 0 to below 1, not {brief(rate)}.")
    _check_by_block(a)
    _check_choices(a)
    _check_heads(a)
    _check_mask(a)


def _is_count(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= LARGEST


def _check_by_block(a: Any) -> None:
    """Refuse choices of another type, blocks that are not there, tables in some blocks only."""
    deepest = max(a.depth, 0 if a.decoder is None else a.decoder.depth)
    for name, (kind, words) in BY_BLOCK.items():
        field = getattr(a, name)
        for choice in choices(field):
            if not isinstance(choice, kind):
                raise ConfigError(f"{name} must be {words}, or a ByBlock, not {choice!r}.")
        for block, _ in field.some if isinstance(field, ByBlock) else ():
            if not 0 <= block < deepest:
                raise ConfigError(f"{name} names block {block}, but the depth is {deepest}.")
    for part in a.positions if isinstance(a.position, ByBlock) else ():
        if adds_to_embedding(part):
            raise ConfigError(f"{part!r} is added to the embedding, so all blocks have it or none.")


def _check_heads(a: Any) -> None:
    """Refuse groups of heads that do not come out even, and what cannot have them."""
    if not isinstance(a.query_key_norm, (Norm, NoneType)):
        raise ConfigError(f"query_key_norm must be None or a Norm, not {a.query_key_norm!r}.")
    groups = a.key_value_heads
    if groups is None:
        return
    if not isinstance(groups, int) or groups < 1 or a.attention_heads % groups:
        raise ConfigError(
            f"key_value_heads must be None or a number that divides {a.attention_heads} "
            f"attention_heads, not {groups!r}."
        )
    if a.mixer is not None and (a.mixer.key_heads or a.mixer.value_heads):
        raise ConfigError(
            f"{a.mixer!r} has heads of its own for keys or values, so it does not go with "
            f"key_value_heads={groups}; leave one of them out."
        )
    if isinstance(a.projections, Gated) or "value" not in a.uses:
        raise ConfigError(
            f"key_value_heads={groups} needs a value projection of its own, which "
            f"{a.projections!r} with {a.content!r} has not."
        )


def _check_choices(a: Any) -> None:
    for name, known in CHOICES.items():
        if getattr(a, name) not in known:
            value = str(getattr(a, name))
            raise ConfigError(
                f"{name} is one of {', '.join(map(repr, known))}, not {value!r}."
                f"{nearest(value, known)}"
            )
    tokens = a.segments == "tokens"
    if not tokens and (not isinstance(a.segments, int) or a.segments < 0):
        raise ConfigError(
            f"segments must be 0 (none), a number of rows, or 'tokens', not {a.segments!r}."
        )
    if not isinstance(a.bias, (bool, tuple)):
        raise ConfigError(f"bias must be True, False or a tuple of names, not {a.bias!r}.")
    for name in () if isinstance(a.bias, bool) else a.bias:
        if name not in BIASED:
            raise ConfigError(
                f"bias names dense layers, {', '.join(BIASED)}; there is no {name!r}."
                f"{nearest(str(name), BIASED)}"
            )
    if not tokens and not 0 <= a.default_segment < max(int(a.segments), 1):
        raise ConfigError(
            f"default_segment is below the {a.segments} segments, not {a.default_segment!r}."
        )
    if not a.encoder and a.decoder is None:
        raise ConfigError("encoder=False leaves nothing: this architecture has no decoder.")
    reads = None if a.decoder is None else a.decoder.memory
    if reads is not None and not (_is_count(reads) and reads <= a.depth):
        raise ConfigError(f"Decoder's memory is None or 1 to {a.depth} blocks, not {reads!r}.")
    if a.decoder is not None and a.sharing != "none":
        raise ConfigError("Blocks are shared in models without a decoder only.")
    _check_attention(a)


def _check_attention(a: Any) -> None:
    """Refuse what is no content, and orders that cannot be followed."""
    for part in a.content:
        if not isinstance(part, Part):
            raise ConfigError(f"attention takes parts such as Dot(), not {part!r}.")
        if part.once or adds_to_embedding(part):
            raise ConfigError(f"{part!r} says where tokens stand: give it as position=….")
        if part.orders is not None:
            _check_whole(a, part)
    _check_context(a)


def _check_context(a: Any) -> None:
    """Refuse what is no way to look at a context, and models that cannot."""
    if a.mixer is not None and not isinstance(a.mixer, Mixer):
        raise ConfigError(f"mixer must be one such as TalkingHeads(), not {a.mixer!r}.")
    if a.context is None:
        return
    if not isinstance(a.context, (PseudoSelf, ContextAttention)):
        raise ConfigError(f"context must be such as PseudoSelf(64), not {a.context!r}.")
    if a.decoder is not None:
        raise ConfigError("context=… is for models of one stack; a decoder has its encoder.")
    alone = [part for part in a.content if part.normalization is not None]
    if alone and isinstance(a.context, PseudoSelf):
        raise ConfigError(f"{alone[0]!r} has no softmax for a context; take ContextAttention.")


def _check_whole(a: Any, part: Part) -> None:
    """Refuse what a part that condenses the whole text cannot do."""
    reason = f"{part!r} mixes the whole text, so it"
    if a.order not in (part.orders or ()) or choices(a.mask) != (Ordered(),):
        raise ConfigError(
            f"{reason} follows the order 'full' and the plain mask only, not {a.order!r} "
            f"with {a.mask!r}."
        )
    if a.decoder is not None:
        raise ConfigError(f"{reason} cannot stand in a decoder; load with decoder=None.")
    for position in a.positions:
        if position.distances:
            raise ConfigError(
                f"{reason} has no distances for {position!r}; give another position=…."
            )
    if any(part in parts and len(parts) > 1 for parts in choices(a.attention)):
        raise ConfigError(f"{reason} stands alone, not beside other parts.")


def _check_mask(a: Any) -> None:
    if isinstance(a.order, str) and a.order not in (*ORDERS, "permutation"):
        known = (*ORDERS, "permutation")
        raise ConfigError(
            f"There is no order {a.order!r}.{nearest(a.order, known)} "
            "An order of your own is made known with playmask.register_order."
        )
    if not isinstance(a.order, str) and not callable(a.order):
        raise ConfigError(f"order must be the name of one, or a function, not {brief(a.order)}.")
    if len(a.block_map) != a.depth:
        raise ConfigError(f"sharing maps {len(a.block_map)} blocks, but the depth is {a.depth}.")
    for block in a.block_map:
        if not isinstance(block, int) or not 0 <= block < a.depth:
            raise ConfigError(
                f"sharing maps a block to {brief(block)}; the blocks are 0 to {a.depth - 1}."
            )


def check_projections(a: Any) -> None:
    """Refuse values, or an output, of another width than the model where no layer maps it."""
    (_, _, heads), size = a.heads_, a.value_size_
    for name in ("value", "output"):
        if name not in a.uses and heads * size != a.width:
            raise ConfigError(
                f"These parts have no {name} projection, so value heads times value_size must "
                f"be the width: {heads} · {size} = {heads * size}, not {a.width}."
            )
