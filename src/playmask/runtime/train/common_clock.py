"""The time of a training that is limited: the first process' clock, which all go by."""

from time import monotonic

from playmask.runtime.peer_processes import first_ones, peers

BETWEEN = 1.0  # about how many seconds lie between two looks, which several processes take together


class CommonClock:
    """Tells at an update whether time is over, at the same one in all processes.

    One process looks at every update. Of several, the first tells the others how many updates are
    to pass until the next look, by what updates take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.start()

    def start(self) -> None:
        """Begin to count."""
        self.begin = self.before = monotonic()
        self.since, self.wait = 0, 1

    def is_over(self) -> bool:
        """Whether time is over at this update; called once at each."""
        self.since += 1
        if self.since < self.wait:
            return False
        now = monotonic()
        over = now - self.begin > self.seconds
        if peers() == 1:
            return over
        each = (now - self.before) / self.since
        over, self.wait = first_ones([over, max(1, int(BETWEEN / max(each, 1e-6)))]).tolist()
        self.before, self.since = now, 0
        return bool(over)
