"""Counting what a model costs, from its layers: parameters, multiply-adds, activation memory."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.attention import Attention
from playmask.model.block import Residual, Stack
from playmask.model.cross_attention import CrossAttention
from playmask.model.feedforward import FeedForward
from playmask.model.parts import Sizes
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank

BACKWARD = 2  # multiply-adds of a product's two gradients, in those of the product


class Line(NamedTuple):
    """What one sub-layer costs.

    parameters: numbers stored (0 where another block's are used); products: multiply-adds of one
    forward pass; activations: numbers that it makes and that training keeps for its gradients
    """

    name: str
    parameters: int
    products: int
    activations: int


@dataclass(frozen=True)
class Counts:
    """What a model costs for a batch of texts of one length.

    lines: the sub-layers; size: bytes of one activation; carried: numbers handed from sub-layer
    to sub-layer, (B, T, D)
    """

    lines: tuple[Line, ...]
    batch: int
    length: int
    size: int
    carried: int

    @property
    def parameters(self) -> int:
        """Numbers stored, those that are not trained too."""
        return sum(line.parameters for line in self.lines)

    @property
    def products(self) -> int:
        """Multiply-adds of one forward pass; the operations of two."""
        return sum(line.products for line in self.lines)

    @property
    def training_products(self) -> int:
        """Multiply-adds of a training step: forward, and two products for each in the gradients."""
        return (1 + BACKWARD) * self.products

    @property
    def memory(self) -> int:
        """Bytes of activations that a forward pass holds at most: one sub-layer's at a time."""
        return (self.carried + max(line.activations for line in self.lines)) * self.size

    @property
    def training_memory(self) -> int:
        """Bytes of activations that a training step keeps: all sub-layers'."""
        return (self.carried + sum(line.activations for line in self.lines)) * self.size


class Extent(NamedTuple):
    """How much is computed: rows, sites of the text, sites of what it looks at besides."""

    batch: int
    length: int
    memory: int

    @property
    def sites(self) -> int:
        """Sites of all rows."""
        return self.batch * self.length


def count(
    model: Transformer | Architecture,
    *,
    heads: Sequence[str] = (),
    length: int = 512,
    batch: int = 1,
    target_length: int | None = None,
    context: int = 1,
    size: int = 4,
) -> Counts:
    """Count a model, or what an architecture with some heads would be, for texts of one length.

    target_length: of the decoder's texts (default: length); context: the vectors that a model with
    context=… looks at; size: bytes of an activation, 4 in float32 and 2 in bfloat16.
    Units:  multiply-adds are counted for products of matrices and of tables with queries, not for
            norms, activations and the softmax, which are about a hundredth of all operations.
            A part of one's own counts what its `products` says.
    Raises: ConfigError where a text is longer than the positions

    Example:
        >>> counts = count(playmask.architecture("bert"), length=128)
        >>> counts.parameters, counts.products
        (101677056, 11173625856)

    """
    if isinstance(model, Architecture):
        architecture = model
        model = blank(lambda: Transformer(architecture, heads))
    a = model.architecture
    if min(length, batch) < 1 or (a.limit is not None and length > a.limit):
        raise ConfigError(
            f"length is from 1 to {a.limit or 'any number'} and batch from 1; received length "
            f"{length}, batch {batch}."
        )
    target = length if target_length is None else target_length
    lines = [_embeddings(model, batch * (length + (target if a.decoder and a.encoder else 0)))]
    if model.decoder_embeddings is not model.embeddings:
        shared = {id(weight) for weight in model.embeddings.weights}
        own = _parameters([model.decoder_embeddings], without=shared)
        lines.append(Line("decoder_embeddings", own, 0, 0))
    if model.blocks is not None:
        lines += _stack("blocks", model.blocks, a, Extent(batch, length, context))
    if model.decoder is not None:
        lines += _stack("decoder", model.decoder, a.decoding, Extent(batch, target, length))
    sites = batch * (length if model.decoder is None else target)
    for name, head in model.heads.items():
        lines.append(_head(name, head, a, sites if head.by_site else batch))
    return Counts(tuple(lines), batch, length, size, batch * length * a.width)


def _embeddings(model: Transformer, sites: int) -> Line:
    """Tables cost nothing to read; a projection, where the tables are narrow, does."""
    layer = model.embeddings
    products = _kernels([layer.projection]) * sites
    activations = sites * layer.size * 2 + (sites * layer.width if layer.projection else 0)
    return Line("embeddings", _parameters([layer]), products, activations)


def _stack(name: str, stack: Stack, a: Architecture, extent: Extent) -> list[Line]:
    """The lines of all blocks; what blocks share is stored by the first of them."""
    lines = []
    if shared := _parameters(part for part in stack.once if isinstance(part, keras.layers.Layer)):
        lines.append(Line(f"{name}: shared by all blocks", shared, 0, 0))
    once = {id(v) for part in stack.once if hasattr(part, "weights") for v in part.weights}
    stored: set[int] = set()
    for i, index in enumerate(stack.stored_as):
        for line in _block(f"{name}/{i}", stack.stored[index], a.at(index), extent, once):
            lines.append(line._replace(parameters=0) if index in stored else line)
        stored.add(index)
    if stack.norm is not None:
        lines.append(_norms(f"{name}/norm", [stack.norm], a, extent))
    return lines


def _block(
    name: str, block: Any, a: Architecture, extent: Extent, once: set[int]
) -> Iterable[Line]:
    yield _attention(f"{name}/attention", block.attention, a, extent, extent.length, once)
    if block.cross is not None:
        yield _attention(f"{name}/cross", block.cross, a, extent, extent.memory, once)
    if block.feedforward is not None:
        yield _feedforward(f"{name}/feedforward", block.feedforward, extent)
    residuals = [block.attention_norm, block.cross_norm, block.feedforward_norm]
    yield _norms(f"{name}/norms", residuals, a, extent)


def _attention(
    name: str, layer: Attention, a: Architecture, extent: Extent, keys: int, once: set[int]
) -> Line:
    """Projections, scores, mixing of heads, and the sum of values.

    Kept: queries, keys and values, scores and weights (twice: before and after the softmax), the
    joined values and the output.
    """
    slots = min((part.slots(keys) for part in layer.parts), default=keys)
    t, heads = extent.length, (layer.key_heads, layer.heads, layer.value_heads)
    sizes = Sizes(
        t, keys, layer.width, *heads, layer.key_size, layer.value_size, layer.cached_heads
    )
    products = sum(
        _kernels([dense]) * (keys if side in ("key", "value") else t)
        for side, dense in layer.projections.items()
    )
    products += t * _kernels([layer.output_dense])
    products += sum(part.products(sizes) for part in layer.parts)
    fronted = slots
    if layer.context is not None:
        vectors = extent.memory
        products += vectors * _kernels(layer.context.projections.values())
        products += t * vectors * layer.key_heads * layer.key_size
        fronted += vectors
    if a.mixer is not None:
        products += a.mixer.products(sizes._replace(keys=fronted))
    products += t * fronted * layer.value_heads * layer.value_size
    width = layer.value_heads * layer.value_size
    activations = sum(
        dense.units * keys for dense in layer.projections.values() if hasattr(dense, "units")
    )
    activations += t * fronted * (layer.heads + max(heads)) + t * (width + layer.width)
    if isinstance(layer, CrossAttention):
        activations += t * layer.key_heads * layer.key_size
    own = _parameters([layer], without=once)
    return Line(name, own, extent.batch * products, extent.batch * activations)


def _feedforward(name: str, layer: FeedForward, extent: Extent) -> Line:
    """Kept: what the inner layers make before and after their activation, and the output."""
    dense = [layer.inner, layer.gate, layer.outer]
    inner = layer.inner_size * (2 if layer.gate is None else 5)
    activations = extent.sites * (inner + layer.outer.units)
    return Line(name, _parameters([layer]), extent.sites * _kernels(dense), activations)


def _norms(name: str, layers: Sequence[Any], a: Architecture, extent: Extent) -> Line:
    """A norm costs no products but those of its condition; each keeps a copy of its input."""
    norms = [
        norm
        for layer in layers
        if layer is not None
        for norm in ((layer.before, layer.after) if isinstance(layer, Residual) else (layer,))
        if norm is not None
    ]
    dense = [d for norm in norms for d in (norm.hidden, norm.scales, norm.shifts)]
    activations = extent.sites * a.width * len(norms)
    return Line(name, _parameters(norms), extent.batch * _kernels(dense), activations)


def _head(name: str, layer: Any, a: Architecture, sites: int) -> Line:
    """The dense layers of a head; the vocabulary's scores come from the token table if tied."""
    dense = [d for d in layer._flatten_layers() if isinstance(d, keras.layers.Dense)]
    products, activations = sites * _kernels(dense), sum(d.units for d in dense) * sites
    if name == "mlm" and layer.output_dense is None:
        products += sites * a.vocabulary * layer.size
        activations += sites * a.vocabulary
    return Line(name, _parameters([layer]), products, activations)


def _kernels(layers: Iterable[Any]) -> int:
    """The multiply-adds that dense layers take for one vector."""
    kernels = [layer.kernel for layer in layers if layer is not None and hasattr(layer, "kernel")]
    return sum(kernel.shape[0] * kernel.shape[1] for kernel in kernels)


def _parameters(layers: Iterable[Any], without: Collection[int] = ()) -> int:
    """The numbers in the weights of some layers, each counted once."""
    weights = {id(v): v for layer in layers if layer is not None for v in layer.weights}
    return sum(math.prod(v.shape) for key, v in weights.items() if key not in without)
