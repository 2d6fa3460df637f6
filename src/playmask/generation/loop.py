"""The loop: a prompt is read once, then one token for each lane at a time, all of it compiled.

The lanes of a prompt are queries of one row: the prompt is stored once, and a table of ancestors
says which lane holds each earlier token, so a step moves integers and never the cache.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from playmask.generation.constraints import Constraint, Past
from playmask.generation.search import FORBIDDEN, Choosing, Search, is_end
from playmask.model import cache as kv_cache
from playmask.model.cache import Cache
from playmask.model.inputs import TARGET
from playmask.model.masks import NEVER, Tensor
from playmask.model.transformer import Transformer

Inputs = dict[str, Any]
Step = Callable[[Inputs], dict[str, Any]]  # a model's forward pass, or one that is steered


class CallInputs(NamedTuple):
    """What all steps of a call share, besides the model.

    inputs: the model's other inputs, such as `condition`; ends (E,): tokens that end a text;
    least (): tokens before which none may; seeds (B,); marks: inputs (B, 1) that are the same for
    all new tokens of a row, such as `segments`; constraints: each one's arrays
    """

    inputs: Inputs
    ends: Tensor
    least: Tensor
    seeds: Tensor
    marks: dict[str, Tensor]
    constraints: tuple[dict[str, Tensor], ...]


class State(NamedTuple):
    """What goes from step to step; all shapes are fixed.

    step (): tokens chosen so far; tokens (B, K): the last ones; texts (B, K, N): all, -1 where
    there is none; scores (B, K); ended (B, K); done (B,); ancestors (B, K, N): which lane holds
    each earlier token; own: the search's; constraints: each one's; cache; origin: order and
    position (B, 1) of the prompt's last token
    """

    step: Tensor
    tokens: Tensor
    texts: Tensor
    scores: Tensor
    ended: Tensor
    done: Tensor
    ancestors: Tensor
    own: dict[str, Tensor]
    constraints: tuple[Any, ...]
    cache: Cache
    origin: dict[str, Tensor]


class Loop:
    """The pure functions of a generation: `begin` reads the prompt, `advance` goes on.

    model: with a vocabulary head; steps: how many tokens there is room for; forward: a step of the
    model, or what stands in its place
    """

    def __init__(
        self,
        model: Transformer,
        search: Search,
        constraints: Sequence[Constraint],
        *,
        steps: int,
        forward: Step | None = None,
    ) -> None:
        self.model, self.search, self.constraints = model, search, tuple(constraints)
        self.steps = steps
        self.prefix = TARGET if model.architecture.decoder is not None else ""
        self.forward = forward or (lambda inputs: model(inputs, training=False))

    def begin(self, prompt: Inputs, call: CallInputs, done: Tensor) -> State:
        """Read the prompts (B, P) and choose their first tokens; done (B,): rows that only fill."""
        logits, cache = self._read(prompt, call)
        batch, lanes, steps = logits.shape[0], self.search.lanes, self.steps
        filled = cache["order"] < NEVER
        own_lane = ops.arange(lanes, dtype="int32")[None, :, None]
        state = State(
            step=ops.convert_to_tensor(0, "int32"),
            tokens=ops.zeros((batch, lanes), "int32"),
            texts=ops.full((batch, lanes, steps), -1, "int32"),
            scores=ops.zeros((batch, lanes), "float32"),
            ended=ops.zeros((batch, lanes), "bool"),
            done=done,
            ancestors=ops.broadcast_to(own_lane, (batch, lanes, steps)),
            own=self.search.begin(batch, steps),
            constraints=tuple(
                one.begin(arrays, batch, lanes)
                for one, arrays in zip(self.constraints, call.constraints, strict=True)
            ),
            cache=kv_cache.extend(cache, (steps - 1) * lanes),
            origin={
                "order": kv_cache.last_order(cache),
                "position": ops.max(
                    ops.where(filled, cache["position"], -1), axis=1, keepdims=True
                ),
            },
        )
        logits = ops.broadcast_to(logits, (batch, lanes, logits.shape[-1]))
        return self._choose(logits, state, call)

    def advance(self, state: State, call: CallInputs, until: Tensor) -> State:
        """Choose tokens until there are so many, or all rows are done."""

        def goes_on(state: State) -> Tensor:
            return ops.logical_and(state.step < until, ops.logical_not(ops.all(state.done)))

        def step(state: State) -> tuple[State]:
            out = self.forward(self._inputs(state, call))
            return (self._choose(out["logits"], state._replace(cache=out["cache"]), call),)

        last: State
        (last,) = ops.while_loop(goes_on, step, (state,))
        return last

    def _read(self, prompt: Inputs, call: CallInputs) -> tuple[Tensor, Cache]:
        """The logits (B, 1, V) behind the prompts, and the cache that holds them."""
        valid = prompt[self.prefix + "valid"]
        batch, length = valid.shape
        last = ops.sum(ops.cast(valid, "int32"), axis=1, keepdims=True) - 1
        inputs = {
            **prompt,
            **call.inputs,
            "cache": self.model.empty_cache(batch, length),
            "at": ops.convert_to_tensor(0, "int32"),
            "read": last,
        }
        out = self.model(inputs, training=False)
        return out["logits"], out["cache"]

    def _inputs(self, state: State, call: CallInputs) -> Inputs:
        """A step's inputs: each lane's last token, behind all that it goes on from."""
        lanes, steps = self.search.lanes, self.steps
        batch, ones = state.tokens.shape[0], ops.ones_like(state.tokens)
        slots = state.cache["order"].shape[1]
        length = slots - (steps - 1) * lanes
        own: Inputs = {
            "tokens": state.tokens,
            "positions": ones * (state.origin["position"] + state.step),
            "order": ones * (state.origin["order"] + state.step),
            "valid": ones > 0,
        }
        own |= {name: ones * value for name, value in call.marks.items()}
        inputs = {self.prefix + name: value for name, value in own.items()}
        inputs |= {**call.inputs, "cache": state.cache}
        inputs["at"] = length + (state.step - 1) * lanes
        if lanes > 1:
            before = ops.arange(steps - 1) < state.step
            held = state.ancestors[:, :, : steps - 1, None] == ops.arange(lanes, dtype="int32")
            held = ops.logical_and(held, before[:, None])
            held = ops.reshape(held, (batch, lanes, (steps - 1) * lanes))
            of_prompt = ops.ones((batch, lanes, length), "bool")
            inputs["allowed"] = ops.concatenate([of_prompt, held], axis=-1)
        return inputs

    def _choose(self, logits: Tensor, state: State, call: CallInputs) -> State:
        """Let the constraints weigh what may come, and the search choose."""
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        lost = ops.any(ops.isnan(logs[..., 0]), axis=-1, keepdims=True)  # one NaN makes all NaN
        early = ops.logical_and(
            state.step < call.least, is_end(ops.arange(logs.shape[-1]), call.ends)
        )
        logs = ops.where(early, FORBIDDEN, logs)
        pairs = list(zip(self.constraints, call.constraints, strict=True))
        past = Past(state.texts, state.step)
        for (one, arrays), carry in zip(pairs, state.constraints, strict=True):
            logs = one.weigh(logs, carry, arrays, past)
        chosen = self.search.choose(
            Choosing(
                logs,
                state.scores,
                state.texts,
                state.ended,
                state.done,
                state.step,
                call.ends,
                call.seeds,
                state.own,
            )
        )
        return State(
            step=state.step + 1,
            tokens=chosen.tokens,
            texts=chosen.texts,
            scores=ops.where(lost, float("nan"), chosen.scores),  # for `Session.texts` to refuse
            ended=chosen.ended,
            done=chosen.done,
            ancestors=_grown(state.ancestors, chosen.parents, state.step),
            own=chosen.own,
            constraints=tuple(
                one.follow(_of_parents(carry, chosen.parents), chosen.tokens, arrays)
                for (one, arrays), carry in zip(pairs, state.constraints, strict=True)
            ),
            cache=state.cache,
            origin=state.origin,
        )


def _grown(ancestors: Tensor, parents: Tensor | None, step: Tensor) -> Tensor:
    """The table of ancestors (B, K, N) after lanes went on from their parents'."""
    if parents is None or ancestors.shape[1] == 1:
        return ancestors
    lanes = ops.arange(ancestors.shape[1], dtype="int32")[None, :, None]
    own = ops.broadcast_to(lanes, (*ancestors.shape[:2], 1))
    return ops.slice_update(_of_parents(ancestors, parents), [0, 0, step], own)


def _of_parents(carry: Any, parents: Tensor | None) -> Any:
    """What the parents' lanes hold, in a nest of tensors (B, K, …)."""
    if parents is None:
        return carry

    def taken(x: Tensor) -> Tensor:
        places = ops.reshape(parents, (*parents.shape, *(1,) * (len(x.shape) - 2)))
        return ops.take_along_axis(x, places, axis=1)

    return keras.tree.map_structure(taken, carry)
