"""What a training has measured: each epoch, and what steps between them where a log has it."""

from collections.abc import Mapping, Sequence


class History(dict[str, list[float]]):
    """The measures of each epoch by name, "val_…" those on validation; a dict that notebooks draw.

    steps: what steps have measured, by name, where `fit` kept the log "csv"; "epochs" is where
    each stands, as a number of epochs
    """

    steps: Mapping[str, Sequence[float]]

    def __init__(
        self,
        epochs: Mapping[str, list[float]] | None = None,
        steps: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(epochs or {})
        self.steps = steps or {}
