"""Generating text: prompts in, the tokens that follow them out."""

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import ConfigError, InputError, nearest
from playmask.generation.constraints import Constraint
from playmask.generation.loop import Given, Loop, State
from playmask.generation.search import LOST, Greedy, Search
from playmask.generation.steering import Steering
from playmask.model.transformer import Transformer
from playmask.runtime.batches import bucket, buckets, pad
from playmask.runtime.compiled import Compiled

Rows = Sequence[Sequence[int]]
LENGTHS = buckets(1 << 20)  # of prompts and of what follows them, in tokens
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # of batches, in prompts
TARGETS = ("unilm", "turns")  # orders whose new tokens are of segment 1


class Generated(NamedTuple):
    """What was generated, for each prompt its texts, the best first.

    tokens[prompt][k]: the new ids alone, the end among them where it came
    scores[prompt][k]: what the search compares; for a lane of its own the log-probability in nats
    """

    tokens: list[list[list[int]]]
    scores: list[list[float]]


def generate(
    model: Transformer,
    tokens: Rows,
    *,
    max_tokens: int,
    min_tokens: int = 0,
    search: Search | None = None,
    end: int | Sequence[int] | str | None = "sep",
    seed: int | Sequence[int] = 0,
    segments: Rows | None = None,
    start: int | Sequence[int] | None = None,
    condition: Any = None,
    context: Any = None,
    constrain: Constraint | Sequence[Constraint] = (),
    steer: Steering | None = None,
    batch_size: int = 32,
) -> Generated:
    """Continue prompts: of a language model, of a text to rewrite (UniLM), of an encoder's (T5).

    tokens: rows of ids, each of any length from 1; what comes out follows them. For an
        encoder-decoder they are what its encoder reads, and the text begins with `start`.
    max_tokens, min_tokens: how many new tokens at most, the end among them, and how many come
        before any end
    search: Greedy(), Beams(n) or Sample(n)
    end: the tokens that end a text (default: the tokenizer's [SEP], </s> …); None = none
    seed: row i draws by seed + i, or each by its own; the same seed draws the same text, whatever
        stands in other rows, as long as shapes are padded to the same size
    segments: of the prompts, default 0; new tokens have 1 after the orders "unilm" and "turns",
        else that of the prompt's last token
    start: what an encoder-decoder's text begins with (default: the id of padding, as T5's does)
    condition (B, C), context (B, E, C): of models that have them, one row a prompt
    constrain: what may come; several are applied in turn
    steer: pushes a language model towards an attribute as it writes (PPLM), one text a prompt
    batch_size: how many prompts are generated at a time; they are sorted by length
    Raises: InputError for prompts that are empty, too long, or hold ids that are not there;
            ConfigError for a model that cannot generate
    """
    session_of = Generator.of(model)
    prompts = Prompts.of(model, tokens, segments=segments, start=start, seed=seed)
    count = len(prompts.tokens)
    constraints = (constrain,) if isinstance(constrain, Constraint) else tuple(constrain)
    found: list[Any] = [None] * count
    for batch in prompts.batches(batch_size):
        session = session_of(
            prompts.take(batch),
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            search=search or Greedy(),
            end=end,
            inputs=taken({"condition": condition, "context": context}, batch, count),
            constrain=[one.take(batch, count) for one in constraints],
            steer=steer,
        )
        session.advance()
        for index, texts in zip(batch, session.texts(), strict=True):
            found[index] = texts
    return Generated(
        [[text for text, _ in texts] for texts in found],
        [[score for _, score in texts] for texts in found],
    )


def taken(
    inputs: dict[str, Any], batch: Sequence[int], count: int | None = None
) -> dict[str, np.ndarray]:
    """Some rows of the inputs that are there; count: of how many prompts (None = of these)."""
    count = len(batch) if count is None else count
    there = {
        name: np.asarray(value, "float32") for name, value in inputs.items() if value is not None
    }
    for name, value in there.items():
        if len(value) != count:
            raise InputError(f"{name} has {len(value)} rows for {count} prompts.")
    return {name: value[list(batch)] for name, value in there.items()}


