"""A graph that was exported with its cache, as generation runs it: without Keras, step by step.

Each lane is a row of the batch. Its cache goes in and comes out, and where lanes go on from others
their rows are exchanged, as the loop's table of ancestors says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json
from playmask.files.checksums import read_manifest
from playmask.generation.decoding_options import LoopOptions
from playmask.generation.facts import ModelFacts
from playmask.generation.generator import Generator
from playmask.generation.loop import CallInputs, Inputs, Loop, State
from playmask.onnx.graph import (
    BATCH,
    CACHE,
    DECODING,
    ENCODER,
    EXPORT,
    MEMORY,
    MODEL,
    PAST,
    WEIGHTS,
    Array,
)
from playmask.runtime.access import Weights
from playmask.runtime.engine import Run
from playmask.runtime.graph_runs import graph_run
from playmask.tokenizers import Tokenizer

Cache = dict[str, Array]
Sizes = Mapping[str, Sequence[int | str]]
"""The shapes of a graph's inputs by name; a size that is not known has a name too."""


class DecodingGraphs(NamedTuple):
    """What runs the graphs of an export that writes.

    step: new tokens behind those of a cache; sizes: of its inputs; encode: of an encoder-decoder,
    what is computed once of a prompt
    """

    step: Run
    sizes: Sizes
    encode: Run | None = None


class GraphForward:
    """The forward passes of exported graphs; see `Forward`."""

    def __init__(self, graphs: DecodingGraphs, lanes: int) -> None:
        self.graphs, self.lanes = graphs, lanes
        self.prefix = "" if graphs.encode is None else "target_"

    def prefill(self, prompt: Inputs, call: CallInputs) -> tuple[Array, Cache]:
        """Read the prompts, each once, and give each lane a cache of its own."""
        inputs = {**prompt, **call.inputs}
        if self.graphs.encode is not None:
            inputs |= self.graphs.encode(_whole(inputs))
        valid = prompt[f"{self.prefix}valid"]
        logits, cache = self._run(inputs, dict(self._empty(len(valid))))
        cache |= {name: each for name, each in inputs.items() if name.startswith(f"{MEMORY}/")}
        last = valid.sum(axis=1) - 1
        lanes = {name: np.repeat(each, self.lanes, axis=0) for name, each in cache.items()}
        return logits[np.arange(len(valid)), last][:, None], lanes

    def step(self, state: State, call: CallInputs) -> tuple[Array, Cache]:
        """Read each lane's last token behind all that it goes on from."""
        tokens = state.tokens.reshape(-1, 1)
        own = {name: np.repeat(each, self.lanes, axis=0) for name, each in call.marks.items()}
        own |= {"tokens": tokens, "valid": np.ones_like(tokens, "bool")}
        inputs = {f"{self.prefix}{name}": each for name, each in own.items()}
        inputs |= {name: np.repeat(each, self.lanes, axis=0) for name, each in call.inputs.items()}
        logits, cache = self._run(inputs, self._of_parents(state))
        return logits.reshape(*state.tokens.shape, -1), cache

    def _run(self, inputs: Inputs, cache: Cache) -> tuple[Array, Cache]:
        """New tokens behind those of a cache: logits, and the cache with them."""
        out = self.graphs.step(_whole({**inputs, **cache}))
        longer = {
            f"{PAST}{name.removeprefix(CACHE)}": each
            for name, each in out.items()
            if name.startswith(f"{CACHE}/")
        }
        return out["logits"], {**cache, **longer}

    def _empty(self, batch: int) -> Iterator[tuple[str, Array]]:
        """A cache without slots: sites (batch, slots), and vectors (batch, heads, slots, size)."""
        known = {BATCH: batch, PAST: 0}
        for name, sizes in self.graphs.sizes.items():
            if name.startswith(f"{PAST}/"):
                shape = [each if isinstance(each, int) else known[each] for each in sizes]
                yield name, np.zeros(shape, "int32" if len(shape) == 2 else "float32")

    def _of_parents(self, state: State) -> Cache:
        """The cache with each lane's row that of the lane whose last token it goes on from."""
        cache: Cache = state.cache
        if self.lanes == 1 or state.step < 2:  # all lanes hold the prompt alone at first
            return cache
        batch, lanes = state.tokens.shape
        parents = state.ancestors[:, :, state.step - 2]
        rows = (np.arange(batch)[:, None] * lanes + parents).ravel()
        if np.array_equal(rows, np.arange(len(rows))):
            return cache
        return {
            name: each[rows] if name.startswith(f"{PAST}/") else each
            for name, each in cache.items()
        }


