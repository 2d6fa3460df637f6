"""Tagging sequences: every token gets a tag, and runs of tags are mentions."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

from playmask.data.annotated import Annotated
from playmask.data.gathering import BadExample
from playmask.data.submissions import write_cluener
from playmask.tasks.extraction.content import Content
from playmask.tasks.extraction.extractor import Extractor
from playmask.tasks.extraction.mentions import MENTIONS
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import TaggerSettings
from playmask.tasks.extraction.tagging import Tagging


class SequenceTagger(Extractor[TaggerSettings]):
    """Finds mentions that do not overlap, by a tag for each token: word segmentation, entities.

    Shapes: `predict` answers with a list of Mentions (start, end, label, score) for each text
    Units:  characters; scores are probabilities
    Raises: DataError for mentions that overlap, or have other labels than the task

    Example:
        >>> task = SequenceTagger.new(model, ["PER", "LOC"], max_length=16)
        >>> task.tags
        ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']
    """

    settings_class = TaggerSettings
    content: ClassVar[Content] = MENTIONS
    metrics: ClassVar[Mapping[str, Any]] = MENTIONS.metrics
    methods: ClassVar[Mapping[str, type[Method[Any]]]] = {"tags": Tagging}
    submission = staticmethod(write_cluener)

    @property
    def tags(self) -> list[str]:
        """The tags, in the order of the logits."""
        return [*self.settings.tag_set.tags]

    def check_reference(self, example: Any) -> Annotated:
        """An Annotated whose mentions stand apart, or (text, mentions)."""
        annotated: Annotated = super().check_reference(example)
        for one, other in pairwise(annotated.mentions):
            if other.start < one.end:
                raise BadExample(
                    f"{one[:3]} and {other[:3]} overlap, but a token has one tag; use a SpanTagger "
                    "(playmask train spans)."
                )
        return annotated
