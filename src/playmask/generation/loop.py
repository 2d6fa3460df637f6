"""The loop: a prompt is read once, then one token for each lane at a time.

On tensors all of it is compiled; on NumPy's arrays it runs step by step. What runs the model is a
value (`Forward`): the network itself, or a graph that was exported.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from playmask.generation.constraints import Constraint, Past
from playmask.generation.search import FORBIDDEN, Choosing, Search, is_end
from playmask.model.array_operations import Tensor, mapped, operations_of

Inputs = dict[str, Any]
Cache = Any  # whatever a Forward keeps of the texts


class CallInputs(NamedTuple):
    """What all steps of a call share, besides the model.

    inputs: the model's other inputs, such as `condition`; ends (E,): tokens that end a text;
    least (): tokens before which none may; seeds (B,); marks: inputs (B, 1) that are the same for
    all new tokens of a row, such as `segments`; search: its `numbers`; constraints: arrays of each
    """

    inputs: Inputs
    ends: Tensor
    least: Tensor
    seeds: Tensor
    marks: dict[str, Tensor]
    search: dict[str, Tensor]
    constraints: tuple[dict[str, Tensor], ...]


class State(NamedTuple):
    """What goes from step to step; on tensors all shapes are fixed.

    step (): tokens chosen so far; tokens (B, K): the last ones; texts (B, K, N): all, -1 where
    there is none; scores (B, K); ended (B, K); done (B,); ancestors (B, K, N): which lane holds
    each earlier token; own: the search's; constraints: each one's; cache: the model's
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


class Forward(Protocol):
    """The forward passes of a decoding, with room for as many tokens and lanes as its loop has."""

    def prefill(self, prompt: Inputs, call: CallInputs) -> tuple[Tensor, Cache]:
        """Read prompts (B, P): the logits (B, 1, V) behind them, and the cache that holds them."""

    def step(self, state: State, call: CallInputs) -> tuple[Tensor, Cache]:
        """Read each lane's last token: the logits (B, K, V) behind it, and the cache with it."""


class Loop:
    """The pure functions of a generation: `begin` reads the prompt, `advance` goes on.

    forward: what runs the model; steps: how many tokens there is room for
    """

    def __init__(
        self, forward: Forward, search: Search, constraints: Sequence[Constraint], steps: int
    ) -> None:
        self.forward, self.search, self.constraints = forward, search, tuple(constraints)
        self.steps = steps

    def begin(self, prompt: Inputs, call: CallInputs, done: Tensor) -> State:
        """Read the prompts (B, P) and choose their first tokens; done (B,): rows that only fill."""
        logits, cache = self.forward.prefill(prompt, call)
        ops = operations_of(logits)
        batch, lanes, steps = logits.shape[0], self.search.lanes, self.steps
        own_lane = ops.arange(lanes, dtype="int32")[None, :, None]
        texts = ops.full((batch, lanes, steps), -1, "int32")
        state = State(
            step=ops.convert_to_tensor(0, "int32"),
            tokens=ops.zeros((batch, lanes), "int32"),
            texts=texts,
            scores=ops.zeros((batch, lanes), "float32"),
            ended=ops.zeros((batch, lanes), "bool"),
            done=done,
            ancestors=ops.broadcast_to(own_lane, (batch, lanes, steps)),
            own=self.search.begin(texts),
            constraints=tuple(
                one.begin(arrays, batch, lanes)
                for one, arrays in zip(self.constraints, call.constraints, strict=True)
            ),
            cache=cache,
        )
        logits = ops.broadcast_to(logits, (batch, lanes, logits.shape[-1]))
        return self._choose(logits, state, call)

    def advance(self, state: State, call: CallInputs, until: Tensor) -> State:
        """Choose tokens until there are so many, or all rows are done."""
        ops = operations_of(state.texts)

        def goes_on(state: State) -> Tensor:
            return ops.logical_and(state.step < until, ops.logical_not(ops.all(state.done)))

        def step(state: State) -> tuple[State]:
            logits, cache = self.forward.step(state, call)
            return (self._choose(logits, state._replace(cache=cache), call),)

        last: State
        (last,) = ops.while_loop(goes_on, step, (state,))
        return last

    def _choose(self, logits: Tensor, state: State, call: CallInputs) -> State:
        """Let the constraints weigh what may come, and the search choose."""
        ops = operations_of(logits)
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
                call.search,
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
        )


def _grown(ancestors: Tensor, parents: Tensor | None, step: Tensor) -> Tensor:
    """The table of ancestors (B, K, N) after lanes went on from their parents'."""
    if parents is None or ancestors.shape[1] == 1:
        return ancestors
    ops = operations_of(ancestors)
    lanes = ops.arange(ancestors.shape[1], dtype="int32")[None, :, None]
    own = ops.broadcast_to(lanes, (*ancestors.shape[:2], 1))
    return ops.slice_update(_of_parents(ancestors, parents), [0, 0, step], own)


def _of_parents(carry: Any, parents: Tensor | None) -> Any:
    """What the parents' lanes hold, in a nest of tensors (B, K, …)."""
    if parents is None:
        return carry

    def taken(x: Tensor) -> Tensor:
        ops = operations_of(x, parents)
        places = ops.reshape(parents, (*parents.shape, *(1,) * (len(x.shape) - 2)))
        return ops.take_along_axis(x, places, axis=1)

    return mapped(taken, carry)
