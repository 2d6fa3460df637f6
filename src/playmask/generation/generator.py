"""Sessions of a model that goes on from prompts: made ready, run, and read."""

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from playmask.errors import BusyError, InputError, NotFiniteError, nearest
from playmask.generation.decoding_options import DecodingOptions, LoopOptions
from playmask.generation.facts import TARGETS, ModelFacts
from playmask.generation.loop import CallInputs, Inputs, State
from playmask.generation.prompts import SIZES, Prompts, checked_row, several
from playmask.generation.search import LOST, NOT_FINITE
from playmask.model.array_operations import mapped, operations_of
from playmask.runtime.access import Weights, reading
from playmask.runtime.padding import buckets, pad
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer

LENGTHS = buckets(1 << 20)  # of prompts and of what follows them, in tokens
ScoredTexts = list[tuple[list[int], float]]  # of a prompt, the best first


class Programs(Protocol):
    """The two functions of a loop, for callers who read the weights already."""

    @property
    def weights(self) -> Sequence[Weights]:
        """What they read."""

    @property
    def begin(self) -> Callable[..., State]:
        """Read the prompts and choose the first tokens, as `Loop.begin`."""

    @property
    def advance(self) -> Callable[..., State]:
        """Choose more tokens, as `Loop.advance`."""


class Decoded(Protocol):
    """A model as generation runs it: a Transformer's network, or a graph that was exported."""

    @property
    def weights(self) -> Sequence[Weights]:
        """What it reads, in one state of theirs."""

    @property
    def facts(self) -> ModelFacts:
        """What is to be known of it."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer whose [SEP] ends texts, where nobody says what does."""

    @property
    def padded(self) -> Callable[[int, Sequence[int]], int]:
        """The size that a size is padded to, of some that there may be."""

    @property
    def traces(self) -> int:
        """How many programs were compiled."""

    def programs(self, options: LoopOptions) -> Programs:
        """The functions of a loop; raises ConfigError for what the model cannot do."""


class Generator:
    """Sessions with one model; what was compiled for it is kept as long as it lives."""

    def __init__(self, model: Decoded) -> None:
        self.model = model

    @classmethod
    def of(cls, model: "Transformer | Generator") -> "Generator":
        """The generator of a Transformer, made when it is first asked for; one is its own.

        Raises: ConfigError for a model that cannot go on from a text
        """
        if isinstance(model, Generator):
            return model
        known = _GENERATORS.get(model)
        if known is None:
            from playmask.generation.decoded_network import DecodedNetwork

            generator = cls(DecodedNetwork(model))
            known = _GENERATORS.setdefault(model, generator)  # of two threads one makes it
        return known

    @property
    def facts(self) -> ModelFacts:
        """What is to be known of the model."""
        return self.model.facts

    @property
    def traces(self) -> int:
        """How many programs were compiled."""
        return self.model.traces

    def __call__(
        self, prompts: Prompts, options: DecodingOptions, inputs: dict[str, np.ndarray]
    ) -> "Session":
        """Read the prompts and choose the first tokens; inputs: the model's others, by row."""
        facts, padded = self.facts, self.model.padded
        _check_sizes(facts, prompts, options.max_tokens)
        count = len(prompts.tokens)
        size = padded(count, SIZES)
        rows = [*range(count), *[0] * (size - count)]
        constraints = options.take(rows, count).constraints
        prompt = _prompt(facts, prompts.take(rows), padded)
        call = CallInputs(
            inputs={name: value[rows] for name, value in inputs.items()},
            ends=_ends(self.ends(options.end)),
            least=np.int32(options.min_tokens),
            seeds=np.array(prompts.seeds, "int64").astype("int32")[rows],
            marks=_marks(facts, prompt),
            search=options.search.numbers(),
            constraints=tuple(one.arrays(prompt["tokens"], prompt["valid"]) for one in constraints),
        )
        steps = padded(options.max_tokens, LENGTHS)
        programs = self.model.programs(
            LoopOptions(options.search.program, constraints, steps, options.steer)
        )
        with reading(programs.weights):
            state = programs.begin(prompt, call, np.arange(size) >= count)
            return Session(programs, state, call, options, count)

    def ends(self, end: int | Sequence[int] | str | None) -> list[int]:
        """The tokens that end a text; the default is none where there is no tokenizer."""
        if isinstance(end, str):
            tokenizer = self.model.tokenizer
            known = {} if tokenizer is None else tokenizer.special
            if end not in known and end != "sep":
                raise InputError(f"The tokenizer has no token for {end!r}.{nearest(end, known)}")
            end = known.get(end)
        ends = [] if end is None else several(end)
        if ends:
            checked_row(0, ends, self.facts.vocabulary, "end token")
        return ends


