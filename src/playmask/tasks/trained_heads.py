"""Tasks out of weights that bert4keras' users trained: which layers are the head of which task.

Such a file holds the whole network of a task, and nothing that says which. A head is known by what
its layers hold: a dense layer has a kernel and a bias, a CRF its transitions alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import keras

from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.identify import identify
from playmask.checkpoints.keras_layers import natural
from playmask.checkpoints.load import load
from playmask.checkpoints.load_plan import NO_HEAD
from playmask.checkpoints.load_report import Loaded, Report
from playmask.checkpoints.source import KERAS, Source
from playmask.checkpoints.tokenizer_beside import why_no_tokenizer
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.families.keras_names import HEAD
from playmask.model.architecture import Architecture
from playmask.model.norms import Around
from playmask.model.transformer import Transformer
from playmask.tasks.network import check_tokenizer
from playmask.tasks.no_tokenizer import NoTokenizer
from playmask.tasks.registry import SETTINGS, task_class
from playmask.tokenizers import Tokenizer

Fields = dict[str, Any]

NORM, TRANSITIONS, MARKOV = "norm", "transitions", "transitions of a MEMM"
DENSE = {"kernel": "kernel", "bias": "bias"}
POINTER = {"dense_1/kernel": "dense/kernel", "dense_1/bias": "dense/bias"}
KINDS: Mapping[str, Mapping[str, str]] = {
    "dense": DENSE,
    TRANSITIONS: {"trans": "transitions"},
    MARKOV: {"trans": "transitions"},
    "low-rank transitions": {"l_trans": "left", "r_trans": "right"},
    "pointer": POINTER,
    "efficient pointer": {**POINTER, "dense_2/kernel": "ends/kernel", "dense_2/bias": "ends/bias"},
    "conditional norm": {
        "beta": "beta",
        "gamma": "gamma",
        "beta_dense/kernel": "shifts/kernel",
        "gamma_dense/kernel": "scales/kernel",
    },
    NORM: {"beta": "beta", "gamma": "gamma"},
}
"""Layers by what they hold: their name of each weight, and ours."""


class TrainedHead(NamedTuple):
    """The head of a task, as bert4keras' users build it.

    settings: what the task then is; layers: ours and the kind of theirs, those of a kind in the
    order in which the program built them; notes: settings that no file says, and how they are taken
    for what they mostly were; spans: what its first pointer tells apart (None = the labels)
    """

    task: str
    settings: Fields
    layers: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...] = ()
    spans: int | None = None


READ = (
    "pooling",
    "no file says what the dense layer reads, taken for the pooler's tanh of the first token where "
    "there is one, else for that token: pooling=… and pooler_activation=… say otherwise",
)
RATE = (
    "multiplier",
    "no file says the lr_multiplier of transitions, taken for 1: multiplier=… says another one",
)
TURNED = (
    "rotary",
    "no file says how its pointers were made, taken for rotary ones of spans from left to right",
)
BARE = (
    "bare",
    "no file says which states pass the conditional norm, taken for those of bert4keras' script, "
    "before the last norm: bare='subjects' takes only the subject's from there, bare='none' none",
)
LAST = "feedforward_norm"
TAGS = ("tags", "dense")

HEADS = (
    TrainedHead("classify", {}, (("labels", "dense"),), (READ,)),
    TrainedHead("regress", {}, (("labels", "dense"),), (READ,)),
    TrainedHead("tag", {"tagger": "crf"}, (TAGS, ("tagger", TRANSITIONS)), (RATE,)),
    TrainedHead("tag", {"tagger": "memm"}, (TAGS, ("tagger", MARKOV)), (RATE,)),
    TrainedHead("tag", {"tagger": "memm"}, (TAGS, ("tagger", "low-rank transitions")), (RATE,)),
    TrainedHead("tag", {"tagger": "softmax"}, (TAGS,)),
    TrainedHead("spans", {"pointer": "global"}, (("pointer", "pointer"),), (TURNED,)),
    TrainedHead("spans", {"pointer": "efficient"}, (("pointer", "efficient pointer"),), (TURNED,)),
    TrainedHead("read", {"method": "pointers"}, (("ends", "dense"),)),
    TrainedHead(
        "relations",
        {"method": "casrel"},
        (("subjects", "dense"), ("norm", "conditional norm"), ("objects", "dense")),
        (BARE,),
    ),
    TrainedHead(
        "relations",
        {"method": "gplinker", "pointer": "global"},
        tuple((name, "pointer") for name in ("spans", "heads", "tails")),
        spans=2,
    ),
    TrainedHead(
        "relations",
        {"method": "gplinker", "pointer": "efficient"},
        tuple((name, "efficient pointer") for name in ("spans", "heads", "tails")),
    ),
)
"""The first that fits is taken; other tasks have no weights of their own."""


LOADING = {
    *signature(load).parameters,
    *(each.name for each in fields(Architecture)),
    "condition_size",
    "talking_heads",
}
"""What is an option of loading the Transformer, and no setting."""


class Layer(NamedTuple):
    """A layer of a head: its name and the shapes of its weights."""

    name: str
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def kind(self) -> str:
        """What kind of layer holds such weights, empty where none is known."""
        held = self.shapes.keys()
        kind = next((kind for kind, names in KINDS.items() if names.keys() == held), "")
        markov = kind == TRANSITIONS and self.name.startswith("maximum_entropy")
        return MARKOV if markov else kind

    def __str__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"{self.name} with {shapes}"


def layers_of_head(tensors: Tensors, family: str) -> list[Layer]:
    """The layers in a file that are not of its Transformer, in the order they were built."""
    dialect = FAMILIES[family].reads[KERAS]
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name in tensors:
        if dialect.reason_to_ignore(name) == HEAD:
            layer, _, weight = name.partition("/")
            layers.setdefault(layer, {})[weight] = tensors.spec(name).shape
    return [Layer(name, layers[name]) for name in sorted(layers, key=natural)]


def fitting(layers: Sequence[Layer]) -> list[TrainedHead]:
    """The heads that such layers may be."""
    kinds = sorted(layer.kind for layer in layers)
    return [head for head in HEADS if sorted(kind for _, kind in head.layers) == kinds]


def load_trained(
    source: Source, task: str | None, tokenizer: Tokenizer | None, options: Fields
) -> Any:
    """Make a task of a file that bert4keras' users saved, with the head that is in it.

    options: settings of the task, and what `playmask.load` takes
    Raises: ConfigError, CheckpointError naming the layers that make no such task
    """
    report = identify(source, options.get("family"), options.get("ignore", ()))
    layers = layers_of_head(source.tensors, report.family)
    if task is None:
        raise ConfigError(f"{source.path} does not say its task; {choices(layers)}.")
    kind, known = task_class(task), {*signature(SETTINGS[task]).parameters}
    for name in options:
        if name not in known | LOADING:
            raise ConfigError(f"A task {task!r} has no setting {name!r}.{nearest(name, known)}")
    own = {name: value for name, value in options.items() if name in known}
    head = _head_of(task, layers, own, source.path)
    learnt = _learnt(head, layers, own, source, report.architecture.limit)
    settings = SETTINGS[task].of(**{**learnt, **own})
    loading = {name: value for name, value in options.items() if name not in known}
    if getattr(settings, "bare", "none") != "none":
        head, layers = _with_last_norm(head, layers, source, report.architecture)
        loading[LAST] = {report.architecture.depth - 1: Around()}
    opened = kind.open(source.path, settings=settings, **loading)
    _check_whole(opened, task)
    tokenizer = tokenizer or opened.tokenizer
    if tokenizer is not None:
        check_tokenizer(tokenizer, opened.architecture)
    size = opened.architecture.vocabulary
    reads: Any = tokenizer or NoTokenizer(size, why_no_tokenizer(opened))
    network = kind.build_network(opened, reads, settings)
    loaded = _fill(network, head, layers, source)
    notes = [text for setting, text in head.notes if own.get(setting) is None]
    opened.report = _added_to(opened.report, loaded, notes)
    return kind(network, reads, settings)


def choices(layers: Sequence[Layer]) -> str:
    """What tasks layers make."""
    if not layers:
        return "it holds no head"
    names = dict.fromkeys(f"task={head.task!r}" for head in fitting(layers))
    makes = f"which makes {' or '.join(names)}" if names else "which is no task's head"
    return f"it holds {'; '.join(map(str, layers))}, {makes}"


def _head_of(task: str, layers: Sequence[Layer], own: Fields, path: Path) -> TrainedHead:
    """The head that layers are for a task, its own settings considered."""
    if not layers and task not in {head.task for head in HEADS}:
        return TrainedHead(task, {}, ())
    for head in fitting(layers):
        alike = all(own.get(name, value) == value for name, value in head.settings.items())
        if head.task == task and alike:
            return head
    raise CheckpointError(f"{path} has not the head of a task {task!r}; {choices(layers)}.")


def _placed(head: TrainedHead, layers: Sequence[Layer]) -> dict[str, Layer]:
    """Our layers, and theirs in the place of each."""
    by_kind = {kind: [each for each in layers if each.kind == kind] for _, kind in head.layers}
    return {ours: by_kind[kind].pop(0) for ours, kind in head.layers}


def _learnt(
    head: TrainedHead, layers: Sequence[Layer], own: Fields, source: Source, limit: int | None
) -> Fields:
    """The settings that layers and positions say."""
    learnt, labels = dict(head.settings), own.get("labels", ())
    placed = _placed(head, layers)
    defaults = {n: each.default for n, each in signature(SETTINGS[head.task]).parameters.items()}
    if "labels" in defaults and placed and not labels:
        raise ConfigError(
            f"{source.path} does not name its labels: labels=[…] are due in the order of their "
            f"ids; its head is {'; '.join(map(str, placed.values()))}."
        )
    if limit is not None and defaults.get("max_length", 0) > limit:
        learnt["max_length"] = limit
    if "pooling" in defaults:
        learnt["pooling"] = "pooled" if "Pooler-Dense/kernel" in source.tensors else "first"
    if learnt.get("method") == "casrel":
        learnt["bare"] = "all"
    if "pointer" in learnt and placed:
        first = next(iter(placed.values()))
        scores = (head.spans or len(labels)) if learnt["pointer"] == "global" else 1
        learnt["size"] = next(reversed(first.shapes["dense_1/kernel"]), 0) // (2 * scores)
    return learnt


def _with_last_norm(
    head: TrainedHead, layers: Sequence[Layer], source: Source, architecture: Architecture
) -> tuple[TrainedHead, list[Layer]]:
    """A head that has the Transformer's last norm, and its layers."""
    ours = f"blocks/{architecture.block_map[-1]}/{LAST}/after/"
    names = FAMILIES[architecture.family].reads[KERAS].names_of(ours + "gamma")
    layers_by_name = [name.rpartition("/")[0] for name in names]
    held = [
        Layer(
            name, {weight: source.tensors.spec(f"{name}/{weight}").shape for weight in KINDS[NORM]}
        )
        for name in layers_by_name
        if all(f"{name}/{weight}" in source.tensors for weight in KINDS[NORM])
    ]
    if not held:
        raise CheckpointError(
            f"{source.path} has no norm behind its last block; bare='none' reads its states as "
            "they are."
        )
    return head._replace(layers=(*head.layers, ("last", NORM))), [*layers, held[0]]


