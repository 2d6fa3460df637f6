"""Python's search for garbage, while many objects are made that are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def searched_later() -> Iterator[None]:
    """Let Python look for garbage later: imports and loads make no cycles, and many objects.

    Each search goes through all that Keras and JAX have imported, a tenth of a second. What was
    made meanwhile counts as old, so that none begins at the end either.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            if not gc.get_freeze_count():  # else the program has objects there, and keeps them so
                gc.freeze()
                gc.unfreeze()  # into the oldest generation, without a look at them
            gc.enable()