def facts_of(model: "Transformer | Generator") -> ModelFacts:
    """What is to be known of a model, also of one that cannot go on from a text."""
    return model.facts if isinstance(model, Generator) else ModelFacts.of(model.architecture)


_GENERATORS: "weakref.WeakKeyDictionary[Transformer, Generator]" = weakref.WeakKeyDictionary()


class Session:
    """A generation under way: `advance` as often as you like; `texts` are those so far."""

    def __init__(
        self,
        programs: Programs,
        state: State,
        call: CallInputs,
        options: DecodingOptions,
        count: int,
    ) -> None:
        self.state, self.search, self.count = state, options.search, count
        self._programs, self._call = programs, call
        self.max_tokens = options.max_tokens
        self._version = self._weights_version()

    @property
    def done(self) -> bool:
        """Whether nothing is left to choose."""
        done = self.state.done
        rows = operations_of(done).convert_to_numpy(done)
        return bool(rows.all()) or int(self.state.step) >= self.max_tokens

    def advance(self, tokens: int | None = None) -> None:
        """Choose up to so many more tokens (None = all)."""
        until = self.max_tokens
        if tokens is not None:
            until = min(until, int(self.state.step) + tokens)
        with reading(self._programs.weights):
            if self._weights_version() != self._version:
                raise BusyError(
                    "The model's weights have changed since the text was begun, by a training or "
                    "`load_weights`; begin it anew."
                )
            self.state = self._programs.advance(self.state, self._call, np.int32(until))

    def _weights_version(self) -> list[int]:
        return [each.version for each in self._programs.weights]

    def texts(self) -> list[ScoredTexts]:
        """For each prompt its texts so far with their scores, the best first."""
        light = self.state._replace(cache={}, constraints=())
        state = mapped(operations_of(light.done).convert_to_numpy, light)
        if np.isnan(state.scores[: self.count]).any():
            raise NotFiniteError(NOT_FINITE)
        texts, scores = self.search.results(state)
        return [
            [
                ([int(t) for t in text if t >= 0], float(score))
                for text, score in zip(row, row_scores, strict=True)
                if score > LOST
            ]
            for row, row_scores in zip(texts[: self.count], scores[: self.count], strict=True)
        ]


def _check_sizes(facts: ModelFacts, prompts: Prompts, most: int) -> None:
    longest = max(map(len, prompts.tokens))
    length, about = longest, "A prompt"
    if facts.decodes:
        length, about = len(prompts.start), "What the text begins with"
        if facts.limit is not None and longest > facts.limit:
            raise InputError(
                f"A prompt has {longest} tokens; the model has {facts.limit} positions."
            )
    if facts.written_limit is not None and length + most - 1 > facts.written_limit:
        error = InputError(
            f"{about} has {length} tokens, and with max_tokens={most} the text "
            f"comes to {length + most - 1} positions; the model has {facts.written_limit} "
            f"({facts.limited_by}). Cut the prompt, or ask for fewer tokens."
        )
        error.add_note("playmask.slide writes beyond a model's positions.")  # in Python alone
        raise error


def _prompt(
    facts: ModelFacts, prompts: Prompts, padded: Callable[[int, Sequence[int]], int]
) -> Inputs:
    """The rows as the model's inputs, padded."""
    lengths = np.array([*map(len, prompts.tokens)])
    longest = int(lengths.max())
    length = padded(longest, LENGTHS)
    length = length if facts.limit is None else max(min(length, facts.limit), longest)
    prompt = {
        "tokens": pad(prompts.tokens, length),
        "valid": np.arange(length) < lengths[:, None],
    }
    if prompts.segments is not None:
        prompt["segments"] = pad(prompts.segments, length)
    elif not facts.decodes and facts.segmented:
        prompt["segments"] = np.zeros_like(prompt["tokens"])
    if facts.decodes:
        starts = np.tile(np.array(prompts.start, "int32"), (len(lengths), 1))
        prompt |= {"target_tokens": starts, "target_valid": starts >= 0}
    return prompt


def _ends(ends: list[int]) -> np.ndarray:
    """The same with room for four, or more, so that their number compiles nothing: -1 is none."""
    return np.array([*ends, *[-1] * (-len(ends) % 4 or 4)], "int32")


def _marks(facts: ModelFacts, prompt: Inputs) -> Inputs:
    """What new tokens have besides: their segment (B, 1), where there are segments."""
    if "segments" not in prompt or facts.decodes:
        return {}
    last = prompt["valid"].sum(axis=1, keepdims=True) - 1
    own = np.take_along_axis(prompt["segments"], last, axis=1)
    return {"segments": np.ones_like(own) if facts.order in TARGETS else own}
