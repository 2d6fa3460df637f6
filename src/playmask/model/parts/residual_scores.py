"""RealFormer's residual attention: each block's scores start from the previous block's."""

from playmask.model.masks import Tensor
from playmask.model.parts.part import Look, Part
from playmask.model.recipes import recipe


@recipe
class ResidualScores(Part):
    """Residual attention (RealFormer): adds the previous block's scores to a block's own.

    These hold the scores of all blocks before it. It has no weights, and stands beside a part
    that scores.
    Shapes: scores (B, N, T, S)
    Source: He et al. 2020 (RealFormer), eq. 3. bert4keras since March 2023 adds one block only.

    Example:
        >>> residual = load(path, attention=(Dot(), ResidualScores()))
        >>> both = [m({"tokens": np.arange(6)[None]}, attention=True) for m in (model, residual)]
        >>> pairs = zip(*(outputs["attention"] for outputs in both))
        >>> [bool(np.allclose(plain, added)) for plain, added in pairs]  # from the second block on
        [True, False]

    """

    heeds = True

    def logits(self, look: Look) -> Tensor | None:
        """Hand on the previous scores (B, N, T, S); the first block has none."""
        return look.previous
