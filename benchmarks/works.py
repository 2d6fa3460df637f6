"""What is compared: every work as a table of cases, and who takes part in each."""

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from material import CALIBRATED, EPOCH, MIDDLE, VOCABULARY, Material, lengths
from measuring import HUGE, PASSIVE, Case, Side, launch, measure

OURS = Side("playmask")
TEXT = "房间很干净，服务也热情，下次还会再来。"


def torch(threads: int, environment: str = "transformers", **told: Any) -> Side:
    """A side on PyTorch with so many threads."""
    return Side(environment, {**PASSIVE, "OMP_NUM_THREADS": str(threads)}, told)


class Work(NamedTuple):
    """A kind of work: its title, what the reader should know, its cases, how they are measured."""

    title: str
    about: str
    cases: Callable[[Material], list[Case]]
    measure: Callable[[Case, int, Path], dict[str, Any]] = measure


def products(material: Material, sizes: Any, **changes: Any) -> float:
    """Multiply-adds of reading texts of these lengths, each alone."""
    import playmask

    architecture = material.architecture(**changes)
    values, counts = np.unique(sizes, return_counts=True)
    costs = [playmask.count(architecture, length=int(size)).products for size in values]
    return float(np.dot(costs, counts))


def fine_tuning(material: Material) -> list[Case]:
    """A BERT-base on pairs of questions; those who pad all to one length do fewer of them."""
    count, few, batch = (8, 4, 4) if material.small else (256, 64, 32)
    google = material.checkpoint("bert", "google", ("pool",))
    theirs = material.checkpoint("bert", "huggingface", ("pool",))
    pairs, first = material.pairs(count, batch), material.pairs(count, batch, few)
    shares = 1 if material.small else EPOCH // count
    tensorflow = {"KERAS_BACKEND": "tensorflow"}
    padded = {"path": theirs, "pairs": first}
    script, best = torch(2, **padded, best=False), torch(2, path=theirs, best=True)
    sides = {
        "playmask": Side("playmask", {}, {"path": google, "shares": shares}),
        "playmask, huge pages": Side("playmask", HUGE, {"path": google, "shares": shares}),
        "playmask, products in bfloat16": Side(
            "playmask", {}, {"path": google, "shares": shares, "dtype": "bfloat16_products"}
        ),
        "playmask, TensorFlow, mixed_bfloat16": Side(
            "playmask-tensorflow",
            tensorflow,
            {"path": google, "shares": shares, "dtype": "mixed_bfloat16"},
        ),
        "transformers, its script": replace(script, amount=few),
        "transformers, best": best,
        "transformers, best, huge pages": replace(best, variables={**best.variables, **HUGE}),
        "transformers, best, bfloat16": torch(2, path=theirs, best=True, dtype="bfloat16"),
        "KerasHub": Side("kerashub", {}, padded, amount=few),
        "bert4keras": Side("bert4keras", {}, {"path": google}),
        "bert4torch": torch(2, "bert4torch", path=theirs),
    }
    return [
        Case(
            "BERT-base, pairs of questions",
            "fine-tuning",
            {"pairs": pairs, "batch": batch, "length": 128},
            sides,
            amount=count,
            unit="pairs",
            operations=2 * 3 * products(material, lengths(google, pairs, 128)),
            fresh=True,
        )
    ]


class Shape(NamedTuple):
    """A model and a batch: its name, rows and tokens, and sizes other than BERT-base's."""

    name: str
    rows: int
    tokens: int
    sizes: Mapping[str, Any] = MappingProxyType({})


class Stepping(NamedTuple):
    """How training is measured on a device.

    steps: timed as one; training: whether steps learn, for each case; fine_tuned, pretrained:
    what they are made of; processes: fields of the cases
    """

    dtype: str
    steps: int
    training: tuple[bool, ...]
    fine_tuned: list[Shape]
    pretrained: list[Shape]
    sides: dict[str, Side]
    processes: Mapping[str, Any] = MappingProxyType({})


