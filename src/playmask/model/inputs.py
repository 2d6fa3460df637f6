"""The names of what goes into a Transformer and what comes out, and the sites made of it."""

from typing import Any

from keras import ops
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

from playmask.errors import InputError, nearest
from playmask.model import cache as kv_cache
from playmask.model.architecture import Architecture
from playmask.model.masks import NEVER, Sites, Tensor, order_of

Inputs = dict[str, Any]

INPUTS = {
    "tokens": "(B, T) int: ids",
    "vectors": "(B, T, E): ready token embeddings in place of ids",
    "extra": "(B, T, E): added to the sum of the embeddings",
    "condition": "(B, C) or (B, T, C): what conditional norms depend on, in models that have them",
    "context": "(B, C) or (B, E, C): vectors to look at besides, in models with context=…",
    "context_valid": "(B, E) bool: false = padding of the context; default all true",
    "segments": "(B, T) int; default 0",
    "tasks": "(B, T) int, where the model has a table of them; default 0",
    "positions": "(B, T) int; default 0, 1, 2, … (after a cache: going on from it)",
    "order": "(B, T) int: who may look; default by the architecture's order",
    "texts": "(B, T) int: which packed text; default 0",
    "valid": "(B, T) bool: false = padding; default: not the pad id (the first place never is)",
    "allowed": "(B, T, S) bool: a further restriction of the mask (of the decoder's, if there)",
    "target_tokens": "(B, T) int: ids of the decoder of an encoder-decoder; target_positions, "
    "target_order, target_texts and target_valid as above",
    "target_positions": "(B, T) int",
    "target_order": "(B, T) int",
    "target_texts": "(B, T) int",
    "target_valid": "(B, T) bool",
    "memory": "(B, S, D): the encoder's output, for a decoder alone or in place of tokens",
    "memory_valid": "(B, S) bool: false = padding of the memory; default all true",
    "read": "(B, R) int: the places where vocabulary logits are wanted; default all",
    "cache": "the key-value cache (see Transformer.empty_cache)",
    "at": "scalar int: the cache slot to write at",
}
"""What a Transformer takes; the one table of input names."""

OUTPUTS = {
    "hidden": "(B, T, D): always (of the decoder, where target_tokens were given)",
    "memory": "(B, S, D): the encoder's output, in an encoder-decoder that ran its encoder",
    "logits": "(B, R, vocabulary): with the head 'mlm'",
    "pooled": "(B, D): with the head 'pool' or 'nsp'",
    "nsp": "(B, 2) logits: with the head 'nsp'",
    "discriminator": "(B, T) logits: with the head 'discriminator'",
    "cache": "the cache with the new keys written: where one was given",
    "attention": "one (B, N, T, S) a block: with attention=True (of the stack that ran last)",
}
"""What a Transformer returns; the one table of output names."""

TARGET = "target_"


def check_inputs(inputs: Inputs, architecture: Architecture) -> None:
    """Refuse inputs that a Transformer does not know, or that lack what it needs."""
    if not isinstance(inputs, dict):
        raise InputError(
            f"A Transformer is called with a dict of tensors such as {{'tokens': …}}, "
            f"not with a {type(inputs).__name__}."
        )
    for name in inputs:
        if name not in INPUTS:
            raise InputError(f"There is no input {name!r}.{nearest(str(name), INPUTS)}")
        if isinstance(inputs[name], (list, tuple)):
            raise InputError(f"{name} is a list; give an array, such as np.array(…) makes of it.")
    decodes = architecture.decoder is not None
    if not decodes and (foreign := [n for n in inputs if n.startswith((TARGET, "memory"))]):
        raise InputError(f"{foreign[0]!r} is for models with a decoder; this one has none.")
    if ("condition" in inputs) != (architecture.condition is not None):
        raise InputError(
            f"The norms of this model depend on 'condition', (B, {architecture.condition.size})."
            if architecture.condition
            else "'condition' is for models whose norms depend on it; load with condition_size=…."
        )
    _check_context(inputs, architecture)
    _check_whole(inputs, architecture)
    cache = inputs.get("cache")
    remembers = "memory" in inputs or (cache is not None and "memory" in cache)
    if "tokens" not in inputs and "vectors" not in inputs and not (decodes and remembers):
        plain, reading = "'tokens' (or 'vectors')", "'tokens' (or 'vectors'), or 'memory'"
        needed = reading if decodes else plain
        raise InputError(f"Inputs need {needed}; given: {sorted(inputs)}.")
    if decodes and not architecture.encoder and not remembers:
        raise InputError("This model is a decoder alone: give 'memory', not 'tokens'.")
    if decodes and "target_tokens" not in inputs and (not architecture.encoder or cache):
        raise InputError(f"A decoder needs 'target_tokens'; given: {sorted(inputs)}.")
    for name in ("tokens", "target_tokens"):
        tokens = inputs.get(name)
        if tokens is not None and len(tokens.shape) != 2:
            raise InputError(
                f"{name} must be of shape (B, T), a batch of rows, not {tokens.shape}."
            )
    if ("cache" in inputs) != ("at" in inputs):
        raise InputError("'cache' and 'at' (the slot to write at) belong together; one is missing.")


