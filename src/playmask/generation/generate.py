"""Generating text: prompts in, the tokens that follow them out."""

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import BusyError, ConfigError, InputError, NotFiniteError, nearest
from playmask.generation.constraints import Constraint
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.loop import CallInputs, Loop, State
from playmask.generation.prompts import SIZES, Prompts, Rows, checked_row, several, taken
from playmask.generation.search import LOST, NOT_FINITE, Greedy, Search
from playmask.generation.steering import Steering
from playmask.model.transformer import Transformer
from playmask.runtime.access import reading, weights_of
from playmask.runtime.compiled import Compiled
from playmask.runtime.padding import bucket, buckets, pad

LENGTHS = buckets(1 << 20)  # of prompts and of what follows them, in tokens
ScoredTexts = list[tuple[list[int], float]]  # of a prompt, the best first
TARGETS = ("unilm", "turns")  # orders whose new tokens are of segment 1


class Generated(NamedTuple):
    """What was generated, for each prompt its texts, the best first.

    tokens[prompt][k]: the new ids alone, the end among them where it came
    scores[prompt][k]: what the search compares; for a lane of its own the log-probability in nats
    """

    tokens: list[list[list[int]]]
    scores: list[list[float]]

    @classmethod
    def of(cls, results: Sequence[ScoredTexts]) -> "Generated":
        """Texts and scores apart, of each prompt's texts with their scores."""
        return cls(
            [[text for text, _ in texts] for texts in results],
            [[score for _, score in texts] for texts in results],
        )


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
    condition: npt.ArrayLike | None = None,
    context: npt.ArrayLike | None = None,
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
    start: what an encoder-decoder's text begins with (default: its `start_id`)
    condition (B, C), context (B, E, C): of models that have them, one row a prompt
    constrain: what may come; several are applied in turn
    steer: pushes a language model towards an attribute as it writes (PPLM), one text a prompt
    batch_size: how many prompts are generated at a time; they are sorted by length
    Raises: InputError for prompts that are empty, too long, or hold ids that are not there;
            ConfigError for a model that cannot generate

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> texts = generate(model, [[1, 2, 3], [1]], max_tokens=4, end=None)
        >>> [len(text) for [text] in texts.tokens]
        [4, 4]

    """
    session_of = Generator.of(model)
    prompts = Prompts.of(model, tokens, segments=segments, start=start, seed=seed)
    options = DecodingOptions(max_tokens, min_tokens, search or Greedy(), end, constrain, steer)
    count, own = len(prompts.tokens), {"condition": condition, "context": context}
    results: list[ScoredTexts] = [[]] * count
    with reading(weights_of(model)):
        for batch in prompts.batches(batch_size):
            inputs = taken(own, batch, count)
            session = session_of(prompts.take(batch), options.take(batch, count), inputs)
            session.advance()
            for index, texts in zip(batch, session.texts(), strict=True):
                results[index] = texts
    return Generated.of(results)


class Generator:
    """Sessions with one model; what was compiled for it is kept as long as it lives."""

    def __init__(self, model: Transformer) -> None:
        check(model)
        self._model = weakref.ref(model)
        self._compiled: dict[Any, tuple[Compiled, Compiled]] = {}

    @classmethod
    def of(cls, model: Transformer) -> "Generator":
        """The generator of a model, made when it is first asked for."""
        known = _GENERATORS.get(model)
        return known or _GENERATORS.setdefault(model, cls(model))  # of two threads one makes it

    @property
    def traces(self) -> int:
        """How many programs were compiled."""
        return sum(one.traces for both in self._compiled.values() for one in both)

    def __call__(
        self, prompts: Prompts, options: DecodingOptions, inputs: dict[str, np.ndarray]
    ) -> "Session":
        """Read the prompts and choose the first tokens; inputs: the model's others, by row."""
        model = self._model()
        assert model is not None
        self._check_sizes(model, prompts, options.max_tokens)
        count, size = len(prompts.tokens), bucket(len(prompts.tokens), SIZES)
        rows = [*range(count), *[0] * (size - count)]
        constraints = options.take(rows, count).constraints
        prompt = self._prompt(model, prompts.take(rows))
        call = CallInputs(
            inputs={name: value[rows] for name, value in inputs.items()},
            ends=_ends(ends_of(model, options.end)),
            least=np.int32(options.min_tokens),
            seeds=np.array(prompts.seeds, "int64").astype("int32")[rows],
            marks=_marks(model, prompt),
            constraints=tuple(one.arrays(prompt["tokens"], prompt["valid"]) for one in constraints),
        )
        search, steps = options.search, bucket(options.max_tokens, LENGTHS)
        begin, advance = self._programs(model, search, constraints, steps, options.steer)
        with reading(begin.weights):
            state = begin.run(prompt, call, np.arange(size) >= count)
            return Session(advance, state, call, search, options.max_tokens, count)

    def _check_sizes(self, model: Transformer, prompts: Prompts, most: int) -> None:
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
        constraints: tuple[Constraint, ...],
        steps: int,
        steer: Steering | None,
    ) -> tuple[Compiled, Compiled]:
        """The two compiled functions for a search, constraints and a number of steps."""
        # Weights of another kind, as after quantising, make another program.
        weights = tuple(id(variable) for variable in model.variables)
        key = (search, constraints, steps, steer, weights)
        if key in self._compiled:
            return self._compiled[key]
        if steer is not None and search.lanes > 1:
            raise ConfigError(f"Steering is for one text a prompt, not for {search!r}.")
        own: Any = weakref.proxy(model)  # what is kept for a model must not keep it alive
        forward = None if steer is None else steer.step(own)
        loop = Loop(own, search, constraints, steps=steps, forward=forward)
        programs = Compiled(model, loop.begin), Compiled(model, loop.advance, donate=(0,))
        return self._compiled.setdefault(key, programs)  # threads compile the same one


