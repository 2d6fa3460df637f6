"""What can take part in the attention; one file a part."""

from playmask.parts.dot import Dot
from playmask.parts.learned import Learned
from playmask.parts.part import Mixer, Part

POSITIONS: dict[str, Part | None] = {"learned": Learned(), "none": None}
"""Position parts by the name accepted in `position=`."""

__all__ = ["POSITIONS", "Dot", "Learned", "Mixer", "Part"]
