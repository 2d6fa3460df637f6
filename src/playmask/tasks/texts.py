"""Texts that a task takes: one, or a list of them."""

from typing import Any

from playmask.errors import InputError


def texts_of(texts: Any) -> list[str]:
    """One text or several, as a list of them."""
    several = [texts] if isinstance(texts, str) else texts
    if not isinstance(several, (list, tuple)) or not all(isinstance(t, str) for t in several):
        raise InputError(f"A text or a list of texts is expected, not {texts!r:.80}.")
    return list(several)
