"""Generation against its peers and the machine: side by side, in turn, the same weights and shapes.

    python benchmarks/generation.py [--runs 5] [--only gpt2] [--peers DIR] [--json FILE]

Every peer runs in a process of its own, in an environment that is made where it is missing
(`--peers`, default runs/peers): bert4keras 0.11.5 on Python 3.7, TensorFlow 1.15 and Keras 2.3.1;
Hugging Face transformers on PyTorch, with one thread and with two; KerasHub on JAX. The models have
random weights, saved once as checkpoints that all of them load; no text ends early. In each round
every peer generates once; medians are compared. The bound is what the machine allows: each token
reads all weights once, at the bandwidth of a matrix-vector product measured in the same run; beside
it the time that the prompt's multiplications take at the rate of a large matrix product.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}  # else PyTorch's threads spin on shared cores

INSTALL: dict[str, tuple[str, list[list[str]]]] = {
    "bert4keras": (
        "python3.7",
        [["tensorflow==1.15.5", "keras==2.3.1", "h5py<3", "protobuf<3.21", "bert4keras==0.11.5"]],
    ),
    "transformers": (
        sys.executable,
        [["torch==2.13.0"], ["transformers==5.23.0", "safetensors"]],
    ),
    "kerashub": (
        sys.executable,
        [
            [
                "keras==3.15.1",
                "jax==0.10.2",
                "safetensors",
                "regex",
                "rich",
                "kagglehub",
                "tokenizers",
                "sentencepiece",
            ],
            ["--no-deps", "keras-hub==0.32.0"],
        ],
    ),
}
"""Of each environment, the Python and what pip installs, in turn."""

PEERS: dict[str, tuple[str, dict[str, str]]] = {
    "playmask": ("playmask", {}),
    "bert4keras": ("bert4keras", {"KERAS_BACKEND": "tensorflow"}),
    "transformers, 1 thread": ("transformers", {**PASSIVE, "OMP_NUM_THREADS": "1"}),
    "transformers, 2 threads": ("transformers", {**PASSIVE, "OMP_NUM_THREADS": "2"}),
    "KerasHub": ("kerashub", {}),
}
"""Of each peer, its environment and its variables."""

HUB = ("transformers, 1 thread", "transformers, 2 threads")
CASES: dict[str, dict[str, Any]] = {
    "UniLM BERT-base, 128 + 32": {
        "kind": "unilm", "batch": 1, "prompt": 128, "new": 32, "beams": 1, "peers": ("bert4keras",),
    },
    "UniLM BERT-base, 128 + 32, 4 beams": {
        "kind": "unilm", "batch": 1, "prompt": 128, "new": 32, "beams": 4, "peers": ("bert4keras",),
    },
    "GPT-2-base, 64 + 64": {
        "kind": "gpt2", "batch": 1, "prompt": 64, "new": 64, "beams": 1,
        "peers": (*HUB, "KerasHub"),
    },
    "GPT-2-base, 64 + 64, batch 8": {
        "kind": "gpt2", "batch": 8, "prompt": 64, "new": 64, "beams": 1,
        "peers": (*HUB, "KerasHub"),
    },
    "GPT-2-base, 64 + 64, 4 beams": {
        "kind": "gpt2", "batch": 1, "prompt": 64, "new": 64, "beams": 4,
        "peers": (*HUB, "KerasHub"),
    },
    "T5-base, 64 sentences, 4 beams": {
        "kind": "t5", "batch": 64, "prompt": (9, 32), "new": 24, "beams": 4, "peers": HUB,
    },
}  # fmt: skip
"""What is generated. T5's sentences have 9 to 32 tokens, as those of multi30k have in pieces."""

DIALECTS = {
    "unilm": ("bert", "google"),
    "gpt2": ("gpt2", "huggingface"),
    "t5": ("t5", "huggingface"),
}


def environment(name: str, place: Path) -> Path:
    """The Python of a peer's environment, made where it is missing."""
    if name == "playmask":
        return Path(sys.executable)
    python, folder = place / name / "bin" / "python", place / name
    if (folder / "ready").exists():
        return python
    base, steps = INSTALL[name]
    own = sorted(Path.home().glob(f".pyenv/versions/{base[6:]}.*/bin/python"))
    found = str(own[-1]) if base.startswith("python3.") and own else shutil.which(base)
    if found is None:
        raise SystemExit(f"{name} needs {base}, which is not on PATH; choose cases with --only.")
    print(f"making {folder}", file=sys.stderr)
    subprocess.run([found, "-m", "venv", "--clear", str(folder)], check=True)
    for packages in steps:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    (folder / "ready").touch()
    return python


def checkpoint(kind: str, place: Path) -> str:
    """A base-sized model with random weights, in the format that the peers read."""
    import playmask

    family, dialect = DIALECTS[kind]
    if not (place / kind).exists():
        model = playmask.build(playmask.architecture(family), heads=("mlm",))
        playmask.save(model, place / kind, dialect=dialect)
    return str(place / kind)


