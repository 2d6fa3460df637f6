"""bert4keras' example scripts beside playmask's of the same names: seconds and outputs.

    python benchmarks/from_bert4keras.py UPSTREAM [--only NAME,…] [--shape base] [--runs 2]

UPSTREAM is a checkout of github.com/bojone/bert4keras. Its scripts run as they stand on TensorFlow
1.15, in the environment that benchmarks/environments.py makes, but for paths and what CHANGES
lists; ours run on JAX. Both read the same checkpoint with random weights, in the original
TensorFlow format, and the same files of real texts (PLAYMASK_DATA). A script that trains is
stopped where it would, and trained for some epochs of a few steps, without what it does after an
epoch; of one that does not, its answer is asked for again. `first` is a script from its first line
on, with all that is compiled, imports aside. Before a training upstream's script saves its
weights, which ours load: answers and the loss of the first batch are compared.

What was found is merged into docs/benchmarks/from_bert4keras.json, of which
documentation.bert4keras_seconds in tools makes the table of docs/from_bert4keras.md.
"""

import argparse
import datetime
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import environments
import machine
from example_files import SHAPES, Data, checkpoint
from measuring import PASSIVE, Case, Peer, Side

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "benchmarks" / "from_bert4keras.json"
EPOCHS, STEPS = 2, 2
PROMPTS = ["今天天气不错", "双十一"]
REVIEWS = ["这是一本很好看的书", "房间很小，服务也不热情，下次不会再来。"]
TEXT = "科学技术是第一生产力。"
TITLES = ("针对深度学习模型参数多、计算量大的问题，提出一种剪枝的方法。",)
CLASSES = {"task": "classify", "labels": [str(i) for i in range(119)], "max_length": 128}
SEQ2SEQ = {"task": "seq2seq", "max_source": 224, "max_target": 32}


class Example(NamedTuple):
    """A script, and what both sides run it with.

    kind: of checkpoint; arguments: of our script: MODEL, files, OUT for what is not there yet;
    batch: of a training; texts: to answer; task: how the weights that upstream's script saves are
    loaded here, with labels, or the file that has them; first: the file whose first batch gives
    the loss; changes, ours: of the scripts; steps: of an epoch; fit: which of its trainings is
    watched; new: tokens that are written; rows: that ours learns in an epoch, where the steps do
    not say it
    """

    arguments: str
    kind: str = "bert"
    batch: int = 0
    texts: tuple[Any, ...] = ("",)
    task: dict[str, Any] | None = None
    first: str | None = None
    changes: tuple[tuple[str, str], ...] = ()
    ours: tuple[tuple[str, str], ...] = ()
    steps: int = STEPS
    fit: int = 1
    new: int = 64
    rows: int = 0


LENGTHS = (("maxlen=256", "maxlen=64"), ("minlen=128", "minlen=64"))
SHORTER = (("max_tokens=256, min_tokens=128", "max_tokens=64, min_tokens=64"),)
BLOCKS = (("bert_layers = 12", "bert_layers = DEPTH"),)
LOADED = 'playmask.load(sys.argv[1], heads="mlm", mask="lm", like="bert4keras")'
AS_THERE = ("LanguageModel.new(sys.argv[1]", f"LanguageModel.new({LOADED}")
TOPICS = "MODEL topics.json topics.json"
SIMPLIFIED = "bert, simplified"

