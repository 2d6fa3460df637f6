"""The Transformer: one forward pass for training, prefill and every decoding step."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from playmask import cache as kv_cache
from playmask.architectures import Architecture
from playmask.attention import Scene
from playmask.block import Stack
from playmask.embeddings import Embeddings
from playmask.errors import ConfigError, InputError, nearest
from playmask.heads import HEADS
from playmask.masks import NEVER, Sites, Tensor, order_of
from playmask.norms import normalize

INPUTS = {
    "tokens": "(B, T) int: ids",
    "vectors": "(B, T, E): ready token embeddings in place of ids",
    "segments": "(B, T) int; default 0",
    "positions": "(B, T) int; default 0, 1, 2, … (after a cache: going on from it)",
    "order": "(B, T) int: who may look; default by the architecture's order",
    "texts": "(B, T) int: which packed text; default 0",
    "valid": "(B, T) bool: false = padding; default: not the pad id (the first place never is)",
    "allowed": "(B, T, S) bool: a further restriction of the mask",
    "read": "(B, R) int: the places where vocabulary logits are wanted; default all",
    "cache": "the key-value cache (see Transformer.empty_cache)",
    "at": "scalar int: the cache slot to write at",
}
"""What a Transformer takes; the one table of input names."""

OUTPUTS = {
    "hidden": "(B, T, D): always",
    "logits": "(B, R, vocabulary): with the head 'mlm'",
    "pooled": "(B, D): with the head 'pool' or 'nsp'",
    "nsp": "(B, 2) logits: with the head 'nsp'",
    "discriminator": "(B, T) logits: with the head 'discriminator'",
    "cache": "the cache with the new keys written: where one was given",
    "attention": "one (B, N, T, S) a block: with attention=True",
}
"""What a Transformer returns; the one table of output names."""


PREDICT = (
    "Keras' predict loses a model's weights on JAX after one bad input. Call the model with a dict "
    "of arrays, model({'tokens': …}), or use playmask.Predictor for rows of any length."
)


@keras.saving.register_keras_serializable("playmask")
class Transformer(keras.Model):
    """A Transformer built from an architecture; called with a dict of tensors, returns a dict.

    Shapes:  see INPUTS and OUTPUTS
    Raises:  InputError for unknown or missing inputs and for texts longer than the positions
    """

    def __init__(
        self, architecture: Architecture, heads: Sequence[str] = (), **options: Any
    ) -> None:
        options.setdefault("name", "transformer")
        super().__init__(**options)
        for head in heads:
            if head not in HEADS:
                raise ConfigError(f"There is no head {head!r}.{nearest(head, HEADS)}")
        self.architecture = a = architecture
        self.head_names = tuple(heads)
        self.report: Any = None
        self.tokenizer: Any = None
        policy = self.dtype_policy
        self.embeddings = Embeddings(a, name="embeddings", dtype=policy)
        self.blocks = Stack(a, name="blocks", dtype=policy)
        self.final_norm = normalize(a.final_norm, "final_norm", policy)
        wanted = {*heads, "pool"} if "nsp" in heads else set(heads)
        self.heads = {
            name: make(a, name=name, dtype=policy) for name, make in HEADS.items() if name in wanted
        }
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create all weights; a Transformer is built as soon as it exists."""
        if self.built:
            return
        self.embeddings.build((None, None))
        hidden = (None, None, self.architecture.width)
        self.blocks.build(hidden)
        if self.final_norm is not None:
            self.final_norm.build(hidden)
        for head in self.heads.values():
            head.build(hidden)

    def call(
        self, inputs: dict[str, Any], training: bool = False, attention: bool = False
    ) -> dict[str, Any]:
        """Run the model; with attention=True the attention weights are returned too."""
        check_inputs(inputs)
        queries, segments = self._sites(inputs)
        keys = self._keys(inputs, queries)
        allowed = self.architecture.mask(queries, keys)
        if "allowed" in inputs:
            allowed = ops.logical_and(allowed, inputs["allowed"])
        x = self.embeddings(
            segments,
            queries.position,
            tokens=inputs.get("tokens"),
            vectors=inputs.get("vectors"),
            training=training,
        )
        cache = inputs.get("cache")
        scene = Scene(allowed, queries, keys, inputs.get("at"))
        x, seen = self.blocks(x, scene, kvs=cache and cache["kv"], training=training)
        if self.final_norm is not None:
            x = self.final_norm(x)
        out = {"hidden": x, **self._read(x, inputs)}
        if cache is not None:
            out["cache"] = {"kv": tuple(a.kv for a in seen), **keys._asdict()}
        if attention:
            out["attention"] = tuple(a.weights for a in seen)
        return out

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """Refused: Keras' predict on JAX loses the weights after one bad input."""
        raise InputError(PREDICT)

    def valid(self, inputs: dict[str, Any]) -> Tensor:
        """Which of the new tokens are no padding, given or told by the pad id: bool (B, T)."""
        if "valid" in inputs:
            return ops.cast(inputs["valid"], "bool")
        source = inputs["tokens"] if "tokens" in inputs else inputs["vectors"][..., 0]
        places = ops.cumsum(ops.ones_like(source, dtype="int32"), axis=1)
        if self.architecture.pad is None or "tokens" not in inputs:
            return places > 0
        return ops.logical_or(source != self.architecture.pad, places == 1)

    def empty_cache(self, batch: int, slots: int) -> kv_cache.Cache:
        """Make an empty key–value cache for `batch` rows of at most `slots` tokens."""
        a = self.architecture
        return kv_cache.empty(
            batch,
            slots,
            depth=a.depth,
            heads=a.attention_heads,
            key_size=a.key_size_,
            value_size=a.value_size_,
            dtype=self.compute_dtype,
        )

    def _sites(self, inputs: dict[str, Any]) -> tuple[Sites, Tensor]:
        """Where the new tokens stand, and their segments, (B, T) each."""
        given, cache = inputs.get, inputs.get("cache")
        source = inputs["tokens"] if "tokens" in inputs else inputs["vectors"][..., 0]
        ones = ops.ones_like(source, dtype="int32")
        segments = ops.zeros_like(ones) if given("segments") is None else _int(given("segments"))
        texts = ops.zeros_like(ones) if given("texts") is None else _int(given("texts"))
        positions, order = given("positions"), given("order")
        if positions is None:
            positions = ops.cumsum(ones, axis=1) - 1
            if cache is not None:
                positions = positions + kv_cache.lengths(cache)
        if order is None:
            if cache is not None and self.architecture.order == "full":
                raise InputError(
                    "A text of the order 'full' cannot go on from a cache, since its first tokens "
                    "look at the last; load the model with mask='lm' or 'unilm', or give 'order'."
                )
            last = None if cache is None else kv_cache.last_order(cache)
            order = order_of(self.architecture.order, segments, last)
        return Sites(_int(order), _int(positions), texts), segments

    def _keys(self, inputs: dict[str, Any], queries: Sites) -> Sites:
        """What there is to look at: the new tokens, padding hidden, after the cached ones."""
        hidden = ops.where(self.valid(inputs), queries.order, NEVER)
        keys = queries._replace(order=hidden)
        if "cache" not in inputs:
            return keys
        return kv_cache.write_sites(inputs["cache"], keys, inputs["at"])

    def _read(self, x: Tensor, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """What the heads say."""
        out = {}
        if "mlm" in self.heads:
            places = inputs.get("read")
            wanted = x
            if places is not None:
                wanted = ops.take_along_axis(x, ops.expand_dims(_int(places), -1), axis=1)
            out["logits"] = self.heads["mlm"](wanted, tokens=self.embeddings.tokens)
        if "pool" in self.heads:
            out["pooled"] = self.heads["pool"](x)
        if "nsp" in self.heads:
            out["nsp"] = self.heads["nsp"](out["pooled"])
        if "discriminator" in self.heads:
            out["discriminator"] = self.heads["discriminator"](x)
        return out

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make the model again."""
        return {
            "architecture": self.architecture.to_json(),
            "heads": list(self.head_names),
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Transformer":
        """Make the model that `get_config` described."""
        return cls(**{**config, "architecture": Architecture.from_json(config["architecture"])})


def check_inputs(inputs: dict[str, Any]) -> None:
    """Refuse inputs that a Transformer does not know, or that lack what it needs."""
    if not isinstance(inputs, dict):
        raise InputError(
            f"A Transformer is called with a dict of tensors such as {{'tokens': …}}, "
            f"not with a {type(inputs).__name__}."
        )
    for name in inputs:
        if name not in INPUTS:
            raise InputError(f"There is no input {name!r}.{nearest(name, INPUTS)}")
    if "tokens" not in inputs and "vectors" not in inputs:
        raise InputError(f"Inputs need 'tokens' (or 'vectors'); given: {sorted(inputs)}.")
    tokens = inputs.get("tokens")
    if tokens is not None and len(tokens.shape) != 2:
        raise InputError(f"tokens must be of shape (B, T), a batch of rows, not {tokens.shape}.")
    if ("cache" in inputs) != ("at" in inputs):
        raise InputError("'cache' and 'at' (the slot to write at) belong together; one is missing.")


def weights_by_name(model: keras.Model) -> dict[str, Any]:
    """All weights of a model by their path inside it, such as "blocks/0/attention/query/kernel"."""
    inside = len(model.path) + 1
    return {variable.path[inside:]: variable for variable in model.weights}


def _int(x: Tensor) -> Tensor:
    return ops.cast(x, "int32")
