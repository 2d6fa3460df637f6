"""The Transformer: one forward pass for training, prefill and every decoding step."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from playmask.errors import TRAINED, BusyError, ConfigError, InputError
from playmask.model import cache as kv_cache
from playmask.model.architecture import Architecture
from playmask.model.block import Stack
from playmask.model.dense import LORA, Dense, new_garbage_only
from playmask.model.embeddings import Embeddings
from playmask.model.forks import check_process
from playmask.model.heads import HEADS, Reading, with_needed
from playmask.model.input_values import check_values
from playmask.model.inputs import (
    Inputs,
    check_inputs,
    integers,
    of_decoder,
    of_encoder,
    sites_of,
    source,
    valid_of,
)
from playmask.model.keras_files import WholeFiles
from playmask.model.masks import NEVER, Mask, Ordered, SameText, Sites, Tensor
from playmask.model.parts import ContextAttention
from playmask.model.products import BfloatProducts, stored_name
from playmask.model.scene import Attended, Context, Scene

PREDICT = (
    "Keras' predict loses a model's weights on JAX after one bad input. Call the model with a dict "
    "of arrays, model({'tokens': …}), or use playmask.Predictor for rows of any length."
)

Memory = tuple[Sites, tuple[kv_cache.KeysValues, ...]]
"""The encoder's sites (B, S), and its keys and values for each block."""


