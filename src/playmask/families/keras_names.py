"""How bert4keras calls the layers of its models: one table for all families.

Layers inside of a layer are counted from 1 in the order in which they were built: of an attention
`dense_1` is the query's, `dense_2` the key's, `dense_3` the value's and `dense_4` the output's.

Source: bert4keras 0.11.5, models.py
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from playmask.families.encoders import KERNEL, NORM
from playmask.families.names import Dialect, Rule, pairs
from playmask.model.architecture import Architecture
from playmask.model.norms import Condition
from playmask.model.parts import Learned

NAME = "bert4keras"
CONDITIONED = {
    **NORM,
    "hidden/kernel": "/hidden_dense/kernel",
    "shifts/kernel": "/beta_dense/kernel",
    "scales/kernel": "/gamma_dense/kernel",
}
"""A norm's weights, those by its condition too."""

EMBEDDING = {"tokens": "Embedding-Token", "segments": "Embedding-Segment"}
POSITIONS = {"positions": "Embedding-Position"}
ATTENTION = ("query", "key", "value", "output")
HEADS = (
    *pairs("pool/dense", "Pooler-Dense", KERNEL),
    *pairs("nsp/dense", "NSP-Proba", KERNEL),
    *pairs("mlm/transform", "MLM-Dense", KERNEL),
    *pairs("mlm/norm", "MLM-Norm", CONDITIONED),
    Rule("mlm/bias", "MLM-Bias/beta"),
)
DISCRIMINATOR = (
    *pairs("discriminator/transform", "Discriminator-Dense", KERNEL),
    *pairs("discriminator/dense", "Discriminator-Prediction", KERNEL),
)
MAPPING = (Rule("mlm/projection/kernel", "Output-Mapping/kernel"),)
OUTPUT_NORM = tuple(pairs("blocks/norm", "Output-Norm", CONDITIONED))

BODY = r"^(Embedding|Transformer|Encoder|Decoder|Output|Pooler|NSP|MLM|Discriminator)(-|$)"
HEAD = "the head of a task: load_task(path, task=…, labels=[…]) makes the task with it"
IGNORED = (
    (
        r"^optimizer(_weights)?/|/\.OPTIMIZER_SLOT/|^(save_counter|_CHECKPOINTABLE_OBJECT_GRAPH)\b",
        "optimizer's state",
    ),
    (
        rf"^(?!{BODY[1:]})",
        HEAD,
    ),
)
NORMS = re.compile(r"^(Embedding|Transformer|Output)-(.*-)?Norm(-\d)?/(\w+_dense)/kernel$")


def tables(names: Mapping[str, str]) -> list[Rule]:
    """Embedding tables."""
    return [
        Rule(f"embeddings/{ours}/embeddings", f"{theirs}/embeddings")
        for ours, theirs in names.items()
    ]


def attention(ours: str, theirs: str) -> list[Rule]:
    """The dense layers of an attention."""
    return [
        rule
        for number, name in enumerate(ATTENTION, 1)
        for rule in pairs(f"{ours}/{name}", f"{theirs}/dense_{number}", KERNEL)
    ]


def feedforward(ours: str, theirs: str, layers: Sequence[str] = ("inner", "outer")) -> list[Rule]:
    """The dense layers of a feed-forward layer; a gated one has a second inner one."""
    return [
        rule
        for number, name in enumerate(layers, 1)
        for rule in pairs(f"{ours}/{name}", f"{theirs}/dense_{number}", KERNEL)
    ]


def blocks(norms: Mapping[str, str]) -> list[Rule]:
    """The blocks of an encoder; norms: what ours are called behind `Transformer-{i}-`."""
    block, layer = "blocks/{i}", "Transformer-{i}"
    rules = attention(f"{block}/attention", f"{layer}-MultiHeadSelfAttention")
    rules += feedforward(f"{block}/feedforward", f"{layer}-FeedForward")
    for ours, theirs in norms.items():
        rules += pairs(f"{block}/{ours}", f"{layer}-{theirs}", CONDITIONED)
    return rules


AFTER = {
    "attention_norm/after": "MultiHeadSelfAttention-Norm",
    "feedforward_norm/after": "FeedForward-Norm",
}
BEFORE = {
    "attention_norm/before": "MultiHeadSelfAttention-Norm",
    "feedforward_norm/before": "FeedForward-Norm",
}
AROUND = {
    "feedforward_norm/before": "FeedForward-Norm-0",
    "feedforward_norm/after": "FeedForward-Norm-1",
}


def embedding(positions: bool = True, norm: bool = True) -> list[Rule]:
    """The embedding's tables, norm and projection."""
    rules = tables({**EMBEDDING, **(POSITIONS if positions else {})})
    rules += pairs("embeddings/norm", "Embedding-Norm", CONDITIONED) if norm else []
    return [*rules, *pairs("embeddings/projection", "Embedding-Mapping", KERNEL)]


