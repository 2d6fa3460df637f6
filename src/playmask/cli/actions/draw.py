"""What `playmask draw` does: options to toy texts, masks to drawings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from playmask.cli.input_texts import split
from playmask.cli.output import note, print_text
from playmask.data.captions import read_captions
from playmask.errors import ConfigError
from playmask.generation import Beams
from playmask.inspection.captions import draw_captions
from playmask.inspection.draw import mask_picture
from playmask.inspection.draw.sheet import check_picture
from playmask.model.masks import Ordered, SameText, Window
from playmask.tasks.captions.settings import CaptionSettings
from playmask.tasks.loading import load_task

EXAMPLES: dict[str, tuple[str, list[int]]] = {
    "unilm": ("segments", [0, 0, 0, 1, 1]),
    "turns": ("segments", [0, 0, 1, 1, 0, 0, 1]),
    "permutation": ("ranks", [2, 0, 3, 1]),
}
"""What an order depends on, and what is drawn where nothing is given."""


class Toy(NamedTuple):
    """A toy text: its order, and what `Mask.grid` takes."""

    order: str
    ranks: list[int] | None
    sites: dict[str, Any]

    @classmethod
    def read(cls, order: str, length: int | None, options: Mapping[str, str | None]) -> "Toy":
        """Make a toy text of the options; an order that nothing is given for gets its example."""
        sites = {name: numbers(f"--{name}", value) for name, value in options.items()}
        if order in EXAMPLES:
            name, example = EXAMPLES[order]
            if length is None and not any(sites.values()):
                sites[name] = example
            if sites[name] is None:
                such = ",".join(map(str, example))
                raise ConfigError(f"The order {order!r} needs --{name}, such as {such}.")
        ranks = sites.pop("ranks")
        if ranks is not None and order != "permutation":
            raise ConfigError(f"--ranks is for the order permutation, not for {order!r}.")
        if length is None and ranks is not None:
            length = len(ranks)
        return cls(order, ranks, sites | {"length": length})

    def rises(self) -> Any:
        """The order as `Mask.grid` takes it: ranks by how they rise along the text."""
        if self.ranks is None:
            return self.order
        steps = np.diff(self.ranks, prepend=0)
        return lambda segments: ops.convert_to_tensor(steps[None], dtype="int32")


def draw_mask(toy: Toy, *, window: int | None, same_text: bool, out: Path | None) -> None:
    """Draw a mask over a toy text, in the terminal or as a picture."""
    mask: Any = Ordered()
    title = [toy.order]
    if window is not None:
        mask &= Window(window)
        title.append(f"window {window}")
    if same_text:
        mask &= SameText()
        title.append("same text")
    if out is None:
        print_text(mask.draw(toy.rises(), **toy.sites))
        return
    grid = mask.grid(toy.rises(), **toy.sites)
    labels = [str(site) for site in range(len(grid))]
    mask_picture(grid, out, rows=labels, columns=labels, title=" · ".join(title))
    note(f"The picture is in {out}.")


def draw_captions_of(directory: Path, data: Path, out: Path, *, count: int, beams: int) -> None:
    """Draw images of a file or a folder with what a saved captioner writes of them."""
    check_picture(out)
    task = load_task(directory)
    if not isinstance(task.settings, CaptionSettings):
        raise ConfigError(f"{directory} holds a task {task.name!r}; one that captions is due.")
    examples = read_captions(data, labelled=False)[:count]
    draw_captions(task, examples, out, title=str(data), search=Beams(beams) if beams > 1 else None)
    note(f"The picture is in {out}.")


def numbers(name: str, option: str | None) -> list[int] | None:
    """Read an option that is a list of whole numbers with commas."""
    parts = split(option)
    if parts is None:
        return None
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"{name} is {option!r}; whole numbers are expected, such as 0,0,1.")
    return [int(part) for part in parts]
