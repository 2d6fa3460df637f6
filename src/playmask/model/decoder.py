"""The second stack of an encoder-decoder: what it does not share with the first."""

from playmask.model.norms import Norm
from playmask.model.parts import ByBlock, Dot, Part, table_of
from playmask.model.recipes import recipe


@recipe
class Decoder:
    """The second stack of an encoder-decoder: its blocks also attend to the encoder's output.

    Sizes, norms and activation are the encoder's. position: its position part, which has a table
    of its own where it adds to the embedding (else the encoder's table, if any, serves both);
    attention: the content parts of the attention to the encoder; cross_position: the position
    part's bias is added there too (early T5 programs did); embedding_norm: a norm of its own after
    the embedding (None = the encoder's serves both).
    Source: Vaswani et al. 2017, §3.1; its own table and norm: Lewis et al. 2020 (BART)

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

    @property
    def embeds(self) -> bool:
        """Whether its embedding differs from the encoder's."""
        return self.embedding_norm is not None or table_of(self.position) is not None