STEP = torch(2, compiled=False)
FUSED = {"attention_dropout": 0.0}  # else the weights are computed, not the fused kernel
LARGE = {"width": 1024, "attention_heads": 16, "inner": 4096, "depth": 24, **FUSED}
DEVICES = {
    "cpu": Stepping(
        "float32",
        2,
        (False, True),
        [Shape("BERT-base", 8, 128)],
        [Shape("BERT-base", 8, 128)],
        {
            "playmask": OURS,
            "transformers": STEP,
            "playmask, bfloat16": replace(OURS, told={"dtype": "bfloat16"}),
            "transformers, bfloat16": torch(2, compiled=False, dtype="bfloat16"),
            "playmask, huge pages": Side("playmask", HUGE),
            "transformers, huge pages": replace(STEP, variables={**STEP.variables, **HUGE}),
        },
    ),
    "gpu": Stepping(
        "bfloat16",
        20,
        (True,),
        [Shape("BERT-base", 128, 512, FUSED), Shape("BERT-large", 64, 512, LARGE)],
        [
            Shape("BERT-base", 512, 128, FUSED),
            Shape("BERT-base", 128, 512, FUSED),
            Shape("BERT-large", 64, 512, LARGE),
        ],
        {"playmask": OURS, "transformers, compiled": torch(2, compiled=True)},
        {"fresh": True, "runs": 1, "laps": 3},
    ),
}
"""A card has memory for one side alone, which is timed several times in a process of its own."""


def steps(material: Material) -> list[Case]:
    """Forward passes and training steps of random texts of one length, nothing else."""
    stepping = DEVICES[material.device]
    cases = []
    for shape, training in itertools.product(material.few(stepping.fine_tuned), stepping.training):
        each = products_of(material.architecture(**shape.sizes), shape.tokens)
        kind = "training step" if training else "forward pass"
        cases.append(step_case(material, "steps", shape, kind, each, training=training))
    return cases


MASKED = 0.15


def pretraining(material: Material) -> list[Case]:
    """Masked language modelling; the vocabulary is multiplied where tokens are masked alone."""
    told = {
        "masked": MASKED,
        "clip": 1.0,
        "texts": material.texts(64 if material.small else 16_000),
        "vocabulary": str(VOCABULARY),
    }
    cases = []
    for shape in material.few(DEVICES[material.device].pretrained):
        made = material.architecture(**shape.sizes)
        body, whole = (products_of(made, shape.tokens, heads) for heads in ((), ("mlm",)))
        each = body + MASKED * (whole - body)
        cases.append(step_case(material, "pretraining", shape, "pretraining step", each, **told))
    return cases


def step_case(
    material: Material,
    work: str,
    shape: Shape,
    kind: str,
    each: float,
    training: bool = True,
    **told: Any,
) -> Case:
    """Steps of a shape; each: multiply-adds of one text, forward."""
    stepping = DEVICES[material.device]
    rows, tokens = 2 if material.small else shape.rows, shape.tokens
    count = 2 if material.small else stepping.steps
    return Case(
        f"{shape.name}, {rows} × {tokens} tokens, {kind}, {stepping.dtype}",
        work,
        {
            "rows": rows,
            "tokens": tokens,
            "training": training,
            "steps": count,
            "device": material.runs_on,
            "dtype": stepping.dtype,
            "compiler": "eager" if material.small else "inductor",
            "architecture": material.architecture(**shape.sizes).to_json(),
            **told,
        },
        stepping.sides,
        amount=rows * tokens * count,
        unit="tokens",
        operations=2 * (3 if training else 1) * rows * count * each,
        **stepping.processes,
    )


