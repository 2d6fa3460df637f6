"""The shape of the tasks: composed of parts, not of bases."""

import pytest

from playmask.tasks.registry import TASKS, task_class


def bases(task: type) -> list[str]:
    """The classes of playmask that a task is, itself and Task among them."""
    return [
        base.__qualname__ for base in task.__mro__ if base.__module__.split(".")[0] == "playmask"
    ]


@pytest.mark.parametrize("name", [*TASKS])
def test_a_task_inherits_through_three_classes_at_most(name):
    chain = bases(task_class(name))
    assert "Task" in chain
    assert len(chain) <= 3, f"{name}: {' -> '.join(chain)}"
