"""The predictor: from many threads, over any lengths, with bad input in between."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from comparing import error, numpy_of, tiny
from playmask.errors import InputError
from playmask.model.transformer import weights_by_name
from playmask.runtime.predictor import Predictor

pytestmark = pytest.mark.backends


def row(length: int, seed: int = 0) -> dict[str, list[int]]:
    return {"tokens": np.random.default_rng((seed, length)).integers(1, 40, length).tolist()}


def predictor(**options) -> Predictor:
    return Predictor(
        tiny(), limits={"tokens": 40, "segments": 2}, maximum=20, per_token=["hidden"], **options
    )


def alone(model, one: dict) -> np.ndarray:
    return numpy_of(model({"tokens": np.array([one["tokens"]], "int32")})["hidden"])[0]


def test_order_lengths_and_values():
    model = tiny()
    run = Predictor(model, limits={"tokens": 40}, maximum=20, tokens=64, per_token=["hidden"])
    rows = [row(length, i) for i, length in enumerate([3, 20, 1, 17, 16, 5, 5, 9, 2])]
    results = run(rows)
    for one, result in zip(rows, results, strict=True):
        assert result["hidden"].shape == (len(one["tokens"]), 24)
        assert error(result["hidden"], alone(model, one)) < 1e-5
    assert run([]) == []


def test_a_length_with_a_bucket_is_not_compiled_again():
    run = predictor(tokens=40)
    for length in (16, 20):
        run([row(length), row(length)])
        run([row(length)])
    traces = run.traces
    for length in range(1, 21):
        run([row(length), row(length)])
    assert run.traces == traces
    assert traces == (0 if keras.backend.backend() == "torch" else 4)  # 2 lengths of 1 or 2 rows


def test_sixteen_threads_with_bad_input_in_between():
    run = predictor(tokens=80)
    rows = [row(length, seed) for seed in range(4) for length in (1, 5, 12, 16, 19, 20)]
    wanted = run(rows)
    bad = [
        {"tokens": []},
        {"tokens": [1] * 21},
        {"tokens": [40]},
        {"tokens": [-1]},
        {"tokens": [1.5]},
        {"tokens": ["x"]},
        {"tokens": [1, 2], "segments": [0]},
        {"words": [1]},
        "text",
    ]

    def work(i: int) -> float:
        if i % 3 == 0:
            with pytest.raises(InputError):
                run([rows[i % len(rows)], bad[i % len(bad)]])
            return 0.0
        chosen = [(i * 7 + j) % len(rows) for j in range(1 + i % 6)]
        results = run([rows[c] for c in chosen])
        pairs = zip(chosen, results, strict=True)
        return max(error(result["hidden"], wanted[c]["hidden"]) for c, result in pairs)

    with ThreadPoolExecutor(16) as pool:
        errors = list(pool.map(work, range(128)))
    assert max(errors) < 1e-5
    assert error(run(rows[:1])[0]["hidden"], wanted[0]["hidden"]) < 1e-6


def test_new_weights_are_seen():
    model = tiny()
    run = Predictor(model, limits={"tokens": 40}, maximum=20, per_token=["hidden"])
    before = run([row(4)])[0]["hidden"]
    variable = weights_by_name(model)["embeddings/tokens/embeddings"]
    variable.assign(numpy_of(variable.value) * 1.5)
    after = run([row(4)])[0]["hidden"]
    assert error(after, before) > 1e-3
    assert error(after, alone(model, row(4))) < 1e-5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"tokens": [1]}, {"tokens": [1] * 21}], "Row 1 has 21 tokens; a row has 1 to 20. Cut it"),
        ([{"tokens": []}], "Row 0 has 0 tokens"),
        ([{"tokens": [1, 40]}], "Row 0: tokens holds 40; the model takes 0 to 39"),
        ([{"tokens": [1, -3]}], "holds -3"),
        ([{"tokens": [1], "segments": [2]}], "segments holds 2; the model takes 0 to 1"),
        ([{"tokens": [1], "segment": [0]}], "'segment'. Did you mean 'segments'"),
        ([{"tokens": [1]}, {"tokens": [1], "segments": [0]}], "Row 1 has the inputs"),
        (["text"], "Row 0 is no dict"),
    ],
)
def test_refusals_name_the_row_and_the_way_out(rows, message):
    with pytest.raises(InputError, match=message):
        predictor()(rows)


def test_an_output_as_wide_as_a_bucket_is_not_cut():
    """16 numbers a row, in a bucket of 16 tokens: only what runs along the text is cut."""
    model = tiny()
    run = Predictor(
        model,
        limits={"tokens": 40},
        maximum=20,
        function=lambda inputs: {"scores": model(inputs)["hidden"][:, 0, :16]},
    )
    assert run([row(3)])[0]["scores"].shape == (16,)
