"""Mixtures: scores of several parts, weighed with learned weights that sum to 1."""

from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, name_for
from playmask.model.recipes import recipe

FORMS = ("softmax", "mesh")


@recipe
class Mixture(Part):
    """Mixture of Synthesizers: Σ αᵢ · scores of part i, with α = softmax(w) learned by each block.

    form: with "mesh" the first part's w stays 0, so that two parts get 1 - sigmoid(w) and
    sigmoid(w); start: what the α begin with (None = all the same), as when a pretrained dot
    product shall at first be heard almost alone.
    Weights: one for each part a block, and those of the parts.
    Shapes: scores (B, N, T, S)
    Raises: ConfigError for fewer than two parts, and for parts that do more than score content
    Source: Tay et al. 2020, §3.4; "mesh" is Mesh TensorFlow's `dense_plus_alpha`

    Example:
        >>> mixture = Mixture((Dot(), RandomSynthesizer(length=64)), start=(0.9, 0.1))
        >>> mixture.uses, mixture.limit
        (('query', 'key', 'value', 'output'), 64)

    """

    parts: tuple[Part, ...]
    form: str = "softmax"
    start: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ConfigError(f"A mixture is of two parts or more, not of {len(self.parts)}.")
        if self.form not in FORMS:
            raise ConfigError(f"A mixture's form is 'softmax' or 'mesh', not {self.form!r}.")
        for part in self.parts:
            if not isinstance(part, Part):
                raise ConfigError(f"A mixture takes parts such as Dot(), not {part!r}.")
            if part.orders is not None:
                raise ConfigError(f"{part!r} mixes the whole text, so it stands alone.")
        if self.start is not None:
            self._check_start(self.start)

    def _check_start(self, start: Any) -> None:
        count, good = len(self.parts), isinstance(start, tuple)
        good = good and all(isinstance(weight, (int, float)) and weight > 0 for weight in start)
        if not good or len(start) != count:
            raise ConfigError(
                f"start holds a positive weight for each of {count} parts, not {start!r}."
            )

    @property
    def uses(self) -> tuple[str, ...]:
        """All projections that a member uses."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.uses))

    @property
    def limit(self) -> int | None:
        """The fewest positions that a member knows."""
        return min((p.limit for p in self.parts if p.limit is not None), default=None)

    @property
    def distances(self) -> bool:
        """Whether a member looks at how far a key is."""
        return any(part.distances for part in self.parts)

    @property
    def heeds(self) -> bool:
        """Whether a member looks at the previous block's scores."""
        return any(part.heeds for part in self.parts)

    def make(self, attention: Host) -> "Mixed":
        """The members and the weights of one block."""
        return Mixed(self, attention)


class Mixed(keras.layers.Layer, Part):
    """The members, as parts of one attention, and what w is drawn from: (parts,)."""

    def __init__(self, mixture: Mixture, attention: Host) -> None:
        super().__init__(name=name_for(attention, "mixture"), dtype=attention.dtype_policy)
        self.parts: list[Any] = [_weighable(part, attention) for part in mixture.parts]
        start = np.log(mixture.start or [1.0] * len(self.parts))
        self.pinned = mixture.form == "mesh"
        self.start = start[1:] - start[0] if self.pinned else start - start.mean()

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the members' weights and their own."""
        for part in self.parts:
            if isinstance(part, keras.layers.Layer):
                part.build(shape)
        self.mix = self.add_weight(
            name="mix",
            shape=self.start.shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(self.start, dtype),
        )

    def alphas(self) -> Tensor:
        """The weights of the members, which sum to 1: float32 (parts,)."""
        w = ops.cast(self.mix, "float32")
        return ops.softmax(ops.pad(w, [[1, 0]]) if self.pinned else w)

    def reach(self, queries: Sites, keys: Sites) -> Tensor | None:
        """What any of the members can score."""
        each = [part.reach(queries, keys) for part in self.parts]
        if any(one is None for one in each):
            return None
        return ops.any(ops.stack(each), axis=0)

    def logits(self, look: Look) -> Tensor | None:
        """Weigh the members' scores: (B, N, T, S)."""
        alphas = ops.cast(self.alphas(), self.compute_dtype)
        total = None
        for i, part in enumerate(self.parts):
            scores = part.logits(look)
            if scores is not None:
                total = alphas[i] * scores if total is None else total + alphas[i] * scores
        return total

    def products(self, sizes: Sizes) -> int:
        """Those of the members."""
        return sum(part.products(sizes) for part in self.parts)


def _weighable(recipe: Part, attention: Host) -> Part:
    """Make a member; raises ConfigError for one that does not only score, as position parts."""
    part = recipe.make(attention)
    others = ("rotate", "condense", "bias", "values")
    if type(part).logits is Part.logits or any(
        getattr(type(part), hook) is not getattr(Part, hook) for hook in others
    ):
        raise ConfigError(
            f"A mixture weighs scores of content, so {recipe!r} cannot be in it; put it beside "
            "the mixture, or give it as position=…."
        )
    return part


def mix(*parts: Part, form: str = "softmax", start: tuple[float, ...] | None = None) -> Mixture:
    """Mix the scores of parts with learned weights; `form` and `start` are those of `Mixture`.

    Raises: ConfigError for fewer than two parts, and for parts that do more than score content

    Example:
        >>> mixed = load(path, attention=mix(Dot(), Synthesizer("random")))
        >>> [(fresh.ours[9:], fresh.shape) for fresh in mixed.report.fresh[:2]]
        [('attention/mixture/mix', (2,)), ('attention/mixture/random/scores', (2, 512, 512))]

    """
    return Mixture(tuple(parts), form, tuple(start) if isinstance(start, list) else start)
