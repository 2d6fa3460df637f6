"""RealFormer's residual attention: each block's scores start from the previous block's."""

from playmask.model.masks import Tensor
from playmask.model.parts.part import Look, Part
from playmask.model.recipes import recipe


@recipe
class ResidualScores(Part):
    """Adds the previous block's scores, which hold those of all blocks before it.

    Source: He et al. 2020 (RealFormer), eq. 3. bert4keras since March 2023 adds one block only.
    """

    heeds = True

    def logits(self, look: Look) -> Tensor | None:
        """Hand on the previous scores (B, N, T, S); the first block has none."""
        return look.previous
