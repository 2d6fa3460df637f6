"""What parts cost and how time grows (benchmarks): bounds and slopes, at a small size.

No time is asserted.
"""

from pathlib import Path

import pytest

from playmask.inspection.cost import count

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def test_a_slope_is_the_exponent():
    from stepping import ratios, slope

    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert ratios([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == (2.0, 1.0, 3.0)


def test_a_part_is_measured_beside_the_dot_product(monkeypatch):
    import parts

    for name, value in (("BATCH", 2), ("LENGTH", 8), ("WIDTH", 32), ("DEPTH", 1), ("TAGS", 5)):
        monkeypatch.setattr(parts, name, value)
    crf = next(name for name in parts.CASES if name.startswith("CRF"))
    rows = parts.measured(1, [parts.PLAIN, crf])
    assert rows[0]["products"] == rows[0]["step_memory"] == 1 and rows[0]["step"] == (1, 1, 1)
    plain = parts.part()
    assert plain.products == count(plain.model, batch=2, length=8).products
    chain = 2 * 8 * (32 * 5 + 5**2)
    assert rows[1]["products"] == pytest.approx(1 + chain / plain.products)
    assert rows[1]["step_seconds"] > 0 and parts.table(rows).count("\n") == 3


def test_what_theory_gives_grows_with_the_square_of_the_length():
    import growth

    counts = [growth.encoder(1, n, depth=1)[0].products for n in (64, 4096)]
    assert 64 < counts[1] / counts[0] < 64**2
    assert growth.labels(8)[0].products == 2 * growth.labels(4)[0].products
