"""The predictor: from many threads, over any lengths, with bad input in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest

from comparing import error, filled, numpy_of, tiny
from families.small import model_of, small
from laboratory import CONTEXT, FOLLOWING
from playmask.errors import InputError
from playmask.model.inputs import INPUTS
from playmask.model.transformer import weights_by_name
from playmask.runtime import engine
from playmask.runtime.predictor import Predictor
from playmask.runtime.row_inputs import ROW_INPUTS

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


# All inputs of a model, in rows of any length


def test_a_row_may_have_every_input_of_a_model_but_the_cache():
    assert set(ROW_INPUTS) == set(INPUTS) - {"cache", "at"}


def vectors(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype("float32")


def whole(length: int, seed: int = 0) -> dict[str, Any]:
    """A row with every input of the length of its tokens."""
    random = np.random.default_rng((seed, length))
    return {
        **row(length, seed),
        "segments": random.integers(0, 2, length),
        "tasks": random.integers(0, 3, length),
        "positions": random.permutation(20)[:length],
        "order": random.integers(-3, 3, length),
        "texts": random.integers(0, 2, length),
        "extra": vectors(length, 24, seed=seed),
        "valid": random.random(length) < 0.8,
        "allowed": random.random((length, length)) < 0.7,
        "read": random.integers(0, length, 1 + length % 3),
    }


def decoded(source: int, target: int, seed: int = 0) -> dict[str, Any]:
    """A row for an encoder and a decoder."""
    inputs = {f"target_{name}": values for name, values in row(target, seed).items()}
    order = np.sort(np.random.default_rng(seed).integers(0, 9, target))
    return {
        **row(source, seed), **inputs, "target_order": order, "target_positions": range(target),
        "target_texts": [0] * target, "read": [target - 1], "target_valid": [True] * target,
    }  # fmt: skip


def remembered(target: int, memory: int, seed: int = 0) -> dict[str, Any]:
    """A row for a decoder, with what an encoder has made."""
    inputs = {f"target_{name}": values for name, values in row(target, seed).items()}
    valid = np.arange(memory) != 1
    return {**inputs, "memory": vectors(memory, 24, seed=seed), "memory_valid": valid}


LENGTHS = [(3, 2), (16, 5), (3, 17), (1, 1), (17, 5)]  # in buckets of 16 and more
PSEUDO, CROSS = FOLLOWING["pseudo_self"], FOLLOWING["context"]
CASES: dict[str, tuple[Callable[[], Any], Callable[[int, int, int], dict[str, Any]]]] = {
    "all of a text": (
        lambda: tiny(heads=("mlm",), tasks=3), lambda n, m, seed: whole(n, seed),
    ),
    "ready vectors": (tiny, lambda n, m, seed: {"vectors": vectors(n, 24, seed=seed)}),
    "a condition a text": (
        lambda: tiny(condition_size=4),
        lambda n, m, seed: {**row(n, seed), "condition": vectors(4, seed=seed)},
    ),
    "a condition a token": (
        lambda: tiny(condition_size=4),
        lambda n, m, seed: {**row(n, seed), "condition": vectors(n, 4, seed=seed)},
    ),
    "one context": (
        lambda: tiny(**PSEUDO),
        lambda n, m, seed: {**row(n, seed), "context": vectors(CONTEXT, seed=seed)},
    ),
    "several contexts": (
        lambda: tiny(**CROSS),
        lambda n, m, seed: {
            **row(n, seed), "context": vectors(m, CONTEXT, seed=seed),
            "context_valid": np.arange(m) != 2,
        },
    ),
    "contexts of any number": (
        lambda: tiny(**PSEUDO),
        lambda n, m, seed: {**row(n, seed), "context": vectors(m, CONTEXT, seed=seed)},
    ),
    "encoder and decoder": (lambda: model_of("t5"), decoded),
    "a decoder alone": (
        lambda: filled(small("t5").change(encoder=False), ("mlm",)),
        remembered,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rows_of_any_inputs_are_answered_as_by_themselves(case):
    make, row_of = CASES[case]
    model = make()
    run = Predictor(model, maximum=20, tokens=64, per_token=["hidden", "logits", "memory"])
    rows = [row_of(n, m, seed) for seed, (n, m) in enumerate(LENGTHS)]
    for one, result in zip(rows, run(rows), strict=True):
        inputs = {name: np.asarray(values)[None] for name, values in one.items()}
        expected = model(inputs)
        assert set(result) == set(expected)
        for name, value in expected.items():
            assert error(result[name], numpy_of(value)[0]) < 2e-5, name


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        ({"condition_size": 4}, [{"tokens": [1]}], "depend on 'condition'"),
        ({}, [{"tokens": [1], "condition": [0.0]}], "'condition' is for models"),
        (
            {"condition_size": 4},
            [{"tokens": [1], "condition": [0.0] * 3}],
            "Row 0: condition is 3 numbers wide; the model takes 4",
        ),
        (
            {"condition_size": 2},
            [{"tokens": [1, 2], "condition": x} for x in ([0.0, 1], [[0.0, 1]] * 2)],
            r"Row 1: condition has the shape \(2, 2\), that of row 0 \(2,\)",
        ),
        (
            {"condition_size": 2},
            [{"tokens": [1, 2], "condition": [[0.0, 1]] * 3}],
            "Row 0 has 2 tokens but 3 condition",
        ),
        (
            {"condition_size": 2},
            [{"tokens": [1], "condition": [0.0, float("nan")]}],
            "Row 0: condition holds nan",
        ),
        (
            {"condition_size": 2},
            [{"tokens": [1], "condition": ["a", "b"]}],
            r"condition must be numbers, \(width\) or \(text, width\), not",
        ),
        ({"condition_size": 2}, [{"tokens": [1], "condition": [[1], [1, 2]]}], "Row 0: condition"),
        ({}, [{"tokens": [1], "positions": [20]}], "positions holds 20; the model takes 0 to 19"),
        ({}, [{"tokens": [1], "texts": [1 << 31]}], "texts holds 2147483648"),
        ({}, [{"tokens": [1, 2], "read": [2]}], "read holds 2; the model takes 0 to 1"),
        ({}, [{"tokens": [1, 2], "read": []}], "Row 0: read"),
        ({}, [{"tokens": [1, 2], "valid": [1, 2]}], "valid holds 2; the model takes 0 to 1"),
        ({}, [{"tokens": [1, 2], "allowed": [[True]]}], "Row 0 has 2 tokens but 1 allowed"),
        ({}, [{"tokens": [1], "cache": {}}], "Row 0"),
        ({}, [{"tokens": 3}], "Row 0"),
        ({}, [{"tokens": [10**30]}], "tokens must be whole numbers"),
    ],
)
def test_other_inputs_are_refused_by_row(changes, rows, message):
    with pytest.raises(InputError, match=message):
        Predictor(tiny(**changes), maximum=20)(rows)


@pytest.mark.parametrize(("cores", "tokens"), [(1, 512), (2, 1024), (64, 2048)])
def test_an_engine_says_how_many_tokens_it_runs_best(monkeypatch, cores, tokens):
    monkeypatch.setattr(engine, "usable_cores", lambda: cores)
    shapes = []

    def run(inputs):
        shapes.append(inputs["tokens"].shape)
        return {"tokens": inputs["tokens"]}

    rows = [{"tokens": [1] * 128}] * 32
    Predictor(engine.Engine(run))(rows)
    assert {*shapes} == {(tokens // 128, 128)}
    assert Predictor(engine.Engine(run), tokens=256).tokens == 256
