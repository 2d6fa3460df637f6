"""What the compiled loop generates through its cache equals what is read anew for each token."""

import numpy as np
import pytest

from decoding import (
    ENDS,
    KINDS,
    arguments,
    assert_found,
    greedy,
    keeping,
    model_for,
    prompts_for,
    reader_for,
)
from playmask import Beams, Greedy, Sample, generate

LENGTHS = [5, 3, 13, 1, 8]  # five prompts in a batch of eight, with padding in all but one
MOST = 6
ON_BACKENDS = ("bert", "turns", "t5")


def kinds(names):
    """Kinds of models, a few of them on the other backends too."""
    return [
        pytest.param(name, marks=[pytest.mark.backends] * (name in ON_BACKENDS)) for name in names
    ]


@pytest.mark.parametrize("kind", kinds(KINDS))
def test_cached_equals_uncached(kind):
    prompts, reader = prompts_for(kind, LENGTHS), reader_for(kind)
    made = generate(
        model_for(kind), **arguments(prompts), max_tokens=MOST, end=ENDS, search=Beams(3)
    )
    assert_found(made, [keeping(reader.behind(p), 3, MOST, ENDS) for p in prompts])
    made = generate(model_for(kind), **arguments(prompts), max_tokens=MOST, end=ENDS)
    assert_found(made, [greedy(reader.behind(p), MOST, ENDS) for p in prompts])