@keras.saving.register_keras_serializable("playmask")
class Transformer(WholeFiles):
    """Transformer (encoder, decoder, or both) as a Keras model from a dict of tensors to another.

    It has all its weights, drawn at random, as soon as it exists; `load` gives it a checkpoint's.
    heads: names of what reads the last hidden states: "mlm", "pool", "nsp", "discriminator", or
    those of `register_head`.
    Shapes:  `tokens` int (B, T), and the other INPUTS of `model/inputs.py` -> `hidden` (B, T, D),
             with the heads' OUTPUTS, such as `logits` (B, R, vocabulary) and `pooled` (B, D)
    Raises:  InputError for unknown or missing inputs and for texts longer than the positions
    Source:  Vaswani et al. 2017

    Example:
        >>> tiny = architecture("bert").change(vocabulary=99, width=32, depth=2, attention_heads=2)
        >>> outputs = Transformer(tiny, heads=["pool"])({"tokens": np.array([[2, 7, 8, 3]])})
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'hidden': (1, 4, 32), 'pooled': (1, 32)}

    """

    def __init__(
        self, architecture: Architecture, heads: Sequence[str] = (), **options: Any
    ) -> None:
        check_process()
        options.setdefault("name", "transformer")
        super().__init__(**options)
        self.architecture = a = architecture
        self.head_names = tuple(heads)
        self.report: Any = None
        self.tokenizer: Any = None
        self.adapters: Any = None
        self.structure = 0  # how often it got, or lost, adapters; then what runs it compiles anew
        policy = self.dtype_policy
        _check_dtype(policy)
        self.embeddings = Embeddings(a, name="embeddings", dtype=policy)
        self.decoder_embeddings = self.embeddings
        if a.decoder is not None and a.decoder.embeds:
            self.decoder_embeddings = Embeddings(
                a, self.embeddings, name="decoder_embeddings", dtype=policy
            )
        self.blocks: Any = None
        self.decoder: Any = None
        if a.encoder:
            self.blocks = Stack(a, name="blocks", dtype=policy)
        if a.decoder is not None:
            self.decoder = Stack(a.decoding, a.decoder, name="decoder", dtype=policy)
        self.heads = {name: HEADS[name](a, name=name, dtype=policy) for name in with_needed(heads)}
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create all weights; a Transformer is built as soon as it exists."""
        if self.built:
            return
        for tables in (self.embeddings, self.decoder_embeddings):
            if not tables.built:
                tables.build((None, None))
        hidden = (None, None, self.architecture.width)
        for layer in (self.blocks, self.decoder, *self.heads.values()):
            if layer is not None:
                layer.build(hidden)

    def __call__(self, inputs: Inputs, *arguments: Any, **options: Any) -> Any:
        """Run the model, in a process that can; ids that it has no rows for are refused."""
        check_process()
        check_inputs(inputs, self.architecture)
        check_values(inputs, self.architecture)
        try:
            return super().__call__(inputs, *arguments, **options)
        except TypeError:
            # Keras on JAX takes the values out of a model that it trains.
            if any(variable._value is None for variable in self.variables):
                raise BusyError(TRAINED) from None
            raise

    def call(
        self, inputs: Inputs, training: bool = False, attention: bool = False
    ) -> dict[str, Any]:
        """Run the model; with attention=True the attention weights are returned too."""
        check_inputs(inputs, self.architecture)
        if self.decoder is None:
            out, attended = self._run(
                self.blocks, inputs, self.architecture, training=training, watched=attention
            )
        else:
            out, attended = self._run_both(inputs, training, attention)
        if attention:
            out["attention"] = tuple(a.weights for a in attended)
        return out

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """Refused: Keras' predict on JAX loses the weights after one bad input."""
        raise InputError(PREDICT)

    def quantize(self, mode: Any = None, config: Any = None, filters: Any = None) -> None:
        """Keras' quantisation, of dense layers and of the tables of tokens and segments.

        mode: "int8" takes a quarter of the memory, and on a CPU more time (docs/results.md)
        """
        for layer in (self, *self._flatten_layers()):
            if isinstance(layer.dtype_policy, BfloatProducts):  # Keras knows no int8 of it
                layer.dtype_policy = "float32"
        with new_garbage_only():
            super().quantize(mode, config, filters or _can_be_quantized)

    @property
    def quantized(self) -> str | None:
        """What its weights were turned into, as "int8"; None where they are as they were."""
        modes = (layer.dtype_policy.quantization_mode for layer in self._flatten_layers())
        return next((mode for mode in modes if mode), None)

    def valid(self, inputs: Inputs) -> Tensor:
        """Which of the new tokens are no padding, given or told by the pad id: bool (B, T)."""
        return valid_of(inputs, self.architecture.pad)

    def empty_cache(self, batch: int, slots: int) -> kv_cache.Cache:
        """Make an empty key-value cache for `batch` rows of at most `slots` tokens."""
        self._check_cache()
        stack = self.blocks if self.decoder is None else self.decoder
        kinds = {"segmented": self.architecture.segmented}
        return kv_cache.empty(batch, slots, stack.cache_sizes(), self.compute_dtype, **kinds)

    def _check_cache(self) -> None:
        """Refuse a cache where a part mixes the whole text."""
        whole = [part for part in self.architecture.content if part.orders is not None]
        if whole:
            raise ConfigError(f"{whole[0]!r} mixes the whole text, so there is no cache for it.")

    def _run(
        self,
        stack: Stack,
        inputs: Inputs,
        a: Architecture,
        *,
        memory: Memory | None = None,
        read: bool = True,
        training: bool = False,
        watched: bool = False,
    ) -> tuple[dict[str, Any], list[Attended]]:
        """One stack over one text: what it says, and what each block attended to."""
        queries, keys = sites_of(inputs, a)
        cache, context = inputs.get("cache"), _context(inputs)
        across = None
        if memory is not None:
            across = _across(queries, memory[0], Ordered() & SameText()), memory[1]
        elif context is not None and isinstance(a.context, ContextAttention):
            there = _all_visible(context.vectors, context.valid)
            across = _across(queries, there, Ordered()), stack.remember(context.vectors)
        x, attended, memorable = stack(
            self._embed(stack, inputs, queries.position, training),
            _scenes(inputs, a, queries, keys, context),
            kvs=cache and cache["kv"],
            memory=across,
            watched=watched,
            training=training,
        )
        more = self._read(x, inputs, training) if read else {"memory": memorable}
        out = {"hidden": x, **more}
        if cache is not None:
            out["cache"] = {"kv": tuple(a.kv for a in attended), **kv_cache.stored(keys)}
            if memory is not None:
                out["cache"]["memory"] = {"kv": memory[1], **kv_cache.stored(memory[0])}
        return out, attended

    def _run_both(
        self, inputs: Inputs, training: bool, watched: bool
    ) -> tuple[dict[str, Any], list[Attended]]:
        """The encoder where its output is not given, then the decoder where it has a text."""
        cache = inputs.get("cache")
        out: dict[str, Any] = {}
        attended: list[Attended] = []
        if cache is not None and "memory" in cache:
            memory = kv_cache.read_sites(cache["memory"]), cache["memory"]["kv"]
        else:
            if "memory" in inputs:
                out = {"memory": inputs["memory"]}
                valid = inputs.get("memory_valid")
                sites = _all_visible(out["memory"], valid)
            else:
                own = of_encoder(inputs)
                ran, attended = self._run(
                    self.blocks,
                    own,
                    self.architecture,
                    read=False,
                    training=training,
                    watched=watched,
                )
                out = ran
                sites = sites_of(own, self.architecture)[1]
            if "target_tokens" not in inputs:
                return out, attended
            memory = sites, self.decoder.remember(out["memory"])
        ran, attended = self._run(
            self.decoder,
            of_decoder(inputs),
            self.architecture.decoding,
            memory=memory,
            training=training,
            watched=watched,
        )
        return {**out, **ran}, attended

    def _embed(self, stack: Stack, inputs: Inputs, positions: Tensor, training: bool) -> Tensor:
        zeros = ops.zeros_like(source(inputs), dtype="int32")
        # A segment that is a token has no default: nothing is added where there is none.
        a = self.architecture
        segments = None if a.segments == "tokens" else zeros + a.default_segment
        embeddings = self.decoder_embeddings if stack is self.decoder else self.embeddings
        return embeddings(
            positions,
            tokens=inputs.get("tokens"),
            vectors=inputs.get("vectors"),
            segments=integers(inputs, "segments", segments),
            tasks=integers(inputs, "tasks", zeros),
            extra=inputs.get("extra"),
            condition=inputs.get("condition"),
            training=training,
        )

    def _read(self, x: Tensor, inputs: Inputs, training: bool) -> dict[str, Tensor]:
        """Read all heads, each after those it needs."""
        out: dict[str, Tensor] = {}
        for head in self.heads.values():
            tokens = self.embeddings.tokens
            out[head.output] = head.read(Reading(x, out, inputs, tokens, training))
        return out

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make the model again."""
        return {
            "architecture": self.architecture.to_json(),
            "heads": list(self.head_names),
            "name": self.name,
            "dtype": stored_name(self.dtype_policy),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it as Keras does, with its tokenizer and its report."""
        return (*super().__reduce__(), {"tokenizer": self.tokenizer, "report": self.report})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Transformer":
        """Make the model that `get_config` described."""
        return cls(**{**config, "architecture": Architecture.from_json(config["architecture"])})