class Prompts(NamedTuple):
    """Rows of ids, what they begin with in a decoder, their segments and seeds."""

    tokens: list[list[int]]
    segments: list[list[int]] | None
    start: list[int]
    seeds: list[int]

    @classmethod
    def of(
        cls,
        model: Transformer,
        tokens: Rows,
        *,
        segments: Rows | None,
        start: int | Sequence[int] | None,
        seed: int | Sequence[int],
    ) -> "Prompts":
        """Check rows against a model."""
        a = model.architecture
        rows = [_row(i, row, a.vocabulary, "token") for i, row in enumerate(tokens)]
        marks = None
        if segments is not None:
            marks = [_row(i, row, a.segment_ids, "segment") for i, row in enumerate(segments)]
            if [*map(len, marks)] != [*map(len, rows)]:
                raise InputError("Each prompt needs as many segments as tokens.")
        if start is not None and a.decoder is None:
            raise InputError("start is for a decoder's text; here the text begins with the prompt.")
        begin = _several(a.pad or 0 if start is None else start)
        _row(0, begin, a.vocabulary, "start token")
        seeds = _several(seed)
        if np.ndim(seed) == 0:
            seeds = [seeds[0] + i for i in range(len(rows))]
        if len(seeds) != len(rows):
            raise InputError(f"{len(seeds)} seeds were given for {len(rows)} prompts.")
        return cls(rows, marks, begin, seeds)

    def take(self, batch: Sequence[int]) -> "Prompts":
        """Some of them."""
        marks = None if self.segments is None else [self.segments[i] for i in batch]
        rows = [self.tokens[i] for i in batch]
        return self._replace(tokens=rows, segments=marks, seeds=[self.seeds[i] for i in batch])

    def batches(self, size: int) -> Iterator[list[int]]:
        """Numbers of rows of similar length, so many at a time."""
        if type(size) is not int or size < 1:
            raise InputError(f"batch_size is a whole number from 1, not {size!r}.")
        size = min(size, SIZES[-1])
        # The longest first, so that one that is too long is refused before anything runs.
        order = sorted(range(len(self.tokens)), key=lambda i: -len(self.tokens[i]))
        for first in range(0, len(order), size):
            yield order[first : first + size]


def _row(i: int, row: Any, below: int, what: str) -> list[int]:
    values = np.asarray(row)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise InputError(f"Row {i} of {what}s is {row!r:.60}; it must be a row of whole numbers.")
    if values.min() < 0 or values.max() >= below:
        wrong = values.min() if values.min() < 0 else values.max()
        raise InputError(f"Row {i} holds the {what} {wrong}; the model takes 0 to {below - 1}.")
    return [int(value) for value in values]


class Generator:
    """Sessions with one model; what was compiled for it is kept as long as it lives."""

    def __init__(self, model: Transformer) -> None:
        check(model)
        self._model = weakref.ref(model)
        self._compiled: dict[Any, tuple[Compiled, Compiled]] = {}

    @classmethod
    def of(cls, model: Transformer) -> "Generator":
        """The generator of a model, made when it is first asked for."""
        if model not in _GENERATORS:
            _GENERATORS[model] = cls(model)
        return _GENERATORS[model]

    @property
    def traces(self) -> int:
        """How many programs were compiled."""
        return sum(one.traces for both in self._compiled.values() for one in both)

    def __call__(
        self,
        prompts: Prompts,
        *,
        max_tokens: int,
        min_tokens: int = 0,
        search: Search,
        end: int | Sequence[int] | str | None,
        inputs: dict[str, np.ndarray],
        constrain: Constraint | Sequence[Constraint] = (),
        steer: Steering | None = None,
    ) -> "Session":
        """Read the prompts and choose the first tokens."""
        model = self._model()
        assert model is not None
        self._check_sizes(model, prompts, max_tokens, min_tokens)
        constraints = (constrain,) if isinstance(constrain, Constraint) else tuple(constrain)
        count, size = len(prompts.tokens), bucket(len(prompts.tokens), SIZES)
        rows = [*range(count), *[0] * (size - count)]
        constraints = tuple(one.take(rows, count) for one in constraints)
        prompt = self._prompt(model, prompts.take(rows))
        given = Given(
            inputs={name: value[rows] for name, value in inputs.items()},
            ends=_ends(ends_of(model, end)),
            least=np.int32(min_tokens),
            seeds=np.array(prompts.seeds, "int64").astype("int32")[rows],
            marks=_marks(model, prompt),
            constraints=tuple(one.given(prompt["tokens"], prompt["valid"]) for one in constraints),
        )
        steps = bucket(max_tokens, LENGTHS)
        begin, advance = self._programs(model, search, constraints, steps, steer)
        state = begin(prompt, given, np.arange(size) >= count)
        return Session(advance, state, given, search, max_tokens, count)

    def _check_sizes(self, model: Transformer, prompts: Prompts, most: int, least: int) -> None:
        if type(most) is not int or most < 1:
            raise InputError(f"max_tokens is a whole number from 1, not {most!r}.")
        if type(least) is not int or not 0 <= least <= most:
            raise InputError(f"min_tokens is from 0 to max_tokens, {most}; not {least!r}.")
        a, longest = model.architecture, max(map(len, prompts.tokens))
        length, about = longest, "a prompt"
        if a.decoder is not None:
            length, about = len(prompts.start), "what the text begins with"
            if a.limit is not None and longest > a.limit:
                raise InputError(
                    f"A prompt has {longest} tokens; the model has {a.limit} positions."
                )
        writing = a if a.decoder is None else a.decoding
        if writing.limit is not None and length + most - 1 > writing.limit:
            raise InputError(
                f"{about.capitalize()} has {length} tokens, and with max_tokens={most} the text "
                f"comes to {length + most - 1} positions; the model has {writing.limit} "
                f"({type(writing.limited_by).__name__}). Cut the prompt, ask for fewer tokens, or "
                "use playmask.slide."
            )

    def _prompt(self, model: Transformer, prompts: Prompts) -> dict[str, np.ndarray]:
        """The rows as the model's inputs, padded to a size that few have."""
        a = model.architecture
        lengths = np.array([*map(len, prompts.tokens)])
        length = bucket(int(lengths.max()), LENGTHS)
        length = length if a.limit is None else max(min(length, a.limit), int(lengths.max()))
        prompt = {
            "tokens": pad(prompts.tokens, length),
            "valid": np.arange(length) < lengths[:, None],
        }
        if prompts.segments is not None:
            prompt["segments"] = pad(prompts.segments, length)
        elif a.decoder is None and a.segments != "tokens":
            prompt["segments"] = np.zeros_like(prompt["tokens"])
        if a.decoder is not None:
            starts = np.tile(np.array(prompts.start, "int32"), (len(lengths), 1))
            prompt |= {"target_tokens": starts, "target_valid": starts >= 0}
        return prompt

    def _programs(
        self,
        model: Transformer,
        search: Search,
        constraints: tuple,
        steps: int,
        steer: Steering | None,
    ) -> tuple[Compiled, Compiled]:
        """The two compiled functions for a search, constraints and a number of steps."""
        # Weights of another kind, as after quantising, make another program.
        weights = tuple(id(variable) for variable in model.variables)
        key = (search, constraints, steps, steer, weights)
        if key not in self._compiled:
            if steer is not None and search.lanes > 1:
                raise ConfigError(f"Steering is for one text a prompt, not for {search!r}.")
            own: Any = weakref.proxy(model)  # what is kept for a model must not keep it alive
            forward = None if steer is None else steer.step(own)
            loop = Loop(own, search, constraints, steps=steps, forward=forward)
            self._compiled[key] = (
                Compiled(model, loop.begin),
                Compiled(model, loop.advance, donate=(0,)),
            )
        return self._compiled[key]