EXAMPLES = {
    "basic_extract_features": Example("MODEL 语言模型 OUT"),
    "basic_gibbs_sampling_via_mlm": Example(
        f"MODEL {TEXT}",
        texts=(TEXT,),
        changes=(("^steps = .*$", "steps = 200"), ("^converged_steps.*$", "converged_steps = 0")),
        ours=(("steps=10_000, every=100", "steps=200, every=10"),),
    ),
    "basic_language_model_gpt2_ml": Example(
        "MODEL", "gpt2_ml", texts=tuple(PROMPTS), changes=LENGTHS, ours=SHORTER
    ),
    "basic_language_model_nezha_gen_gpt": Example(
        "MODEL", "nezha", texts=tuple(PROMPTS), ours=(*SHORTER, AS_THERE),
        changes=(*LENGTHS, ("application='lm'", "application='lm', model='nezha'")),
    ),
    "basic_make_uncased_model_cased": Example("MODEL 'Welcome to BEIJING.' OUT"),
    "basic_masked_language_model": Example("MODEL 科学[MASK][MASK]是第一生产力"),
    "basic_simple_web_serving_simbert": Example(
        "MODEL 8000",
        texts=tuple(REVIEWS),
        changes=(("    web.start()", "    pass"),),
        ours=(("uvicorn.run(app, port=int(port))", ""),),
    ),
    "task_conditional_language_model": Example("MODEL reviews.data", SIMPLIFIED, 32),
    "task_iflytek_adversarial_training": Example(
        f"{TOPICS} topics.json OUT", batch=32, texts=tuple(REVIEWS), task=CLASSES,
        first="topics.json",
    ),
    "task_iflytek_bert_of_theseus": Example(
        "MODEL topics.json topics.json 2", batch=32, fit=2,
        changes=(("num_hidden_layers=3", "num_hidden_layers=2"),),
        ours=(('print("teacher", teacher.evaluate(valid))', ""),),
    ),
    "task_iflytek_gradient_penalty": Example(
        TOPICS, batch=32, texts=tuple(REVIEWS), task=CLASSES
    ),
    "task_language_model": Example(
        "MODEL novel.txt 今天", SIMPLIFIED, 16, changes=(("'  '", "'\\n'"),)
    ),
    "task_question_answer_generation_by_seq2seq": Example(
        "MODEL squad.json squad.json OUT.jsonl", SIMPLIFIED, 32, rows=2 * 32 * STEPS,
        ours=(("if q.answers]", f"if q.answers][: {32 * STEPS}]"),),
    ),
    "task_reading_comprehension_by_mlm": Example(
        "MODEL squad.json squad.json OUT", f"{SIMPLIFIED}, mask", 32
    ),
    "task_reading_comprehension_by_seq2seq": Example(
        "MODEL squad.json squad.json OUT", SIMPLIFIED, 32
    ),
    "task_relation_extraction": Example("MODEL relations.jsonl relations.jsonl OUT", batch=64),
    "task_relation_extraction_gplinker": Example(
        "MODEL relations.jsonl relations.jsonl OUT", batch=64
    ),
    "task_sentence_similarity_lcqmc": Example(
        "MODEL pairs.data pairs.data pairs.data", batch=64,
        texts=(["花呗怎么还款", "花呗如何还钱"], ["借呗能提前还吗", "花呗能提额吗"]),
        task={"task": "classify", "labels": ["0", "1"], "max_length": 128}, first="pairs.data",
    ),
    "task_sentiment_albert": Example(
        "MODEL reviews.data reviews.data reviews.data OUT", "albert", 32, tuple(REVIEWS),
        {"task": "classify", "labels": ["0", "1"], "max_length": 128, "like": "bert4keras",
         "activation": "gelu_tanh"},
        "reviews.data",
    ),
    "task_sentiment_virtual_adversarial_training": Example(
        "MODEL reviews.data reviews.data reviews.data", batch=32, steps=1,
        texts=tuple(REVIEWS), task={"task": "classify", "labels": ["0", "1"], "max_length": 128},
        changes=(("train_frac = 0.01", "train_frac = 0.25"),),
    ),
    "task_seq2seq_ape210k_math_word_problem": Example(
        "MODEL problems.json problems.json", SIMPLIFIED, 32,
    ),
    "task_seq2seq_autotitle_csl": Example(
        "MODEL titles.tsv titles.tsv", SIMPLIFIED, 16, TITLES, SEQ2SEQ, "titles.tsv"
    ),
    "task_sequence_labeling_cws_crf": Example(
        "MODEL words.utf8 raw.txt OUT", batch=32, changes=BLOCKS,
    ),
    "task_sequence_labeling_ner_crf": Example(
        "MODEL tags.bio tags.bio tags.bio", batch=32, changes=BLOCKS,
        texts=("高勇，男，中国国籍，无境外居留权。", "1966年出生，汉族，本科学历，工程师。"),
        task={"task": "tag", "labels": "tags.bio", "max_length": 256, "multiplier": 1000},
        first="tags.bio",
    ),
}  # fmt: skip
"""The scripts that are run. NEZHA-GEN's published configuration says which model it is."""

