"""Seams: functions that a program for another runtime has as one operator each.

In normal runs they are what they wrap, so that no compiled program knows of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

Function = Callable[..., Any]
Mark = Callable[[Function, tuple[Any, ...], Mapping[str, Any]], Any]
"""(a seam's function, its tensors, its attributes) -> what the function returns of them."""

_MARK: ContextVar[Mark | None] = ContextVar("mark", default=None)


def seam(function: Function) -> Function:
    """Declare a seam: a function of tensors, by place, and of numbers, by name."""

    @wraps(function)
    def call(*tensors: Any, **attributes: Any) -> Any:
        mark = _MARK.get()
        if mark is None:
            return function(*tensors, **attributes)
        return mark(function, tensors, attributes)

    return call


@contextmanager
def exporting(mark: Mark) -> Iterator[None]:
    """Have a model traced for another runtime: sizes may be unknown, seams are marked.

    mark: calls a seam's function so that the trace names it
    """
    token = _MARK.set(mark)
    try:
        yield
    finally:
        _MARK.reset(token)


def is_exporting() -> bool:
    """Whether what runs now is traced for another runtime, which needs no form that XLA prefers."""
    return _MARK.get() is not None
