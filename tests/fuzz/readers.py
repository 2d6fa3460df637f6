"""What is fuzzed: every reader with good files of its own, and what must hold where it loads."""

import contextlib
import csv
import gzip
import json
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import openpyxl
import piece_models
from stored import PATHS, family_of, heads_in
from typer.testing import CliRunner

import playmask
from fuzz import TESTS, containers, damage
from fuzz.damage import Damage
from playmask.checkpoints import (
    bundle,
    hdf5,
    keras_layers,
    megatron,
    safetensors,
    torch_zip,
)
from playmask.checkpoints.identify import identify
from playmask.checkpoints.source import find
from playmask.cli.actions.train import Stopping
from playmask.cli.app import app
from playmask.cli.guard import INTERRUPTED, WRONG
from playmask.data.events import read_events
from playmask.data.formats.uie import read_prompted
from playmask.data.inputs import read_questions, read_sources, read_table, read_texts
from playmask.data.mentions import read_mentions
from playmask.data.passages import read_passages
from playmask.data.readers import read_examples, read_pairs
from playmask.data.relations import read_relations
from playmask.errors import ConfigError
from playmask.model.transformer import weights_by_name
from playmask.tasks.loading import load_task
from playmask.tasks.task_json import read_settings
from playmask.tokenizers import Tokenizer
from playmask.untrusted import OBEYED

FIXTURES = TESTS / "checkpoints" / "fixtures"
TRAINED = TESTS / "oracles" / "bert4keras_h5"
OBJECTS = TESTS / "oracles" / "bert4keras_objects"
Files = Mapping[str, bytes]
Damaging = Callable[[bytes, random.Random], Damage]

KINDS: dict[str, Damaging] = {
    ".index": containers.of_index,
    ".safetensors": containers.of_safetensors,
    ".bin": containers.of_bin,
    ".pt": containers.of_bin,
    ".xlsx": containers.of_bin,
    ".json": damage.of_json,
    ".jsonl": damage.of_json,
    ".gz": containers.of_gzip,
    **dict.fromkeys((".txt", ".tsv", ".csv", ".bio", ".ann"), damage.of_text),
}
"""How a file is damaged, by its suffix; all others byte by byte."""


class WrongLoad(Exception):
    """What was loaded cannot be right."""


class Reader(NamedTuple):
    """A reader under test.

    files: the good ones; read: reads a folder of them, and raises WrongLoad for what cannot be
    right; share: how often it is tried, beside the others; targets: the files that are damaged
    (default: all); exact: whether bytes that were damaged are refused, or else do not matter;
    kinds: how some of the files are damaged, where their suffix does not tell; writes: whether it
    changes files of its own; loads: whether the good ones are loaded, or a format that is refused
    """

    files: Callable[[], Files]
    read: Callable[[Path, random.Random], Any]
    share: float = 1.0
    targets: tuple[str, ...] = ()
    exact: bool = False
    kinds: Mapping[str, Damaging] = {}
    writes: bool = False
    loads: bool = True


def files_in(folder: Path, *names: str) -> Files:
    """The files of a folder, those of some names or all."""
    paths = [folder / name for name in names] or sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def write_files(folder: Path, files: Files) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@cache
def written(write: Callable[[Path], Any]) -> Files:
    """What a function writes into an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return files_in(Path(folder))


# Weights


def tensors_of(tensors: Any) -> dict[str, tuple[Any, ...]]:
    """All tensors, read whole."""
    values = {}
    for name in tensors:
        array, spec = tensors[name], tensors.spec(name)
        if (array.shape, array.dtype) != tuple(spec):
            raise WrongLoad(f"{name} is {array.dtype} {array.shape}, and said to be {spec}")
        values[name] = array.shape, str(array.dtype), np.array(array).tobytes()
    return values


def layers(folder: Path, draw: random.Random) -> None:
    """All tensors of an HDF5 file by the layers' names."""
    path = folder / "best_model.weights"
    tensors_of(keras_layers.by_layers(path, hdf5.read(path)))


