"""The original programs' checkpoints as files: what they are, and copies with changes."""

import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import playmask
from oracles import ORACLES
from playmask.checkpoints import bundle, safetensors
from playmask.checkpoints.source import find
from playmask.families import FAMILIES
from playmask.families.names import Dialect
from playmask.model.heads import HEADS
from playmask.model.transformer import Transformer

PATHS = {
    str(folder.relative_to(ORACLES)): folder
    for folder in sorted(ORACLES.glob("*/*"))
    if (folder / "config.json").exists()
    and not folder.name.startswith("head_")
    and folder.parent.name != "sentence_transformers"
    and not folder.parent.name.startswith("bert4keras_")
}
"""All checkpoints, by program and case, but those that are tasks (`tests/tasks/published`), and
those that are only read."""

BERT4KERAS = {
    "albert_unshared": "albert",
    "t5.1.0": "t5",
    "t5.1.0_encoder": "t5",
    "t5.1.1": "t5_1_1",
    "mt5.1.1": "mt5",
}
TRANSFORMERS = {"openai-gpt": "gpt", "xlm-roberta": "roberta"}
"""What the programs call families that have another name here."""

NAMED = {"ElectraForMaskedLM": "electra_generator", "CPTForConditionalGeneration": "cpt"}
"""Classes whose families declare the model_type of another."""

Tensors = dict[str, np.ndarray]


def config_of(name: str) -> dict[str, Any]:
    """A checkpoint's configuration."""
    return json.loads((PATHS[name] / "config.json").read_text())


def written_config(folder: Path) -> dict[str, Any]:
    """The configuration that was saved into a directory."""
    (file,) = folder.glob("*config.json")
    return json.loads(file.read_text())


def family_of(name: str) -> str:
    """The family of a checkpoint, from what its program said of it."""
    if container_of(name) == "google":
        kind = json.loads((PATHS[name] / "case.json").read_text())["build"]["model"]
        return BERT4KERAS.get(kind, kind)
    config = config_of(name)
    own = NAMED.get(config["architectures"][0])
    if own is not None:
        return own
    kind = TRANSFORMERS.get(config["model_type"], config["model_type"].replace("-", "_"))
    return "t5_1_1" if kind == "t5" and config.get("is_gated_act") else kind


def container_of(name: str) -> str:
    """The dialect of a checkpoint, from the program that wrote it."""
    return "google" if name.startswith("bert4keras") else "huggingface"


def dialect_of(name: str) -> Dialect:
    """The rules for a checkpoint's names."""
    return FAMILIES[family_of(name)].dialects[container_of(name)]


@cache
def heads_in(name: str) -> tuple[str, ...]:
    """The heads that a checkpoint has; a vocabulary head may be the token table alone."""
    found = {str(dialect_of(name).ours_for(tensor)).split("/")[0] for tensor in tensors_of(name)}
    own = playmask.architecture(PATHS[name], family=family_of(name)).vocabulary_head
    bare = own.tied and not own.transform and not own.bias
    return tuple(head for head in HEADS if head in found or (head == "mlm" and bare))


def load(name: str, path: Path | None = None, **options: Any) -> Transformer:
    """Load all of a checkpoint, or of a copy of it."""
    given = {"heads": heads_in(name), "family": family_of(name), **options}
    return playmask.load(path or PATHS[name], **given)


def tensors_of(place: str | Path) -> Any:
    """The tensors of a checkpoint or a directory, by name."""
    return find(PATHS[place] if isinstance(place, str) else place).tensors


def arrays_of(name: str) -> Tensors:
    """Copies of a checkpoint's tensors."""
    return {tensor: np.array(value) for tensor, value in tensors_of(name).items()}


def inputs_of(name: str) -> dict[str, np.ndarray]:
    """What any of the models takes: ids that are no padding of either kind."""
    ids = np.random.default_rng(3).integers(2, 80, (2, 7)).astype("int32")
    decodes = FAMILIES[family_of(name)].base.decoder and "encoder" not in name
    return {"tokens": ids, **({"target_tokens": ids[:, :5]} if decodes else {})}


def rewritten(
    name: str, place: Path, change: Callable[[Tensors], Any] | None = None, **config: Any
) -> Path:
    """A copy whose tensors were changed by a function, and whose configuration by values."""
    place.mkdir(exist_ok=True)
    tensors = arrays_of(name)
    if change is not None:
        change(tensors)
    if container_of(name) == "google":
        bundle.write(place / "model.ckpt", tensors)
    else:
        safetensors.write(place / "model.safetensors", tensors)
    (place / "config.json").write_text(json.dumps(config_of(name) | config))
    return place


def shards(tensors: Tensors, place: Path, count: int = 3) -> Path:
    """Safetensors in several files with an index, as large models come."""
    home = {}
    for part in range(count):
        file = f"model-{part + 1:05}-of-{count:05}.safetensors"
        names = list(tensors)[part::count]
        safetensors.write(place / file, {name: tensors[name] for name in names})
        home |= dict.fromkeys(names, file)
    (place / "model.safetensors.index.json").write_text(json.dumps({"weight_map": home}))
    return place


def torch_bin(tensors: Tensors, place: Path) -> Path:
    """A pytorch_model.bin of float32 tensors, its pickle put together opcode by opcode."""
    body = b""
    with zipfile.ZipFile(place / "pytorch_model.bin", "w") as archive:
        for key, (name, array) in enumerate(tensors.items()):
            strides = np.array(array.strides) // 4
            storage = b"(%bctorch\nFloatStorage\n%b%b%btQ" % (
                _text("storage"), _text(str(key)), _text("cpu"), _number(array.size),
            )  # fmt: skip
            arguments = storage + _number(0) + _numbers(array.shape) + _numbers(strides)
            body += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments
            body += b"\x89ccollections\nOrderedDict\n)RtRs"
            archive.writestr(f"x/data/{key}", array.tobytes())
        archive.writestr("x/data.pkl", b"\x80\x02}" + body + b".")
        archive.writestr("x/byteorder", b"little")
    return place


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _numbers(values: Any) -> bytes:
    return b"(" + b"".join(_number(int(value)) for value in values) + b"t"
