"""XLNet's segments and its two streams, against the program that it was published with."""

from dataclasses import replace

import numpy as np
import pytest

from comparing import error, numpy_of
from oracles import CASES, CLOSE
from playmask.errors import InputError
from playmask.model.inputs import two_streams
from playmask.model.parts import TransformerXl
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

CASE = CASES["transformers5/xlnet_lm"]
FAR = 2e-3


def values() -> dict[str, np.ndarray]:
    """Inputs, and what the program makes of them: one stream that sees all, and queries."""
    with np.load(CASE.path / "two_streams.npz") as file:
        return {name: array if "logits" in name else array.astype("int32")
                for name, array in file.items()}  # fmt: skip


def test_segments_are_the_programs():
    """The third segment of a text is another than the first two, as XLNet's tokenizer has it."""
    own, model = values(), CASE.load()
    inputs = {"tokens": own["tokens"], "segments": own["segments"]}
    assert error(model(inputs)["logits"], own["logits"]) < CLOSE
    assert error(model({"tokens": own["tokens"]})["logits"], own["logits"]) > FAR
    pairs = {**inputs, "segments": np.minimum(own["segments"], 1)}
    assert error(model(pairs)["logits"], own["logits"]) > FAR
    without = CASE.load(position=TransformerXl(segments=False))
    assert error(without(inputs)["logits"], own["logits"]) > FAR


def test_the_query_stream_is_the_programs():
    """But for the first rank, which sees nothing: the program gives it the mean of all values."""
    own, model = values(), CASE.load(order="permutation")
    later, right = own["ranks"] > 0, own["query_logits"]
    inputs = {"tokens": own["tokens"], "segments": own["segments"]}

    def far(ranks: np.ndarray, token: int = -1) -> float:
        both = two_streams(inputs, ranks, token, model.architecture)
        return error(numpy_of(model(both)["logits"])[later], right[later])

    assert far(own["ranks"]) < CLOSE
    assert far(own["ranks"], token=6) > FAR
    assert far(own["ranks"][:, ::-1].copy()) > FAR
    weights_by_name(model)["embeddings/query"].assign(np.zeros(32, "float32"))
    assert far(own["ranks"]) > FAR


def test_only_a_model_with_a_query_vector_takes_queries():
    model = CASE.load()
    ids = np.array([[7, -1, 8]], "int32")
    assert np.isfinite(numpy_of(model({"tokens": ids})["hidden"])).all()
    plain = CASE.load(query_vector=False)
    assert plain.architecture == replace(model.architecture, query_vector=False)
    with pytest.raises(InputError, match=r"tokens\[0, 1\] is -1"):
        plain({"tokens": ids})