def encoder(*heads: Rule, positions: bool = True) -> list[Rule]:
    """A BERT."""
    return [*embedding(positions), *blocks(AFTER), *(heads or HEADS)]


def gated_units() -> list[Rule]:
    """GAU's blocks."""
    unit, block = "Transformer-{i}-GatedAttentionUnit", "blocks/{i}/attention"
    return [
        Rule(f"{block}/inputs/kernel", f"{unit}/dense_1/kernel"),
        Rule(f"{block}/query/gamma", f"{unit}/scale_offset_1/gamma"),
        Rule(f"{block}/key/gamma", f"{unit}/scale_offset_2/gamma"),
        Rule(f"{block}/output/kernel", f"{unit}/dense_2/kernel"),
    ]


def stacks(layers: Sequence[str]) -> list[Rule]:
    """T5's two stacks; layers: of its feed-forward layer."""
    rules = [
        *tables({"tokens": "Embedding-Token"}),
        Rule("mlm/output/kernel", "Decoder-Output-LM/kernel"),
    ]
    for stack, side in (("blocks", "Encoder"), ("decoder", "Decoder")):
        layer, block = f"{side}-Transformer-{{i}}", f"{stack}/{{i}}"
        crossing = {"cross": "MultiHeadCrossAttention"} if stack == "decoder" else {}
        for ours, theirs in {"attention": "MultiHeadSelfAttention", **crossing}.items():
            rules += attention(f"{block}/{ours}", f"{layer}-{theirs}")
            rules.append(Rule(f"{block}/{ours}_norm/before/gamma", f"{layer}-{theirs}-Norm/gamma"))
        rules += feedforward(f"{block}/feedforward", f"{layer}-FeedForward", layers)
        rules += [
            Rule(f"{block}/feedforward_norm/before/gamma", f"{layer}-FeedForward-Norm/gamma"),
            Rule(f"{stack}/buckets/embeddings", f"{side}-Embedding-Relative-Position/embeddings"),
            Rule(f"{stack}/norm/gamma", f"{side}-Output-Norm/gamma"),
        ]
    return [rule for rule in rules if not rule.ours.endswith("/bias")]


def keras_layers(
    rules: Sequence[Rule],
    *,
    aliases: tuple[tuple[str, str], ...] = (),
    ignored: tuple[tuple[str, str], ...] = (),
    settle: Callable[..., Any] | None = None,
) -> dict[str, Dialect]:
    """The dialect of what bert4keras' users saved, to be put among a family's dialects."""
    dialect = Dialect(
        NAME, tuple(rules), body=BODY, aliases=aliases, ignored=(*IGNORED, *ignored),
        settle=settle or as_stored,
    )  # fmt: skip
    return {NAME: dialect}


def as_stored(
    architecture: Architecture, tensors: Mapping[str, np.ndarray]
) -> tuple[Architecture, list[str]]:
    """What was changed where the model was built, which no configuration says, and notes of it.

    Tokens were kept or compounded, segments left out, positions added, the blocks of an ALBERT no
    longer shared, or the norms depend on a condition.
    """
    changes: dict[str, Any] = {}
    tokens = tensors.get("Embedding-Token/embeddings")
    if tokens is not None and tokens.ndim == 2 and tokens.size:
        width = tokens.shape[1]
        changes["vocabulary"] = len(tokens)
        changes["embedding_size"] = None if width == architecture.width else width
    if isinstance(architecture.segments, int):
        segments = tensors.get("Embedding-Segment/embeddings")
        changes["segments"] = 0 if segments is None or not segments.ndim else len(segments)
    table = tensors.get("Embedding-Position/embeddings")
    if table is not None and isinstance(architecture.position, Learned) and table.size:
        changes["position"] = Learned(len(table))
    if architecture.sharing != "none" and any(n.startswith("Transformer-0-") for n in tensors):
        changes["sharing"] = "none"
    notes = [
        f"{name} is {new} in the tensors, where the configuration has {old}"
        for name, new in changes.items()
        if new != (old := getattr(architecture, name))
    ]
    condition = _condition(tensors)
    if condition is not None:
        changes["condition"] = condition
        linear = "" if condition.hidden is None else ", whose activation no file says: linear"
        notes.append(f"its norms depend on a condition of {condition.size} numbers{linear}")
    return architecture.change(**changes), notes


def _condition(tensors: Mapping[str, np.ndarray]) -> Condition | None:
    """What norms depend on, by the layers that read it."""
    kernels = {match[4]: tensors[match[0]] for match in map(NORMS.match, tensors) if match}
    first = kernels.get("hidden_dense", kernels.get("gamma_dense", kernels.get("beta_dense")))
    if first is None or first.ndim != 2:
        return None
    return Condition(len(first), hidden=first.shape[1] if "hidden_dense" in kernels else None)