def _check_whole(transformer: Transformer, task: str) -> None:
    """Refuse a file without a head of the Transformer that the task needs."""
    report = transformer.report
    absent = [item for item in report.fresh if item.reason.startswith(NO_HEAD)]
    if absent:
        raise CheckpointError(
            f"{report.path} lacks {absent[0].ours}, which a task {task!r} needs; its model was "
            "saved without that head."
        )


def _fill(
    network: keras.Model, head: TrainedHead, layers: Sequence[Layer], source: Source
) -> list[Loaded]:
    """Give the head its weights."""
    inside = {id(v) for v in network.transformer.weights}
    weights = {v.path: v for v in network.weights if id(v) not in inside}
    loaded = []
    for ours, layer in _placed(head, layers).items():
        for theirs, name in KINDS[layer.kind].items():
            path, tensor = f"{network.name}/{ours}/{name}", f"{layer.name}/{theirs}"
            spec, variable = source.tensors.spec(tensor), weights.pop(path)
            if spec.shape != tuple(variable.shape):
                raise CheckpointError(
                    f"{source.path}: {tensor} has the shape {spec.shape}, where {head.task!r} with "
                    f"these labels and settings needs {tuple(variable.shape)}."
                )
            variable.assign(source.tensors[tensor])
            loaded.append(Loaded(path, tensor, *spec))
    if weights:
        raise CheckpointError(
            f"{source.path} has nothing for {next(iter(weights))} of a task {head.task!r}."
        )
    return loaded


def _added_to(report: Report, loaded: Sequence[Loaded], notes: Sequence[str]) -> Report:
    """The report of the model's load, and that of its head's."""
    names = {item.theirs for item in loaded}
    return replace(
        report,
        loaded=(*report.loaded, *loaded),
        ignored=tuple(item for item in report.ignored if item.theirs not in names),
        notes=(*report.notes, *notes),
    )
