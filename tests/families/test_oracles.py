"""Every family against the original programs' values."""

import pytest

from oracles import CASES, CLOSE

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("name", CASES)
def test_equals_the_original(name):
    case = CASES[name]
    model = case.load()
    fresh = {item.ours for item in model.report.fresh}
    assert fresh == set(case.weights.values()), model.report
    errors = case.errors(model)
    assert all(value < CLOSE for value in errors.values()), errors
