"""A finder of modules that finds none: it says where those of playmask are that did not come along.

The build lists them in left_out.txt.
"""

from pathlib import Path

NAMES = Path(__file__).with_suffix(".txt")


def find_spec(name: str, path: object = None, target: object = None) -> None:
    """See that a module that no other finder has found is none of playmask's.

    Raises: ModuleNotFoundError with the way out
    """
    if name.startswith("playmask.") and name in NAMES.read_text(encoding="utf-8").split():
        raise ModuleNotFoundError(
            f"playmask-serve answers exported tasks and has no {name}; pip install playmask.",
            name=name,
        )
