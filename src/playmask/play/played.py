"""A task on the page: its answers, what its Transformer attends to, and why it answers so."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.inspection.attention_maps import AttentionMaps, maps_of_row
from playmask.inspection.explain import integrated_gradients
from playmask.inspection.explain.explanation import Explanation
from playmask.play.changes import change_of
from playmask.runtime.padding import Row
from playmask.server.served import COMPLETE, EMBED, Fields
from playmask.server.served import Row as Text
from playmask.server.task_served import ServedTask
from playmask.tasks.loading import load_text_task
from playmask.tasks.saving import load_reader
from playmask.tasks.writing.mask_fill import MaskFill

T = TypeVar("T")
BUILT_IN = "zh-small"
TOKENS = 96  # of a text whose maps are drawn
LOOKS, EXPLAINS = "look", "explain"
"""What the page asks for besides what the server knows: maps of attention, explanations."""
LATEST = 4  # maps, and models with a part switched, that stay in memory


class Latest:
    """The last results of a function by its arguments; of two threads one computes."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returned for a key."""
        with self._lock:
            value: T = self._values.pop(key) if key in self._values else make()
            self._values[key] = value
            if len(self._values) > LATEST:
                self._values.popitem(last=False)
            return value


class Compared(NamedTuple):
    """One layer's maps of a model, and of the same with a part switched.

    fresh: how many weights of the part are drawn at random, not loaded
    """

    plain: AttentionMaps
    changed: AttentionMaps
    fresh: int
    python: str


class PlayedTask:
    """A task by its name; place: what `playmask.load` takes to load its Transformer once more."""

    def __init__(self, name: str, task: Any, place: str | Path | None = None) -> None:
        self.name, self.task, self.place = name, task, place
        self.served = ServedTask(name, task)
        self._maps, self._models = Latest(), Latest()

    @property
    def abilities(self) -> frozenset[str]:
        """What can be asked of it: embed, complete, look, explain."""
        able = self.served.abilities & {EMBED, COMPLETE}
        return able | ({LOOKS, EXPLAINS} if self._has_network else frozenset())

    @property
    def _has_network(self) -> bool:
        """Whether a Transformer of Keras is inside: not in what was exported, nor in several."""
        return hasattr(getattr(self.task, "network", None), "transformer")

    def about(self) -> Fields:
        """What the page needs to know before anything is asked."""
        shape = self.task.transformer.architecture if self._has_network else None
        return {
            "name": self.name,
            "kind": self.served.kind,
            "pairs": self.served.pairs,
            "abilities": sorted(self.abilities),
            "layers": 0 if shape is None else shape.depth,
            "labels": [*map(str, getattr(self.task.settings, "labels", None) or ())],
        }

    def answer(self, text: Text, schema: str | None = None) -> Fields:
        """The answer to a text or a pair, as `playmask predict` prints it, and how long it took."""
        began = time.perf_counter()
        [answer] = self.served.predict([self._taken(text)], schema)
        return {"answer": answer, "seconds": round(time.perf_counter() - began, 3)}

    def similar(self, text: str, sentences: Sequence[str]) -> list[tuple[str, float]]:
        """Sentences by how similar their vectors are to the text's, the most similar first."""
        if EMBED not in self.abilities:
            raise ConfigError(f"A task {self.served.kind!r} makes no vectors to compare.")
        scores = self.task.similarity([(text, sentence) for sentence in sentences])
        both = zip(sentences, map(float, scores), strict=True)
        return sorted(both, key=lambda each: -each[1])

    def maps(self, text: Text) -> AttentionMaps:
        """What each token of a text, as the task reads it, looks at."""
        self._check(LOOKS)
        return self._maps_of(self.task.transformer, text)

    def compared(self, text: Text, part: str) -> Compared:
        """The maps of the task's model beside those of one that a part was switched in."""
        plain, change, place = self.maps(text), change_of(part), self.place
        if place is None:
            raise ConfigError(f"The task {self.name!r} lies in no folder to load it from again.")
        model = self._models.get(part, lambda: load_reader(place, **change.fields))
        changed = self._maps_of(model, text, part)
        python = f'playmask.load("{place}", {change.python})'
        return Compared(plain, changed, len(model.report.fresh), python)

    def explained(self, text: Text, answer: str | None) -> Explanation:
        """What each character brought to an answer."""
        self._check(EXPLAINS)
        return integrated_gradients(self.task, self._taken(text), answer=answer)

    def _maps_of(self, model: Any, text: Text, part: str | None = None) -> AttentionMaps:
        """The maps of a text of the task's model, or of one that a part was switched in."""
        taken = self._taken(text)
        one, pair = (taken, None) if isinstance(taken, str) else taken
        return self._maps.get((one, pair, part), lambda: self._new_maps(model, taken))

    def _new_maps(self, model: Any, text: Text) -> AttentionMaps:
        row: Row = self.task.row(text)
        if len(row["tokens"]) > TOKENS:
            raise InputError(
                f"The text has {len(row['tokens'])} tokens; maps are drawn of {TOKENS} at most."
            )
        return maps_of_row(model, row, tuple(self.task.tokenizer.tokens(row["tokens"])))

    def _taken(self, text: Text) -> Text:
        """A text or a pair, as the task takes it."""
        pairs, pair = self.served.pairs, not isinstance(text, str)
        if pairs is not None and pair is not pairs:
            due = "two texts" if pairs else "one text"
            raise InputError(f"The task {self.name!r} takes {due}.")
        return text

    def _check(self, ability: str) -> None:
        if ability not in self.abilities:
            raise ConfigError(
                f"The task {self.name!r} was exported, or is several tasks; its attention and "
                "gradients are not there to look at."
            )


def load_played(name: str, place: str | Path) -> PlayedTask:
    """Load a saved task to play with; raises what loading raises."""
    return PlayedTask(name, load_text_task(place, "the page"), place)


def built_in() -> list[PlayedTask]:
    """The model that comes along, as what it does untrained: it compares, and fills gaps."""
    model = load_reader(BUILT_IN, heads="mlm")
    fills = PlayedTask(f"{BUILT_IN} [MASK]", MaskFill.new(model, max_length=TOKENS), BUILT_IN)
    return [fills, load_played(BUILT_IN, BUILT_IN)]


def numbers(weights: "np.ndarray[Any, Any]") -> list[Any]:
    """Weights as JSON has them."""
    rounded: list[Any] = np.round(weights.astype("float64"), 4).tolist()
    return rounded
