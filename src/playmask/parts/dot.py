"""The dot product: the content part of almost every Transformer."""

from keras import ops

from playmask.masks import Sites, Tensor
from playmask.parts.part import Part
from playmask.recipes import recipe


@recipe
class Dot(Part):
    """Scores a key by its dot product with the query, divided by √H unless `scale` is off (T5).

    Shapes: q (B, N, T, H); k (B, N, S, H) -> (B, N, T, S)
    Source: Vaswani et al. 2017, eq. 1
    """

    scale: bool = True

    def logits(
        self, x: Tensor, q: Tensor, k: Tensor, queries: Sites, keys: Sites, previous: Tensor | None
    ) -> Tensor:
        """Score keys by content: (B, N, T, S)."""
        if self.scale:
            q = q * q.shape[-1] ** -0.5
        return ops.matmul(q, ops.swapaxes(k, -1, -2))
