"""Vectors of sentences, close where sentences are similar; and writing similar ones."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples
from playmask.errors import ConfigError, DataError, InputError
from playmask.metrics.similarity import correlation, retrieval
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.runtime.access import one_state
from playmask.runtime.batches import Batch, Batches, Row, bucket, buckets
from playmask.runtime.predictor import Predictor
from playmask.tasks.classification.answers import DIGITS
from playmask.tasks.classification.pooling import heads_of
from playmask.tasks.explaining import Question, one_text
from playmask.tasks.network import Encoded
from playmask.tasks.objective import Objective, accuracy, crossentropy
from playmask.tasks.similarity.contrast import Contrast, SentenceNetwork, both_ways, pair_accuracy
from playmask.tasks.similarity.index import SentenceIndex, normalized
from playmask.tasks.similarity.pairs import check_pair, read_sentences, scores_of
from playmask.tasks.similarity.published_encoder import lists_encoder
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_steps import UnitLength
from playmask.tasks.task import Columns, Fields, Task
from playmask.tasks.texts import texts_of
from playmask.tasks.writing.source_target import SourceTarget
from playmask.tasks.writing.tokens import log_probability
from playmask.tasks.writing.writer import Writer, picked
from playmask.tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]
COMPARISONS: dict[str, Callable[[Vectors, Vectors], Vectors]] = {
    "cosine": lambda one, other: np.sum(normalized(one) * normalized(other), axis=1),
    "dot": lambda one, other: np.sum(one * other, axis=1),
    "euclidean": lambda one, other: -np.linalg.norm(one - other, axis=1),
    "manhattan": lambda one, other: -np.abs(one - other).sum(axis=1),
}
"""How similar the rows of two arrays of vectors are: higher means more."""


class SentenceEncoder(Task[EncoderSettings]):
    """Turns sentences into vectors whose products are similarities, and writes similar sentences.

    It learns from pairs of similar sentences, as [CLS] a [SEP] b [SEP] and the other way round:
    to write the second one with the UniLM mask, so that the first one is read alone; and to find
    the vector of the second among those of the batch.

    Shapes: `encode` makes float32 (texts, D), of the length 1 unless the settings' steps end else
    Units:  similarities are cosines, -1 to 1
    Raises: ConfigError for a model that cannot write where language_model is above 0
    Source: Su 2020 (kexue 7427), SimBERT

    Example:
        >>> task = SentenceEncoder.new(model, max_length=16, language_model=0)
        >>> task.encode(["今天下雨", "下雨了"]).shape
        (2, 32)
    """

    settings_class = EncoderSettings
    scores_answers: ClassVar[bool] = False
    dialects: ClassVar[Mapping[str, Any]] = {
        **Task.dialects,
        "sentence-transformers": "playmask.tasks.similarity.publishing:publish",
    }

    @classmethod
    def open(
        cls, path: str | Path, settings: EncoderSettings | None = None, **options: Any
    ) -> Transformer:
        """Load a pretrained model; of a folder of sentence-transformers its Transformer alone."""
        if lists_encoder(Path(path)):
            warnings.warn(
                f"{path} is a sentence encoder with a pooling, prompts and steps of its own, of "
                "which only the Transformer is taken here; playmask.load_task(…).fit(…) goes on "
                "from all of it.",
                stacklevel=2,
            )
        return super().open(path, settings, **options)

    @classmethod
    def model_options(cls, settings: EncoderSettings) -> Fields:
        """The heads, and the mask where it writes."""
        pooler = [heads_of(settings.pooling)] if heads_of(settings.pooling) else []
        if settings.language_model > 0:
            return {"heads": ("mlm", *pooler), "mask": "unilm"}
        return {"heads": (*pooler,)}

    @classmethod
    def build_network(
        cls, transformer: Transformer, tokenizer: Tokenizer, settings: EncoderSettings
    ) -> SentenceNetwork:
        """Build the network around a Transformer."""
        if settings.scale <= 0:
            raise ConfigError(f"scale is above 0, not {settings.scale}.")
        writes, frame = settings.language_model > 0, tokenizer.frame
        if writes and (len(frame.head) != 1 or frame.end != (tokenizer.sep,)):
            raise ConfigError(
                "The tokenizer puts no [CLS] before texts and no [SEP] behind them, which writing "
                "needs; give language_model=0."
            )
        return SentenceNetwork(transformer, settings)

    def check_length(self) -> None:
        """In training, both sentences stand in one row where the second is written."""
        needed, positions = self.settings.row_length, self.transformer.architecture.limit
        if not self.network.writes:
            super().check_length()
        elif positions is not None and needed > positions:
            raise ConfigError(
                f"Two sentences of max_length {self.settings.max_length} take {needed} "
                f"positions, but the model has {positions}."
            )

    def make_predictor(self, function: Any = None) -> Predictor:
        """What makes vectors of texts."""
        return super().make_predictor(function or self.network.vectors)

    @cached_property
    def form(self) -> SourceTarget:
        """How sentences and their pairs become rows."""
        longest = self.settings.max_length
        return SourceTarget(self.transformer, self.tokenizer, longest, longest - 1)

    @property
    def objective(self) -> Objective:
        """Nats a sentence, and nats a token that is written; 1 and language_model are weights."""
        right = keras.metrics.MeanMetricWrapper(pair_accuracy, name="pair_accuracy")
        contrast = Contrast(self.settings.scale)
        if not self.network.writes:
            return Objective({"vectors": contrast}, metrics={"vectors": [right]})
        return Objective(
            {"vectors": contrast, "logits": crossentropy()},
            {"vectors": 1.0, "logits": self.settings.language_model},
            {"vectors": [right], "logits": [accuracy()]},
        )

    # Examples and batches

    @classmethod
    def parse(
        cls,
        settings: EncoderSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Example]:
        """Read pairs, perhaps with scores, from a table or JSON lines."""
        return read_sentences(path, columns=columns, skip_bad=skip_bad)

    def check(self, example: Any) -> Example:
        """An Example, or (text, pair[, score])."""
        return check_pair(example)

    @classmethod
    def learn(cls, settings: EncoderSettings, examples: Examples[Any]) -> EncoderSettings:
        """From which score on pairs are similar, where they have scores and nobody has said it."""
        scored = [example.label is not None for example in examples]
        if any(scored) and not all(scored):
            place = examples.place_of(scored.index(False))
            raise DataError(f"{place} has no score; all pairs need one.")
        if settings.similar_from is not None or not all(scored):
            return settings
        return settings.change(similar_from=float(scores_of(examples).max()))

    def batches(self, examples: Sequence[Example], batch_size: int, **options: Any) -> Batches:
        """Batches of the similar pairs alone."""
        least, all_of = self.settings.similar_from, examples
        if examples[0].label is not None and least is not None:
            similar = [i for i, score in enumerate(scores_of(examples)) if score >= least]
            examples = Examples.of(examples).chosen(similar)
        if min(batch_size, len(examples)) < 2:
            raise DataError(
                f"{getattr(all_of, 'source', '')}A batch needs two similar pairs at least, to tell "
                f"them apart; there are {len(examples)}, and the batch size is {batch_size}."
            )
        lengths = buckets(2 * self.settings.max_length)
        return super().batches(examples, batch_size, lengths=lengths, **options)

    def encode_examples(self, examples: Sequence[Example]) -> Encoded:
        """Both sentences of each pair in a row, cut as they are where they stand first."""
        sources = self.token_rows([example.text for example in examples])
        pairs = self.token_rows([str(example.pair) for example in examples])
        head = len(self.tokenizer.frame.head)
        return self.form.encode(sources, [pair[head:] for pair in pairs])

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Both ways of each pair: where its vector's pair stands, and what is to be written."""
        inputs, _, weights = batch
        inputs = both_ways(inputs, len(self.tokenizer.frame.head))
        weights = np.concatenate([weights, weights])
        first = np.where(inputs["segments"] == 0, inputs["tokens"], -1)
        _, sentence = np.unique(first, axis=0, return_inverse=True)
        place = (np.arange(len(weights)) + len(weights) // 2) % len(weights)
        pairs = np.stack([np.where(weights > 0, place, -1), sentence.reshape(-1)], 1)
        if not self.network.writes:
            inputs["valid"] &= inputs.pop("segments") == 0
            longest = bucket(int(inputs["valid"].sum(1).max()), buckets(self.settings.max_length))
            inputs = {name: rows[:, :longest] for name, rows in inputs.items()}
            return inputs, {"vectors": pairs}, {"vectors": weights}
        inputs, tokens, counts = self.form.stack_batch((inputs, pairs, weights))
        return (
            inputs,
            {"vectors": pairs, "logits": tokens},
            {"vectors": weights, "logits": counts},
        )

    def row(self, text: str) -> Row:
        """The tokens of a sentence."""
        return {"tokens": self.token_rows([text])[0]}

    def token_rows(self, texts: Sequence[str], prompt: str | None = None) -> list[list[int]]:
        """The tokens of sentences, each behind the text of a prompt."""
        before = self.settings.prompt_text(prompt)
        return self.form.sources([before + text for text in texts])

    # Use

    def encode(self, texts: Sequence[str], *, prompt: str | None = None) -> Vectors:
        """The vectors of texts: float32 (texts, D), of the length 1 where the steps end so.

        prompt: the name of one of the settings' prompts, whose text is put before each; None: their
        default, if there is one; "": none
        Raises: ConfigError for a prompt that there is not; InputError for an empty text, which has
                no vector unless the settings say so
        """
        several = texts_of(list(texts))
        empty = next((i for i, text in enumerate(several) if not text.strip()), None)
        if empty is not None and not self.settings.empty:
            raise InputError(f"Text {empty} is empty; it has no vector.")
        rows = self.token_rows(several, prompt)
        outputs = self.predictor([{"tokens": tokens} for tokens in rows])
        vectors = np.array([output["vectors"] for output in outputs], "float32")
        return vectors.reshape(-1, self.network.size)

    @one_state
    def similarity(self, pairs: Sequence[tuple[str, str]]) -> Vectors:
        """How similar the vectors of each pair are, by the settings' comparison: float32 (pairs,).

        Units: cosines, -1 to 1; products, or distances below 0, where another comparison is chosen
        """
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise InputError("A similarity is of pairs of texts.")
        one, other = (self.encode([pair[i] for pair in pairs]) for i in range(2))
        return COMPARISONS[self.settings.comparison](one, other)

    def predict(self, texts: Any) -> Any:
        """The vector of a text, the similarity of a pair, or those of a list of either."""
        if isinstance(texts, (str, tuple)):
            return self.predict([texts])[0]
        if isinstance(texts, list) and any(isinstance(text, tuple) for text in texts):
            return self.similarity(texts)
        return self.encode(texts_of(texts))

    def index(self, sentences: Sequence[str], *, prompt: str | None = None) -> SentenceIndex:
        """An index of sentences, to search for similar ones; it needs the library usearch.

        prompt: of the sentences, as of `encode`; texts that are searched for may have another
        Raises: ConfigError for an encoder whose vectors are not compared by cosines
        """
        comparison = self.settings.comparison
        if comparison != "cosine" and self.settings.steps[-1:] != (UnitLength(),):
            raise ConfigError(f"An index compares by cosines, this encoder by {comparison}.")
        return SentenceIndex.of(self, sentences, prompt)

    @cached_property
    def writer(self) -> Writer:
        """What writes similar sentences; raises ConfigError where only vectors were learnt."""
        if not self.network.writes:
            raise ConfigError("With language_model=0 it has learnt vectors alone; it cannot write.")
        return Writer(self.transformer, self.tokenizer, self.form)

    def paraphrase(self, texts: str | list[str], *, best: int | None = None, **options: Any) -> Any:
        """Write a similar sentence for each text; options as of `Seq2Seq.predict`."""
        return picked(texts, self.writer.write(texts, **options), best)

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely the answer is a similar sentence; without one, the one that is written."""
        text = one_text(texts, self.name)
        written = self.paraphrase(text) if answer is None else answer
        self.writer  # noqa: B018  # refuses where it cannot write
        return self.form.question(text, written)

    def score(self, outputs: dict[str, Tensor], *targets: Tensor) -> Tensor:
        """The log-probability of a sentence's tokens, in nats: (B,)."""
        return log_probability(outputs["logits"], *targets)

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """The correlation of similarities with the pairs' scores; without scores, retrieval.

        Retrieval looks for the second sentence of each pair among all second ones.
        """
        if metric is not None:
            self.metric(metric)
        examples = self.read_references(data, skip_bad=skip_bad)
        count = {"examples": len(examples)}
        if examples[0].label is not None:
            cosines = self.similarity([(example.text, str(example.pair)) for example in examples])
            scores = correlation(cosines.tolist(), scores_of(examples).tolist())
            return {**scores._asdict(), **count}
        number = {text: i for i, text in enumerate(dict.fromkeys(str(e.pair) for e in examples))}
        queries = normalized(self.encode([example.text for example in examples]))
        right = [number[str(example.pair)] for example in examples]
        return {**retrieval(queries, normalized(self.encode([*number])), right)._asdict(), **count}

    def answer_json(self, example: Example, answer: Any) -> Fields:
        """The cosine of a pair, or the vector of a text."""
        if hasattr(answer, "__len__"):
            return {"vector": [round(float(value), DIGITS) for value in answer]}
        return {"score": round(float(answer), DIGITS)}
