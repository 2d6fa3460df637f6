"""What can take part in the attention; one file a part."""

from playmask.parts.buckets import Buckets
from playmask.parts.dot import Dot
from playmask.parts.learned import Hierarchical, Learned
from playmask.parts.nezha import Nezha
from playmask.parts.normalizations import NORMALIZATIONS
from playmask.parts.part import Mixer, Part
from playmask.parts.projections import Gated, Projections, Separate
from playmask.parts.residual_scores import ResidualScores
from playmask.parts.rotary import Rotary, StoredRotary
from playmask.parts.sinusoidal import Sinusoidal

POSITIONS: dict[str, Part | None] = {
    "learned": Learned(),
    "hierarchical": Hierarchical(),
    "sinusoidal": Sinusoidal(),
    "rotary": Rotary(),
    "nezha": Nezha(),
    "buckets": Buckets(),
    "none": None,
}
"""Position parts by the name accepted in `position=`."""

__all__ = [
    "NORMALIZATIONS",
    "POSITIONS",
    "Buckets",
    "Dot",
    "Gated",
    "Hierarchical",
    "Learned",
    "Mixer",
    "Nezha",
    "Part",
    "Projections",
    "ResidualScores",
    "Rotary",
    "Separate",
    "Sinusoidal",
    "StoredRotary",
]
