"""Universal information extraction (UIE): what is to be found is said by prompts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from playmask.data.examples import Examples
from playmask.data.formats.uie import read_prompted
from playmask.data.gathering import BadExample
from playmask.data.inputs import is_table, read_texts, refuse_tags
from playmask.data.offsets import trimmed
from playmask.data.prompted import Prompted, prompted, shift_of
from playmask.errors import ConfigError, InputError
from playmask.metrics.sets import Scores, set_scores
from playmask.runtime.padding import Batch, Row
from playmask.tasks import on_demand
from playmask.tasks.encoded import Encoded
from playmask.tasks.example_notes import Located, add_notes, misalignments, trimming_notes
from playmask.tasks.extraction.content import DIGITS
from playmask.tasks.extraction.prompted_spans import paired, places_in, targets_of
from playmask.tasks.extraction.schemas import Name, names_in
from playmask.tasks.extraction.settings import UniversalSettings
from playmask.tasks.task import Columns, Fields, Task
from playmask.tasks.texts import texts_of
from playmask.tasks.windows import Window, windows_over
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.prompted_network import PromptedNetwork
    from playmask.tasks.objective import Objective

Prompt = tuple[str, str]
"""A text, and what is to be found in it."""


class PromptedSpan(NamedTuple):
    """The characters start … end - 1 of a text, that answer a prompt, and how sure that is.

    start < 0: a part of the prompt, one of the answers to choose from; relations: what was found
    of this span, by the names of the schema below its own
    """

    start: int
    end: int
    text: str
    score: float
    relations: dict[str, list["PromptedSpan"]]


Spans = dict[str, list[PromptedSpan]]
"""What was found in a text, by the names that were asked about."""


class Query(NamedTuple):
    """A name to be found in a text of a number, of a subject where it has one; its answer."""

    number: int
    name: Name
    subject: str | None
    answer: Spans


def exact_spans(predictions: Sequence[Spans], targets: Sequence[Prompted]) -> Scores:
    """Micro-averaged over all prompts; both ends must be just so."""
    return set_scores(
        [
            [span[:2] for span in spans.get(target.prompt, ())]
            for spans, target in zip(predictions, targets, strict=True)
        ],
        [target.places for target in targets],
    )


class UniversalExtractor(Task[UniversalSettings]):
    """Finds the spans that answer prompts: universal information extraction (UIE).

    A schema says what is to be found: names, and what is to be found of each span of them, such
    as {"人物": ["出生日期", "配偶"]}, whose second prompts are X的出生日期. All prompts of all
    texts on one level of a schema run together.

    Shapes: `predict` answers with {name: [PromptedSpan, …]} for each text; names of which nothing
            was found are left out
    Units:  characters; scores are products of two probabilities
    Raises: ConfigError for a schema that is none, and where there is none
    Source: Lu et al. 2022 (UIE); PaddleNLP's model, prompts and pairing of ends

    Example:
        >>> task = UniversalExtractor.new(model, {"人物": ["出生日期"]}, max_length=32)
        >>> spans = task.predict("鲁迅写了故乡。")
        >>> set(spans) <= {"人物"}
        True
    """

    settings_class = UniversalSettings
    metrics: ClassVar[Mapping[str, Any]] = {"exact": exact_spans}
    best: ClassVar[str | None] = "f1"
    fresh: ClassVar[Mapping[str, Any]] = {"position": "rotary"}  # how far tokens are apart

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: UniversalSettings
    ) -> "PromptedNetwork":
        """Two linear layers on a Transformer."""
        from playmask.tasks.extraction.prompted_network import PromptedNetwork

        return PromptedNetwork(transformer)

    # Examples

    @classmethod
    def parse(
        cls,
        settings: UniversalSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Prompted]:
        """Read texts with prompts and what answers them."""
        return read_prompted(path, columns=columns, skip_bad=skip_bad)

    def check(self, example: Any) -> Prompted:
        """A Prompted, also from (text, prompt, places), without white space at its spans' ends."""
        example = prompted(example)
        try:
            windows_over(self.tokenizer, self.settings.max_length, [""], [example.prompt])
        except InputError as error:
            raise BadExample(str(error)) from None
        places = [p if p[0] < 0 else trimmed(example.text, *p) for p in example.places]
        return Prompted(example.text, example.prompt, places)

    def check_notes(self, before: Examples[Any], after: Examples[Any]) -> list[str]:
        """How much was trimmed."""
        return trimming_notes(before, after, _located)

    def alignment_notes(self, examples: Sequence[Any]) -> list[str]:
        """Spans that no token's ends meet."""
        windows = self.windows([example[:2] for example in examples])
        return misalignments(windows, examples, _located)

    def windows(self, prompts: Sequence[Prompt]) -> list[Window]:
        """All windows of some texts, in order, each with the whole prompt before it."""
        texts, before = [text for text, _ in prompts], [prompt for _, prompt in prompts]
        return windows_over(self.tokenizer, self.settings.max_length, texts, before)

    def encode_examples(self, examples: Sequence[Prompted]) -> Encoded:
        """A row for each window of each text behind its prompt, and the ends of its spans."""
        windows = self.windows([example[:2] for example in examples])
        add_notes(examples, misalignments(windows, examples, _located))
        rows = [self.inputs(window.encoding) for window in windows]
        targets = targets_of(windows, examples, self.settings.max_length)
        return Encoded(rows, targets, [window.text for window in windows])

    def row(self, text: Any) -> Row:
        """The network's inputs for the beginning of a text, behind the schema's first prompt."""
        (text,) = texts_of([text])
        first, *_ = self.names_in(None)
        prompt = first.prompt(None, self.settings.language)
        return self.inputs(self.windows([(text, prompt)])[0].encoding)

    @property
    def objective(self) -> "Objective":
        """Nats an end of a span."""
        from playmask.tasks.extraction.prompted_network import SpanEndsCrossentropy

        return on_demand.Objective({"logits": SpanEndsCrossentropy()})

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The targets of the tokens that are there; a row counts as often as it has tokens."""
        inputs, targets, weights = batch
        targets = targets[:, : inputs["tokens"].shape[1]]
        return inputs, targets, weights * (targets[..., 0] >= 0).sum(1).astype("float32")

    # Answers

    def names_in(self, schema: Any) -> tuple[Name, ...]:
        """The names of a schema; None is that of the settings.

        Raises: ConfigError where there is none
        """
        if schema is None and not self.settings.schema:
            raise ConfigError(
                "There is no schema that says what is to be found; pass one: predict(texts, "
                "schema={'人物': ['出生日期']}), or --schema on the command line."
            )
        return names_in(self.settings.schema if schema is None else schema)

    def predict(self, texts: str | list[str], schema: Any = None) -> Any:
        """What is in a text, or in each of a list, by the names of a schema.

        schema: a name, a list of names, or {name: what is to be found of each of its spans}, to
        any depth, also as JSON; None: that of the settings
        """
        several, names = texts_of(texts), self.names_in(schema)
        answers: list[Spans] = [{} for _ in several]
        level = [Query(i, name, None, answers[i]) for i in range(len(several)) for name in names]
        while level:
            prompts = [self.prompt_of(several, query) for query in level]
            answered = [*zip(level, self.spans(prompts), strict=True)]
            for query, spans in answered:
                if spans:
                    query.answer.setdefault(query.name.name, []).extend(spans)
            level = [
                Query(query.number, child, span.text, span.relations)
                for query, spans in answered
                for child in query.name.children
                for span in spans
            ]
        return answers[0] if isinstance(texts, str) else answers

    def prompt_of(self, texts: Sequence[str], query: Query) -> Prompt:
        """The text and the prompt of a query."""
        prompt = query.name.prompt(query.subject, self.settings.language)
        return texts[query.number], prompt

    def spans(self, prompts: Sequence[Prompt]) -> list[list[PromptedSpan]]:
        """The spans that answer each prompt about its text, in their order; all run together.

        Of the answers that a prompt holds one is chosen: that of most windows, then the surest.
        """
        several = [*dict.fromkeys(prompts)]
        windows = self.windows([(t if t.strip() else "", prompt) for t, prompt in several])
        windows = [window for window in windows if window.total]
        outputs = self.predictor([self.inputs(w.encoding) for w in windows]) if windows else []
        pairs = [
            [*paired(output["logits"], window.encoding, self.settings.threshold)]
            for window, output in zip(windows, outputs, strict=True)
        ]
        answers = dict.fromkeys(several, ()) | {
            several[number]: sorted(places)
            for number, places in places_in(windows, pairs, [p for _, p in several]).items()
        }
        return [
            [_span(text, prompt, *place) for place in answers[text, prompt]]
            for text, prompt in prompts
        ]

    def answer(self, examples: Sequence[Prompted]) -> list[Spans]:
        """What answers the prompt of each example."""
        spans = self.spans([example[:2] for example in examples])
        return [{e.prompt: each} for e, each in zip(examples, spans, strict=True)]

    def measure(
        self, examples: Sequence[Prompted], answers: Sequence[Spans], metric: str | None = None
    ) -> dict[str, float]:
        """Precision, recall and F1 of the spans of all prompts together."""
        scores: Scores = self.metric(metric)(answers, examples)
        return scores._asdict()

    # Files

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line; one of tokens and tags is refused."""
        refuse_tags(path)
        return not is_table(path)

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read texts from JSON or a table."""
        return read_texts(path, columns, skip_bad=skip_bad)

    def input_of(self, example: Any) -> str:
        """The text of an example."""
        return str(example.text)

    def example_json(self, example: Any) -> Fields:
        """The text, and the prompt where there is one."""
        said = {"prompt": example.prompt} if isinstance(example, Prompted) else {}
        return {"text": example.text, **said}

    def answer_json(self, example: Any, answer: Spans) -> Fields:
        """What was found, by names, and what was found of each."""
        return {"spans": _spans_json(answer)}

    def target_json(self, example: Prompted) -> Fields:
        """The spans that answer the prompt."""
        text, prompt, places = example
        return {"spans": _spans_json({prompt: [_span(text, prompt, *p, 1.0) for p in places]})}


def _located(example: Any) -> Located:
    """The text, and where in it the spans stand."""
    example = prompted(example)
    return Located(example.text, [place for place in example.places if place[0] >= 0])


def _span(text: str, prompt: str, start: int, end: int, score: float) -> PromptedSpan:
    """A span of a text or, below 0, of its prompt."""
    shift = shift_of(prompt)
    stated = text[start:end] if start >= 0 else prompt[start + shift : end + shift]
    return PromptedSpan(start, end, stated, score, {})


def _spans_json(spans: Spans) -> Fields:
    return {name: [*map(_span_json, each)] for name, each in spans.items()}


def _span_json(span: PromptedSpan) -> Fields:
    """As PaddleNLP writes it: what stands in the prompt has no place in the text."""
    places = {"start": span.start, "end": span.end} if span.start >= 0 else {}
    below = {"relations": _spans_json(span.relations)} if span.relations else {}
    return {**places, "text": span.text, "score": round(span.score, DIGITS), **below}