_GENERATORS: "weakref.WeakKeyDictionary[Transformer, Generator]" = weakref.WeakKeyDictionary()


class Session:
    """A generation under way: `advance` as often as wanted, `texts` tells what there is."""

    def __init__(
        self,
        program: Compiled,
        state: State,
        given: Given,
        search: Search,
        max_tokens: int,
        count: int,
    ) -> None:
        self.state, self.search = state, search
        self._program, self._given = program, given
        self.max_tokens, self.count = max_tokens, count

    @property
    def done(self) -> bool:
        """Whether nothing is left to choose."""
        rows = keras.ops.convert_to_numpy(self.state.done)
        return bool(rows.all()) or int(self.state.step) >= self.max_tokens

    def advance(self, tokens: int | None = None) -> None:
        """Choose up to so many more tokens (None = all)."""
        until = self.max_tokens
        if tokens is not None:
            until = min(until, int(self.state.step) + tokens)
        self.state = self._program(self.state, self._given, np.int32(until))

    def texts(self) -> list[list[tuple[list[int], float]]]:
        """For each prompt its texts so far with their scores, the best first."""
        light = self.state._replace(cache={}, constraints=())
        state = keras.tree.map_structure(keras.ops.convert_to_numpy, light)
        texts, scores = self.search.results(state)
        return [
            [
                ([int(t) for t in text if t >= 0], float(score))
                for text, score in zip(row, told, strict=True)
                if score > LOST
            ]
            for row, told in zip(texts[: self.count], scores[: self.count], strict=True)
        ]


def check(model: Transformer) -> None:
    """Refuse a model that cannot go on from a text."""
    a = model.architecture
    if "mlm" not in model.head_names:
        raise ConfigError("Generating needs next-token logits; load the model with heads='mlm'.")
    if a.decoder is None and a.order in ("full", "permutation"):
        raise ConfigError(
            f"A model of the order {a.order!r} cannot go on from a text, since its tokens look "
            "ahead; load it with mask='lm' or mask='unilm'."
        )


def ends_of(model: Transformer, end: int | Sequence[int] | str | None) -> list[int]:
    """The tokens that end a text; the default is none where there is no tokenizer."""
    if isinstance(end, str):
        known = {} if model.tokenizer is None else model.tokenizer.special
        if end not in known and end != "sep":
            raise InputError(f"The tokenizer has no token for {end!r}.{nearest(end, known)}")
        end = known.get(end)
    ends = [] if end is None else _several(end)
    if ends:
        _row(0, ends, model.architecture.vocabulary, "end token")
    return ends


def _ends(ends: list[int]) -> np.ndarray:
    """The same with room for four, or more, so that their number compiles nothing: -1 is none."""
    return np.array([*ends, *[-1] * (-len(ends) % 4 or 4)], "int32")


def _several(numbers: int | Sequence[int]) -> list[int]:
    """One number or several, as a list of them."""
    return [int(n) for n in np.atleast_1d(np.asarray(numbers))]


def _marks(model: Transformer, prompt: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What new tokens have besides: their segment (B, 1), where there are segments."""
    if "segments" not in prompt or model.architecture.decoder is not None:
        return {}
    last = prompt["valid"].sum(axis=1, keepdims=True) - 1
    own = np.take_along_axis(prompt["segments"], last, axis=1)
    return {"segments": np.ones_like(own) if model.architecture.order in TARGETS else own}
