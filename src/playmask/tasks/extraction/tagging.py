"""Extraction by tags: a tag for each token, decoded by a CRF, a MEMM or alone."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.data.annotated import Mention
from playmask.data.formats.tag_columns import tags_to_mentions
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.decoding import decode
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import EventSettings, TaggerSettings
from playmask.tasks.selection import WHOLE, Network, Selection
from playmask.tasks.windows import Outputs, Window

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.tagger_network import TaggerNetwork

Settings = TaggerSettings | EventSettings


class Tagging(Method[Any]):
    """Tags for tokens; mentions are runs of them, and stand apart."""

    selection: ClassVar[Selection] = WHOLE
    scores_mentions: ClassVar[bool] = True

    def __init__(self, network: Network, settings: Settings) -> None:
        super().__init__(network, settings)
        self.tags = settings.tag_set
        if settings.tagger == "softmax":
            self.kind = "tags"
        self.classes = [mark.label or mark.letter for mark in self.tags.marks]

    @staticmethod
    def build_network(transformer: "Transformer", settings: Settings) -> "TaggerNetwork":
        """A tagger of all labels."""
        from playmask.tasks.extraction.tagger_network import TaggerNetwork

        return TaggerNetwork(transformer, len(settings.tag_set.tags), settings)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a token."""
        from playmask.labelling.tag_sequences import TagCrossentropy

        return {"logits": TagCrossentropy(self.network.tagger)}

    def mention_targets(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """The mention's tokens and their tags."""
        tags = self.tags.of_mention(last - first + 1, label)
        return np.arange(first, last + 1, dtype="int32"), np.array(tags, "int32")

    def mention_score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-odds of a mention's tags against all others, added up, in nats: (B,)."""
        from keras import ops

        tokens, tags = targets
        logits = ops.take(outputs["logits"], tokens, axis=1)
        ours = ops.arange(len(self.tags.tags), dtype="int32") == tags[:, None]
        others = ops.logsumexp(ops.where(ours, HIDDEN, logits), axis=-1)
        return ops.sum(ops.sum(ops.where(ours, logits, 0.0), axis=-1) - others, axis=1)

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """The tags of each window's tokens, -1 behind its end: int16 (windows, max_length)."""
        tags = np.full((len(windows), self.settings.max_length), -1, "int16")
        for row, window in zip(tags, windows, strict=True):
            row[: len(window.encoding)] = self.tags.outside
            for mention in examples[window.text].mentions:
                cut = window.tokens_of(mention.start, mention.end)
                if cut is not None:
                    count = cut.last - cut.first + 1 + cut.left + cut.right
                    numbers = self.tags.of_mention(count, mention.label)
                    numbers = numbers[cut.left : count - cut.right]
                    first = window.head + cut.first
                    row[first : first + len(numbers)] = numbers
        return tags

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The tags of the tokens that are there; a text counts as many times as it has tokens."""
        inputs, tags, weights = batch
        tags = tags[:, : inputs["tokens"].shape[1]]
        return inputs, tags, weights * (tags >= 0).sum(1).astype("float32")

    def extract(self, windows: Sequence[Window], outputs: Outputs) -> list[tuple[int, Mention]]:
        """Decode each text's tags from the logits of its windows."""
        both = zip(windows, (output["logits"] for output in outputs), strict=True)
        groups = [[*group] for _, group in groupby(both, key=lambda each: each[0].text)]
        logits, offsets = zip(*map(merged, groups), strict=True)
        mentions = []
        for number, tagged in decode(self.settings.tagger, logits, self.network.constants()):
            window, places = groups[number][0][0], offsets[number]
            tags = [self.tags.spelled(i) for i in tagged.tags[window.head :][: window.total]]
            before, behind = tagged.before[window.head :], tagged.behind[window.head :]
            for start, end, label, _ in tags_to_mentions(tags):
                chance = float(np.exp(min(0.0, before[start] + behind[end - 1])))
                first, last = places[start][0], places[end - 1][1]
                if first < last:
                    mentions.append((window.text, Mention(first, last, label, chance)))
        return mentions


def merged(group: Sequence[tuple[Window, np.ndarray]]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The logits of a text, each token's from the window that shows most around it, and offsets.

    What frames the text is taken from its first and its last window.
    """
    (first, logits), (last, final) = group[0], group[-1]
    if len(group) == 1:
        return logits[: len(first.encoding)], first.offsets
    both = pairwise(window for window, _ in group)
    turns = [0, *((one.last + other.first + 1) // 2 for one, other in both), first.total]
    rows, offsets = [logits[: first.head]], []
    for (window, scores), turn, stop in zip(group, turns, turns[1:], strict=False):
        start, end = turn - window.first, stop - window.first
        rows.append(scores[window.head + start : window.head + end])
        offsets += window.offsets[start:end]
    rows.append(final[last.head + last.last - last.first : len(last.encoding)])
    return np.concatenate(rows), offsets
