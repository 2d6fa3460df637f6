"""What the graph of a Transformer takes: its inputs, with the names of their sizes."""

from playmask.model.architecture import Architecture
from playmask.onnx.graph import BATCH as BATCH
from playmask.onnx.graph import PAST as PAST
from playmask.onnx.tracing import TensorInfo

LENGTH, TARGETS = "length", "targets"
CONTEXTS, MEMORIES = "contexts", "memories"
"""The names of sizes that are not known before the model runs."""

Inputs = dict[str, TensorInfo]


def by_token(*, below: int) -> TensorInfo:
    """An input of whole numbers, one for each token."""
    return TensorInfo((BATCH, LENGTH), "int32", below)


def by_place(name: str, *more: int) -> TensorInfo:
    """An input of places of tokens, as many of a text as the size of a name says."""
    return TensorInfo((BATCH, name, *more), "int32", LENGTH)


def by_token_of(inputs: Inputs) -> dict[str, int]:
    """Those of some inputs that each token of a text has one of, and what they stay below."""
    return {
        name: each.below
        for name, each in inputs.items()
        if each.sizes == (BATCH, LENGTH) and isinstance(each.below, int)
    }


def inputs_of(a: Architecture) -> Inputs:
    """The inputs of a Transformer that a graph has, as far as something is computed of them."""
    inputs = _memory(a) if a.decoder is not None and not a.encoder else _text(a)
    if a.decoder is not None:
        inputs |= {
            "target_tokens": TensorInfo((BATCH, TARGETS), "int32", a.vocabulary),
            "target_valid": TensorInfo((BATCH, TARGETS), "bool"),
        }
    if a.condition is not None:
        inputs["condition"] = TensorInfo((BATCH, a.condition.size), "float32")
    if a.context is not None:
        inputs["context"] = TensorInfo((BATCH, CONTEXTS, a.context.size), "float32")
        inputs["context_valid"] = TensorInfo((BATCH, CONTEXTS), "bool")
    return inputs


def _text(a: Architecture) -> Inputs:
    inputs = {"tokens": TensorInfo((BATCH, LENGTH), "int32", a.vocabulary)}
    if a.segments != "tokens":
        inputs["segments"] = TensorInfo((BATCH, LENGTH), "int32", a.segment_ids)
    if a.tasks:
        inputs["tasks"] = TensorInfo((BATCH, LENGTH), "int32", a.tasks)
    if a.order == "permutation":
        inputs["order"] = TensorInfo((BATCH, LENGTH), "int32", LENGTH)
    inputs["valid"] = TensorInfo((BATCH, LENGTH), "bool")
    return inputs


def _memory(a: Architecture) -> Inputs:
    """What a decoder alone looks at, in place of a text."""
    return {
        "memory": TensorInfo((BATCH, MEMORIES, a.width), "float32"),
        "memory_valid": TensorInfo((BATCH, MEMORIES), "bool"),
    }
