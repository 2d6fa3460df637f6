"""bert4keras' gated attention unit: its weights, input, mask and outputs."""

from pathlib import Path

import numpy as np

_ARRAYS = dict(np.load(Path(__file__).parents[1] / "oracles" / "bert4keras" / "gau.npz"))

GATED = {
    kind: {
        name.split(":w:")[1]: array
        for name, array in _ARRAYS.items()
        if name.startswith(f"{kind}:w:")
    }
    for kind in ("softmax", "softmax_plus", "squared_relu")
}
"""Weights by "layer:weight", for each normalisation."""


def gated(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The input (B, T, 12), which of it is no padding (B, T), and the output."""
    return _ARRAYS["in"], _ARRAYS["mask"], _ARRAYS[f"{kind}:out"]
