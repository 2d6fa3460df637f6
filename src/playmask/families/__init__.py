"""The families of pretrained models: data, one file each."""

from playmask.families.albert import ALBERT
from playmask.families.bart import BART
from playmask.families.bert import BERT
from playmask.families.cpt import CPT
from playmask.families.deberta_v2 import DEBERTA_V2
from playmask.families.distilbert import DISTILBERT
from playmask.families.electra import ELECTRA, ELECTRA_GENERATOR
from playmask.families.ernie import ERNIE
from playmask.families.family import Family
from playmask.families.gau_alpha import GAU_ALPHA
from playmask.families.gpt import GPT
from playmask.families.gpt2 import GPT2
from playmask.families.gpt2_ml import GPT2_ML
from playmask.families.gte import GTE
from playmask.families.llama import LLAMA
from playmask.families.mbart import MBART
from playmask.families.megatron_bert import MEGATRON_BERT
from playmask.families.modernbert import MODERNBERT
from playmask.families.mpnet import MPNET
from playmask.families.nezha import NEZHA
from playmask.families.nomic_bert import NOMIC_BERT
from playmask.families.pegasus import PEGASUS
from playmask.families.qwen2 import QWEN2
from playmask.families.qwen3 import QWEN3
from playmask.families.roberta import ROBERTA
from playmask.families.roformer import ROFORMER
from playmask.families.roformer_v2 import ROFORMER_V2
from playmask.families.t5 import MT5, T5, T5_1_1
from playmask.families.xlnet import XLNET
from playmask.lazy import find_submodules

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        BERT,
        ALBERT,
        NEZHA,
        ROFORMER,
        ROFORMER_V2,
        GAU_ALPHA,
        ELECTRA,
        ELECTRA_GENERATOR,
        ERNIE,
        ROBERTA,
        DEBERTA_V2,
        DISTILBERT,
        MPNET,
        MEGATRON_BERT,
        GPT,
        GPT2,
        GPT2_ML,
        T5,
        T5_1_1,
        MT5,
        BART,
        MBART,
        PEGASUS,
        CPT,
        XLNET,
        MODERNBERT,
        GTE,
        NOMIC_BERT,
        LLAMA,
        QWEN2,
        QWEN3,
    )
}

__all__ = ["FAMILIES", "Family"]

find_submodules(__name__)
