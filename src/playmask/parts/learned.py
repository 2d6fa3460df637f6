"""Learned absolute positions: a table of vectors added to the embedding."""

from playmask.parts.part import Part
from playmask.recipes import recipe


@recipe
class Learned(Part):
    """Positions as a learned table of `size` rows, added to the token embedding.

    It has nothing to say inside the attention; the embedding layer holds its table.
    Source: Devlin et al. 2018; reproduces `bert/embeddings/position_embeddings`
    """

    size: int = 512
