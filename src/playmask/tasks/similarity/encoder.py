"""Vectors of sentences, close where sentences are similar; and writing similar ones."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from playmask.data.examples import Example, Examples
from playmask.errors import ConfigError, DataError, InputError
from playmask.labelling.losses import HIDDEN
from playmask.metrics.similarity import correlation, retrieval
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch, Batches
from playmask.runtime.predictor import Predictor
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.explaining import Question
from playmask.tasks.saving import load_reader
from playmask.tasks.similarity.index import SentenceIndex
from playmask.tasks.similarity.pairs import read_sentences, scores_of
from playmask.tasks.task import TaskNetwork, open_model
from playmask.tasks.texts import texts_of
from playmask.tasks.writing.seq2seq import Seq2Seq
from playmask.tasks.writing.writer import Prompts, picked
from playmask.tokenizers import Tokenizer


class SentenceNetwork(TaskNetwork):
    """A Transformer, whose sites of the first segment become a vector; no weights of its own.

    Shapes: inputs as a Transformer's -> {"vectors": (B, D) of the length 1}, and where it writes
    {"logits": (B, R, vocabulary)}
    """

    def __init__(self, transformer: Transformer, pooling: str, *, writes: bool) -> None:
        super().__init__(transformer)
        self.pooling, self.writes = pooling_of(pooling, transformer), writes
        if writes and ("mlm" not in transformer.heads or transformer.architecture.order != "unilm"):
            raise ConfigError(
                "A model that also learns to write similar sentences has the head 'mlm' and the "
                "order 'unilm': load with heads='mlm' and mask='unilm', or give language_model=0."
            )
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Make a vector of each text, and score the tokens of its pair."""
        outputs = self.transformer(inputs, training=training)
        valid = self.transformer.valid(inputs)
        if "segments" in inputs:
            valid = ops.logical_and(valid, ops.equal(inputs["segments"], 0))
        pooled = self.pooling.pool(outputs, ops.expand_dims(valid, -1))
        vectors = {"vectors": ops.normalize(ops.cast(pooled, "float32"), axis=-1)}
        return {**vectors, "logits": outputs["logits"]} if self.writes else vectors

    def vectors(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The vectors alone; a vocabulary head has to read one place then."""
        if "mlm" in self.transformer.heads:
            inputs = {**inputs, "read": ops.zeros_like(inputs["tokens"][:, :1])}
        return {"vectors": self(inputs, training=False)["vectors"]}


def similarities(told: Tensor, vectors: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The place of each vector's pair, and how much it is like each vector of the batch.

    Hidden are its own sentence and its pair's, wherever they stand besides, and what only fills
    the batch: nobody's pair (-1).
    Shapes: told int (B, 2), the place of the pair and the sentence's number; vectors (B, D)
    -> int (B,), logits (B, B)
    """
    told = ops.cast(told, "int32")
    there, pair, sentence = told[:, 0] >= 0, ops.maximum(told[:, 0], 0), told[:, 1]
    other = ops.take(sentence, pair)
    same = (sentence[None] == sentence[:, None]) | (sentence[None] == other[:, None])
    wanted = ops.arange(ops.shape(pair)[0], dtype="int32")[None] == pair[:, None]
    logits = scale * ops.matmul(vectors, ops.transpose(vectors))
    hidden = (same | ops.logical_not(there)[None]) & ops.logical_not(wanted)
    return pair, ops.where(hidden, HIDDEN, logits)


class Contrast(keras.losses.Loss):
    """Cross-entropy of finding each vector's pair in the batch.

    Shapes: y_true, y_pred as told, vectors of `similarities` -> (B,), nats
    Source: Su 2020 (kexue 7427), SimBERT, with scale 30
    """

    def __init__(self, scale: float) -> None:
        super().__init__(reduction="mean_with_sample_weight", name="contrast")
        self.scale = scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each vector: (B,)."""
        pair, logits = similarities(y_true, y_pred, self.scale)
        logs = ops.log_softmax(logits, axis=-1)
        return -ops.take_along_axis(logs, pair[:, None], axis=1)[:, 0]


def found(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 where a vector's pair is the most similar of the batch: (B,)."""
    pair, logits = similarities(y_true, y_pred, 1.0)
    return ops.cast(ops.cast(ops.argmax(logits, axis=-1), "int32") == pair, "float32")


def both_ways(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows [CLS] a [SEP] b [SEP] of a batch, and after them all [CLS] b [SEP] a [SEP]."""
    part = np.where(inputs["segments"] == 1, 1, 2)
    part[:, 0], part[~inputs["valid"]] = 0, 3
    places = np.argsort(part, axis=1, kind="stable")
    turned = {name: np.take_along_axis(values, places, 1) for name, values in inputs.items()}
    turned["segments"] = (np.take_along_axis(part, places, 1) == 2).astype("int32")
    return {name: np.concatenate([inputs[name], turned[name]]) for name in inputs}


class SentenceEncoder(Seq2Seq):
    """Turns sentences into vectors whose products are similarities, and writes similar sentences.

    It learns from pairs of similar sentences, as [CLS] a [SEP] b [SEP] and the other way round:
    to write the second one with the UniLM mask, so that the first one is read alone; and to find
    the vector of the second among those of the batch.
    Source: Su 2020 (kexue 7427), SimBERT
    """

    kind: ClassVar[str] = "similar"

    @staticmethod
    def needs(pooling: str, language_model: float) -> dict[str, Any]:
        """What a pretrained model is loaded with: its heads, and the mask where it writes."""
        pooler, writes = pooling == "pooled", language_model > 0
        heads = (*(["mlm"] if writes else []), *(["pool"] if pooler else []))
        return {"heads": heads, **(Seq2Seq.changes if writes else {})}

    @classmethod
    def new(  # type: ignore[override]
        cls,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 64,
        pooling: str = "first",
        language_model: float = 1.0,
        scale: float = 30.0,
        similar_from: float | None = None,
    ) -> Self:
        """Take a model, or the checkpoint at a path.

        max_length: tokens a sentence is cut to, special ones included; pooling: see POOLINGS;
        language_model: the weight of writing beside the contrast's 1, 0 = vectors alone, of any
        encoder; scale: of cosines in the contrast; similar_from: the lowest score of pairs that
        are learnt from, where they have scores (default: the highest score in the training data)
        """
        read = partial(load_reader, **cls.needs(pooling, language_model))
        transformer, tokenizer = open_model(model, tokenizer, read)
        if max_length < 3 or language_model < 0 or scale <= 0:
            raise ConfigError(
                f"max_length is from 3, language_model from 0 and scale above 0, not {max_length}, "
                f"{language_model} and {scale}."
            )
        if len(tokenizer.frame.head) != 1 or tokenizer.frame.end != (tokenizer.sep,):
            raise ConfigError("The tokenizer puts no [CLS] before texts and no [SEP] behind them.")
        settings = {
            "max_source": max_length,
            "max_target": max_length - 1,
            "max_length": 2 * max_length - 1,
            "pooling": pooling,
            "language_model": language_model,
            "scale": scale,
            "similar_from": similar_from,
        }
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""
        writes = settings["language_model"] > 0
        return SentenceNetwork(transformer, settings["pooling"], writes=writes)

    def _check_length(self) -> None:
        """In training, both sentences stand in one row."""
        needed, positions = self.settings["max_length"], self.transformer.architecture.limit
        if positions is not None and needed > positions:
            raise ConfigError(
                f"Two sentences of max_length {self.settings['max_source']} take {needed} "
                f"positions, but the model has {positions}."
            )

    def make_predictor(self, function: Any = None) -> Predictor:
        """What makes vectors of texts."""
        return super().make_predictor(function or self.network.vectors)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its losses: nats a sentence, and nats a token that is written."""
        writes = self.network.writes
        mean = "mean_with_sample_weight"
        tokens = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=mean)
        right = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        self.network.compile(
            optimizer,
            loss={
                "vectors": Contrast(self.settings["scale"]),
                **({"logits": tokens} if writes else {}),
            },
            loss_weights={
                "vectors": 1.0,
                **({"logits": self.settings["language_model"]} if writes else {}),
            },
            weighted_metrics={
                "vectors": [keras.metrics.MeanMetricWrapper(found, name="found")],
                **({"logits": [right]} if writes else {}),
            },
            jit_compile=keras.backend.backend() == "jax",
        )

    # Examples and batches

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read pairs from a file, or take a sequence of (text, pair[, score])."""
        return read_sentences(data, skip_bad=skip_bad, columns=columns)

    def facts(self, examples: Sequence[Example]) -> dict[str, Any]:
        """From which score on pairs are similar, where they have scores and nobody has said it."""
        if self.settings["similar_from"] is not None or examples[0].label is None:
            return {}
        return {"similar_from": float(scores_of(examples).max())}

    def _batches(self, examples: Sequence[Example], batch_size: int, **options: Any) -> Batches:
        """Of the similar pairs alone."""
        least = self.settings["similar_from"]
        if examples[0].label is not None:
            both = zip(examples, scores_of(examples), strict=True)
            examples = [example for example, score in both if score >= least]
        if min(batch_size, len(examples)) < 2:
            raise DataError(
                f"A batch needs two similar pairs at least, to tell them apart; there are "
                f"{len(examples)}, and the batch size is {batch_size}."
            )
        return super()._batches(examples, batch_size, **options)

    def _targets(self, examples: Sequence[Example]) -> list[list[int]]:
        """The pairs' tokens with [SEP], cut as they are where they stand first."""
        return [source[1:] for source in self._sources([str(e.pair) for e in examples])]

    def ask(self, batch: Batch, random: np.random.Generator) -> Any:
        """Both ways of each pair: where its vector's pair stands, and what is to be written."""
        inputs, _, weights = batch
        inputs, weights = both_ways(inputs), np.concatenate([weights, weights])
        first = np.where(inputs["segments"] == 0, inputs["tokens"], -1)
        _, sentence = np.unique(first, axis=0, return_inverse=True)
        place = (np.arange(len(weights)) + len(weights) // 2) % len(weights)
        told = np.stack([np.where(weights > 0, place, -1), sentence.reshape(-1)], 1)
        if not self.network.writes:
            inputs["valid"] &= inputs.pop("segments") == 0
            return inputs, {"vectors": told}, {"vectors": weights}
        inputs, tokens, counts = self._ask_stack((inputs, told, weights))
        return (
            inputs,
            {"vectors": told, "logits": tokens},
            {"vectors": weights, "logits": counts},
        )

    # Use

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of texts: float32 (texts, D), each of the length 1."""
        several = texts_of(list(texts))
        empty = next((i for i, text in enumerate(several) if not text.strip()), None)
        if empty is not None:
            raise InputError(f"Text {empty} is empty; it has no vector.")
        outputs = self.predictor([{"tokens": tokens} for tokens in self._sources(several)])
        size = self.transformer.architecture.width * self.network.pooling.widths
        return np.array([output["vectors"] for output in outputs], "float32").reshape(-1, size)

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The cosine of the vectors of each pair, -1 to 1: float32 (pairs,)."""
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise InputError("A similarity is of pairs of texts.")
        one, other = (self.encode([pair[i] for pair in pairs]) for i in range(2))
        return np.sum(one * other, axis=1)

    def predict(self, texts: Any, **options: Any) -> Any:
        """The vector of a text, the similarity of a pair, or those of a list of either."""
        if isinstance(texts, (str, tuple)):
            return self.predict([texts])[0]
        if isinstance(texts, list) and any(isinstance(text, tuple) for text in texts):
            return self.similarity(texts)
        return self.encode(texts_of(texts))

    def index(self, sentences: Sequence[str]) -> SentenceIndex:
        """An index of sentences, to search for similar ones; it needs the library usearch."""
        return SentenceIndex.of(self, sentences)

    def paraphrase(self, texts: str | list[str], *, best: int | None = None, **options: Any) -> Any:
        """Write a similar sentence for each text; options as of `Seq2Seq.predict`."""
        return picked(texts, self.write(texts, **options), best)

    def prompts(self, texts: Sequence[str], told: Any = None) -> Prompts:
        """The sentences."""
        self._check_writes()
        return super().prompts(texts, told)

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely the answer is a similar sentence; without one, the one that is written."""
        self._check_writes()
        return super().question(texts, answer)

    def _check_writes(self) -> None:
        if not self.network.writes:
            raise ConfigError("With language_model=0 it has learnt vectors alone; it cannot write.")

    def evaluate(  # type: ignore[override]
        self, data: Any, *, skip_bad: bool = False
    ) -> dict[str, float]:
        """The correlation of similarities with the pairs' scores; without scores, retrieval.

        Retrieval looks for the second sentence of each pair among all second ones.
        """
        examples = self.read(data, skip_bad=skip_bad)
        count = {"examples": len(examples)}
        if examples[0].label is not None:
            likeness = self.similarity([(example.text, str(example.pair)) for example in examples])
            scores = correlation(likeness.tolist(), scores_of(examples).tolist())
            return {**scores._asdict(), **count}
        number = {text: i for i, text in enumerate(dict.fromkeys(str(e.pair) for e in examples))}
        queries = self.encode([example.text for example in examples])
        right = [number[str(example.pair)] for example in examples]
        return {**retrieval(queries, self.encode([*number]), right)._asdict(), **count}