@cache
def small_tensors() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    shapes = {"a/kernel": (3, 4), "a/bias": (4,), "b": (), "c/empty": (0, 2), "d": (5, 2, 2)}
    return {name: draw.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def sharded(folder: Path) -> None:
    """Two safetensors with an index."""
    tensors, home = small_tensors(), {}
    for part in range(2):
        file = f"model-{part + 1:05}-of-00002.safetensors"
        names = [*tensors][part::2]
        safetensors.write(folder / file, {name: tensors[name] for name in names})
        home |= dict.fromkeys(names, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": home}))


def ranks(folder: Path) -> None:
    """Two ranks of Megatron's."""
    draw = np.random.default_rng(0)
    shapes = {
        "word_embeddings.weight": (4, 8),
        "transformer.layers.0.attention.query_key_value.weight": (12, 8),
        "transformer.layers.0.attention.dense.weight": (8, 4),
        "transformer.layers.0.mlp.dense_h_to_4h.bias": (16,),
    }
    for rank in range(2):
        tensors = {name: draw.normal(size=s).astype("float32") for name, s in shapes.items()}
        torch_zip.write(folder / megatron.RANK.format(rank), tensors, under="module")


CONTAINERS = {
    "bundle": Reader(
        lambda: files_in(FIXTURES, "one.ckpt.index", "one.ckpt.data-00000-of-00001"),
        lambda folder, _: tensors_of(bundle.read(folder / "one.ckpt")),
        exact=True,
    ),
    "bundle of three": Reader(
        lambda: files_in(FIXTURES, *(p.name for p in FIXTURES.glob("three.ckpt*"))),
        lambda folder, _: tensors_of(bundle.read(folder / "three.ckpt")),
        exact=True,
    ),
    "bundle V1": Reader(
        lambda: files_in(FIXTURES, "v1.ckpt"),
        lambda folder, _: tensors_of(bundle.read(folder / "v1.ckpt")),
        0.2,
        kinds={"v1.ckpt": containers.of_index},
        loads=False,
    ),
    "safetensors": Reader(
        lambda: written(lambda f: safetensors.write(f / "model.safetensors", small_tensors())),
        lambda folder, _: tensors_of(safetensors.read(folder)),
        2,
    ),
    "sharded safetensors": Reader(
        lambda: written(sharded), lambda folder, _: tensors_of(safetensors.read(folder))
    ),
    "zip": Reader(
        lambda: files_in(FIXTURES, "zip.bin"),
        lambda folder, _: tensors_of(torch_zip.read(folder / "zip.bin")),
        1.5,
        exact=True,
    ),
    "stream": Reader(
        lambda: files_in(FIXTURES, "stream.bin"),
        lambda folder, _: tensors_of(torch_zip.read(folder / "stream.bin")),
        1.5,
    ),
    "training checkpoint": Reader(
        lambda: files_in(FIXTURES, "training.bin"),
        lambda folder, _: tensors_of(torch_zip.read(folder / "training.bin")),
        exact=True,
    ),
    "hdf5": Reader(
        lambda: files_in(TRAINED / "bert_casrel", "best_model.weights"),
        layers,
        1.5,
        kinds={"best_model.weights": containers.of_hdf5},
    ),
    "object graph": Reader(
        lambda: checkpoint(OBJECTS / "bert_classifier"),
        lambda folder, _: tensors_of(find(folder).tensors),
        0.3,
        ("bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"),
    ),
    "megatron": Reader(
        lambda: written(ranks), lambda folder, _: tensors_of(megatron.read(folder)), exact=True
    ),
}


# Configurations and whole models


def checkpoint(folder: Path) -> Files:
    """A checkpoint without what its original program computed with it."""
    names = (path.name for path in folder.iterdir() if not path.name.startswith("case."))
    return files_in(folder, *sorted(names))


def identified(family: str, folder: Path, draw: random.Random) -> Any:
    """The architecture of a checkpoint, which nothing is loaded for."""
    return identify(find(folder, family), family, ()).architecture.to_json()


def own(folder: Path, draw: random.Random) -> Any:
    """The architecture of a checkpoint of playmask's own."""
    return identify(find(folder), None, ()).architecture.to_json()


def loaded(folder: Path, draw: random.Random, **options: Any) -> None:
    """A whole model, its weights finite in shape and number."""
    model = playmask.load(folder, **options)
    for name, weight in weights_by_name(model).items():
        if np.array(weight.value).shape != tuple(weight.shape):
            raise WrongLoad(f"{name} is not of the shape {weight.shape}")


def tiny_model(folder: Path) -> None:
    """A small model in playmask's own format, with its tokenizer."""
    import keras

    keras.utils.set_random_seed(0)
    tokenizer = Tokenizer.from_texts(["今天天气好，the cat sat"], minimum=1)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer), pad=tokenizer.pad, width=8, depth=1, attention_heads=2, inner=16
    )
    playmask.save(playmask.build(architecture, "mlm"), folder, tokenizer=tokenizer)


