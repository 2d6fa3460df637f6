"""Tasks that an earlier version exported answer as they did."""

import pytest

import playmask
from export.store import KINDS, close, stored_answers

pytest.importorskip("onnxruntime")


def test_stored_tasks_answer_as_they_did():
    answers = [*stored_answers(playmask.load_exported)]
    assert [kind for kind, *_ in answers] == [*KINDS]
    for kind, now, before in answers:
        assert close(now, before), kind
        assert not close(now, before[:-1])
