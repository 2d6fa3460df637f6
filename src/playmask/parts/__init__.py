"""What can take part in the attention; one file a part."""

from playmask.parts.alibi import Alibi
from playmask.parts.buckets import Buckets
from playmask.parts.by_block import ByBlock, choices, chosen, first
from playmask.parts.condensing import Linformer, TokenMixing
from playmask.parts.context import ContextAttention, PseudoSelf
from playmask.parts.convolution import DynamicConvolution, LightConvolution
from playmask.parts.dot import Dot
from playmask.parts.learned import Hierarchical, Learned
from playmask.parts.mixture import Mixture, mix
from playmask.parts.nezha import Nezha
from playmask.parts.normalizations import NORMALIZATIONS
from playmask.parts.part import Look, Mixer, Part, Sizes
from playmask.parts.projections import Gated, Glu, Projections, Separate
from playmask.parts.residual_scores import ResidualScores
from playmask.parts.rotary import Rotary, StoredRotary
from playmask.parts.sinusoidal import Sinusoidal
from playmask.parts.synthesizer import (
    DenseSynthesizer,
    FactorizedDense,
    FactorizedRandom,
    MeshDense,
    RandomSynthesizer,
    Synthesizer,
)
from playmask.parts.talking_heads import TalkingHeads

POSITIONS: dict[str, Part | None] = {
    "learned": Learned(),
    "hierarchical": Hierarchical(),
    "sinusoidal": Sinusoidal(),
    "rotary": Rotary(),
    "nezha": Nezha(),
    "buckets": Buckets(),
    "alibi": Alibi(),
    "none": None,
}
"""Position parts by the name accepted in `position=`."""

__all__ = [
    "NORMALIZATIONS",
    "POSITIONS",
    "Alibi",
    "Buckets",
    "ByBlock",
    "ContextAttention",
    "DenseSynthesizer",
    "Dot",
    "DynamicConvolution",
    "FactorizedDense",
    "FactorizedRandom",
    "Gated",
    "Glu",
    "Hierarchical",
    "Learned",
    "LightConvolution",
    "Linformer",
    "Look",
    "MeshDense",
    "Mixer",
    "Mixture",
    "Nezha",
    "Part",
    "Projections",
    "PseudoSelf",
    "RandomSynthesizer",
    "ResidualScores",
    "Rotary",
    "Separate",
    "Sinusoidal",
    "Sizes",
    "StoredRotary",
    "Synthesizer",
    "TalkingHeads",
    "TokenMixing",
    "choices",
    "chosen",
    "first",
    "mix",
]
