"""ALiBi: each head prefers near keys by a fixed slope."""

from keras import ops

from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Part
from playmask.model.recipes import recipe


@recipe
class Alibi(Part):
    """Attention with linear biases (ALiBi): takes slope · distance from every score.

    Head n of N has the slope 2^(-8n/N), n from 1; where N is no power of two, the missing slopes
    are every second one of the next power's, as published. The distance counts both ways, so that
    it also suits models that see what follows. It has no weights, and no longest text.
    Shapes: the biases are (B, N, T, S)
    Units:  nats per token of distance
    Source: Press et al. 2022, §3 and its program's `get_slopes`

    Example:
        >>> from playmask.model.parts.alibi import slopes
        >>> slopes(4), load(path, position=Alibi()).architecture.limit
        ((0.25, 0.0625, 0.015625, 0.00390625), None)

    """

    distances = True

    def make(self, attention: Host) -> "AlibiOf":
        """The slopes of this attention's heads."""
        return AlibiOf(slopes(attention.heads))


class AlibiOf(Part):
    """ALiBi for given slopes, one a head."""

    def __init__(self, slopes: tuple[float, ...]) -> None:
        self.slopes = slopes

    def bias(self, queries: Sites, keys: Sites) -> Tensor:
        """Score keys by their distance: (B, N, T, S)."""
        away = ops.expand_dims(keys.position, 1) - ops.expand_dims(queries.position, 2)
        far = ops.cast(ops.expand_dims(ops.abs(away), 1), "float32")
        return -ops.reshape(ops.convert_to_tensor(self.slopes, "float32"), (1, -1, 1, 1)) * far


def slopes(heads: int) -> tuple[float, ...]:
    """How fast each head's scores fall, in nats per site."""
    power = 2 ** (heads.bit_length() - 1)
    regular = tuple(2.0 ** (-8 * n / power) for n in range(1, power + 1))
    return regular + slopes(2 * power)[: 2 * (heads - power) : 2] if heads > power else regular
