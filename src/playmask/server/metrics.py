"""What Prometheus reads: requests, queues and batches; of all worker processes together."""

import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus-client that names the folder where workers keep their numbers; it is
read when that is imported."""
PREFIX = "playmask_"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TOKENS = (32, 128, 512, 1024, 2048, 4096, 8192)


class Metrics:
    """The numbers of one process; no label is anything that a request has brought."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = "path", "task", "status"
        about = "Requests that were answered."
        self.requests = Counter(f"{PREFIX}requests_total", about, labels, registry=self.registry)
        self.request_seconds = self._histogram(
            "request_seconds", "Seconds to the end of an answer.", SECONDS, "path"
        )
        self.queue = self._gauge("queue_texts", "Texts that wait.", "task")
        self.ready = self._gauge("ready", "Processes whose shapes are compiled.")
        self.batch_texts = self._histogram("batch_texts", "Texts of a batch.", COUNTS)
        self.batch_tokens = self._histogram("batch_tokens", "Tokens of a batch.", TOKENS)
        self.batch_seconds = self._histogram("batch_seconds", "Seconds of a batch.", SECONDS)
        forget_dead()

    def _histogram(
        self, name: str, about: str, bounds: Sequence[float], label: str = "task"
    ) -> Histogram:
        return Histogram(PREFIX + name, about, (label,), registry=self.registry, buckets=bounds)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        """A number of now, which is that of all living processes together."""
        registry = self.registry
        return Gauge(PREFIX + name, about, labels, registry=registry, multiprocess_mode="livesum")

    def text(self) -> tuple[bytes, str]:
        """The numbers as Prometheus reads them, and the type of that."""
        registry = self.registry
        if os.environ.get(SHARED):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


class QueueWatch:
    """Who is told what the queue of a task does."""

    def __init__(self, metrics: Metrics, task: str) -> None:
        self.metrics, self.task = metrics, task
        self.waiting(0)

    def waiting(self, count: int) -> None:
        """So many texts wait now."""
        self.metrics.queue.labels(self.task).set(count)

    def ran(self, count: int, tokens: int, seconds: float) -> None:
        """A batch has run."""
        self.metrics.batch_texts.labels(self.task).observe(count)
        self.metrics.batch_tokens.labels(self.task).observe(tokens)
        self.metrics.batch_seconds.labels(self.task).observe(seconds)


def forget_dead() -> None:
    """Drop what workers that have died say of now: how much waits, and whether they are ready."""
    folder = os.environ.get(SHARED)
    for file in Path(folder).glob("gauge_live*_*.db") if folder else ():
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(process, folder)  # type: ignore[no-untyped-call]
        except PermissionError:
            continue
