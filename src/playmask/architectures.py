"""The architecture: every choice in which the families differ, as one value."""

import dataclasses
from typing import Any

import keras

from playmask.errors import ConfigError, nearest
from playmask.masks import ORDERS, Mask, Ordered
from playmask.norms import Around, Norm
from playmask.parts import POSITIONS, Dot, Learned, Mixer, Part
from playmask.recipes import from_json, recipe, to_json

OLD = {
    "application": "mask='lm' or mask='unilm'",
    "with_mlm": "heads=('mlm',)",
    "with_pool": "heads=('pool',)",
    "with_nsp": "heads=('nsp',)",
    "model": "family=…",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "attention_heads",
    "intermediate_size": "inner",
    "hidden_act": "activation",
    "vocab_size": "vocabulary",
    "attention_key_size": "key_size",
    "attention_head_size": "value_size",
    "max_position_embeddings": "position=Learned(…)",
    "type_vocab_size": "segments",
    "autoresize_weights": "resize=True",
}
"""What bert4keras and Hugging Face call things, and what to write here."""


@recipe
class VocabularyHead:
    """How hidden states become vocabulary logits through the (tied) token embedding.

    transform: a dense layer with the model's activation comes first, then norm; bias: one number
    per token is added. Source: Devlin et al. 2018, `cls/predictions`
    """

    transform: bool = True
    norm: Norm | None = Norm()
    bias: bool = True


@recipe
class Architecture:
    """All that is needed to build a model, without its weights.

    Sizes are counts. A block i of `depth` uses the weights of stored block `block_map[i]`.

    family: whose checkpoint names it follows; inner: width of the feed-forward layer;
    embedding_size: width of the embedding tables (None = width); key_size, value_size: per head
    (None = width / attention_heads); attention: the content parts, whose scores add up; position:
    the position part, or None; mixer: mixes heads around the softmax; segments: rows of the
    segment table (0 = none); pad: the id that is padding (None = none is); order: how the order
    of sites rises along a text; mask: what is compared; sharing: "none", "all", k (every k blocks
    in a row share), or a tuple that maps each block to a stored one.
    """

    family: str
    vocabulary: int
    width: int
    depth: int
    attention_heads: int
    inner: int
    activation: str = "gelu"
    embedding_size: int | None = None
    key_size: int | None = None
    value_size: int | None = None
    attention: tuple[Part, ...] = (Dot(),)
    position: Part | None = Learned(512)
    mixer: Mixer | None = None
    sharing: str | int | tuple[int, ...] = "none"
    segments: int = 2
    pad: int | None = 0
    bias: bool = True
    embedding_norm: Norm | None = Norm()
    attention_norm: Around = Around(after=Norm())
    feedforward_norm: Around = Around(after=Norm())
    final_norm: Norm | None = None
    vocabulary_head: VocabularyHead = VocabularyHead()
    pooler_activation: str = "tanh"
    order: Any = "full"
    mask: Mask = Ordered()
    dropout: float = 0.1
    attention_dropout: float = 0.1
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "depth", "attention_heads", "inner"):
            size = getattr(self, name)
            if not isinstance(size, int) or size < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {size!r}.")
        if self.width % self.attention_heads and None in (self.key_size, self.value_size):
            raise ConfigError(
                f"width {self.width} does not divide by {self.attention_heads} attention_heads; "
                "give key_size and value_size, or another number of heads."
            )
        for name in ("key_size", "value_size", "embedding_size"):
            size = getattr(self, name)
            if size is not None and (not isinstance(size, int) or size < 1):
                raise ConfigError(f"{name} must be None or a whole number from 1, not {size!r}.")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be from 0 to below 1, not {getattr(self, name)!r}.")
        if self.segments < 0:
            raise ConfigError(f"segments must be 0 (none) or more, not {self.segments!r}.")
        if not isinstance(self.mask, Mask):
            raise ConfigError(f"mask must be a Mask or the name of an order, not {self.mask!r}.")
        if isinstance(self.order, str) and self.order not in (*ORDERS, "permutation"):
            known = (*ORDERS, "permutation")
            raise ConfigError(
                f"There is no order {self.order!r}.{nearest(self.order, known)} "
                "An order of your own is made known with playmask.register_order."
            )
        if len(self.block_map) != self.depth:
            raise ConfigError(
                f"sharing maps {len(self.block_map)} blocks, but the depth is {self.depth}."
            )

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
    def parts(self) -> tuple[Part, ...]:
        """All parts that take part in each attention layer."""
        return self.attention if self.position is None else (*self.attention, self.position)

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
        `attention` a single part.
        Raises: ConfigError for an unknown field, with the nearest name
        """
        known = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                way = f" Here it is {OLD[name]}." if name in OLD else nearest(name, known)
                raise ConfigError(f"An architecture has no field {name!r}.{way}")
        if isinstance(changes.get("mask"), str):
            if "order" in changes:
                raise ConfigError("mask='…' is short for order='…'; give one of them, not both.")
            changes["order"] = changes.pop("mask")
        if isinstance(changes.get("attention"), Part):
            changes["attention"] = (changes["attention"],)
        if isinstance(changes.get("position"), str):
            name = changes["position"]
            if name not in POSITIONS:
                raise ConfigError(f"There is no position part {name!r}.{nearest(name, POSITIONS)}")
            changes["position"] = POSITIONS[name]
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Write the architecture as JSON values."""
        return to_json(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Architecture":
        """Read what `to_json` wrote; raises ConfigError where it is something else."""
        made = from_json(value)
        if not isinstance(made, Architecture):
            raise ConfigError(f"This is no architecture but a {type(made).__name__}.")
        return made

    def initializer(self) -> keras.initializers.Initializer:
        """What draws fresh kernels and tables: a truncated normal, as BERT's."""
        return keras.initializers.TruncatedNormal(stddev=self.initializer_range)