def _check_dtype(policy: Any) -> None:
    """Refuse float64 where JAX would compute in float32 without a word."""
    if "float64" not in (policy.variable_dtype, policy.compute_dtype):
        return
    if keras.backend.backend() == "jax":
        import jax

        if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ConfigError(
                "JAX has float64 only where it is switched on: set JAX_ENABLE_X64=1 before Python "
                "starts, or call jax.config.update('jax_enable_x64', True)."
            )


def _can_be_quantized(layer: keras.layers.Layer) -> bool:
    """Whether Keras knows how: not where a layer of ours does more than its base."""
    return type(layer) in (Dense, keras.layers.Embedding, keras.layers.ReversibleEmbedding)


def _scenes(
    inputs: Inputs, a: Architecture, queries: Sites, keys: Sites, context: Context | None
) -> tuple[Scene, ...]:
    """What each block may look at; blocks of one mask share it."""
    scenes = {}
    for mask in dict.fromkeys(a.masks):
        allowed = mask(queries, keys)
        if "allowed" in inputs:
            allowed = ops.logical_and(allowed, inputs["allowed"])
        at, condition = inputs.get("at"), inputs.get("condition")
        scenes[mask] = Scene(allowed, queries, keys, at, condition, context)
    return tuple(scenes[mask] for mask in a.masks)


def _across(queries: Sites, keys: Sites, mask: Mask) -> Scene:
    """The scene in which a text looks at something else."""
    return Scene(mask(queries, keys), queries, keys)


def _context(inputs: Inputs) -> Context | None:
    """The context as vectors (B, E, C), and which of them are there: bool (B, E)."""
    if inputs.get("context") is None:
        return None
    vectors, valid = inputs["context"], inputs.get("context_valid")
    vectors = ops.expand_dims(vectors, 1) if len(vectors.shape) == 2 else vectors
    if valid is None:
        valid = ops.ones_like(vectors[..., 0], "bool")
    return Context(vectors, ops.cast(valid, "bool"))


def _all_visible(memory: Tensor, valid: Tensor | None) -> Sites:
    """The sites of a given memory (B, S, D): all visible but its padding."""
    zeros = ops.zeros_like(memory[..., 0], dtype="int32")
    order = zeros if valid is None else ops.where(ops.cast(valid, "bool"), zeros, NEVER)
    return Sites(order, ops.cumsum(ops.ones_like(zeros), axis=1) - 1, zeros)


def weights_by_name(model: keras.Model) -> dict[str, Any]:
    """All weights but adapters', by their path inside, as "blocks/0/attention/query/kernel"."""
    inside = len(model.path) + 1
    return {v.path[inside:]: v for v in model.weights if v.name not in LORA}
