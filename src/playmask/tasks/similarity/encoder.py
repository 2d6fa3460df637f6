"""Vectors of sentences, close where sentences are similar; and writing similar ones."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from playmask.data.examples import Example
from playmask.errors import ConfigError, InputError
from playmask.metrics.similarity import correlation
from playmask.runtime.access import one_state
from playmask.tasks.classification.answers import DIGITS
from playmask.tasks.classification.settings import heads_of
from playmask.tasks.question import Question, one_text
from playmask.tasks.selection import Selection
from playmask.tasks.similarity.index import SentenceIndex, normalized
from playmask.tasks.similarity.measuring import COMPARISONS, Vectors, retrieval_scores
from playmask.tasks.similarity.pairs import scores_of
from playmask.tasks.similarity.sentence_task import SentenceTask
from playmask.tasks.similarity.sentences import (
    check_alike,
)
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_steps import UnitLength
from playmask.tasks.task import Fields, Task
from playmask.tasks.texts import texts_of
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.similarity.sentence_network import SentenceNetwork
    from playmask.tasks.writing.writer import Writer


VECTORS = Selection(lambda network: network.vectors)


class SentenceEncoder(SentenceTask):
    """Turns sentences into vectors whose products are similarities, and writes similar sentences.

    It learns from pairs of similar sentences, as [CLS] a [SEP] b [SEP] and the other way round:
    to write the second one with the UniLM mask, so that the first one is read alone; and to find
    the vector of the second among those of the batch. `loss` names others: of scored pairs, pairs
    with negatives, texts alone, or a teacher's vectors (docs/training/README.md).

    Shapes: `encode` makes float32 (texts, D), of the length 1 unless the settings' steps end else
    Units:  similarities are cosines, -1 to 1
    Raises: ConfigError for a model that cannot write where language_model is above 0
    Source: Su 2020 (kexue 7427), SimBERT

    Example:
        >>> task = SentenceEncoder.new(model, max_length=16, language_model=0)
        >>> task.encode(["今天下雨", "下雨了"]).shape
        (2, 32)
    """

    selection = VECTORS
    dialects: ClassVar[Mapping[str, Any]] = {
        **Task.dialects,
        "sentence-transformers": "playmask.tasks.similarity.publishing:publish",
    }

    @classmethod
    def open(
        cls, path: str | Path, settings: EncoderSettings | None = None, **options: Any
    ) -> "Transformer":
        """Load a pretrained model; of a folder of sentence-transformers its Transformer alone."""
        from playmask.tasks.similarity.published_encoder import lists_encoder

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
        """The heads and dropout, and the mask where it writes."""
        pooler = [heads_of(settings.pooling)] if heads_of(settings.pooling) else []
        rate = settings.dropout
        changes = {} if rate is None else {"dropout": rate, "attention_dropout": rate}
        if settings.writing > 0:
            return {"heads": ("mlm", *pooler), "mask": "unilm", **changes}
        return {"heads": (*pooler,), **changes}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: EncoderSettings
    ) -> "SentenceNetwork":
        """Build the network around a Transformer."""
        from playmask.tasks.similarity.sentence_network import SentenceNetwork

        writes, frame = settings.writing > 0, tokenizer.frame
        if writes and (len(frame.head) != 1 or frame.end != (tokenizer.sep,)):
            raise ConfigError(
                "The tokenizer puts no [CLS] before texts and no [SEP] behind them, which writing "
                "needs; give language_model=0."
            )
        network = SentenceNetwork(transformer, settings)
        if any(size > network.size for size in (*settings.sizes, settings.size or 1)):
            raise ConfigError(
                f"sizes are {settings.sizes or settings.size}; the vectors have {network.size} "
                "numbers, and are cut to no more."
            )
        return network

    def check_length(self) -> None:
        """In training, both sentences stand in one row where the second is written."""
        needed, positions = self.settings.row_length, self.network.positions
        if not self.settings.writing:
            super().check_length()
        elif positions is not None and needed > positions:
            raise ConfigError(
                f"Two sentences of max_length {self.settings.max_length} take {needed} "
                f"positions, but the model has {positions}."
            )

    # Use

    def encode(
        self, texts: Sequence[str], *, prompt: str | None = None, size: int | None = None
    ) -> Vectors:
        """The vectors of texts: float32 (texts, D), of the length 1 where the steps end so.

        prompt: the name of one of the settings' prompts, whose text is put before each; None: their
        default, if there is one; "": none; size: what vectors are cut to, and made as long again;
        None: as the settings have it, whole unless they say so
        Raises: ConfigError for a prompt or a size that there is not; InputError for an empty text,
                which has no vector unless the settings say so
        """
        several = texts_of(list(texts))
        empty = next((i for i, text in enumerate(several) if not text.strip()), None)
        if empty is not None and not self.settings.empty:
            raise InputError(f"Text {empty} is empty; it has no vector.")
        size = self._size(size)
        rows = self.token_rows(several, prompt)
        outputs = self.predictor([{"tokens": tokens} for tokens in rows])
        vectors = np.array([output["vectors"] for output in outputs], "float32")
        vectors = vectors.reshape(-1, self.network.size)[:, :size]
        cuts = size is not None and self.settings.steps[-1:] == (UnitLength(),)
        return normalized(vectors) if cuts else vectors

    def _size(self, size: int | None) -> int | None:
        """What vectors are cut to; raises ConfigError where they have fewer numbers."""
        size = self.settings.size if size is None else size
        if size is not None and not (type(size) is int and 1 <= size <= self.network.size):
            raise ConfigError(f"size is from 1 to {self.network.size}, not {size!r:.40}.")
        return size

    @one_state
    def similarity(self, pairs: Sequence[tuple[str, str]], *, size: int | None = None) -> Vectors:
        """How similar the vectors of each pair are, by the settings' comparison: float32 (pairs,).

        size: what vectors are cut to, as of `encode`
        Units: cosines, -1 to 1; products, or distances below 0, where another comparison is chosen
        """
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise InputError("A similarity is of pairs of texts.")
        one, other = (self.encode([pair[i] for pair in pairs], size=size) for i in range(2))
        return COMPARISONS[self.settings.comparison](one, other)

    def predict(self, texts: Any, *, size: int | None = None) -> Any:
        """The vector of a text, the similarity of a pair, or those of a list of either.

        size: what vectors are cut to, as of `encode`
        """
        if isinstance(texts, (str, tuple)):
            return self.predict([texts], size=size)[0]
        if isinstance(texts, list) and any(isinstance(text, tuple) for text in texts):
            return self.similarity(texts, size=size)
        return self.encode(texts_of(texts), size=size)

    def cut_vectors(self, size: int | None) -> None:
        """Make vectors of a size from now on; None: as they are."""
        self._size(size)
        self.settings = self.settings.change(size=size or self.settings.size)

    def index(
        self, sentences: Sequence[str], *, prompt: str | None = None, size: int | None = None
    ) -> SentenceIndex:
        """An index of sentences, to search for similar ones; it needs the library usearch.

        prompt: of the sentences, as of `encode`; texts that are searched for may have another;
        size: what all vectors are cut to
        Raises: ConfigError for an encoder whose vectors are not compared by cosines
        """
        comparison = self.settings.comparison
        if comparison != "cosine" and self.settings.steps[-1:] != (UnitLength(),):
            raise ConfigError(f"An index compares by cosines, this encoder by {comparison}.")
        return SentenceIndex.of(self, sentences, prompt, size or self.settings.size)

    def whitened(self, texts: Sequence[str], size: int | None = None) -> "SentenceEncoder":
        """An encoder of the same Transformer whose vectors are whitened (BERT-whitening).

        texts: whose vectors lose their mean and their correlations; size: of the new vectors, those
        numbers that vary most; None: all that vary
        Raises: DataError for texts whose vectors vary in fewer directions
        """
        from playmask.tasks.similarity.whitening import whitened

        whole: SentenceEncoder = whitened(self, texts, size)
        return whole

    @cached_property
    def writer(self) -> "Writer":
        """What writes similar sentences; raises ConfigError where only vectors were learnt."""
        from playmask.tasks.writing.writer import Writer

        if not self.network.writes:
            raise ConfigError("With language_model=0 it has learnt vectors alone; it cannot write.")
        return Writer(self.transformer, self.tokenizer, self.form)

    def paraphrase(self, texts: str | list[str], *, best: int | None = None, **options: Any) -> Any:
        """Write a similar sentence for each text; options as of `Seq2Seq.predict`."""
        from playmask.tasks.writing.writer import picked

        return picked(texts, self.writer.write(texts, **options), best)

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely the answer is a similar sentence; without one, the one that is written."""
        text = one_text(texts, self.name)
        written = self.paraphrase(text) if answer is None else answer
        self.writer  # noqa: B018  # refuses where it cannot write
        return self.form.question(text, written)

    def score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-probability of a sentence's tokens, in nats: (B,)."""
        from playmask.tasks.writing.token_network import log_probability

        return log_probability(outputs["logits"], *targets)

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """The correlation of similarities with the pairs' scores; without scores, retrieval.

        Retrieval looks for the second sentences of each text among all second ones, and negatives.
        Where there are negatives, reranking looks for them among those and the text's own ones.
        """
        if metric is not None:
            self.metric(metric)
        examples = self.read_references(data, skip_bad=skip_bad)
        if check_alike(examples):
            cosines = self.similarity([(example.text, str(example.pair)) for example in examples])
            scores: Fields = correlation(cosines.tolist(), scores_of(examples).tolist())._asdict()
        else:
            scores = retrieval_scores(self.encode, examples)
        return {**scores, "examples": len(examples)}

    def answer_json(self, example: Example, answer: Any) -> Fields:
        """The cosine of a pair, or the vector of a text."""
        if hasattr(answer, "__len__"):
            return {"vector": [round(float(value), DIGITS) for value in answer]}
        return {"score": round(float(answer), DIGITS)}
