"""Sequence to sequence: texts to texts, by one stack with the UniLM mask or by two."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, filled
from playmask.data.inputs import read_sources
from playmask.data.readers import read_pairs
from playmask.errors import ConfigError
from playmask.generation.generator import facts_of
from playmask.runtime.padding import Batch, Row
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question, one_text
from playmask.tasks.task import Columns, Fields
from playmask.tasks.writing.replacement import Written
from playmask.tasks.writing.settings import Seq2SeqSettings
from playmask.tasks.writing.source_target import SourceTarget
from playmask.tasks.writing.tokens import TokenTask
from playmask.tasks.writing.writer import Writer, picked
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.writing.token_network import TokenNetwork


class Seq2Seq(TokenTask[Seq2SeqSettings]):
    """Writes a target for each source.

    One stack reads [CLS] source [SEP] target [SEP], the target in segment 1 and hidden from the
    source; of two, the encoder reads the source and the decoder writes.

    Units:  `loss` of `evaluate` in nats per target token
    Raises: ConfigError for a model that cannot write on from a source
    Source: Dong et al. 2019 (UniLM); Raffel et al. 2019 (T5)

    Example:
        >>> unilm = playmask.load(path, heads="mlm", mask="unilm")
        >>> task = Seq2Seq.new(unilm, max_source=16, max_target=8)
        >>> isinstance(task.predict("今天下雨"), str)
        True
    """

    settings_class = Seq2SeqSettings
    streams: ClassVar[bool] = True

    @classmethod
    def open(
        cls, path: str | Path, settings: Seq2SeqSettings | None = None, **options: Any
    ) -> "Transformer":
        """Load an encoder-decoder, or any other model with the UniLM mask."""
        from playmask.checkpoints.load import architecture, load

        family, config = options.get("family"), options.get("config")
        decodes = architecture(path, family=family, config=config).decoder is not None
        needed = cls.model_options(settings or cls.settings_class())
        return load(path, **{**needed, **({"mask": None} if decodes else {}), **options})

    @classmethod
    def model_options(cls, settings: Seq2SeqSettings) -> Fields:
        """The vocabulary head, and the mask that lets one stack write."""
        return {"heads": "mlm", "mask": "unilm"}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: Seq2SeqSettings
    ) -> "TokenNetwork":
        """The Transformer's logits, where it can write on from a source."""
        from playmask.tasks.writing.token_network import writing_network

        if tokenizer.sep is None:
            raise ConfigError("The tokenizer has no token that ends a text ([SEP], </s> …).")
        return writing_network(transformer)

    def check_length(self) -> None:
        """A source and its target share the positions of one stack, but not of two."""
        source, target = self.settings.max_source, self.settings.max_target
        longest = max(source, target) if self.form.decodes else source + target
        positions = facts_of(self.network.text_model).limit
        if positions is not None and longest > positions:
            raise ConfigError(
                f"max_source is {source} and max_target {target}, but the model has {positions} "
                f"positions{'' if self.form.decodes else ' for both'}."
            )

    @cached_property
    def form(self) -> SourceTarget:
        """How sources and targets become rows."""
        sizes = (self.settings.max_source, self.settings.max_target)
        return SourceTarget(self.network.text_model, self.tokenizer, *sizes)

    @cached_property
    def writer(self) -> Writer:
        """What writes the targets of texts."""
        return Writer(self.network.text_model, self.tokenizer, self.form)

    @classmethod
    def parse(
        cls,
        settings: Seq2SeqSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
        lazily: bool = False,
    ) -> Examples[Example]:
        """Read sources and targets from a table or JSON lines."""
        return read_pairs(path, columns=columns, skip_bad=skip_bad, lazily=lazily)

    def check(self, example: Any) -> Example:
        """An Example, or (source, target)."""
        if isinstance(example, Example):
            example = example[:2]
        if not isinstance(example, (tuple, list)) or len(example) != 2:
            raise BadExample(f"It is {example!r:.80}, not (source, target).")
        return Example(filled(example[0], "source"), filled(example[1], "target"))

    def encode_examples(self, examples: Sequence[Example]) -> Encoded:
        """The sources' rows, and the targets."""
        sources = self.form.sources([example.text for example in examples])
        targets = self.form.targets([str(example.pair) for example in examples])
        return self.form.encode(sources, targets)

    def row(self, text: str) -> Row:
        """The tokens of a source."""
        return {"tokens": self.form.sources([text])[0]}

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in a target."""
        return self.form.prepare(batch)

    def written(self, batch: Batch) -> Written:
        """The tokens of targets that are read to write on."""
        return self.form.written(batch[0])

    def evaluate_examples(
        self, examples: Sequence[Example], *, exact: bool = False, **options: Any
    ) -> dict[str, float]:
        """Loss (nats per target token) and the accuracy of each token after the true ones.

        exact: also write the targets, and count those that are the same; options: of `predict`
        """
        scores = super().evaluate_examples(examples)
        if exact:
            ids = self.form.targets([str(example.pair) for example in examples])
            targets = [self.tokenizer.decode(each) for each in ids]
            written = self.predict([example.text for example in examples], **options)
            scores["exact"] = float(
                np.mean([one == other for one, other in zip(written, targets, strict=True)])
            )
        return scores

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely the answer is a text's target; without one, the target that is written."""
        text = one_text(texts, self.name)
        return self.form.question(text, self.predict(text) if answer is None else answer)

    def predict(self, texts: str | list[str], *, best: int | None = None, **options: Any) -> Any:
        """Write the target of a text, or of each of a list; with `best`, a list of so many each.

        options: max_tokens (default: max_target), search and others of `playmask.generate`
        """
        return picked(texts, self.writer.write(texts, **options), best)

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Example]:
        """Read the sources of a table; the targets that it may have are left out."""
        return read_sources(path, columns, skip_bad=skip_bad)

    def input_of(self, example: Example) -> str:
        """The source."""
        return example.text

    def target_json(self, example: Example) -> Fields:
        """The target."""
        return {"target": example.pair}