def _check_context(inputs: Inputs, architecture: Architecture) -> None:
    """Refuse a context that is missing, is for another model, or is of another width."""
    size = None if architecture.context is None else architecture.context.size
    if size is None and ("context" in inputs or "context_valid" in inputs):
        raise InputError(
            "'context' is for models that look at one; load with context=PseudoSelf(…)."
        )
    if size is None:
        return
    shape = None if inputs.get("context") is None else tuple(inputs["context"].shape)
    if shape is None or len(shape) not in (2, 3) or shape[-1] != size:
        raise InputError(
            f"This model looks at a 'context', (B, {size}) or (B, E, {size}); received "
            f"{'none' if shape is None else f'one of the shape {shape}'}."
        )


def _check_whole(inputs: Inputs, architecture: Architecture) -> None:
    """Refuse what a part that mixes the whole text cannot follow."""
    whole = [part for part in architecture.content if part.orders is not None]
    foreign = [name for name in ("cache", "order", "texts", "allowed") if name in inputs]
    if whole and foreign:
        raise InputError(
            f"{whole[0]!r} mixes the whole text, so this model takes no {foreign[0]!r}."
        )


def of_encoder(inputs: Inputs) -> Inputs:
    """What the encoder of an encoder-decoder takes of all inputs."""
    others = ("cache", "at", "allowed", "read", "memory", "memory_valid")
    return {k: v for k, v in inputs.items() if not k.startswith(TARGET) and k not in others}


def of_decoder(inputs: Inputs) -> Inputs:
    """What the decoder takes of all inputs, under the names of one stack alone."""
    own = {k.removeprefix(TARGET): v for k, v in inputs.items() if k.startswith(TARGET)}
    shared = ("cache", "at", "allowed", "read", "condition")
    return own | {k: inputs[k] for k in shared if k in inputs}


def source(inputs: Inputs) -> Tensor:
    """A tensor (B, T) that says how many sites there are."""
    return inputs["tokens"] if "tokens" in inputs else inputs["vectors"][..., 0]


def valid_of(inputs: Inputs, pad: int | None) -> Tensor:
    """Which of the new tokens are no padding, given or told by the pad id: bool (B, T)."""
    if "valid" in inputs:
        return ops.cast(inputs["valid"], "bool")
    tokens = source(inputs)
    places = ops.cumsum(ops.ones_like(tokens, dtype="int32"), axis=1)
    if pad is None or "tokens" not in inputs:
        return places > 0
    return ops.logical_or(tokens != pad, places == 1)


def sites_of(inputs: Inputs, a: Architecture) -> tuple[Sites, Sites]:
    """Where the new tokens stand, and what there is to look at: after a cache, its tokens too.

    Shapes: (B, T) each and (B, S) each; positions (1, T) where they are the same in all rows
    """
    cache = inputs.get("cache")
    ones = ops.ones_like(source(inputs), dtype="int32")
    valid = valid_of(inputs, a.pad)
    segments = integers(inputs, "segments", ops.zeros_like(ones))
    texts = integers(inputs, "texts", ops.zeros_like(ones))
    positions = inputs.get("positions")
    if positions is None:
        _check_length(ones, a)
        positions = ops.cumsum(ones[:1], axis=1) - 1
        if a.numbering is not None:
            positions = a.numbering.number(valid)
        if cache is not None:
            positions = positions + kv_cache.lengths(cache)
    order = inputs.get("order")
    if order is None:
        if cache is not None and a.order == "full":
            raise InputError(
                "A text of the order 'full' cannot go on from a cache, since its first tokens "
                "look at the last; load the model with mask='lm' or 'unilm', or give 'order'."
            )
        last = None if cache is None else kv_cache.last_order(cache)
        order = order_of(a.order, segments, last)
    segment = segments if a.segmented else None
    queries = Sites(_int(order), _int(positions), texts, segment)
    keys = queries._replace(order=ops.where(valid, queries.order, NEVER))
    if cache is not None:
        keys = kv_cache.write_sites(cache, keys, inputs["at"])
    return queries, keys


