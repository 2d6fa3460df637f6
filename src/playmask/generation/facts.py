"""What a decoding has to know of a model besides its steps, as plain values."""

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from playmask.errors import ConfigError

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer

TARGETS = ("unilm", "turns")  # orders whose new tokens are of segment 1


class ModelFacts(NamedTuple):
    """Sizes of a model, and how its texts go on; export.json holds them of one that writes.

    vocabulary, segments: how many ids there are; segmented: whether the model reads segments;
    order: as of an architecture; decodes: whether a decoder writes; start: the token that
    its texts begin with; limit, written_limit: the positions of prompts, and of what is written
    (None: any number); limited_by: the name of what limits the latter; condition: how many numbers
    norms depend on, or None
    """

    vocabulary: int
    segments: int
    segmented: bool
    order: str
    decodes: bool
    start: int
    limit: int | None
    written_limit: int | None
    limited_by: str
    condition: int | None

    @classmethod
    def of(cls, a: Any) -> Self:
        """Those of an architecture."""
        writing = a if a.decoder is None else a.decoding
        return cls(
            vocabulary=a.vocabulary,
            segments=a.segment_ids,
            segmented=a.segments != "tokens",
            order=str(a.order),
            decodes=a.decoder is not None,
            start=a.start_id,
            limit=a.limit,
            written_limit=writing.limit,
            limited_by=type(writing.limited_by).__name__,
            condition=None if a.condition is None else a.condition.size,
        )


def check(model: "Transformer") -> None:
    """Refuse a model that cannot go on from a text."""
    a = model.architecture
    if "mlm" not in model.head_names:
        raise ConfigError("Generating needs next-token logits; load the model with heads='mlm'.")
    if a.decoder is None and a.order in ("full", "permutation"):
        raise ConfigError(
            f"A model of the order {a.order!r} cannot go on from a text, since its tokens look "
            "ahead; load it with mask='lm' or mask='unilm'."
        )
