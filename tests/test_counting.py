"""Costs against the built model's parameters and the compiler's own count of operations."""

from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, tiny
from families.small import small
from laboratory import CONTEXT, LABORATORY, OPEN
from playmask.errors import ConfigError
from playmask.families import FAMILIES
from playmask.inspection.cost import count
from playmask.model.architecture import Decoder
from playmask.model.norms import Norm
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank

LENGTH = 12
jax_only = pytest.mark.skipif(keras.backend.backend() != "jax", reason="asks JAX's compiler")


def traced(model: Transformer, inputs: dict[str, Any], head: str) -> tuple[Any, list[Any]]:
    """The forward pass as a function of weights and inputs, and both their shapes."""
    import jax

    variables = model.variables

    def run(values: list[Any], given: dict[str, Any]) -> Any:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping, initialize_variables=False):
            return model(given)[head]

    shapes = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables]
    return run, [shapes, inputs]


def inputs_for(model: Transformer, length: int = LENGTH) -> dict[str, np.ndarray]:
    """One text, not padded."""
    inputs = {"tokens": np.ones((1, length), "int32"), "valid": np.ones((1, length), bool)}
    if model.architecture.context is not None:
        inputs["context"] = np.zeros((1, 2, CONTEXT), "float32")
    if model.architecture.decoder is not None:
        inputs["target_tokens"] = np.ones((1, 5), "int32")
    return inputs


def products_in(jaxpr: Any) -> int:
    """The multiply-adds of all matrix products of a traced function, inner functions too."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            out = int(np.prod(equation.outvars[0].aval.shape))
            total += out * int(np.prod([left[axis] for axis in contracted]))
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                total += products_in(getattr(inner, "jaxpr", inner))
    return total


def traced_products(model: Transformer, head: str) -> int:
    import jax

    run, arguments = traced(model, inputs_for(model), head)
    return products_in(jax.make_jaxpr(run)(*arguments).jaxpr)


@jax_only
@pytest.mark.parametrize("part", [*LABORATORY, *OPEN])
def test_every_part_is_counted_exactly(part):
    model = tiny(heads=("mlm",), **(LABORATORY | OPEN)[part])
    found = count(model, length=LENGTH, context=2)
    assert found.products == traced_products(model, "logits")
    assert found.parameters == sum(int(np.prod(v.shape)) for v in model.weights)


@jax_only
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_counted_exactly(name):
    heads = FAMILIES[name].heads
    model = blank(lambda: Transformer(small(name), heads))
    found = count(small(name), heads=heads, length=LENGTH, target_length=5)
    assert found.parameters == sum(int(np.prod(v.shape)) for v in model.weights)
    head = "discriminator" if "mlm" not in heads else "logits"
    both = count(small(name), heads=(heads[-1],), length=LENGTH, target_length=5)
    model = blank(lambda: Transformer(small(name), (heads[-1],)))
    assert both.products == traced_products(model, head)


@jax_only
def test_bert_base_agrees_with_the_compiler():
    """XLA's own cost analysis of the unrolled forward pass, which counts all else too."""
    import jax

    a = playmask.architecture("bert").change(dropout=0.0, attention_dropout=0.0)
    model = blank(lambda: Transformer(a))
    run, arguments = traced(model, inputs_for(model, 128), "hidden")
    operations = jax.jit(run).lower(*arguments).cost_analysis()["flops"]
    found = count(a, length=128)
    assert 0 < operations / (2 * found.products) - 1 < 0.02
    assert abs(operations / (2 * count(a, length=120).products) - 1) > 0.02


def test_what_a_decoder_embeds_by_itself_is_counted():
    """Its table of positions and its norm, and nothing that it shares with the encoder."""
    a = TINY.change(decoder=Decoder(1))
    own = a.change(decoder=Decoder(1, position=Learned(7), embedding_norm=Norm()))
    counted = count(own, length=8)
    assert counted.parameters - count(a, length=8).parameters == (7 + 2) * TINY.width
    assert counted.parameters == sum(int(np.prod(v.shape)) for v in Transformer(own).weights)


def test_shared_blocks_store_once_and_compute_each_time():
    alone, shared = count(TINY, length=8), count(TINY.change(sharing="all"), length=8)
    block = sum(line.parameters for line in alone.lines if line.name.startswith("blocks/1/"))
    assert block > 0 and alone.parameters - shared.parameters == block
    assert alone.products == shared.products


def test_training_costs_three_times_and_keeps_all():
    found = count(TINY, length=8, batch=2)
    assert found.training_products == 3 * found.products == 6 * count(TINY, length=8).products
    assert found.training_memory > found.memory > 0
    assert count(TINY, length=8, size=2).memory * 2 == count(TINY, length=8).memory


def test_a_text_longer_than_the_positions_is_refused():
    with pytest.raises(ConfigError, match="length is from 1 to 20"):
        count(TINY, length=21)