def tiny_task(folder: Path) -> None:
    """A small classifier."""
    tiny_model(folder)
    model = playmask.load(folder)
    playmask.TextClassifier.new(model, ["好", "坏"], max_length=16).save(folder)


def trained(case: str) -> Files:
    """What a bert4keras script left behind, with a tokenizer."""
    words = Tokenizer.from_texts(["今天天气好"], minimum=1)
    held = files_in(TRAINED / case, "best_model.weights", "config.json")
    return {**held, **written(words.save)}


def trained_task(folder: Path, draw: random.Random, **options: Any) -> None:
    """A task of it."""
    load_task(folder / "best_model.weights", family="bert", **options)


def described(folder: Path, draw: random.Random) -> Any:
    """What `playmask inspect` shows."""
    from playmask.cli.actions.inspect import describe_checkpoint

    return json.dumps(describe_checkpoint(folder).to_json(tensors=True))


MODELS = {
    **{
        f"config of {name}": Reader(
            partial(checkpoint, path), partial(identified, family_of(name)), 0.15, ("config.json",)
        )
        for name, path in PATHS.items()
    },
    **{
        f"load of {name}": Reader(
            partial(checkpoint, path),
            partial(loaded, family=family_of(name), heads=heads_in(name)),
            0.1,
        )
        for name, path in PATHS.items()
    },
    "architecture.json": Reader(lambda: written(tiny_model), own, 3, ("architecture.json",)),
    "task.json": Reader(
        lambda: written(tiny_task),
        lambda folder, _: read_settings(folder) and None,
        2,
        ("task.json",),
    ),
    "load, playmask": Reader(lambda: written(tiny_model), loaded, 0.5),
    "load_task of trained heads": Reader(
        partial(trained, "bert_casrel"),
        partial(trained_task, task="relations", labels=[*"abcde"]),
        0.3,
        ("best_model.weights", "config.json"),
        kinds={"best_model.weights": containers.of_hdf5},
    ),
    "load_task": Reader(lambda: written(tiny_task), lambda f, _: load_task(f) and None, 0.5),
    "inspect": Reader(lambda: written(tiny_task), described, 0.4),
}


# Tokenizers

TEXTS = ("今天天气好，the Cat sat. 1²", "", " ", "[CLS] </s> \x00 \u3000", "𠮷👨\u200d👩é" * 3)


def tokenized(folder: Path, draw: random.Random) -> None:
    """A tokenizer that encodes, decodes, and is saved the same."""
    tokenizer = Tokenizer.load(folder)
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        if not all(0 <= n < len(tokenizer) for n in ids):
            raise WrongLoad(f"{text!r} has ids {ids[:9]} with {len(tokenizer)} tokens")
        tokenizer.decode(ids)


def words(folder: Path) -> None:
    """A WordPiece tokenizer.json."""
    Tokenizer.from_texts(["今天天气好，the cat sat on the mat"], minimum=1).save(folder)