LEFT_OUT = {
    "basic_language_model_cpm_lm": {
        "en": "not run: no SentencePiece model of CPM's",
        "zh": "没有运行：缺 CPM 的 SentencePiece 模型",
    },
    "task_iflytek_multigpu": {"en": "not run: one device", "zh": "没有运行：只有一个设备"},
    "task_image_caption": {
        "en": "not run: downloads weights of ImageNet",
        "zh": "没有运行：要下载 ImageNet 的权重",
    },
    "task_language_model_chinese_chess": {
        "en": "not run: needs the package cchess",
        "zh": "没有运行：要 cchess 包",
    },
    "task_sentiment_integrated_gradients": {
        "en": "not run: other points and another score here",
        "zh": "没有运行：这里取的点和分数都不同",
    },
    "task_seq2seq_autotitle": {
        "en": "as `task_seq2seq_autotitle_csl`, from other files",
        "zh": "同 `task_seq2seq_autotitle_csl`，只是文件不同",
    },
    "task_seq2seq_autotitle_csl_mt5": {
        "en": "not run: no SentencePiece model of mT5's",
        "zh": "没有运行：缺 mT5 的 SentencePiece 模型",
    },
    "task_seq2seq_autotitle_multigpu": {
        "en": "not run: one device",
        "zh": "没有运行：只有一个设备",
    },
}
"""The scripts that are not, and why."""

NOTES = {
    "task_conditional_language_model": {
        "en": "not compared: labels are embedded there, one-hot here; reviews are cut otherwise",
        "zh": "没有比：那边标签有 embedding，这边是 one-hot，长评论的切法也不同",
    },
    "task_iflytek_bert_of_theseus": {
        "en": "not compared: the successor begins with the first blocks there, with every few here",
        "zh": "没有比：那边 successor 从前几个 block 开始，这边每隔几个取一个",
    },
    "task_language_model": {
        "en": "not compared: passages overlap there, each sentence is learnt once here",
        "zh": "没有比：那边的段落互相重叠，这边每个句子只学一次",
    },
    "task_question_answer_generation_by_seq2seq": {
        "en": "not compared: answer and question are one target there, two here",
        "zh": "没有比：那边答案和问题是一个目标，这边是两个",
    },
    "task_reading_comprehension_by_mlm": {
        "en": "not compared: gaps token by token there, all spans at once here",
        "zh": "没有比：那边逐个 token 填空，这边所有片段一起比较",
    },
    "task_reading_comprehension_by_seq2seq": {
        "en": "not compared: an average over passages there, one passage in windows here",
        "zh": "没有比：那边对多个段落取平均，这边一个段落分窗口读",
    },
    "task_relation_extraction": {
        "en": "not compared: the conditional norm replaces BERT's last one there, follows it here",
        "zh": "没有比：那边条件归一化代替 BERT 的最后一个，这边接在它后面",
    },
    "task_relation_extraction_gplinker": {
        "en": "not compared: the first place of a name is learnt there, all here",
        "zh": "没有比：那边只学名字第一次出现的位置，这边学所有位置",
    },
    "task_seq2seq_ape210k_math_word_problem": {
        "en": "not compared: equations lose redundant brackets there, and may be no expressions",
        "zh": "没有比：那边去掉等式里多余的括号，写出的也可以不是表达式",
    },
    "task_sequence_labeling_cws_crf": {
        "en": "not compared: what is put on the model is drawn at random on each side",
        "zh": "没有比：模型之上的层两边各自随机初始化",
    },
    "task_sequence_labeling_ner_crf": {
        "en": "the tags of all tokens; the loss is of a text there, of a token here: the same with "
        "34.1875 tokens a text",
        "zh": "比的是每个 token 的标签；那边是每条文本的损失，这边是每个 token 的："
        "每条文本 34.1875 个 token，两者相同",
    },
}
"""What is to be said of outputs."""

