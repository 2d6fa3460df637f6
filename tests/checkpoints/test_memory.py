"""Loading streams: at its peak it takes little more memory than the model that it makes."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from playmask.checkpoints import bundle
from playmask.families import FAMILIES
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank

pytestmark = [
    pytest.mark.backends,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/…/status, which Linux has"),
]

BOUND = 1.35 if keras.backend.backend() == "tensorflow" else 1.25
"""TensorFlow takes some 30 MB and a copy more, which shows in a model of 100 MB."""

SIZES = {"depth": 7, "width": 768, "attention_heads": 12, "inner": 3072, "vocabulary": 1000}
TINY = {"depth": 1, "width": 32, "attention_heads": 2, "inner": 64, "vocabulary": 100}
LOAD = """
import sys
import playmask

def load(path):
    model = playmask.load(path, dtype=sys.argv[3])
    for variable in model.weights:  # JAX copies behind one's back
        getattr(variable.value, "block_until_ready", lambda: None)()
    return model

load(sys.argv[1])  # the libraries' own memory
print("ready", flush=True)
input()
model = load(sys.argv[2])
print(model.count_params(), flush=True)
sys.stdin.read()
"""


def write(folder: Path, **sizes: int) -> Path:
    """A GPT2_ML of these sizes whose tensors lie as badly as they can: at odd bytes."""
    folder.mkdir()
    family = FAMILIES["gpt2_ml"]
    made = family.base.change(position=Learned(64), **sizes)
    (folder / "config.json").write_text(json.dumps(family.configuration.write(made, "google")))
    weights = weights_by_name(blank(lambda: Transformer(made)))
    tensors = {
        family.dialects["google"].names_of(ours)[0]: np.broadcast_to(np.float32(0.5), weight.shape)
        for ours, weight in weights.items()
    }
    bundle.write(folder / "model.ckpt", {"global_step": np.zeros(1, "int8"), **tensors})
    return folder


def anonymous(process: subprocess.Popen) -> int:
    """Memory of a process that belongs to no file, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


@pytest.mark.parametrize(("dtype", "itemsize"), [("float32", 4), ("bfloat16", 2)])
def test_the_peak_is_little_more_than_the_model(dtype, itemsize, tmp_path):
    tiny, large = write(tmp_path / "tiny", **TINY), write(tmp_path / "large", **SIZES)
    command = [sys.executable, "-c", LOAD, str(tiny), str(large), dtype]
    # Else glibc keeps up to 32 MB that were let go, which is nothing beside a real model.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stdout.readline() == "ready\n"
        base, peaks = anonymous(child), []
        child.stdin.write("\n")
        child.stdin.flush()
        while not select.select([child.stdout], [], [], 0.001)[0]:
            peaks.append(anonymous(child))
        size = int(child.stdout.readline()) * itemsize
        peaks.append(anonymous(child))
        child.stdin.close()
        child.wait()
    assert size > 95e6 and len(peaks) > 10
    assert 0.9 < (max(peaks) - base) / size <= BOUND
