"""The second stack of an encoder-decoder: what it does not share with the first."""

from playmask.model.norms import Around, Norm
from playmask.model.parts import ByBlock, Dot, Part, table_of
from playmask.model.recipes import recipe


@recipe
class Decoder:
    """The second stack of an encoder-decoder: its blocks also attend to the encoder's output.

    Sizes and activation are the encoder's. position: its position part, which has a table of its
    own where it adds to the embedding (else the encoder's table, if any, serves both); attention:
    the content parts of the attention to the encoder; cross_position: the position part's bias is
    added there too (early T5 programs did); embedding_norm: a norm of its own after the embedding
    (None = the encoder's serves both); norm: around all its sub-layers (None = as the encoder's);
    segments: whether the encoder's table of segments serves it too; memory: after how many of the
    encoder's blocks it reads what it attends to (None = all, and the final norm); start: the id
    that its texts begin with (None = the padding's).
    Source: Vaswani et al. 2017, §3.1; its own table and norm: Lewis et al. 2020 (BART); memory:
            Shao et al. 2021 (CPT)

    Example:
        >>> bart = Decoder(6, position=Learned(1024), embedding_norm=Norm(1e-5))
        >>> bart.embeds, Decoder(6).embeds
        (True, False)

    """

    depth: int
    position: Part | ByBlock[Part | None] | None = None
    attention: tuple[Part, ...] = (Dot(),)
    cross_position: bool = False
    embedding_norm: Norm | None = None
    norm: Around | None = None
    segments: bool = True
    memory: int | None = None
    start: int | None = None

    @property
    def embeds(self) -> bool:
        """Whether its embedding differs from the encoder's."""
        own = self.embedding_norm is not None or table_of(self.position) is not None
        return own or not self.segments
