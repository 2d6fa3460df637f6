"""Events by tags: parts are tagged, and those of one type are one event."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.data.annotated import Annotated, Mention
from playmask.data.events import Event, Part, Report, joined, label_of
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import EventSettings
from playmask.tasks.extraction.tagging import Tagging
from playmask.tasks.selection import WHOLE, Network, Selection
from playmask.tasks.windows import Outputs, Window

if TYPE_CHECKING:
    import keras

    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.tagger_network import TaggerNetwork


class TaggedEvents(Method[EventSettings]):
    """The parts of one type are one event; a token has one tag: of parts that overlap the longest.

    Source: the baseline of DuEE (Su 2020, kexue 7321)
    """

    selection: ClassVar[Selection] = WHOLE

    def __init__(self, network: Network, settings: EventSettings) -> None:
        super().__init__(network, settings)
        self.tagging = Tagging(network, settings)
        self.kind, self.classes = self.tagging.kind, self.tagging.classes

    @staticmethod
    def build_network(transformer: "Transformer", settings: EventSettings) -> "TaggerNetwork":
        """A tagger of all labels."""
        return Tagging.build_network(transformer, settings)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a token."""
        return self.tagging.losses

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The tags of the tokens that are there."""
        return self.tagging.prepare(batch, random)

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """The tags of each window's tokens."""
        annotated = [Annotated(each.text, apart(each)) for each in examples]
        return self.tagging.targets(windows, annotated)

    def extract(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Event]]:
        """One event of each type, with all its parts."""
        events: dict[tuple[int, str], list[Mention]] = defaultdict(list)
        for text, mention in self.tagging.extract(windows, outputs):
            events[text, joined(mention.label)[0]].append(mention)
        for (text, type_), parts in events.items():
            its = (Part(part.start, part.end, joined(part.label)[1]) for part in parts)
            yield text, Event(type_, tuple(sorted(its)), min(part.score for part in parts))


def apart(report: Report) -> tuple[Mention, ...]:
    """The parts of all events as mentions; of those that overlap the longest, then the first."""
    parts = {
        Mention(part.start, part.end, label_of(event.type, part.role))
        for event in report.events
        for part in event.parts
    }
    chosen: list[Mention] = []
    for part in sorted(parts, key=lambda m: (m.start - m.end, m)):
        if all(part.end <= other.start or part.start >= other.end for other in chosen):
            chosen.append(part)
    return tuple(sorted(chosen))
