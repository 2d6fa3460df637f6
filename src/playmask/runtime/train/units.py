"""Durations and sizes as people write them: 1h30m, 8G."""

import re

from playmask.errors import ConfigError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def seconds(text: str) -> float:
    """A duration such as 90s, 30m or 1h30m, in seconds; raises ConfigError for anything else."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise ConfigError(f"time_limit is a time such as 2h, 30m, 90s or 1h30m, not {text!r:.60}.")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def size_in_bytes(text: str) -> int:
    """A size such as 8G or 512M, in bytes; raises ConfigError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text)
    if match is None:
        raise ConfigError(f"memory is a size such as 8G or 512M, not {text!r:.60}.")
    return int(float(match[1]) * SIZES[match[2]])
