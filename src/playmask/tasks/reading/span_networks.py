"""Networks that score the spans of a passage as answers."""

from typing import Any, ClassVar, Self

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.spans import band_of_ends, band_of_tokens
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_token
from playmask.tasks.network import TaskNetwork
from playmask.tasks.reading.settings import ReaderSettings
from playmask.tasks.reading.span_candidates import BEGINS, CANDIDATES, SHOWN
from playmask.tokenizers import Tokenizer


class PassageNetwork(TaskNetwork):
    """A Transformer that scores all spans of a passage, and that none is the answer.

    Shapes: inputs as a Transformer's and marks (B, T) -> {"logits": (B, 1 + T·A)}: that of no
    answer, then those of the spans by first token and length - 1, all in nats
    """

    heads: ClassVar[Any] = ()
    further_inputs: ClassVar[Inputs] = {"marks": by_token(below=BEGINS + 1)}

    def __init__(self, transformer: Transformer, longest: int) -> None:
        super().__init__(transformer)
        self.longest = longest

    @classmethod
    def of(cls, transformer: Transformer, tokenizer: Tokenizer, settings: ReaderSettings) -> Self:
        """The network for a task of some settings."""
        raise NotImplementedError

    def band(
        self, inputs: dict[str, Tensor], visible: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of spans (B, T, A), and of no answer (B,)."""
        raise NotImplementedError

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all spans."""
        marks = inputs["marks"]
        inputs = {name: value for name, value in inputs.items() if name != "marks"}
        band, none = self.band(inputs, marks >= SHOWN, training)
        flat = ops.reshape(band, (ops.shape(band)[0], -1))
        return {"logits": ops.concatenate([none[:, None], flat], axis=1)}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The likeliest spans that begin here: log-odds against none, and places (B, K).

        total: the odds of all such spans together, (B,)
        """
        logits = self(inputs, training=False)["logits"]
        begins = ops.repeat(inputs["marks"] == BEGINS, self.longest, axis=1)
        odds = ops.where(begins, logits[:, 1:] - logits[:, :1], HIDDEN)
        best, places = ops.top_k(odds, min(CANDIDATES, odds.shape[1]))
        return {"odds": best, "places": places, "total": ops.logsumexp(odds, axis=1)}


class PointerNetwork(PassageNetwork):
    """A score for the first token plus one for the last; no answer is [CLS] as both."""

    def __init__(self, transformer: Transformer, longest: int, dropout: float) -> None:
        super().__init__(transformer, longest)
        self.dropout = Dropout(dropout)
        self.dense = keras.layers.Dense(
            2,
            kernel_initializer=transformer.architecture.initializer(),
            dtype="float32",
            name="ends",
        )
        self.build(None)

    @classmethod
    def of(cls, transformer: Transformer, tokenizer: Tokenizer, settings: ReaderSettings) -> Self:
        """Pointers of a dropout."""
        return cls(transformer, settings.max_answer, settings.dropout)

    def build(self, shape: Any = None) -> None:
        """Create the head's weights."""
        self.dense.build((None, None, self.transformer.architecture.width))

    def band(
        self, inputs: dict[str, Tensor], visible: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of spans (B, T, A), and of no answer (B,)."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        ends = self.dense(self.dropout(hidden, training=training))
        first, last = (ops.where(visible, ends[..., i], HIDDEN) for i in (0, 1))
        return band_of_ends(first, last, self.longest), ops.sum(ends[:, 0], axis=-1)


class MaskNetwork(PassageNetwork):
    """The log-probability of a span's tokens, and [SEP] behind them, at masks in the row.

    Source: kexue.fm 7148, where tokens are picked one by one; here all spans are compared
    """

    heads: ClassVar[Any] = "mlm"

    def __init__(self, transformer: Transformer, longest: int, first_mask: int, end: int) -> None:
        super().__init__(transformer, longest)
        self.first_mask, self.end = first_mask, end
        self.shortest = first_mask + longest
        if "mlm" not in transformer.head_names:
            raise ConfigError("Masks are filled by a model with heads='mlm'; this one has none.")
        self.build(None)

    @classmethod
    def of(cls, transformer: Transformer, tokenizer: Tokenizer, settings: ReaderSettings) -> Self:
        """Masks behind the tokenizer's first token, and its token for ends behind the answer."""
        if tokenizer.mask is None or tokenizer.sep is None:
            raise ConfigError("The tokenizer has no tokens for gaps and ends ([MASK], [SEP] …).")
        first = len(tokenizer.frame.head)
        return cls(transformer, settings.max_answer, first, tokenizer.sep)

    def band(
        self, inputs: dict[str, Tensor], visible: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of spans (B, T, A), and of no answer (B,)."""
        tokens, count = inputs["tokens"], self.longest
        masks = ops.arange(count, dtype="int32") + self.first_mask
        read = ops.broadcast_to(masks, (ops.shape(tokens)[0], count))
        logits = self.transformer({**inputs, "read": read}, training=training)["logits"]
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        ids = tokens[:, None] + ops.zeros((count, 1), tokens.dtype)
        each = ops.where(visible[:, None], ops.take_along_axis(logs, ids, axis=-1), HIDDEN)
        ends = logs[..., self.end]
        return band_of_tokens(each, ends, count), ends[:, 0]


METHODS: dict[str, type[PassageNetwork]] = {"pointers": PointerNetwork, "mask-fill": MaskNetwork}
"""How spans are scored: by their ends, or by their tokens."""
