"""What can take part in the attention; one file a part."""

from playmask.model.parts.alibi import Alibi
from playmask.model.parts.buckets import Buckets
from playmask.model.parts.by_block import ByBlock, choices
from playmask.model.parts.condensing import Linformer, TokenMixing
from playmask.model.parts.context import ContextAttention, PseudoSelf
from playmask.model.parts.convolution import DynamicConvolution, LightConvolution
from playmask.model.parts.disentangled import Disentangled
from playmask.model.parts.dot import Dot
from playmask.model.parts.learned import Hierarchical, Learned
from playmask.model.parts.mixture import Mixture, mix
from playmask.model.parts.nezha import Nezha
from playmask.model.parts.normalizations import NORMALIZATIONS
from playmask.model.parts.part import Host, Look, Mixer, Part, Sizes
from playmask.model.parts.projections import Gated, Glu, Projections, Separate
from playmask.model.parts.residual_scores import ResidualScores
from playmask.model.parts.rotary import Rotary, StoredRotary
from playmask.model.parts.sinusoidal import Sinusoidal
from playmask.model.parts.synthesizer import (
    DenseSynthesizer,
    FactorizedDense,
    FactorizedRandom,
    MeshDense,
    RandomSynthesizer,
    Synthesizer,
)
from playmask.model.parts.talking_heads import TalkingHeads

POSITIONS: dict[str, Part | None] = {
    "learned": Learned(),
    "hierarchical": Hierarchical(),
    "sinusoidal": Sinusoidal(),
    "rotary": Rotary(),
    "nezha": Nezha(),
    "buckets": Buckets(),
    "alibi": Alibi(),
    "disentangled": Disentangled(),
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
    "Disentangled",
    "Dot",
    "DynamicConvolution",
    "FactorizedDense",
    "FactorizedRandom",
    "Gated",
    "Glu",
    "Hierarchical",
    "Host",
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
    "mix",
]
