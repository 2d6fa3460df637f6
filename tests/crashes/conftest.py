"""What the tests tried is reported, for the figures of docs/reliability.md."""

import pytest

from crashes.disk import COUNTS


@pytest.fixture(autouse=True)
def counted(record_property):
    """Tell what was tried since the last test ended: fixtures of a module count with its first."""
    yield
    for name, count in COUNTS.items():
        record_property(name, count)
    COUNTS.clear()