def _whole(inputs: Inputs) -> Inputs:
    """The inputs with that all of a context is there, where there is one."""
    if "context" in inputs and "context_valid" not in inputs:
        return {**inputs, "context_valid": np.ones(inputs["context"].shape[:2], "bool")}
    return inputs


class GraphPrograms:
    """The two functions of a loop by a graph; logarithms of 0, and NaN, go through them."""

    weights: tuple[Weights, ...] = ()  # those in a file do not change

    def __init__(self, loop: Loop) -> None:
        quiet: Callable[..., Any] = np.errstate(divide="ignore", invalid="ignore")
        self.begin, self.advance = quiet(loop.begin), quiet(loop.advance)


class DecodedGraph:
    """Exported graphs as generation runs them, with what is to be known of their model."""

    weights: tuple[Weights, ...] = ()
    traces = 0  # nothing is compiled

    def __init__(
        self, graphs: DecodingGraphs, facts: ModelFacts, tokenizer: Tokenizer | None
    ) -> None:
        self.graphs, self.facts, self.tokenizer = graphs, facts, tokenizer

    @staticmethod
    def padded(size: int, sizes: Sequence[int]) -> int:
        """The size itself: any costs the same."""
        return size

    def programs(self, options: LoopOptions) -> GraphPrograms:
        """The two functions of a loop; raises ConfigError where the text is to be steered."""
        search, constraints, steps, steer = options
        if steer is not None:
            raise ConfigError(
                "Steering needs gradients, which an exported graph has not; the task as it was "
                "saved can be steered."
            )
        forward = GraphForward(self.graphs, search.lanes)
        return GraphPrograms(Loop(forward, search, constraints, steps))


def load_generator(
    directory: str | Path,
    *,
    engine: str | None = None,
    threads: int = 0,
    run: Run | None = None,
    tokenizer: Tokenizer | None = None,
) -> Generator:
    """Load a model that was exported with its cache, for `generate` and `stream`, without Keras.

    engine, threads: as of `load_exported`; run: in place of an engine, what runs model.onnx;
    tokenizer: whose [SEP] ends texts (default: the one beside the graph, where there is one)
    Raises: CheckpointError where there is no such export, or one of another playmask that does not
            say how it goes on from a text, or a file is not as it was exported; ConfigError for an
            engine that is unknown or not installed

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> light = load_generator(playmask.export(model, "exported", cached=True).directory)
        >>> options = {"max_tokens": 4, "end": None}
        >>> texts = playmask.generate(light, [[1, 2]], **options).tokens
        >>> texts == playmask.generate(model, [[1, 2]], **options).tokens
        True

    """
    directory = Path(directory)
    described: Any = read_json(directory / EXPORT)
    try:
        facts = ModelFacts(**described[DECODING])
        graphs = described["graphs"]
        sizes = {str(n): tuple(each["shape"]) for n, each in graphs[MODEL]["inputs"].items()}
    except (AttributeError, KeyError, TypeError):
        raise CheckpointError(
            f"{directory / EXPORT} does not say how a graph goes on from a text; export the task "
            "again, or the model with cached=True (--cached), by this playmask."
        ) from None
    files = [MODEL, WEIGHTS, *([ENCODER] if ENCODER in graphs else [])]
    read_manifest(directory).verify([EXPORT, *files[1 if run else 0 :]])
    run = graph_run(directory / MODEL, engine, threads) if run is None else run
    encode = graph_run(directory / ENCODER, engine, threads) if ENCODER in graphs else None
    if tokenizer is None and (directory / "tokenizer.json").is_file():
        tokenizer = Tokenizer.load(directory)
    return Generator(DecodedGraph(DecodingGraphs(run, sizes, encode), facts, tokenizer))
