"""Several position parts at once: their terms add up, and what cannot stand together is refused."""

import numpy as np
import pytest

from comparing import error, numpy_of, tiny, tokens
from playmask.errors import ConfigError, InputError
from playmask.model.parts import Alibi, Buckets, Joined, Learned
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends


def test_its_members_add_up_and_each_counts():
    joined = Joined((Learned(12, offset=2), Buckets(6, 9), Alibi()))
    model = tiny(position=joined, initializer_range=0.5)
    weights = weights_by_name(model)
    assert {"embeddings/positions/embeddings", "blocks/buckets/embeddings"} <= weights.keys()
    assert model.architecture.limit == 12
    inputs = {"tokens": tokens(2, 7), "valid": np.array([[True] * 7, [True] * 4 + [False] * 3])}
    whole = numpy_of(model(inputs)["hidden"])
    for left_out in joined.members:
        others = tuple(part for part in joined.members if part != left_out)
        less = tiny(position=Joined(others))
        for name, variable in weights_by_name(less).items():
            variable.assign(weights[name].value)
        assert error(less(inputs)["hidden"], whole) > 1e-3
    with pytest.raises(InputError, match=r"13 tokens .* 12 positions \(Learned\)"):
        model({"tokens": tokens(1, 13)})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ((Alibi(),), "takes two position parts or more"),
        ((Alibi(), Joined((Alibi(), Buckets()))), "takes two position parts or more"),
        ((Alibi(), "rotary"), "takes two position parts or more"),
        ((Learned(4), Learned(5)), "one at most can be added to the embedding"),
    ],
)
def test_what_cannot_stand_together(members, message):
    with pytest.raises(ConfigError, match=message):
        Joined(members)
    with pytest.raises(ConfigError, match="is added to the embedding, so all blocks have it"):
        tiny(position={0: Joined((Alibi(), Learned(4))), "rest": None})
