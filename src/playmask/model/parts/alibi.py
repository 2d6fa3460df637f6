"""ALiBi: each head prefers near keys by a fixed slope."""

from keras import ops

from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Part
from playmask.model.recipes import recipe


@recipe
class Alibi(Part):
    """Takes slope · distance from every score; head n of N has the slope 2^(-8n/N), n from 1.

    The distance counts both ways, so that it also suits models that see what follows. Where N is
    no power of two, the missing slopes are every second one of the next power's, as published.
    Source: Press et al. 2022, §3 and its program's `get_slopes`
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
