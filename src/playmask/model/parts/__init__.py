"""What can take part in the attention; one file a part."""

from playmask.model.parts.alibi import Alibi
from playmask.model.parts.buckets import Buckets
from playmask.model.parts.by_block import ByBlock, choices
from playmask.model.parts.condensing import Linformer, TokenMixing
from playmask.model.parts.context import ContextAttention, PseudoSelf
from playmask.model.parts.convolution import DynamicConvolution, LightConvolution
from playmask.model.parts.dense_synthesizer import DenseSynthesizer, FactorizedDense, MeshDense
from playmask.model.parts.disentangled import Disentangled
from playmask.model.parts.dot import Dot
from playmask.model.parts.joined import Joined, members, table_of
from playmask.model.parts.learned import Hierarchical, Learned
from playmask.model.parts.mixture import Mixture, mix
from playmask.model.parts.nezha import Nezha, StoredNezha
from playmask.model.parts.normalizations import NORMALIZATIONS
from playmask.model.parts.part import Host, Look, Mixer, Part, Sizes
from playmask.model.parts.position_names import POSITIONS, read_position
from playmask.model.parts.projections import Gated, Glu, Projections, Separate
from playmask.model.parts.random_synthesizer import FactorizedRandom, RandomSynthesizer
from playmask.model.parts.residual_scores import ResidualScores
from playmask.model.parts.rotary import Rotary, StoredRotary
from playmask.model.parts.rotary_scaling import (
    DynamicScaling,
    LinearScaling,
    LlamaScaling,
    NtkScaling,
    Scaling,
    YarnScaling,
)
from playmask.model.parts.sinusoidal import Sinusoidal
from playmask.model.parts.synthesizer import Synthesizer
from playmask.model.parts.talking_heads import TalkingHeads
from playmask.model.parts.transformer_xl import TransformerXl

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
    "DynamicScaling",
    "FactorizedDense",
    "FactorizedRandom",
    "Gated",
    "Glu",
    "Hierarchical",
    "Host",
    "Joined",
    "Learned",
    "LightConvolution",
    "LinearScaling",
    "Linformer",
    "LlamaScaling",
    "Look",
    "MeshDense",
    "Mixer",
    "Mixture",
    "Nezha",
    "NtkScaling",
    "Part",
    "Projections",
    "PseudoSelf",
    "RandomSynthesizer",
    "ResidualScores",
    "Rotary",
    "Scaling",
    "Separate",
    "Sinusoidal",
    "Sizes",
    "StoredNezha",
    "StoredRotary",
    "Synthesizer",
    "TalkingHeads",
    "TokenMixing",
    "TransformerXl",
    "YarnScaling",
    "choices",
    "members",
    "mix",
    "read_position",
    "table_of",
]
