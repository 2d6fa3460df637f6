"""Layer dropping and vocabulary pruning: a model, or a task, with some of its blocks or tokens."""

from collections.abc import Sequence
from typing import Any, TypeVar

from playmask.checkpoints.load import of_rows
from playmask.checkpoints.resize import VOCABULARY, Rows
from playmask.checkpoints.save import check_can_be_saved
from playmask.model.depth import evenly, with_blocks
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.access import reading, weights_of
from playmask.runtime.adapters import merged_kernels
from playmask.runtime.lazy_weights import blank, fill
from playmask.tasks.saving import arrays, own_arrays
from playmask.tasks.task import Task

M = TypeVar("M", Transformer, Task[Any])


def keep_blocks(model: M, blocks: int | Sequence[int]) -> M:
    """Make a smaller model, or task, of some of another's blocks; its weights are copies.

    It is a beginning: to answer as before, it is trained on, as by `fit(teacher=…)`.
    blocks: their numbers, from 0, such as [0, 4, 8], or how many, evenly spread; of an
    encoder-decoder the encoder's
    Raises: ConfigError for blocks that there are not, and for weights of integers

    Example:
        >>> half = playmask.keep_blocks(model, [1])
        >>> half.architecture.depth, model.architecture.depth
        (1, 2)
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> playmask.keep_blocks(task, 1).predict("味道不错").label in ("bad", "good")
        True

    """
    return _smaller(model, blocks, None)


def keep_tokens(model: M, tokens: Sequence[int]) -> M:
    """Make a smaller model, or task, of some of another's tokens; its weights are copies.

    Of texts whose tokens stay it says the very same as before.
    tokens: old ids in new order, such as `playmask.tokenizers.occurring` lists
    Raises: ConfigError for ids that there are not, InputError where the tokenizer needs others

    Example:
        >>> ids = playmask.tokenizers.occurring(tokenizer, ["味道不错"])
        >>> fewer = playmask.keep_tokens(model, ids)
        >>> fewer.architecture.vocabulary == len(fewer.tokenizer) == len(ids)
        True

    """
    return _smaller(model, None, tokens)


def _smaller(model: M, blocks: int | Sequence[int] | None, tokens: Sequence[int] | None) -> M:
    """A copy of a model, or of a task, which has the same weights of its own."""
    tokenizer = model.tokenizer
    if tokens is not None and tokenizer is not None:
        tokenizer = tokenizer.keep(tokens)
    if isinstance(model, Transformer):
        smaller = _copy(model, blocks, tokens)
        smaller.tokenizer = tokenizer
        return smaller
    with reading(weights_of(model.network)):
        transformer = _copy(model.transformer, blocks, tokens)
        own = own_arrays(model.network)
    transformer.tokenizer = tokenizer
    network = type(model).build_network(transformer, tokenizer, model.settings)
    for variable in network.weights:
        if variable.path in own:
            variable.assign(own[variable.path])
    return type(model)(network, tokenizer, model.settings)


def _copy(
    model: Transformer, blocks: int | Sequence[int] | None, tokens: Sequence[int] | None
) -> Transformer:
    """A copy of a model with some of its blocks, or of its tokens."""
    check_can_be_saved(model)
    a = model.architecture
    rows = Rows(a.vocabulary, tokens)
    changed = a.change(**of_rows(a, rows, {})) if rows.change_anything else a
    stored = {}
    if blocks is not None:
        blocks = evenly(blocks, a.depth) if isinstance(blocks, int) else blocks
        changed = with_blocks(changed, blocks)
        pairs = reversed([*enumerate(blocks)])
        stored = {str(changed.block_map[i]): str(a.block_map[block]) for i, block in pairs}
    smaller = blank(lambda: Transformer(changed, model.head_names, dtype=model.dtype_policy))
    with reading(weights_of(model)):
        weights = arrays(weights_by_name(model)) | merged_kernels(model)
    for name, variable in weights_by_name(smaller).items():
        stack, index, *rest = name.split("/")
        moved = stack == "blocks" and index in stored
        value = weights["/".join((stack, stored[index], *rest)) if moved else name]
        if rows.change_anything and name in VOCABULARY:
            value = rows.take(value, VOCABULARY[name])
        fill(variable, value)
    return smaller
