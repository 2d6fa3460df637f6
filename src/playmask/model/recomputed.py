"""Rematerialisation of a layer: what it computed is forgotten, and computed anew when needed."""

from typing import Any

import keras


def recomputed(layer: keras.layers.Layer, *arguments: Any, **options: Any) -> Any:
    """Call a layer, and keep for the backward pass its inputs alone.

    The layer is computed as a pure function of its inputs, weights and seeds, so that dropout
    draws the same numbers again.
    """
    leaves = keras.tree.flatten((arguments, options))
    inputs = [leaf for leaf in leaves if _is_float(leaf)]
    weights = layer.weights
    known = {id(weight) for weight in weights}
    seeds = [variable for variable in layer.variables if id(variable) not in known]
    drawn = [(seed, keras.ops.copy(seed.value)) for seed in seeds]  # the seeds go on, these stay
    results: list[Any] = []

    def pure(*values: Any) -> list[Any]:
        places = iter(values)
        again = [next(places) if _is_float(leaf) else leaf for leaf in leaves]
        own_arguments, own_options = keras.tree.pack_sequence_as((arguments, options), again)
        mapping = [*zip(weights, places, strict=True), *drawn]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            results[:] = [layer(*own_arguments, **own_options)]
        outputs = [leaf for leaf in keras.tree.flatten(results[0]) if keras.ops.is_tensor(leaf)]
        return [*outputs, *(scope.get_current_value(seed) for seed in seeds)]

    values = [keras.ops.convert_to_tensor(weight.value) for weight in weights]
    outputs = _forgetting(pure)(*inputs, *values)
    for seed, value in zip(seeds, outputs[len(outputs) - len(seeds) :], strict=True):
        seed.assign(value)
    tensors = iter(outputs)
    again = [
        next(tensors) if keras.ops.is_tensor(leaf) else leaf
        for leaf in keras.tree.flatten(results[0])
    ]
    return keras.tree.pack_sequence_as(results[0], again)


def _forgetting(pure: Any) -> Any:
    """A function whose gradient computes it anew from its arguments."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return _jax_cpu(pure)
    return keras.remat(pure)


def _jax_cpu(pure: Any) -> Any:
    """XLA on CPUs finds the two computations equal and keeps the first; not behind a condition."""
    import jax

    def floats(*arguments: Any) -> tuple[list[Any], list[Any]]:
        """Outputs with a gradient, and those without: the seeds."""
        outputs = pure(*arguments)
        return [x for x in outputs if _is_float(x)], [x for x in outputs if not _is_float(x)]

    @jax.custom_vjp
    def run(*arguments: Any) -> tuple[list[Any], list[Any]]:
        return floats(*arguments)

    def forward(*arguments: Any) -> tuple[Any, Any]:
        return floats(*arguments), arguments

    def backward(arguments: Any, gradients: Any) -> Any:
        outer, _ = gradients

        def again() -> Any:
            _, pull, _ = jax.vjp(floats, *arguments, has_aux=True)
            return pull(outer)

        def not_a_number() -> Any:
            return jax.tree.map(lambda x: jax.numpy.full_like(x, jax.numpy.nan), arguments)

        return jax.lax.cond(jax.numpy.isnan(outer[0].sum()), not_a_number, again)

    run.defvjp(forward, backward)

    def call(*arguments: Any) -> list[Any]:
        outputs, seeds = run(*arguments)
        return [*outputs, *seeds]

    return call


def _is_float(leaf: Any) -> bool:
    """Whether something is a tensor that a gradient may be taken with respect to."""
    return keras.ops.is_tensor(leaf) and "float" in keras.backend.standardize_dtype(leaf.dtype)
