"""What an architecture may not be: sizes, names, and parts that do not go together.

`a` is an Architecture, whose module imports this one.
"""

from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.model.masks import ORDERS, Mask, Ordered
from playmask.model.parts import (
    NORMALIZATIONS,
    ByBlock,
    ContextAttention,
    Mixer,
    Part,
    PseudoSelf,
    choices,
)

CHOICES = {
    "embedding_dropout": ("before", "after", "none"),
    "normalization": tuple(NORMALIZATIONS),
}
"""Fields that name one of a few choices."""


def check(a: Any) -> None:
    """Refuse sizes, names and combinations that cannot be; raises ConfigError for the first."""
    for name in ("vocabulary", "width", "depth", "attention_heads", "inner"):
        size = getattr(a, name)
        if not isinstance(size, int) or size < 1:
            raise ConfigError(f"{name} must be a whole number of at least 1, not {size!r}.")
    if a.width % a.attention_heads and None in (a.key_size, a.value_size):
        raise ConfigError(
            f"width {a.width} does not divide by {a.attention_heads} attention_heads; "
            "give key_size and value_size, or another number of heads."
        )
    for name in ("key_size", "value_size", "embedding_size"):
        size = getattr(a, name)
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ConfigError(f"{name} must be None or a whole number from 1, not {size!r}.")
    for name in ("dropout", "attention_dropout"):
        if not 0 <= getattr(a, name) < 1:
            raise ConfigError(f"{name} must be from 0 to below 1, not {getattr(a, name)!r}.")
    _check_choices(a)
    _check_mask(a)


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
    if not a.encoder and a.decoder is None:
        raise ConfigError("encoder=False leaves nothing: this architecture has no decoder.")
    if a.decoder is not None and a.sharing != "none":
        raise ConfigError("Blocks are shared in models without a decoder only.")
    _check_attention(a)


def _check_attention(a: Any) -> None:
    """Refuse what is no content, blocks that are not there, orders that cannot be followed."""
    if not isinstance(a.attention, (tuple, ByBlock)):
        raise ConfigError(f"attention is a tuple of parts or a ByBlock, not {a.attention!r}.")
    for part in a.content:
        if not isinstance(part, Part):
            raise ConfigError(f"attention takes parts such as Dot(), not {part!r}.")
        if part.once or type(part).table is not Part.table:
            raise ConfigError(f"{part!r} says where tokens stand: give it as position=….")
        if part.orders is not None:
            _check_whole(a, part)
    _check_context(a)
    deepest = max(a.depth, 0 if a.decoder is None else a.decoder.depth)
    if isinstance(a.attention, ByBlock):
        for block, _ in a.attention.some:
            if not 0 <= block < deepest:
                raise ConfigError(f"attention names block {block}, but the depth is {deepest}.")


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
    if a.order not in (part.orders or ()) or a.mask != Ordered():
        raise ConfigError(
            f"{reason} follows the order 'full' and the plain mask only, not {a.order!r} "
            f"with {a.mask!r}."
        )
    if a.decoder is not None:
        raise ConfigError(f"{reason} cannot stand in a decoder; load with decoder=None.")
    if a.position is not None and a.position.distances:
        raise ConfigError(f"{reason} has no distances for {a.position!r}; give another position=….")
    if any(part in parts and len(parts) > 1 for parts in choices(a.attention)):
        raise ConfigError(f"{reason} stands alone, not beside other parts.")


def _check_mask(a: Any) -> None:
    if not isinstance(a.mask, Mask):
        raise ConfigError(f"mask must be a Mask or the name of an order, not {a.mask!r}.")
    if isinstance(a.order, str) and a.order not in (*ORDERS, "permutation"):
        known = (*ORDERS, "permutation")
        raise ConfigError(
            f"There is no order {a.order!r}.{nearest(a.order, known)} "
            "An order of your own is made known with playmask.register_order."
        )
    if len(a.block_map) != a.depth:
        raise ConfigError(f"sharing maps {len(a.block_map)} blocks, but the depth is {a.depth}.")


def check_projections(a: Any) -> None:
    """Refuse values, or an output, of another width than the model where no layer maps it."""
    (_, _, heads), size = a.heads_, a.value_size_
    for name in ("value", "output"):
        if name not in a.uses and heads * size != a.width:
            raise ConfigError(
                f"These parts have no {name} projection, so value heads times value_size must "
                f"be the width: {heads} · {size} = {heads * size}, not {a.width}."
            )
