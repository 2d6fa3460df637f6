"""Which axis of a weight is split where a model is spread over several devices."""

import re
from collections.abc import Mapping, Sequence

Layout = Mapping[str, int]
"""A regular expression, which a weight's path ends with, and the axis that is split."""

TENSOR_PARALLEL: Layout = {
    r"(attention|cross)/(query|key|value)/(kernel|bias)": -1,
    r"(attention|cross)/output/kernel": 0,
    r"attention/inputs/(kernel|bias)": -1,
    r"feedforward/(inner|gate)/(kernel|bias)": -1,
    r"feedforward/outer/kernel": 0,
    r"tokens/embeddings": 0,
    r"mlm/output/kernel": -1,
}
"""Matrices in pairs: the first is split by columns, the second by rows, so that a sum over the
devices follows the second only. Source: Shoeybi et al. 2019 (Megatron-LM), sections 3 and 4."""


def axis_of(path: str, shape: Sequence[int], layout: Layout, parts: int) -> int | None:
    """The axis by which a weight is split into equal parts; None: it is whole on every device."""
    for pattern, axis in layout.items():
        if re.search(f"(^|/){pattern}$", path):
            return axis % len(shape) if shape[axis] % parts == 0 else None
    return None
