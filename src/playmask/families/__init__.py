"""The families of pretrained models: data, one file each."""

from playmask.families.bert import BERT
from playmask.families.family import Family

FAMILIES: dict[str, Family] = {family.name: family for family in (BERT,)}

__all__ = ["FAMILIES", "Family"]