PATHS = {
    "/root/CLUE-master/baselines/CLUEdataset/iflytek/train.json": "topics.json",
    "/root/CLUE-master/baselines/CLUEdataset/iflytek/dev.json": "topics.json",
    "datasets/sentiment/sentiment.train.data": "reviews.data",
    "datasets/sentiment/sentiment.valid.data": "few.data",
    "datasets/sentiment/sentiment.test.data": "few.data",
    "datasets/lcqmc/lcqmc.train.data": "pairs.data",
    "datasets/lcqmc/lcqmc.valid.data": "pairs.data",
    "datasets/lcqmc/lcqmc.test.data": "pairs.data",
    "/root/金庸/*/*.txt": "novels/*/*.txt",
    "/root/qa_datasets/WebQA.json": "none.json",
    "/root/qa_datasets/SogouQA.json": "webqa.json",
    "../random_order.json": "random_order.json",
    "/root/kg/datasets/train_data.json": "relations.jsonl",
    "/root/kg/datasets/dev_data.json": "relations.jsonl",
    "/root/kg/datasets/all_50_schemas": "schemas.jsonl",
    "/root/ape210k/train.ape.json": "ape.json",
    "/root/ape210k/valid.ape.json": "ape.json",
    "/root/ape210k/test.ape.json": "ape.json",
    "/root/csl/train.tsv": "csl.tsv",
    "/root/csl/val.tsv": "csl.tsv",
    "/root/csl/test.tsv": "csl.tsv",
    "/root/icwb2-data/training/pku_training.utf8": "words.utf8",
    "/root/ner/china-people-daily-ner-corpus/example.train": "tags.bio",
    "/root/ner/china-people-daily-ner-corpus/example.dev": "tags.bio",
    "/root/ner/china-people-daily-ner-corpus/example.test": "tags.bio",
}
"""Paths of upstream's scripts, and the files that stand there instead."""


def sides(name: str, shape: str, upstream: Path, work: Path) -> dict[str, dict[str, Any]]:
    """What each side is asked for a script."""
    example = EXAMPLES[name]
    theirs = checkpoint(work / "checkpoints", example.kind.partition(",")[0], shape)
    ours = checkpoint(work / "checkpoints", example.kind, shape)
    config = next(theirs.glob("*config.json"))
    source = (upstream / "examples" / f"{name}.py").read_text(encoding="utf-8")
    prefix = next(theirs.glob("*.index")).with_suffix("")
    places = {"config": config, "checkpoint": prefix, "dict": theirs / "vocab.txt"}
    changes = [[rf"^{key}_path = .*$", f"{key}_path = '{path}'"] for key, path in places.items()]
    changes += [[old, new] for old, new in PATHS.items() if old in source]
    depth = str(SHAPES[shape]["depth"])
    changes += [[old, new.replace("DEPTH", depth)] for old, new in example.changes]
    folder = work / "files"
    out = work / "out" / f"{name}-{shape}"
    out.mkdir(parents=True, exist_ok=True)
    common = {
        "name": name, "folder": str(folder), "texts": example.texts, "new": example.new,
        "steps": example.steps, "epochs": EPOCHS, "batch": example.batch, "fit": example.fit,
        "rows": example.rows or example.steps * example.batch,
        "weights": str(out / "first.weights") if example.task else None,
        "loss": example.first is not None,
    }  # fmt: skip
    words = {"MODEL": str(ours), "OUT": str(out / "saved"), "OUT.jsonl": str(out / "saved.jsonl")}
    arguments = [words.get(word, word) for word in shlex.split(example.arguments)]
    task = {"task": {**example.task}} if example.task else {}
    if isinstance(labels := task.get("task", {}).get("labels"), str):
        tags = re.findall(r"^\S B-(\S+)$", (folder / labels).read_text("utf-8"), re.MULTILINE)
        task["task"]["labels"] = sorted({*tags})
    return {
        "bert4keras": {
            **common, "script": str(upstream / "examples" / f"{name}.py"), "changes": changes,
        },
        "playmask": {
            **common, **task, "script": str(ROOT / "examples" / "from_bert4keras" / f"{name}.py"),
            "changes": example.ours, "arguments": arguments, "config": str(config),
            "first": example.first,
        },
    }  # fmt: skip


