"""What dropout over attention weights costs: Keras' generator against playmask's counter.

    python benchmarks/dropout.py

Times one compiled call on (32, 4, 128, 128) numbers, both in turn, and prints medians and their
ratio; the third line is the same call without dropout, the cost of reading and writing alone.
"""

import time

import numpy as np

import playmask  # noqa: F401 (it chooses the backend)
from playmask.model.dropout import Dropout
from playmask.runtime.compiled import Compiled

import keras  # isort: skip

SHAPE, RUNS = (32, 4, 128, 128), 21


class Applied(keras.Model):
    """A model that is nothing but one dropout."""

    def __init__(self, layer: keras.layers.Layer | None) -> None:
        super().__init__()
        self.layer = layer

    def call(self, x):
        """Drop, and do one multiplication in any case."""
        return (x if self.layer is None else self.layer(x, training=True)) * 1.5


def main() -> None:
    """Interleave the three, so that a busy machine is busy for all."""
    x = np.random.default_rng(0).random(SHAPE, "float32")
    models = {
        "keras.layers.Dropout": Applied(keras.layers.Dropout(0.1)),
        "playmask.model.dropout.Dropout": Applied(Dropout(0.1)),
        "no dropout": Applied(None),
    }
    calls = {name: Compiled(model, model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(RUNS + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            keras.ops.convert_to_numpy(call(x))
            if run >= 2:
                seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    for name, value in medians.items():
        ratio = value / medians["no dropout"]
        print(f"{name:24} {value * 1e3:7.1f} ms   {ratio:5.1f} x no dropout")


if __name__ == "__main__":
    main()