_GENERATORS: "weakref.WeakKeyDictionary[Transformer, Generator]" = weakref.WeakKeyDictionary()


class Session:
    """A generation under way: `advance` as often as you like; `texts` are those so far."""

    def __init__(
        self,
        program: Compiled,
        state: State,
        call: CallInputs,
        search: Search,
        max_tokens: int,
        count: int,
    ) -> None:
        self.state, self.search = state, search
        self._program, self._call = program, call
        self.max_tokens, self.count = max_tokens, count
        self._version = self._weights_version()

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
        with reading(self._program.weights):
            if self._weights_version() != self._version:
                raise BusyError(
                    "The model's weights have changed since the text was begun, by a training or "
                    "`load_weights`; begin it anew."
                )
            self.state = self._program.run(self.state, self._call, np.int32(until))

    def _weights_version(self) -> list[int]:
        return [each.version for each in self._program.weights]

    def texts(self) -> list[ScoredTexts]:
        """For each prompt its texts so far with their scores, the best first."""
        light = self.state._replace(cache={}, constraints=())
        state = keras.tree.map_structure(keras.ops.convert_to_numpy, light)
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
    ends = [] if end is None else several(end)
    if ends:
        checked_row(0, ends, model.architecture.vocabulary, "end token")
    return ends


def _ends(ends: list[int]) -> np.ndarray:
    """The same with room for four, or more, so that their number compiles nothing: -1 is none."""
    return np.array([*ends, *[-1] * (-len(ends) % 4 or 4)], "int32")


def _marks(model: Transformer, prompt: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What new tokens have besides: their segment (B, 1), where there are segments."""
    if "segments" not in prompt or model.architecture.decoder is not None:
        return {}
    last = prompt["valid"].sum(axis=1, keepdims=True) - 1
    own = np.take_along_axis(prompt["segments"], last, axis=1)
    return {"segments": np.ones_like(own) if model.architecture.order in TARGETS else own}