def measure(asked: dict[str, dict[str, Any]], peers: dict[str, Peer], runs: int) -> dict[str, Any]:
    """Both sides in turn: the first run of each, the least of its later laps, the outputs."""
    found: dict[str, list[dict[str, Any]]] = {label: [] for label in asked}
    for _ in range(runs):
        for label, told in asked.items():
            answer = peers[label].ask(Case(told["name"], "script", told, {}))
            if "error" in answer:
                return {"error": f"{label}: {answer['error']}"}
            found[label].append(answer)
    laps = {label: [lap for each in rows for lap in each["laps"]] for label, rows in found.items()}
    return {
        "sides": {
            label: {
                "first": dict(zip(("wall", "processor"), rows[0]["start"], strict=True)),
                "then": {
                    clock: min(lap[i] for lap in laps[label])
                    for i, clock in enumerate(("wall", "processor"))
                },
                "laps": len(laps[label]),
            }
            for label, rows in found.items()
        },
        "outputs": compared(*(found[label][0]["outputs"] for label in asked)),
    }


def compared(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """How far the answers are apart, or how many texts are the same, and both losses."""
    made: dict[str, Any] = {"error": ours["error"]} if "error" in ours else {}
    if "loss" in theirs and "loss" in ours:
        made["loss"] = [theirs["loss"], ours["loss"]]
    a, b = theirs.get("answers"), ours.get("answers")
    if not a or not b:
        return made
    if not _numbers(a[0]):
        a, b = ([_plain(each) for each in answers] for answers in (a, b))
        same = sum(x == y for x, y in zip(a, b, strict=True))
        return {**made, "same": same, "of": len(a), "example": [a[0], b[0]]}
    apart = (np.abs(np.array(x) - np.array(y)).max() for x, y in zip(a, b, strict=True))
    return {**made, "apart": float(max(apart)), "of": len(a)}


def _plain(answer: Any) -> Any:
    """A text without spaces, which decoders set by rules of their own."""
    return answer.replace(" ", "") if isinstance(answer, str) else answer


def _numbers(value: Any) -> bool:
    return bool(np.issubdtype(np.asarray(value).dtype, np.floating))


def main() -> None:
    """Measure, and merge what was found into the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("upstream", type=Path)
    parser.add_argument("--only", default="", help="names of scripts")
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--peers", type=Path, default=ROOT / "runs" / "peers")
    parser.add_argument("--save", type=Path, default=RESULTS)
    options = parser.parse_args()
    data = os.environ.get("PLAYMASK_DATA")
    if not data:
        parser.error("the texts are those of PLAYMASK_DATA; set it.")
    work, place = ROOT / "runs" / "from_bert4keras", options.peers.resolve()
    place.mkdir(parents=True, exist_ok=True)
    Data(work / "files", Path(data), 64 * STEPS)
    shutil.rmtree(work / "cache", ignore_errors=True)  # nothing is compiled before
    variables = {**PASSIVE, "XDG_CACHE_HOME": str(work / "cache")}
    labels = {
        "bert4keras": Side("bert4keras", variables, file="upstream_scripts.py"),
        "playmask": Side("playmask", variables, file="own_scripts.py"),
    }
    peers: dict[str, Peer] = {}
    for name in [each for each in options.only.split(",") if each] or EXAMPLES:
        print(name, options.shape, file=sys.stderr, flush=True)
        for label, side in labels.items():
            if label not in peers or peers[label].process.poll() is not None:
                peers[label] = Peer(side, place)
        asked = sides(name, options.shape, options.upstream.resolve(), work)
        found = measure(asked, peers, options.runs)
        print(json.dumps(found, ensure_ascii=False), file=sys.stderr, flush=True)
        keep(options.save, f"{name}, {options.shape}", found, place, labels)
    for peer in peers.values():
        peer.end()


def keep(path: Path, key: str, found: dict[str, Any], place: Path, labels: dict[str, Side]) -> None:
    """Merge a result into the file."""
    whole = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    whole |= {
        "date": datetime.date.today().isoformat(),
        "command": "python benchmarks/from_bert4keras.py UPSTREAM",
        "machine": machine.describe(),
        "versions": {label: environments.versions(label, place) for label in labels},
        "epochs": EPOCHS,
        "shapes": {name: sizes for name, sizes in SHAPES.items() if name != "tiny"},
        "left_out": LEFT_OUT,
        "notes": NOTES,
        "scripts": {**whole.get("scripts", {}), key: found},
    }
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