def prompts(case: dict[str, Any]) -> list[list[int]]:
    """Rows of random ids, the same in every run."""
    import numpy as np

    random = np.random.default_rng(0)
    low, high = case["prompt"] if isinstance(case["prompt"], tuple) else (case["prompt"],) * 2
    lengths = random.integers(low, high + 1, case["batch"])
    return [random.integers(1000, 20000, n).tolist() for n in lengths]


class Peer:
    """A process that generates when asked."""

    def __init__(self, name: str, place: Path) -> None:
        environment_name, variables = PEERS[name]
        self.process = subprocess.Popen(
            [str(environment(environment_name, place)), f"{environment_name}_peer.py"],
            cwd=HERE / "peers",
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        """Generate once."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(case), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def bandwidth() -> float:
    """Bytes of a matrix that a matrix-vector product reads per second."""
    import jax
    import jax.numpy as jnp

    matrix, vector = jnp.ones((16384, 4096)), jnp.ones(4096)
    product = jax.jit(lambda m, v: m @ v)
    return matrix.nbytes / seconds_of(lambda: product(matrix, vector))


def product_rate() -> float:
    """Multiply-adds per second of a large matrix product."""
    import jax
    import jax.numpy as jnp

    size = 2048
    matrix, product = jnp.ones((size, size)), jax.jit(lambda m: m @ m)
    return size**3 / seconds_of(lambda: product(matrix))


def seconds_of(run: Any, times: int = 7) -> float:
    """The median of the seconds that something on the device takes."""
    run().block_until_ready()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run().block_until_ready()
        found.append(time.perf_counter() - start)
    return median(found)


def work(path: str, prompt: int) -> tuple[float, float]:
    """Bytes of weights that every token reads, and multiply-adds of reading the prompt.

    Tables that are only looked up do not count, and neither does the vocabulary over the prompt.
    """
    import playmask
    from playmask.transformer import weights_by_name

    kind = Path(path).name
    model = playmask.load(path, **({"mask": "unilm"} if kind == "unilm" else {}))
    looked_up = ("embeddings/positions", "embeddings/segments")
    read = sum(
        v.value.nbytes
        for name, v in weights_by_name(model).items()
        if not name.startswith(looked_up)
    )
    return read, playmask.count(model.architecture, length=prompt).products


def measure(name: str, case: dict[str, Any], runs: int, place: Path) -> dict[str, Any]:
    """Interleave the peers of a case."""
    told = {key: case[key] for key in ("kind", "new", "beams")}
    told |= {"path": checkpoint(case["kind"], place), "prompts": prompts(case)}
    peers = {peer: Peer(peer, place) for peer in ("playmask", *case["peers"])}
    answers: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    speeds, rates = [], []
    for _ in range(runs):
        speeds.append(bandwidth())
        rates.append(product_rate())
        for peer, process in peers.items():
            answers[peer].append(process.ask(told))
    for process in peers.values():
        process.process.terminate()
    seconds = {peer: median(a["seconds"] for a in found) for peer, found in answers.items()}
    ours = answers["playmask"][-1]["tokens"]
    alone = case["batch"] == 1 and case["beams"] == 1
    read, products = work(told["path"], case["prompt"]) if alone else (0, 0)
    return {
        "case": name,
        "seconds": seconds,
        "first": {peer: found[0].get("first") for peer, found in answers.items()},
        "times playmask": {peer: s / seconds["playmask"] for peer, s in seconds.items()},
        "same tokens": {
            peer: sum(x == y for x, y in zip(found[-1]["tokens"], ours, strict=True)) / len(ours)
            for peer, found in answers.items()
        },
        "bandwidth, GB/s": median(speeds) / 1e9,
        "products, G/s": median(rates) / 1e9,
        "bound, s": case["new"] * read / median(speeds) if alone else None,
        "prompt's bound, s": products / median(rates) if alone else None,
        "runs": runs,
    }


def show(result: dict[str, Any]) -> None:
    """Print a case as lines of a table."""
    bound = result["bound, s"]
    print(f"\n{result['case']} (median of {result['runs']})")
    for peer, seconds in result["seconds"].items():
        ratio, same = result["times playmask"][peer], result["same tokens"][peer]
        print(f"  {peer:25} {seconds:7.3f} s  {ratio:6.2f} ×  same texts {same:.0%}")
    if bound is not None:
        ours, prompt = result["seconds"]["playmask"], result["prompt's bound, s"]
        print(f"  {'bound':25} {bound:7.3f} s  at {result['bandwidth, GB/s']:.1f} GB/s; "
              f"playmask reaches {bound / ours:.0%}")  # fmt: skip
        print(f"  {'with the prompt':25} {bound + prompt:7.3f} s  at "
              f"{result['products, G/s']:.0f} G multiply-adds/s; {(bound + prompt) / ours:.0%}")


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--peers", type=Path, default=ROOT / "runs" / "peers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.peers.mkdir(parents=True, exist_ok=True)
    results = []
    for name, case in CASES.items():
        if options.only in name:
            results.append(measure(name, case, options.runs, options.peers.resolve()))
            show(results[-1])
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
