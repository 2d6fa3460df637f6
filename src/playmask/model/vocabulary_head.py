"""The language-modelling head, as a recipe."""

from playmask.model.norms import Norm
from playmask.model.recipes import recipe


@recipe
class VocabularyHead:
    """Language-modelling head: how hidden states become logits over the vocabulary.

    transform: a dense layer with the model's activation comes first, then norm; scale: what the
    result is multiplied with; tied: the token embedding scores it, else a dense layer of the
    head's own; bias: one number per token is added; dropout: the hidden states get some;
    activation: after the transform (None = the model's); transform_bias: whether it has one.
    Shapes: hidden states (B, R, D) -> (B, R, vocabulary)
    Source: Devlin et al. 2018, `cls/predictions`; tied: Press & Wolf 2017

    Example:
        >>> a, untied = model.architecture, VocabularyHead(tied=False)
        >>> own = count(a.change(vocabulary_head=untied), heads=["mlm"]).parameters
        >>> own - count(a, heads=["mlm"]).parameters == a.vocabulary * a.width
        True

    """

    transform: bool = True
    norm: Norm | None = Norm()
    bias: bool = True
    tied: bool = True
    scale: float = 1.0
    dropout: bool = False
    activation: str | None = None
    transform_bias: bool = True