def classification(material: Material) -> list[Case]:
    """Many reviews of natural lengths through a classifier of MiniLM's shape."""
    count = 64 if material.small else 10_000
    ours, theirs = material.classifier(middle=True)
    texts = material.texts(count)
    size = {} if material.small else MIDDLE
    sizes = lengths(ours, texts, 128)

    fewer = material.texts(count // 5)

    def by(batch: int, by_hand: bool) -> Side:
        side = torch(2, path=theirs, texts=fewer, batch=batch, by_hand=by_hand)
        return replace(side, amount=count // 5)

    sides = {
        "playmask": Side("playmask", {}, {"task": ours}),
        "transformers, pipeline, batch 1": by(1, False),
        "transformers, pipeline, batch 8": by(8, False),
        "transformers, by hand, sorted, batch 32": by(32, True),
    }
    return [
        Case(
            f"{count:,} reviews, 6 blocks of width 384",
            "classification",
            {"texts": texts, "length": 128},
            sides,
            amount=count,
            unit="texts",
            operations=2 * products(material, sizes, **size),
            runs=2,
        )
    ]


def int8(material: Material) -> list[Case]:
    """Exports in 8 bits beside those in float32, and beside what others make in 8 bits."""
    count, batches, ranked = (16, (2,), 4) if material.small else (150, (4, 8), 100)
    texts = material.texts(count)
    exact = [(n, material.pieces(n, 126)) for n in batches]  # 128 tokens with [CLS] and [SEP]
    middle, middle_published = material.classifier(middle=True)
    base, base_published = material.classifier()
    encoder, encoder_published = material.encoder()

    def ours(task: str) -> dict[str, Side]:
        """A task that was exported in 8 bits, and in float32."""
        return {
            "playmask, int8": alone("playmask", task=material.exported(task, "int8")),
            "playmask, float32": alone("playmask", task=material.exported(task)),
        }

    def pipeline(batch: int) -> Side:
        return alone("transformers", path=middle_published, batch=batch, by_hand=False)

    def case(name: str, work: str, rows: str, amount: int, unit: str, sides: Any) -> Case:
        told = {"texts": rows, "length": 128, "clock": "processor"}
        return Case(name, work, told, sides, amount=amount, unit=unit)

    reviews = {
        **ours(middle),
        **{f"transformers, pipeline, batch {n}": pipeline(n) for n in (1, 8)},
        "optimum, int8, sorted, batch 32": alone("optimum", path=middle_published, batch=32),
    }
    static = material.exported(encoder, "int8", calibrate=texts)
    theirs = {"path": encoder_published, "calibrated": CALIBRATED}
    vectors = {
        **ours(encoder),
        **({"playmask, int8, OpenVINO": openvino(static)} if find_spec("openvino") else {}),
        **{
            f"sentence-transformers, {form}int8, batch {n}": alone(environment, **theirs, batch=n)
            for form, environment in (("", "optimum"), ("OpenVINO ", "openvino"))
            for n in (8, 32)
        },
    }
    return [
        case(f"{count:,} reviews, 6 blocks of width 384, classified", "classification", texts,
             count, "texts", reviews),
        case(f"{count:,} reviews, 6 blocks of width 384, as vectors", "encoding", texts,
             count, "texts", vectors),
        *(
            case(f"BERT-base, {n} × 128 tokens", "classification", rows, n, "texts",
                 {**ours(base), "optimum, int8": alone("optimum", path=base_published, batch=n)})
            for n, rows in exact
        ),
        case(f"{ranked} passages of 128 tokens, 6 blocks of width 384, reranked", "reranking",
             material.pieces(1 + ranked, 128), ranked, "passages", ours(material.reranker(256))),
    ]  # fmt: skip


def openvino(task: str) -> Side:
    """An exported task in OpenVINO, on one core."""
    side = alone("playmask", task=task)
    return replace(side, variables={**side.variables, "PLAYMASK_GRAPH_ENGINE": "openvino"})


def alone(environment: str, **told: Any) -> Side:
    """A side on one core."""
    return Side(environment, {**PASSIVE, "OMP_NUM_THREADS": "1"}, told, cores=1)


def latency(material: Material) -> list[Case]:
    """Single reviews through a BERT-base, from one thread and from sixteen."""
    ours, theirs = material.classifier()
    google = material.checkpoint("bert", "google", ("pool",))
    texts = material.texts(4 if material.small else 24)
    cases = []
    for threads, calls in ((1, 4), (16, 2)) if material.small else ((1, 96), (16, 8)):
        told = {"texts": texts, "threads": threads, "calls": calls, "length": 128}
        sides = {
            "playmask": Side("playmask", {}, {"task": ours}),
            "transformers, pipeline": torch(2, path=theirs, by_hand=False),
            "transformers, by hand, 1 thread": torch(1, path=theirs, by_hand=True),
            "transformers, by hand, 2 threads": torch(2, path=theirs, by_hand=True),
            "KerasHub": Side(
                "kerashub", {}, {"path": material.checkpoint("bert", "huggingface", ("pool",))}
            ),
            "bert4keras": Side("bert4keras", {}, {"path": google}),
        }
        name = f"BERT-base, single reviews, {threads} thread{'s' * (threads > 1)}"
        cases.append(Case(name, "latency", told, sides, amount=threads * calls, unit="texts"))
    return cases


HUB = {"transformers, 1 thread": torch(1), "transformers, 2 threads": torch(2)}
GPT2 = {"kind": "gpt2", "prompt": 64, "new": 64}
ON_CPU: dict[str, dict[str, Any]] = {
    "UniLM BERT-base, 128 + 32": {"kind": "unilm", "prompt": 128, "new": 32},
    "UniLM BERT-base, 128 + 32, 4 beams": {"kind": "unilm", "prompt": 128, "new": 32, "beams": 4},
    "GPT-2-base, 64 + 64": GPT2,
    "GPT-2-base, 64 + 64, batch 8": {**GPT2, "batch": 8},
    "GPT-2-base, 64 + 64, 4 beams": {**GPT2, "beams": 4},
    "T5-base, 64 sentences, 4 beams": {
        "kind": "t5", "prompt": (9, 32), "new": 24, "batch": 64, "beams": 4,
    },
}  # fmt: skip
"""T5's sentences have 9 to 32 tokens, as those of multi30k have in pieces."""

GENERATED = {
    "cpu": ON_CPU,
    "gpu": {"GPT-2-base, 64 + 64": GPT2, "GPT-2-base, 64 + 64, batch 32": {**GPT2, "batch": 32}},
}
"""On each device, what is generated."""

FORMS = {"unilm": ("bert", "google"), "gpt2": ("gpt2", "huggingface"), "t5": ("t5", "huggingface")}
"""Of each kind: the family, and the dialect that its peers read."""

GENERATORS: dict[str, dict[str, dict[str, Side]]] = {
    "cpu": {
        "unilm": {"bert4keras": Side("bert4keras")},
        "gpt2": {**HUB, "KerasHub": Side("kerashub")},
        "t5": HUB,
    },
    "gpu": {"gpt2": {"transformers, compiled": torch(2, compiled=True)}},
}
"""On each device, of each kind: the peers."""


def generation(material: Material) -> list[Case]:
    """Random ids, so that no text ends early."""
    cases = []
    device, dtype = material.device, DEVICES[material.device].dtype
    for name, generated in GENERATED[device].items():
        family, dialect = FORMS[generated["kind"]]
        path = material.checkpoint(family, dialect, ("mlm",))
        batch, beams = generated.get("batch", 1), generated.get("beams", 1)
        batch = min(batch, 2) if material.small else batch
        low, high = np.broadcast_to(generated["prompt"], 2)
        random = np.random.default_rng(0)
        sizes = random.integers(low, high + 1, batch)
        new = 4 if material.small else generated["new"]
        told = {
            "path": path,
            "kind": generated["kind"],
            "new": new,
            "beams": beams,
            "device": material.runs_on,
            "dtype": dtype,
            "prompts": [random.integers(1000, 20000, size).tolist() for size in sizes],
        }
        read, prompt = weights_of(path, generated["kind"], int(high), dtype)
        alone = batch == beams == 1
        cases.append(
            Case(
                name,
                "generation",
                told,
                {"playmask": OURS, **GENERATORS[device][generated["kind"]]},
                amount=batch * new,
                unit="tokens",
                operations=2 * prompt if alone else None,
                read=new * read if alone else None,
                **DEVICES[device].processes,
            )
        )
    return cases


def weights_of(path: str, kind: str, prompt: int, dtype: str) -> tuple[float, float]:
    """Bytes of weights that every token reads, and multiply-adds of reading the prompt.

    Tables that are only looked up do not count, and neither does the vocabulary over the prompt.
    """
    import playmask
    from playmask.model.transformer import weights_by_name

    order = {"mask": "unilm"} if kind == "unilm" else {}
    model = playmask.load(path, dtype=dtype, **order)
    looked_up = ("embeddings/positions", "embeddings/segments")
    read = sum(
        v.value.nbytes
        for name, v in weights_by_name(model).items()
        if not name.startswith(looked_up)
    )
    return read, playmask.count(model.architecture, length=prompt).products


def extraction(material: Material) -> list[Case]:
    """Mentions and relations in reviews, from text to spans, by models of MiniLM's shape."""
    count = 16 if material.small else 1000
    ours, theirs = material.tagger()
    texts = material.texts(count, cut=120)  # transformers' pipeline fails beyond the positions
    size = {} if material.small else MIDDLE
    operations = 2 * products(material, lengths(ours, texts, 128), **size)
    tags = {
        "playmask": Side("playmask", {}, {"task": ours}),
        "transformers, pipeline": torch(2, path=theirs, batch=1),
        "transformers, pipeline, batch 8": torch(2, path=theirs, batch=8),
    }
    common = {"amount": count, "unit": "texts", "operations": operations}
    relations = {"playmask": Side("playmask", {}, {"task": material.linker()})}
    return [
        Case("mentions of 8 labels", "tagging", {"texts": texts}, tags, **common),
        Case("relations of 48 predicates", "relations", {"texts": texts}, relations, **common),
    ]


def start(material: Material) -> list[Case]:
    """New processes, when others have run before."""
    ours, _ = material.classifier()
    google = material.checkpoint("bert", "google", ("pool",))
    theirs = material.checkpoint("bert", "huggingface", ("pool",))
    script = str(Path(sys.executable).with_name("playmask"))
    told = {"text": TEXT, "path": google}
    return [
        Case(
            "BERT-base, the first answer of a new process",
            "start",
            told,
            {
                "playmask, its own format": Side("playmask", {}, {"path": ours}),
                "playmask, TensorFlow's": OURS,
                "playmask, safetensors": Side("playmask", {}, {"path": theirs}),
                "transformers": torch(2, path=theirs),
                "KerasHub": Side("kerashub", {}, {"path": theirs}),
                "bert4keras": Side("bert4keras"),
                "bert4torch": torch(2, "bert4torch", path=theirs),
            },
        ),
        Case(
            "the command line",
            "start",
            told,
            {
                "playmask --help": Side("playmask", {}, {"command": [script, "--help"]}),
                "playmask predict": Side(
                    "playmask", {}, {"command": [script, "predict", ours, "--text", TEXT]}
                ),
            },
        ),
    ]


def tokenising(material: Material) -> list[Case]:
    """Reviews to ids, cut to 128 tokens."""
    count = 64 if material.small else 100_000
    google = material.checkpoint("bert", "google", ("pool",))
    sides = {
        "playmask": Side("playmask"),
        "tokenizers": Side("transformers", {}, {"raw": True}),
        "transformers, fast": Side("transformers", {}, {"raw": False}),
        "bert4keras": Side("bert4keras"),
        "bert4torch": torch(1, "bert4torch"),
    }
    told = {"path": google, "texts": material.texts(count), "length": 128}
    name = f"{count:,} reviews"
    return [Case(name, "tokenising", told, sides, amount=count, unit="texts")]


def scaling(material: Material) -> list[Case]:
    """A forward pass against length, batch, depth and threads."""
    shapes = [("length", 2048 // n, n, 4) for n in (32, 128, 512, 2048)]
    shapes += [("batch", n, 128, 4) for n in (1, 4, 64)]
    shapes += [("depth", 16, 128, n) for n in (2, 8)]
    if material.small:
        shapes = [("length", 2, 32, 1)]
    threads = {"playmask": OURS, "transformers": torch(2)}
    single = {
        "playmask": Side("playmask", cores=1),
        "transformers": Side("transformers", {**PASSIVE, "OMP_NUM_THREADS": "1"}, cores=1),
    }
    shapes = [(*shape, threads) for shape in shapes]
    shapes += [] if material.small else [("one core", 16, 128, 4, single)]
    cases = []
    for what, rows, tokens, depth, sides in shapes:
        made = material.architecture(depth=depth)
        made = made.change(position=type(made.position)(4096))
        amount = rows * tokens
        cases.append(
            Case(
                f"{what}: {rows} × {tokens}, {depth} blocks",
                "scaling",
                {"rows": rows, "tokens": tokens, "architecture": made.to_json()},
                sides,
                amount=amount,
                unit="tokens",
                operations=2 * products_of(made, tokens) * rows,
                runs=3,
            )
        )
    return cases


def products_of(architecture: Any, length: int, heads: tuple[str, ...] = ()) -> float:
    """Multiply-adds of one text."""
    import playmask

    return playmask.count(architecture, heads=heads, length=length).products


WORKS: dict[str, Work] = {
    "fine-tuning": Work(
        "Fine-tuning",
        "A BERT-base with random weights learns whether two questions mean the same (afqmc), in "
        "batches of 32, at most 128 tokens, when everything is compiled: a slice of an epoch, of "
        "all its 34,334 pairs' batches, sorted by length, every 134th. bert4keras and bert4torch "
        "make batches of the same pairs at random. transformers' script pads every pair "
        "to 128 tokens, as run_glue does; at its best it pads to the batch and sorts by length, "
        "with two threads (with one it takes twice as long). Who pads all pairs alike does a "
        "quarter of them. Huge pages: GLIBC_TUNABLES=glibc.malloc.hugetlb=1.",
        fine_tuning,
    ),
    "steps": Work(
        "Steps",
        "Forward passes and training steps (forward, backward, AdamW) of random texts of one "
        "length: nothing to pad, nothing to read. On a card without attention dropout, which the "
        "fused kernel does not know, and beside transformers compiled, with SDPA. "
        "Huge pages: GLIBC_TUNABLES=glibc.malloc.hugetlb=1.",
        steps,
    ),
    "pretraining": Work(
        "Pretraining",
        "Masked language modelling, 15 % of the tokens, with AdamW and gradients clipped at 1: "
        "ours by `playmask.Pretraining`, which packs and masks reviews as it goes, transformers' "
        "on batches that were masked before. The bound multiplies the vocabulary at masked places "
        "alone; transformers does so everywhere. On a card without attention dropout, which the "
        "fused kernel does not know; transformers compiled, with SDPA. Wanted there of the bound: "
        "45 % of BERT-base, 50 % of BERT-large.",
        pretraining,
    ),
    "classification": Work(
        "Many texts",
        "Reviews of natural lengths, cut to 128 tokens, from text to probabilities. The bound is "
        "of the real tokens, without padding. transformers reads the first fifth of them.",
        classification,
    ),
    "int8": Work(
        "In 8 bits",
        "On one core; seconds are processor time. Reviews of natural lengths, cut to 128 tokens, "
        "from text to probabilities or vectors; a query of 12 tokens with passages of 128. "
        "optimum and sentence-transformers quantize dynamically, as their guides for AVX512-VNNI "
        "say; in OpenVINO sentence-transformers and playmask are calibrated by the first 64 texts.",
        int8,
    ),
    "latency": Work(
        "One text",
        "Reviews one at a time, from text to probabilities; the time of a call.",
        latency,
    ),
    "generation": Work(
        "Generation",
        "The bound reads all weights once for each token, and multiplies the prompt.",
        generation,
    ),
    "extraction": Work("Extraction", "From text to mentions and relations.", extraction),
    "start": Work("Start", "From the launch of a process on, files cached.", start, launch),
    "tokenising": Work("Tokenising", "Reviews to ids.", tokenising),
    "scaling": Work(
        "Scaling", "A forward pass of blocks as wide as BERT-base's, float32.", scaling
    ),
}
