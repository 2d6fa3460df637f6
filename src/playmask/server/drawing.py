"""How requests let tokens be drawn: few ways a process, since each is compiled and stays."""

import threading

from playmask.errors import ConfigError
from playmask.generation import Greedy, Sample, Search
from playmask.server.served import Decoding

MOST = 16
"""Temperatures and top_p that a process takes: a program for each stays in memory."""


class Drawings:
    """The searches of one task, by temperature and top_p.

    Raises: ConfigError for another one when there are MOST
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._searches: dict[tuple[float, float | None], Search] = {}
        self._lock = threading.Lock()

    def search(self, decoding: Decoding) -> Search:
        """The search that a request asks for; the likeliest token where the temperature is 0."""
        if decoding.temperature == 0:
            return Greedy()
        key = decoding.temperature, None if decoding.top_p == 1 else decoding.top_p
        with self._lock:
            if key not in self._searches and len(self._searches) >= self.most:
                pairs = ", ".join(f"{each[0]:g} and {each[1] or 1:g}" for each in self._searches)
                raise ConfigError(
                    f"This server has {self.most} pairs of temperature and top_p in use, and takes "
                    f"no further one: {pairs}."
                )
            sample = Sample(temperature=key[0], top_p=key[1])
            return self._searches.setdefault(key, sample)