def two_streams(
    inputs: Inputs, ranks: Tensor, token: int, a: Architecture, *, at: Tensor | None = None
) -> Inputs:
    """Two-stream self-attention: adds a permutation language model's query stream to its content.

    Every site stands there twice. As content it holds its token and sees the sites of its own and
    of lower rank; as a query it holds `token` (the mask's id; -1 where the model has a vector of
    its own for queries, as XLNet's), sees the content of lower rank only, and is itself seen by
    nobody. So it must predict what it does not see. Since a mask is
    an order, that takes no code in the model: the query's order is its rank less one, and it is
    no valid key.

    inputs: tokens, and segments, positions, texts, valid where there are; ranks: when each site
    comes, 0 first, each rank once (sites of one rank see each other); a: the architecture of the
    model that takes the result; at: the sites that have a query, default all
    Shapes:  inputs (B, T) each; ranks int (B, T); at int (B, Q), or Q = T -> tokens, positions,
             order, valid, and segments and texts where there are, (B, T + Q) each; `read` (B, Q),
             the sites of the queries, so that the logits are (B, Q, vocabulary)
    Raises:  InputError for other inputs, and for texts longer than the positions
    Source:  Yang et al. 2019 (XLNet), §2.3, eq. 3 and 4

    Example:
        >>> inputs, ranks = {"tokens": np.array([[2, 7, 8]])}, np.array([[0, 2, 1]])
        >>> both = two_streams(inputs, ranks, tokenizer.mask, model.architecture)
        >>> ops.convert_to_numpy(both["order"]).tolist(), ops.shape(model(both)["logits"])[:2]
        ([[0, 2, 1, -1, 1, 0]], (1, 3))

    """
    known = ("tokens", "segments", "positions", "texts", "valid")
    for name in inputs:
        if name not in known:
            raise InputError(f"Two streams are made of {', '.join(known)}; {name!r} is not known.")
    tokens, valid = _int(inputs["tokens"]), valid_of(inputs, a.pad)
    positions = inputs.get("positions")
    if positions is None:
        _check_length(tokens, a)
        positions = ops.cumsum(ops.ones_like(tokens), axis=1) - 1
        positions = positions if a.numbering is None else a.numbering.number(valid) + 0 * tokens
    ranks, length = _int(ranks), ops.shape(tokens)[1]

    def queries(values: Tensor) -> Tensor:
        return values if at is None else ops.take_along_axis(values, _int(at), axis=1)

    positions, zeros = _int(positions), ops.zeros_like(queries(tokens))
    streams: dict[str, tuple[Tensor, Tensor]] = {
        "tokens": (tokens, zeros + token),
        "positions": (positions, queries(positions)),
        "order": (ranks, queries(ranks) - 1),
        "valid": (valid, ops.cast(zeros, "bool")),
    }
    for name in ("segments", "texts"):
        if name in inputs:
            streams[name] = (_int(inputs[name]), queries(_int(inputs[name])))
    joined = {name: ops.concatenate(both, axis=1) for name, both in streams.items()}
    return {**joined, "read": length + ops.cumsum(zeros + 1, axis=1) - 1}


def _check_length(sites: Tensor, a: Architecture) -> None:
    """Refuse a text that is longer than the positions some part knows."""
    length, part = sites.shape[1], a.limited_by
    if part is None or in_symbolic_scope() or not isinstance(length, int):
        return  # where a length is not known, Keras on torch puts one of its own
    if length > (part.limit or 0):
        raise InputError(
            f"A text of {length} tokens was given to a model of {part.limit} positions "
            f"({type(part).__name__}); cut it (max_length), or use windows (stride)."
        )


def integers(inputs: Inputs, name: str, default: Tensor) -> Tensor:
    """An input as int32, or its default."""
    return default if inputs.get(name) is None else _int(inputs[name])


def _int(x: Tensor) -> Tensor:
    return ops.cast(x, "int32")
