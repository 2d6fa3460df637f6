"""What `playmask predict` is asked, for one process or for many; needs no Keras."""

from pathlib import Path
from typing import Any, NamedTuple


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    task_directory: Path
    file: Path | None
    text: list[str] | None
    pair: list[str] | None
    columns: str | None
    size: int | None
    skip_bad: bool
    submission: Path | None
    schema: str | None = None
    out: Path | None = None
    workers: int | None = None
    engine: str | None = None
    id_column: str | None = None
    part_rows: int | None = None

    @property
    def bulk(self) -> dict[str, Any]:
        """What is said of bulk inference, by the names of `BulkOptions`."""
        said = {
            "workers": self.workers,
            "engine": self.engine,
            "id": self.id_column,
            "part_rows": self.part_rows,
        }
        return {name: value for name, value in said.items() if value is not None}
