"""The embedding: what a token, its segment and its position are before the first block."""

from typing import Any

import keras
from keras import ops

from playmask.model.architecture import Architecture
from playmask.model.dense import Dense
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.norms import Normalize, normalize
from playmask.model.parts import table_of


class Embeddings(keras.layers.Layer):
    """Sums token, segment, task and position vectors, then norm, dropout and projection.

    Shapes: tokens (B, T) or vectors (B, T, E); segments, tasks (B, T), each optional;
            positions (B, T) or (1, T); extra (B, T, E) is added to the sum -> (B, T, D)
    encoder: in a decoder, the encoder's, whose layers it shares but for those that its `Decoder`
    names: a table of positions and a norm.
    Source: Devlin et al. 2018; the projection (E ≠ D) is Lan et al. 2019's factorisation
    """

    def __init__(
        self, architecture: Architecture, encoder: "Embeddings | None" = None, **options: Any
    ) -> None:
        super().__init__(**options)
        a = architecture
        self.size, self.width, self.scale = a.embedding_size_, a.width, a.embedding_scale
        self.queried = a.query_vector and encoder is None
        self.tokens: Any
        self.segments: Any
        self.tasks: Any
        self.positions: Any
        self.norm: Normalize | None
        self.projection: Dense | None
        if encoder is None:
            self._make(a)
        else:
            self._share(a, encoder)

    def _share(self, a: Architecture, encoder: "Embeddings") -> None:
        """Take the encoder's layers, but for those that are the decoder's own."""
        own, decoder = a.decoding, a.decoder
        assert decoder is not None
        for name in ("tokens", "segments", "tasks", "positions", "norm", "projection"):
            setattr(self, name, getattr(encoder, name))
        if table_of(decoder.position) is not None:
            self.positions = self._positions(own)
        if decoder.embedding_norm is not None:
            self.norm = normalize(own.embedding_norm, "norm", self.dtype_policy, a.condition)
        if not decoder.segments:
            self.segments = None
        self.dropouts = self._dropouts(a)

    def _make(self, a: Architecture) -> None:
        policy = self.dtype_policy
        self.tokens = keras.layers.ReversibleEmbedding(
            a.vocabulary,
            self.size,
            embeddings_initializer=a.initializer(),
            name="tokens",
            dtype=policy,
        )
        self.segments = self.tokens
        if a.segments != "tokens":
            self.segments = self._table("segments", a.segments, a)
        self.tasks = self._table("tasks", a.tasks, a)
        self.positions = self._positions(a)
        self.norm = normalize(a.embedding_norm, "norm", policy, a.condition)
        self.dropouts = self._dropouts(a)
        self.projection = None
        if self.size != self.width:
            self.projection = Dense(
                self.width,
                use_bias=a.has_bias("projection"),
                kernel_initializer=a.initializer(),
                name="projection",
                dtype=policy,
            )

    def _dropouts(self, a: Architecture) -> dict[str, Dropout]:
        rates = {a.embedding_dropout: a.dropout}
        return {
            side: Dropout(rates.get(side, 0.0), dtype=self.dtype_policy)
            for side in ("before", "after")
        }

    def _positions(self, a: Architecture) -> Any:
        """The layer of what the position part adds, if it adds anything."""
        if a.numbering is None:
            return None
        options = {"embeddings_initializer": a.initializer(), "dtype": self.dtype_policy}
        return a.numbering.table(self.size, name="positions", **options)

    def _table(self, name: str, rows: Any, a: Architecture) -> Any:
        if not rows:
            return None
        return keras.layers.Embedding(
            rows,
            self.size,
            embeddings_initializer=a.initializer(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the tables, and the vector of queries where there is one."""
        if self.queried:
            self.query = self.add_weight(
                name="query", shape=(self.size,), initializer=self.tokens.embeddings_initializer
            )
        for table in (self.tokens, self.segments, self.tasks, self.positions):
            if table is not None and not table.built:
                table.build(shape)
        for layer in (self.norm, self.projection):
            if layer is not None and not layer.built:
                layer.build((*shape, self.size))

    def call(
        self,
        positions: Tensor,
        *,
        tokens: Tensor | None = None,
        vectors: Tensor | None = None,
        segments: Tensor | None = None,
        tasks: Tensor | None = None,
        extra: Tensor | None = None,
        condition: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Embed tokens, or take vectors in their place, as they are."""
        x = self._of_tokens(tokens) if vectors is None else vectors
        if vectors is None and self.scale != 1.0:
            x = x * self.scale
        if self.segments is not None and segments is not None:
            # A table of one row, as RoBERTa's, is every segment's.
            x = x + self.segments(segments if self.segments.input_dim > 1 else segments * 0)
        if self.tasks is not None and tasks is not None:
            x = x + self.tasks(tasks)
        if self.positions is not None:
            x = x + self.positions(positions)
        if extra is not None:
            x = x + extra
        x = self.dropouts["before"](x, training=training)
        if self.norm is not None:
            x = self.norm(x, condition)
        x = self.dropouts["after"](x, training=training)
        return x if self.projection is None else self.projection(x)

    def _of_tokens(self, tokens: Tensor) -> Tensor:
        """The tokens' rows, and the one vector where -1 stands for a query."""
        if not self.queried:
            return self.tokens(tokens)
        query = ops.expand_dims(tokens, -1) < 0
        vector = ops.cast(self.query, self.compute_dtype)
        return ops.where(query, vector, self.tokens(ops.maximum(tokens, 0)))
