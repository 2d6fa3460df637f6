"""The layer that some published classes have between a text's vector and its answers."""

from playmask.model.recipes import recipe


@recipe
class VectorTransform:
    """A dense layer of the vector's own width, an activation, and perhaps a norm without β.

    bias: whether the dense layer has one; norm: the epsilon of the norm (None = there is none)
    Source: reproduces `classifier.dense` of RoBERTa, ELECTRA and RoFormer, `pre_classifier` of
    DistilBERT, `pooler.dense` of DeBERTa and, with its norm, `head` of ModernBERT
    """

    activation: str = "tanh"
    bias: bool = True
    norm: float | None = None
