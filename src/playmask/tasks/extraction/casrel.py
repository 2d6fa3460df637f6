"""CasRel: pointers to subjects, then, for each subject, pointers to its objects.

Source: the half-pointer, half-tagging baseline of DuIE (Su 2020, kexue 6671 and 7161)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.labelling.candidates import above
from playmask.runtime.engine import Run
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.candidate_counts import LIKELY, OBJECTS, SUBJECTS
from playmask.tasks.extraction.relation_method import Pair, RelationMethod
from playmask.tasks.extraction.settings import RelationSettings
from playmask.tasks.selection import Selection
from playmask.tasks.windows import Outputs, Window, decided

if TYPE_CHECKING:
    import keras

    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.subject_network import SubjectNetwork

Array = npt.NDArray[Any]


def best_pairs(run: Run, inputs: dict[str, Array]) -> dict[str, Array]:
    """The best subjects with the best of their objects: labels and tokens, (B, N) each.

    The network is run twice: it points to all subjects, whatever subject it is asked about, and
    then to the objects of those that are likely.
    score: the product of the four probabilities; 0 behind the last of a text
    """
    valid = inputs["valid"]
    nobody = np.zeros((len(valid), 1, 2), "int32")
    subjects = np.exp(run({**inputs, "subject": nobody})["subjects"])
    spans, sure = _subjects(np.where(valid[..., None], subjects, 0.0))
    if not spans.shape[1]:
        return _columns([()] * len(valid))
    objects = np.exp(run({**inputs, "subject": spans})["objects"])  # (B, K, T, labels, 2)
    objects = np.where(valid[:, None, :, None, None], objects, 0.0)
    pairs = [
        [pair for one in zip(*text, strict=True) for pair in _objects(*one)]
        for text in zip(spans, sure, objects, strict=True)
    ]
    return _columns([sorted(each, key=lambda pair: -pair[-1])[:OBJECTS] for each in pairs])


def _subjects(chances: Array) -> tuple[Array, Array]:
    """The best subjects, int32 (B, K, 2), and how sure they are: (B, K), 0 filling up.

    Shapes: chances (B, T, 2), of tokens to be the first and the last of one
    """
    places, begins = above(chances[..., 0], LIKELY, SUBJECTS)
    spans, sure = np.zeros((*places.shape, 2), "int32"), np.zeros(places.shape)
    for row, column in np.argwhere(places >= 0):
        first = places[row, column]
        for last in _nearest_end(chances[row, :, 1], first):
            spans[row, column] = first, last
            sure[row, column] = begins[row, column] * chances[row, last, 1]
    return spans, sure


def _objects(subject: Array, chance: float, chances: Array) -> Iterator[tuple[Any, ...]]:
    """Where objects of a subject begin: label, its tokens, theirs, score, and how likely that is.

    The score is 0 where none ends.
    Shapes: chances (T, labels, 2)
    """
    if chance == 0:
        return
    for label, first in np.argwhere(~(chances[..., 0].T <= LIKELY)):
        begin, ends = chances[first, label, 0], _nearest_end(chances[:, label, 1], first)
        end = chances[ends[0], label, 1] if len(ends) else 0.0
        yield (
            label,
            *subject,
            first,
            *(ends if len(ends) else (first,)),
            chance * begin * end,
            begin,
        )


def _nearest_end(chances: Array, first: int) -> Array:
    """The first likely end (T,) that is not before a token; none where there is none."""
    return first + np.flatnonzero(~(chances[first:] <= LIKELY))[:1]


COLUMNS = ("label", "subject first", "subject last", "first", "last", "score")


def _columns(pairs: Sequence[Sequence[tuple[Any, ...]]]) -> dict[str, Array]:
    """Pairs of each text as arrays (B, N), zeros filling up."""
    shape = len(pairs), max(map(len, pairs), default=0)
    columns = {name: np.zeros(shape, "int64") for name in COLUMNS} | {"score": np.zeros(shape)}
    for row, each in enumerate(pairs):
        for place, pair in enumerate(each):
            for name, value in zip(COLUMNS, pair, strict=False):
                columns[name][row, place] = value
    return columns


BEST = Selection(lambda network: network.candidates, best_pairs)


class CasRel(RelationMethod):
    """Half-pointers: a subject is drawn in each epoch, its objects are learnt.

    Its last token is drawn by itself, so that there are also spans that are no subjects.
    """

    selection: ClassVar[Selection] = BEST

    @staticmethod
    def build_network(transformer: "Transformer", settings: RelationSettings) -> "SubjectNetwork":
        """The pointers to subjects, and to the objects of one."""
        from playmask.tasks.extraction.subject_network import SubjectNetwork

        return SubjectNetwork(transformer, settings)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a token, of subjects and of objects."""
        from playmask.tasks.extraction.subject_network import SpanEndsCrossentropy

        return {"subjects": SpanEndsCrossentropy(), "objects": SpanEndsCrossentropy()}

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Draw a subject for each text, and say where its objects are."""
        inputs, every, weights = batch
        valid = inputs["valid"]
        subjects = np.where(valid[..., None], 0, -1).astype("int8")
        subjects = np.repeat(subjects, 2, axis=-1)
        objects = np.repeat(subjects[:, :, None], len(self.labels), axis=2)
        drawn = np.zeros((len(every), 2), "int32")
        for row, filled_up in enumerate(every):
            relations = filled_up[filled_up[:, 0] >= 0]
            if not len(relations):
                continue
            label, first, last, start, end = relations.T
            subjects[row, first, 0] = subjects[row, last, 1] = 1
            drawn[row, 0] = random.choice(np.unique(first))
            drawn[row, 1] = random.choice(np.unique(last[last >= drawn[row, 0]]))
            its = (first == drawn[row, 0]) & (last == drawn[row, 1])
            objects[row, start[its], label[its], 0] = 1
            objects[row, end[its], label[its], 1] = 1
        return {**inputs, "subject": drawn}, {"subjects": subjects, "objects": objects}, weights

    def pairs(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[Window, Pair]]:
        """The likely objects of likely subjects."""
        return decided(windows, outputs, self._pairs)

    def _pairs(
        self, window: Window, output: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[int, int, Pair]]:
        names = ("subject first", "subject last", "first", "last")
        above = np.nonzero(output["score"] > 0)[0]
        places = np.stack([output[name][above] for name in names], 1) + window.first - window.head
        low, high = places.min(1), places.max(1)
        inside = (low >= window.first) & (high < window.last)
        columns = (output["label"][above], low, high, output["score"][above])
        rows = zip(*(column[inside] for column in (places, *columns)), strict=True)
        for (first, last, start, end), label, least, most, score in rows:
            pair = (int(label), (int(first), int(last)), (int(start), int(end)), float(score))
            yield int(least), int(most), pair