def vocabulary(folder: Path) -> None:
    """BERT's vocab.txt with what stands beside it."""
    Tokenizer.from_texts(["今天天气好，the cat sat on the mat"], minimum=1).save(folder, vocab=True)
    (folder / "tokenizer.json").unlink()
    marks = {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "strip_accents": None}
    marks["added_tokens_decoder"] = {"40": {"content": "[e1]", "special": True, "lstrip": False}}
    (folder / "tokenizer_config.json").write_text(json.dumps(marks))
    (folder / "added_tokens.json").write_text(json.dumps({"[e1]": 40}))
    marks = {"cls_token": "[CLS]", "additional_special_tokens": ["[e1]"], "unk_token": "[UNK]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(marks))


def byte_pairs(folder: Path) -> None:
    """GPT-2's vocab.json and merges.txt."""
    from playmask.tokenizers.bpe import BYTES

    letters = sorted(BYTES)
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the")]
    tokens = [*letters, *("".join(pair) for pair in merges), "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8"
    )


def pieces(name: str, folder: Path) -> None:
    """A SentencePiece model."""
    (folder / "spiece.model").write_bytes(piece_models.model(name))


def pieces_as_json(name: str, folder: Path) -> None:
    """The same as a tokenizer.json."""
    with tempfile.TemporaryDirectory() as other:
        pieces(name, Path(other))
        Tokenizer.load(other).save(folder)


def byte_pairs_as_json(folder: Path) -> None:
    """GPT-2's as a tokenizer.json."""
    with tempfile.TemporaryDirectory() as other:
        byte_pairs(Path(other))
        Tokenizer.load(other).save(folder)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "tokenizer.json, WordPiece": words,
    "tokenizer.json, BPE": byte_pairs_as_json,
    "tokenizer.json, Unigram": partial(pieces_as_json, "albert"),
    "tokenizer.json, SentencePiece's BPE": partial(pieces_as_json, "bpe"),
    "vocab.txt": vocabulary,
    "vocab.json": byte_pairs,
    "spiece.model, ALBERT": partial(pieces, "albert"),
    "spiece.model, T5": partial(pieces, "t5"),
}
TOKENIZERS = {
    name: Reader(partial(written, write), tokenized, 1.5) for name, write in WRITERS.items()
}


# Data


def whole(examples: Iterable[Any]) -> None:
    """See that all strings can be written, and that spans lie in their texts."""
    for example in examples:
        for value in strings_in(example):
            value.encode()
        for mention in getattr(example, "mentions", ()):
            if not 0 <= mention.start < mention.end <= len(example.text):
                raise WrongLoad(f"{mention} is not in a text of {len(example.text)} characters")


