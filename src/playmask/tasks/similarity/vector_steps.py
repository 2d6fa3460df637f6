"""What becomes of a sentence's vector after pooling, as recipes; the layers are vector_layers'."""

from playmask.model.recipes import recipe


class VectorStep:
    """A step from pooled hidden states to the vector of a sentence."""


@recipe
class UnitLength(VectorStep):
    """Divides a vector by its Euclidean length, so that products are cosines."""


@recipe
class Projection(VectorStep):
    """A dense layer: activation(x W + b), to which x is added where it is residual.

    size: of the vectors that it makes; x goes through a matrix of its own where they have another
    """

    size: int
    activation: str = "tanh"
    bias: bool = True
    residual: bool = False


@recipe
class VectorNorm(VectorStep):
    """Layer normalisation of a vector, with a gain and a shift."""

    epsilon: float = 1e-5


@recipe
class VectorDropout(VectorStep):
    """Dropout of a vector, in training alone."""

    rate: float = 0.2


@recipe
class Prompt:
    """A text that is put before sentences, by name, such as "query" for "query: "."""

    name: str
    text: str
