"""A Transformer that decodes: its forward passes, and its loops compiled.

The lanes of a prompt are queries of one row: the prompt is stored once, and a table of ancestors
says which lane holds each earlier token, so a step moves integers and never the cache.
"""

import weakref
from collections.abc import Callable
from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.generation.decoding_options import LoopOptions
from playmask.generation.facts import ModelFacts, check
from playmask.generation.loop import Cache, CallInputs, Inputs, Loop, State
from playmask.model import cache as kv_cache
from playmask.model.array_operations import Tensor
from playmask.model.inputs import TARGET
from playmask.model.masks import NEVER
from playmask.model.transformer import Transformer
from playmask.runtime.access import weights_of
from playmask.runtime.compiled import Compiled
from playmask.runtime.padding import bucket
from playmask.tokenizers import Tokenizer

Step = Callable[[Inputs], dict[str, Any]]  # a model's forward pass, or one that is steered


class NetworkForward:
    """The forward passes of a network; see `Forward`.

    model: with a vocabulary head; lanes, steps: what there is room for; run: a step of the model,
    or what stands in its place
    """

    def __init__(
        self, model: Transformer, *, lanes: int, steps: int, run: Step | None = None
    ) -> None:
        self.model, self.lanes, self.steps = model, lanes, steps
        self.prefix = TARGET if model.architecture.decoder is not None else ""
        self.run = run or (lambda inputs: model(inputs, training=False))

    def prefill(self, prompt: Inputs, call: CallInputs) -> tuple[Tensor, Cache]:
        """Read the prompts, and where their last tokens stand: their order and position."""
        valid = prompt[self.prefix + "valid"]
        batch, length = valid.shape
        inputs = {
            **prompt,
            **call.inputs,
            "cache": self.model.empty_cache(batch, length),
            "at": ops.convert_to_tensor(0, "int32"),
            "read": ops.sum(ops.cast(valid, "int32"), axis=1, keepdims=True) - 1,
        }
        out = self.model(inputs, training=False)
        cache = out["cache"]
        filled = cache["order"] < NEVER
        origin = {
            "order": kv_cache.last_order(cache),
            "position": ops.max(ops.where(filled, cache["position"], -1), axis=1, keepdims=True),
        }
        longer = kv_cache.extend(cache, (self.steps - 1) * self.lanes)
        return out["logits"], {"origin": origin, "slots": kv_cache.heads_in_rows(longer)}

    def step(self, state: State, call: CallInputs) -> tuple[Tensor, Cache]:
        """Read each lane's last token behind all that it goes on from."""
        out = self.run(self._inputs(state, call))
        return out["logits"], {**state.cache, "slots": kv_cache.heads_in_rows(out["cache"])}

    def _inputs(self, state: State, call: CallInputs) -> Inputs:
        lanes, steps = self.lanes, self.steps
        batch, ones = state.tokens.shape[0], ops.ones_like(state.tokens)
        origin = state.cache["origin"]
        cache = kv_cache.heads_apart(state.cache["slots"])
        slots = cache["order"].shape[1]
        length = slots - (steps - 1) * lanes
        own: Inputs = {
            "tokens": state.tokens,
            "positions": ones * (origin["position"] + state.step),
            "order": ones * (origin["order"] + state.step),
            "valid": ones > 0,
        }
        own |= {name: ones * value for name, value in call.marks.items()}
        inputs = {self.prefix + name: value for name, value in own.items()}
        inputs |= {**call.inputs, "cache": cache}
        inputs["at"] = length + (state.step - 1) * lanes
        if lanes > 1:
            before = ops.arange(steps - 1) < state.step
            held = state.ancestors[:, :, : steps - 1, None] == ops.arange(lanes, dtype="int32")
            held = ops.logical_and(held, before[:, None])
            held = ops.reshape(held, (batch, lanes, (steps - 1) * lanes))
            of_prompt = ops.ones((batch, lanes, length), "bool")
            inputs["allowed"] = ops.concatenate([of_prompt, held], axis=-1)
        return inputs


class CompiledPrograms:
    """The two functions of a loop, compiled, for callers who read the weights already."""

    def __init__(self, model: Transformer, loop: Loop) -> None:
        self._compiled = Compiled(model, loop.begin), Compiled(model, loop.advance, donate=(0,))
        self.weights = self._compiled[0].weights
        self.begin, self.advance = (each.run for each in self._compiled)

    @property
    def traces(self) -> int:
        """How many programs were compiled."""
        return sum(each.traces for each in self._compiled)


class DecodedNetwork:
    """A Transformer as generation runs it; what was compiled is kept as long as it lives."""

    padded = staticmethod(bucket)  # to sizes that few have, since each is compiled

    def __init__(self, model: Transformer) -> None:
        check(model)
        self._model = weakref.ref(model)
        self._programs: dict[Any, CompiledPrograms] = {}
        self.weights = weights_of(model)

    @property
    def model(self) -> Transformer:
        """The Transformer, which this does not keep alive."""
        model = self._model()
        assert model is not None
        return model

    @property
    def facts(self) -> ModelFacts:
        """What is to be known of it."""
        return ModelFacts.of(self.model.architecture)

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Its tokenizer, whose [SEP] ends texts."""
        tokenizer: Tokenizer | None = self.model.tokenizer
        return tokenizer

    @property
    def traces(self) -> int:
        """How many programs were compiled."""
        return sum(each.traces for each in self._programs.values())

    def programs(self, options: LoopOptions) -> CompiledPrograms:
        """The two compiled functions of a loop."""
        # Weights of another kind, as after quantising, make another program.
        model = self.model
        key = (options, tuple(id(variable) for variable in model.variables))
        if key in self._programs:
            return self._programs[key]
        search, constraints, steps, steer = options
        if steer is not None and search.lanes > 1:
            raise ConfigError(f"Steering is for one text a prompt, not for {search.lanes}.")
        own: Any = weakref.proxy(model)  # what is kept for a model must not keep it alive
        run = None if steer is None else steer.step(own)
        forward = NetworkForward(own, lanes=search.lanes, steps=steps, run=run)
        programs = CompiledPrograms(model, Loop(forward, search, constraints, steps))
        return self._programs.setdefault(key, programs)  # threads compile the same one