def strings_in(value: Any) -> Iterable[str]:
    """All strings of nested tuples, lists and dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from strings_in([*value.keys(), *value.values()])
    elif isinstance(value, tuple | list):
        for each in value:
            yield from strings_in(each)


def data(
    read: Callable[..., Any],
    name: str,
    content: str,
    *also: tuple[str, str],
    encoding: str = "utf-8",
    **options: Any,
) -> Reader:
    """A reader of data on a file, and others beside it."""

    def files() -> Files:
        held = {key: text.encode(encoding) for key, text in ((name, content), *also)}
        return {k: gzip.compress(v, mtime=0) if k.endswith(".gz") else v for k, v in held.items()}

    def run(folder: Path, draw: random.Random) -> None:
        whole(read(folder / name, skip_bad=draw.random() < 0.5, **options))

    return Reader(files, run)


def jsonl(*values: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


TABLE = "text\tlabel\n今天好\tgood\n明天坏\tbad\nthe cat\tgood\n"
CSV = 'text,label\n"今天,好",good\n明天坏,bad\n"two\nlines",good\n'
PAIR = "一\t二\t1\n三\t四\t0\n五\t六\t1\n"
TAGS = "王 B-PER\n芳 I-PER\n在 O\n\n-DOCSTART- O\n\nU.N. S-ORG\nofficial O\n"
MENTIONS = jsonl(
    {"text": "王芳在北京", "mentions": [{"start": 0, "end": 2, "label": "PER", "text": "王芳"}]},
    {"text": "北京", "entities": [[0, 2, "LOC"]]},
)
CLUENER = jsonl(
    {"text": "王芳在北京", "label": {"name": {"王芳": [[0, 1]]}, "address": {"北京": [[3, 4]]}}}
)
MENTION_TABLE = (
    "text,start,end,label,mention\n王芳在北京,0,2,PER,王芳\n王芳在北京,3,5,LOC,北京\n好,,,,\n"
)
BRAT = "T1\tPER 0 2\t王芳\nT2\tLOC 3 5\t北京\nR1\tin Arg1:T1 Arg2:T2\n"
RELATIONS = jsonl(
    {"text": "王芳在北京", "spo_list": [{"subject": "王芳", "predicate": "在", "object": "北京"}]},
    {"text": "王芳在北京", "triple_list": [["王芳", "在", "北京"]]},
    {
        "text": "王芳在北京",
        "relations": [
            {
                "subject": {"start": 0, "end": 2},
                "predicate": "在",
                "object": {"@value": {"start": 3, "end": 5}},
            }
        ],
    },
)
CONLL04 = (
    "#doc 1\n0\tJohn\tB-Peop\t['Live_In']\t[2]\n1\tin\tO\t['N']\t[1]\n2\tRome\tB-Loc\t['N']\t[2]\n"
)
EVENTS = jsonl(
    {
        "text": "王芳昨天在北京结婚",
        "event_list": [
            {
                "event_type": "结婚",
                "trigger": "结婚",
                "trigger_start_index": 7,
                "arguments": [{"role": "人", "argument": "王芳", "argument_start_index": 0}],
            }
        ],
    }
)
SQUAD = json.dumps(
    {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": "京有高勇在。",
                        "qas": [
                            {
                                "id": "Q1",
                                "question": "谁？",
                                "answers": [{"text": "高勇", "answer_start": 2}],
                            }
                        ],
                    }
                ]
            }
        ]
    }
)
PROMPTED = jsonl(
    {
        "content": "王芳在北京",
        "prompt": "人",
        "result_list": [{"text": "王芳", "start": 0, "end": 2}],
    },
    {
        "content": "好",
        "prompt": "情感[正,负]",
        "result_list": [{"text": "正", "start": -5, "end": -4}],
    },
)
STANDOFF = """T1\tPER 0 2\t王芳
T2\tLOC 3 5\t北京
R1\tin Arg1:T1 Arg2:T2
E1\tStay:T2 Who:T1 Why:E1
"""
ASKED = jsonl({"question": "谁？", "text": "京有高勇在。", "answers": ["高勇"], "id": "1"})
LABELLED = jsonl(
    {"text": "今天好", "label": "good"},
    {"text": "明天坏", "label": ["bad", "sad"]},
    {"text": "x", "label": 1.5},
)


@cache
def workbook() -> Files:
    book = openpyxl.Workbook()
    for row in csv.reader(CSV.splitlines()):
        book.active.append(row)
    return written(lambda folder: book.save(folder / "a.xlsx"))


DATA = {
    "labelled .tsv": data(read_examples, "a.tsv", TABLE),
    "labelled .csv": data(read_examples, "a.csv", CSV),
    "labelled .csv, GB 18030": data(read_examples, "a.csv", CSV, encoding="gb18030"),
    "labelled .csv, UTF-16": data(read_examples, "a.csv", CSV, encoding="utf-16"),
    "labelled .xlsx": Reader(workbook, lambda folder, _: whole(read_examples(folder / "a.xlsx"))),
    "labelled .jsonl": data(read_examples, "a.jsonl", LABELLED, separator="|"),
    "labelled .tsv.gz": data(read_examples, "a.tsv.gz", TABLE),
    "pairs .tsv": data(read_examples, "a.tsv", PAIR),
    "sources .tsv": data(read_pairs, "a.tsv", "源\t标\n一\t二\n"),
    "inputs .csv": data(read_table, "a.csv", CSV),
    "inputs .tsv of sources": data(read_sources, "a.tsv", "一\n三\n"),
    "inputs .jsonl": data(read_texts, "a.jsonl", jsonl({"text": "今天", "id": 3}, {"text": "好"})),
    "mentions .bio": data(read_mentions, "a.bio", TAGS),
    "mentions .jsonl": data(read_mentions, "a.jsonl", MENTIONS),
    "mentions of CLUENER": data(read_mentions, "a.json", CLUENER),
    "mentions .csv": data(read_mentions, "a.csv", MENTION_TABLE),
    "mentions .ann": data(read_mentions, "a.ann", BRAT, ("a.txt", "王芳在北京\n")),
    "relations .ann": data(read_relations, "a.ann", STANDOFF, ("a.txt", "王芳在北京\n")),
    "events .ann": data(read_events, "a.ann", STANDOFF, ("a.txt", "王芳在北京\n")),
    "relations .jsonl": data(read_relations, "a.jsonl", RELATIONS),
    "relations of CoNLL04": data(read_relations, "a.txt", CONLL04),
    "events .jsonl": data(read_events, "a.jsonl", EVENTS),
    "prompts of UIE": data(read_prompted, "a.jsonl", PROMPTED),
    "passages of SQuAD": data(read_passages, "a.json", SQUAD),
    "passages .jsonl": data(read_passages, "a.jsonl", ASKED),
    "questions .json": data(read_questions, "a.json", SQUAD),
}


# What else is kept in a folder


class OneVector:
    """An encoder to whom all sentences are the same."""

    def encode(self, texts: Any) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, "float32")


def index(folder: Path) -> None:
    """An index of sentences."""
    playmask.SentenceIndex.of(OneVector(), ["今天", "明天"]).save(folder)


def searched(folder: Path, draw: random.Random) -> None:
    found = playmask.SentenceIndex.load(folder, OneVector()).search("今天", 2)
    whole(found)


# Commands, which end with 1 where an exception is not playmask's own


def interrupt(self: Any, epoch: int, logs: Any = None) -> None:
    """Ctrl-C when the second epoch begins."""
    if epoch == 1:
        raise KeyboardInterrupt


@cache
def reviews() -> Files:
    """A classifier that the command line began to train on a file beside it, and may go on with."""

    def write(folder: Path) -> None:
        tiny_model(folder / "model")
        (folder / "a.tsv").write_text(TABLE, encoding="utf-8")
        line = ["train", "classify", "a.tsv", "--model", "model", "--out", "out", "--epochs", "2"]
        line += ["--validation", "a.tsv", "--max-length", "8"]
        with contextlib.chdir(folder), mock.patch.object(Stopping, "on_epoch_begin", interrupt):
            result = CliRunner().invoke(app, line)
        assert result.exit_code == INTERRUPTED, result.stderr

    return written(write)


def call(*line: str) -> None:
    """Run a command in this process; it may refuse, in one line, and nothing else."""
    result = CliRunner().invoke(app, line)
    said = [each for each in result.stderr.splitlines() if each.startswith("playmask: ")]
    if result.exit_code == WRONG and len(said) == 1:
        raise ConfigError(said[0])
    if result.exit_code != 0:
        raise WrongLoad(f"exit code {result.exit_code}: {result.stderr[-2000:]}")
    if OBEYED.search((result.stdout + result.stderr).replace("\n", "").replace("\t", "")):
        raise WrongLoad("characters that a terminal obeys")


def command(*line: str, share: float = 0.3, targets: tuple[str, ...] = ()) -> Reader:
    """A command as a reader of the files of `reviews`."""

    def read(folder: Path, draw: random.Random) -> None:
        call(*line)

    return Reader(reviews, read, share, targets, writes=True)


COMMANDS = {
    "playmask inspect": command("inspect", "out", "--tensors"),
    "playmask count": command("count", "model", "--length", "8"),
    "playmask predict": command("predict", "out", "a.tsv"),
    "playmask evaluate": command("evaluate", "out", "a.tsv", "--skip-bad"),
    "playmask draw attention": command("draw", "attention", "out", "今天天气好"),
    "playmask train --resume": command(
        "train", "classify", "a.tsv", "--out", "out", "--resume", share=0.1
    ),
}


OTHERS = {"index of sentences": Reader(lambda: written(index), searched)}

READERS: dict[str, Reader] = {**CONTAINERS, **MODELS, **TOKENIZERS, **DATA, **OTHERS, **COMMANDS}
