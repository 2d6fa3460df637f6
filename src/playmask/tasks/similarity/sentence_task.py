"""What an encoder of sentences learns from: its examples, their batches, and its losses."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from playmask.data.examples import Examples
from playmask.data.sentences import Sentences
from playmask.errors import ConfigError, DataError
from playmask.runtime.padding import Batch, Row, buckets
from playmask.tasks import on_demand
from playmask.tasks.encoded import Encoded
from playmask.tasks.similarity.index import Encoder
from playmask.tasks.similarity.sentences import (
    FORMS,
    pair_of,
    parse_sentences,
    takes,
)
from playmask.tasks.similarity.settings import TAUGHT, EncoderSettings
from playmask.tasks.similarity.teaching import Teacher, load_teacher
from playmask.tasks.similarity.vector_steps import UnitLength
from playmask.tasks.task import Columns, Task

if TYPE_CHECKING:
    from playmask.runtime.batches import Batches
    from playmask.tasks.objective import Objective
    from playmask.tasks.similarity.learning import VectorLoss
    from playmask.tasks.writing.source_target import SourceTarget


class SentenceTask(Task[EncoderSettings]):
    """A task whose network makes vectors of sentences, as it learns.

    The settings' loss says of what form examples are, and how batches are laid out (`LOSSES`).
    """

    settings_class = EncoderSettings
    scores_answers: ClassVar[bool] = False

    @cached_property
    def form(self) -> "SourceTarget":
        """How sentences and their pairs become rows."""
        from playmask.tasks.writing.source_target import SourceTarget

        longest = self.settings.max_length
        return SourceTarget(self.transformer, self.tokenizer, longest, longest - 1)

    @property
    def objective(self) -> "Objective":
        """The loss of the settings; where it writes, nats a token too, by their weight."""
        from playmask.tasks.similarity.learning import objective_of

        vectors = objective_of(self.settings)
        if not self.network.writes:
            return vectors
        return on_demand.Objective(
            {**vectors.losses, "logits": on_demand.crossentropy()},
            {"vectors": 1.0, "logits": self.settings.writing},
            {**vectors.metrics, "logits": [on_demand.accuracy()]},
        )

    @property
    def learning(self) -> "VectorLoss":
        """What the settings' loss learns from, and how."""
        return _learning(self.settings)

    @cached_property
    def teacher(self) -> Teacher:
        """What a loss learns from that has a teacher; raises ConfigError where none is named."""
        return self.learn_from(load_teacher(self.settings.teacher_encoder, self.settings.loss))

    def learn_from(self, encoder: Encoder) -> Teacher:
        """Take an encoder as the teacher of the losses `mse` and `cosine`, in place of a path."""
        unit = self.settings.steps[-1:] == (UnitLength(),)
        self.teacher = Teacher(encoder, self.network.size, unit=unit)
        return self.teacher

    # Examples and batches

    @classmethod
    def parse(
        cls,
        settings: EncoderSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Sentences]:
        """Read what the loss learns from: pairs, perhaps with scores or negatives, or texts."""
        form = _learning(settings).form
        return parse_sentences(path, form, columns=columns, skip_bad=skip_bad)

    @classmethod
    def parse_references(
        cls, settings: EncoderSettings, path: str | Path, **options: Any
    ) -> Examples[Sentences]:
        """Read what is measured on: pairs, whatever the loss learns from."""
        return parse_sentences(path, "pairs", **options)

    def check(self, example: Any) -> Sentences:
        """An example of the form that the loss learns from."""
        return FORMS[self.learning.form](example)

    def check_reference(self, example: Any) -> Sentences:
        """A pair, perhaps with a score or negatives."""
        return pair_of(example)

    @classmethod
    def learn(cls, settings: EncoderSettings, examples: Examples[Any]) -> EncoderSettings:
        """From which score on pairs are similar, where they have scores and nobody has said it."""
        from playmask.tasks.similarity.learning import learnt_settings

        return learnt_settings(settings, examples)

    def learnable(self, references: Examples[Any]) -> Examples[Any]:
        """Those of pairs to be measured on whose form is the loss'."""
        check = FORMS[self.learning.form]
        return references.chosen([i for i, each in enumerate(references) if takes(check, each)])

    def batches(self, examples: Sequence[Sentences], batch_size: int, **options: Any) -> "Batches":
        """Batches of what the loss learns from: similar pairs alone, or texts, each once."""
        from playmask.tasks.similarity.learning import check_training, learnt_from
        from playmask.tasks.similarity.sentence_batches import texts_of_row

        check_training(self.settings, self.transformer.architecture, self.network.writes)
        all_of, examples = examples, learnt_from(self.settings, Examples.of(examples))
        if min(batch_size, len(examples)) < 2:
            raise DataError(
                f"{getattr(all_of, 'source', '')}A batch needs two similar pairs at least, or two "
                f"texts, to tell them apart; there are {len(examples)}, and the batch size is "
                f"{batch_size}."
            )
        lengths = buckets(texts_of_row(examples) * self.settings.max_length)
        return super().batches(examples, batch_size, lengths=lengths, **options)

    def encode_examples(self, examples: Sequence[Sentences]) -> Encoded:
        """The sentences of each example in a row, cut as they are where they stand first."""
        from playmask.tasks.similarity.sentence_batches import sentence_rows, texts_of_row

        if self.learning.form == "texts":
            texts = [example.text for example in examples]
            rows = [{"tokens": tokens} for tokens in self.token_rows(texts)]
            if self.settings.loss in TAUGHT:
                return Encoded(rows, self.teacher.vectors(texts))
            return Encoded(rows, np.zeros((len(rows), 0), "float32"))
        if self.network.writes and texts_of_row(examples) > 2:
            raise ConfigError("Negatives are for vectors alone: give language_model=0.")
        return sentence_rows(examples, self.token_rows, len(self.tokenizer.frame.head))

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """A row for each sentence: where its vector's pair stands, and what is to be written."""
        from playmask.tasks.similarity.learning import Layout
        from playmask.tasks.similarity.sentence_batches import written_batch

        head, end = (len(part) for part in (self.tokenizer.frame.head, self.tokenizer.frame.end))
        if self.network.writes:
            return written_batch(batch, head, self.form.stack_batch)
        return self.learning.lay_out(batch, Layout(self.settings, (head, end)), random)

    def row(self, text: str) -> Row:
        """The tokens of a sentence."""
        return {"tokens": self.token_rows([text])[0]}

    def token_rows(self, texts: Sequence[str], prompt: str | None = None) -> list[list[int]]:
        """The tokens of sentences, each behind the text of a prompt."""
        before = self.settings.prompt_text(prompt)
        several = [before + text for text in texts]
        return [e.ids for e in self.tokenizer.encode(several, max_length=self.settings.max_length)]


def _learning(settings: EncoderSettings) -> "VectorLoss":
    """What the loss of some settings learns from, and how."""
    from playmask.tasks.similarity.learning import LOSSES

    return LOSSES[settings.loss]
