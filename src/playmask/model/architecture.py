"""The architecture: every choice in which the families differ, as one value."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from playmask.errors import ConfigError, nearest
from playmask.model.architecture_checks import BY_BLOCK, check
from playmask.model.decoder import Decoder
from playmask.model.masks import Mask, Ordered
from playmask.model.norms import Around, Condition, Norm
from playmask.model.old_names import OLD
from playmask.model.parts import (
    ByBlock,
    ContextAttention,
    Dot,
    Learned,
    Mixer,
    Part,
    Projections,
    PseudoSelf,
    Separate,
    TalkingHeads,
    choices,
    members,
    read_position,
    table_of,
)
from playmask.model.parts.by_block import chosen, first, of, read_parts
from playmask.model.recipes import from_json, recipe, to_json
from playmask.model.vocabulary_head import VocabularyHead

__all__ = ["Architecture", "Decoder", "VocabularyHead"]


@recipe
class Architecture:
    """All that is needed to build a model, without its weights.

    Sizes are counts. A block i of `depth` uses the weights of stored block `block_map[i]`.

    family: whose checkpoint names it follows; inner: width of the feed-forward layer;
    gate: activation of a second inner layer that multiplies the first (None = there is none);
    embedding_size: width of the embedding tables (None = width); key_size, value_size: per head
    (None = width / attention_heads); projections: how queries, keys and values are made;
    attention: the content parts, whose scores add up; position: the position part, or None;
    context: how it looks at the input `context`, or None; key_value_heads: heads of keys and
    values, each shared by a group of query heads (None = attention_heads); query_key_norm: of each
    head's queries and keys, before they are rotated;
    mixer: mixes heads around the softmax; normalization: what stands in the softmax's place;
    feedforward: whether blocks have one; sharing: "none", "all", k (every k blocks in a row
    share), or a tuple that maps each block to a stored one; encoder, decoder: an encoder-decoder
    has both, and may be loaded with one of them only; segments: rows of the segment table (0 =
    none), or "tokens" (a segment is a token id, its vector the token's); default_segment: that of
    sites for which none is given; tasks: rows of the task table; embedding_scale: what tokens'
    vectors are multiplied with before others are added; query_vector: whether there is one for
    sites of a query stream, which hold the token -1;
    pad: the id that is padding (None = none is); embedding_dropout: where it stands
    ("before" or "after" the norm, "none"); final_norm, final_dropout: after the last block;
    condition: what all norms depend on, or None; order: how the order of sites rises along a text;
    mask: what is compared; bias: whether dense layers have one, or the names of those that do, of
    query, key, value, output, value_gate, inputs (a gated unit's), inner, gate, outer, projection.
    The attention, position, mask and norms may be a ByBlock.

    Raises: ConfigError for the first that cannot be, or does not go together

    Example:
        >>> a = architecture("bert").change(mask="lm", depth=6, position="rotary")
        >>> a.order, a.block_map, a.limit
        ('lm', (0, 1, 2, 3, 4, 5), None)
        >>> Architecture.from_json(a.to_json()) == a
        True

    """

    family: str
    vocabulary: int
    width: int
    depth: int
    attention_heads: int
    inner: int
    activation: str = "gelu"
    gate: str | None = None
    embedding_size: int | None = None
    key_size: int | None = None
    value_size: int | None = None
    projections: Projections = Separate()
    attention: tuple[Part, ...] | ByBlock[tuple[Part, ...]] = (Dot(),)
    position: Part | ByBlock[Part | None] | None = Learned(512)
    context: PseudoSelf | ContextAttention | None = None
    mixer: Mixer | None = None
    normalization: str = "softmax"
    feedforward: bool = True
    sharing: str | int | tuple[int, ...] = "none"
    encoder: bool = True
    decoder: Decoder | None = None
    segments: int | str = 2
    tasks: int = 0
    pad: int | None = 0
    bias: bool | tuple[str, ...] = True
    embedding_norm: Norm | None = Norm()
    embedding_dropout: str = "after"
    attention_norm: Around | ByBlock[Around] = Around(after=Norm())
    feedforward_norm: Around | ByBlock[Around] = Around(after=Norm())
    final_norm: Norm | None = None
    final_dropout: bool = False
    vocabulary_head: VocabularyHead = VocabularyHead()
    pooler_activation: str = "tanh"
    condition: Condition | None = None
    order: Any = "full"
    mask: Mask | ByBlock[Mask] = Ordered()
    dropout: float = 0.1
    attention_dropout: float = 0.1
    initializer_range: float = 0.02
    key_value_heads: int | None = None
    query_key_norm: Norm | None = None
    embedding_scale: float = 1.0
    default_segment: int = 0
    query_vector: bool = False

    def __post_init__(self) -> None:
        check(self)

    def at(self, block: int) -> "Architecture":
        """What one stored block is built from: its own choices in the place of each ByBlock.

        Raises: ConfigError where blocks share its weights but not what they are built from
        """
        users = [i for i, stored in enumerate(self.block_map) if stored == block]
        own = {}
        for name in BY_BLOCK:
            choice = getattr(self, name)
            if not isinstance(choice, ByBlock):
                continue
            values = {choice.of(i) for i in users}
            if len(values) > 1 and name != "mask":  # which is no matter of weights
                raise ConfigError(
                    f"Blocks {', '.join(map(str, users))} share their weights, so {name} has to "
                    "give them the same."
                )
            own[name] = choice.of(users[0])
        return dataclasses.replace(self, **own) if own else self

    def has_bias(self, projection: str) -> bool:
        """Whether a dense layer of this name has a bias."""
        return self.bias if isinstance(self.bias, bool) else projection in self.bias

    @property
    def masks(self) -> tuple[Mask, ...]:
        """The mask of each block."""
        return tuple(of(self.mask, block) for block in range(self.depth))

    @property
    def positions(self) -> tuple[Part, ...]:
        """The position parts of all blocks, each once."""
        parts = (part for choice in choices(self.position) for part in members(choice))
        return tuple(dict.fromkeys(parts))

    @property
    def numbering(self) -> Part | None:
        """The position part that numbers the sites and adds to the embedding, if one may."""
        if isinstance(self.position, ByBlock):
            return None
        return table_of(self.position) or next(iter(members(self.position)), None)

    @property
    def content(self) -> tuple[Part, ...]:
        """The content parts of all blocks, each once."""
        return tuple(dict.fromkeys(part for own in choices(self.attention) for part in own))

    @property
    def uses(self) -> frozenset[str]:
        """The projections that exist because a part, or the context, uses them."""
        users = (*self.content, self.projections, *([self.context] if self.context else ()))
        return frozenset(name for user in users for name in user.uses)

    @property
    def segmented(self) -> bool:
        """Whether a part looks at segments."""
        return any(part.segmented for part in self.parts)

    @property
    def limited_by(self) -> Part | None:
        """The part that knows the fewest positions; None where there is no limit."""
        limited = [part for part in self.parts if part.limit is not None]
        return min(limited, key=lambda part: part.limit or 0, default=None)

    @property
    def limit(self) -> int | None:
        """How many positions there are; None = any number."""
        return None if self.limited_by is None else self.limited_by.limit

    @property
    def heads_(self) -> tuple[int, int, int]:
        """How many heads keys, the softmax and values have."""
        heads, mixer = self.attention_heads, self.mixer
        keys, values = (None, None) if mixer is None else (mixer.key_heads, mixer.value_heads)
        return keys or heads, heads, values or heads

    @property
    def cached_heads(self) -> tuple[int, int]:
        """How many heads keys and values are projected to, and a cache holds."""
        keys, _, values = self.heads_
        return self.key_value_heads or keys, self.key_value_heads or values

    @property
    def key_size_(self) -> int:
        """The size H of a head's queries and keys, resolved."""
        return self.key_size or self.width // self.attention_heads

    @property
    def value_size_(self) -> int:
        """The size V of a head's values, resolved."""
        return self.value_size or self.width // self.attention_heads

    @property
    def embedding_size_(self) -> int:
        """The width of the embedding tables, resolved."""
        return self.embedding_size or self.width

    @property
    def start_id(self) -> int:
        """What a decoder's texts begin with: its own start, or the id of padding."""
        start = None if self.decoder is None else self.decoder.start
        return (self.pad or 0) if start is None else start

    @property
    def segment_ids(self) -> int:
        """The number that segment ids stay below; two at least, since texts come in pairs."""
        return self.vocabulary if self.segments == "tokens" else max(int(self.segments), 2)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts that take part in the attention of any block."""
        return (*self.content, *self.positions)

    @property
    def decoding(self) -> "Architecture":
        """What the decoder's blocks are built from."""
        assert self.decoder is not None
        deep = self.decoder.depth
        own: dict[str, Any] = {name: first(getattr(self, name), deep) for name in BY_BLOCK}
        shared = table_of(self.position)
        own["position"] = shared if self.decoder.position is None else self.decoder.position
        own["embedding_norm"] = self.decoder.embedding_norm or self.embedding_norm
        if self.decoder.norm is not None:
            own["attention_norm"] = own["feedforward_norm"] = self.decoder.norm
        own |= {"depth": deep, "decoder": None, "encoder": True, "order": "lm"}
        return dataclasses.replace(self, **own)

    def crossing(self, across: "Decoder | ContextAttention") -> "Architecture":
        """What a block's attention to something else is built from: it has no positions."""
        return dataclasses.replace(
            self, attention=across.attention, position=None, context=None, projections=Separate()
        )

    @property
    def block_map(self) -> tuple[int, ...]:
        """Which stored block each block uses."""
        if isinstance(self.sharing, tuple):
            return self.sharing
        every: Any = {"none": 1, "all": self.depth}.get(str(self.sharing), self.sharing)
        if not isinstance(every, int) or every < 1:
            raise ConfigError(
                f"sharing must be 'none', 'all', a number of blocks, or a tuple of block numbers, "
                f"not {self.sharing!r}."
            )
        return tuple(i // every for i in range(self.depth))

    def change(self, **changes: Any) -> "Architecture":
        """Return a copy with some fields replaced.

        `mask` also takes the name of an order ("lm", "unilm", …), `position` the name of a part,
        `attention` a single part; these and the blocks' norms take a dict of blocks too, {0: …,
        (1, 2): …, "rest": …}, where what is not named stays; `condition_size=n` is short for
        condition=Condition(n), and `talking_heads=True` for mixer=TalkingHeads().
        Raises: ConfigError for an unknown field, with the nearest name
        """
        if "talking_heads" in changes:
            mixer = changes.pop("talking_heads")
            changes["mixer"] = TalkingHeads() if mixer is True else mixer or None
        if "condition_size" in changes:
            changes["condition"] = Condition(changes.pop("condition_size"))
        known = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                hint = f" Here it is {OLD[name]}." if name in OLD else nearest(name, known)
                raise ConfigError(f"An architecture has no field {name!r}.{hint}")
        if isinstance(changes.get("mask"), str):
            if "order" in changes:
                raise ConfigError("mask='…' is short for order='…'; give one of them, not both.")
            changes["order"] = changes.pop("mask")
        readers: dict[str, Callable[[Any], Any]] = {
            "attention": read_parts,
            "position": partial(read_position, present=self.position),
        }
        for name in BY_BLOCK.keys() & changes.keys():
            read = readers.get(name, lambda value: value)
            changes[name] = chosen(name, changes[name], getattr(self, name), read)
        if isinstance(depth := changes.get("depth"), int) and self.decoder is None:
            # The choices of blocks that go, go too.
            changes = {name: first(getattr(self, name), depth) for name in BY_BLOCK} | changes
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Write the architecture as JSON values."""
        value: dict[str, Any] = to_json(self)
        return value

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Architecture":
        """Read what `to_json` wrote; raises ConfigError where it is something else."""
        architecture = from_json(value)
        if not isinstance(architecture, Architecture):
            raise ConfigError(f"This is no architecture but a {type(architecture).__name__}.")
        return architecture

    def initializer(self) -> keras.initializers.Initializer:
        """What draws fresh kernels and tables: a truncated normal, as BERT's."""
        return keras.initializers.TruncatedNormal(stddev=self.initializer_range)
