"""What the tests of generation share."""

import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def quick_to_compile():
    """Compiling takes most of the time here; without optimising it takes half.

    Only here: gradients that XLA compiles so differ by a sixth from the right ones.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
