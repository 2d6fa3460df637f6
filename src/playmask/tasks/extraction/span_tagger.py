"""Tagging spans: every span of tokens gets a score for each label; mentions may overlap."""

from collections.abc import Mapping
from typing import Any, ClassVar

from playmask.data.submissions import write_cluener
from playmask.tasks.extraction.content import Content
from playmask.tasks.extraction.extractor import Extractor
from playmask.tasks.extraction.mentions import MENTIONS
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import SpanSettings
from playmask.tasks.extraction.span_scoring import SpanScoring


class SpanTagger(Extractor[SpanSettings]):
    """Finds mentions that may overlap or hold one another, by a score for each span.

    Shapes: `predict` answers with a list of Mentions (start, end, label, score) for each text
    Units:  characters; scores are probabilities
    Raises: DataError for mentions of other labels than the task's
    Source: GlobalPointer (Su 2021, kexue 8373) and its efficient form (kexue 8877)

    Example:
        >>> task = SpanTagger.new(model, ["PER", "ORG"], max_length=16)
        >>> isinstance(task.predict("王芳在北京大学"), list)
        True
    """

    settings_class = SpanSettings
    content: ClassVar[Content] = MENTIONS
    metrics: ClassVar[Mapping[str, Any]] = MENTIONS.metrics
    methods: ClassVar[Mapping[str, type[Method[Any]]]] = {"pointer": SpanScoring}
    submission = staticmethod(write_cluener)
