"""What bulk inference may choose, as one value."""

from typing import Literal

from playmask.model.recipes import Options, option, recipe


@recipe
class BulkOptions(Options):
    """How the rows of files are answered.

    workers: processes, or Ray's actors, each with its share of the cores; engine: what runs them;
    id: the column that names each row, which must be there; part_rows: rows of a file of answers,
    which is what an interrupted run does again; columns: as "text=NAME", where a file calls them
    otherwise; skip_bad: leave rows out that cannot be read, and list them; size, schema: as of
    `playmask predict`
    Raises:  ConfigError for a value that cannot be
    """

    workers: int = option(default=1, minimum=1)
    engine: Literal["processes", "serial", "ray"] = option(default="processes")
    id: str | None = option(default=None)
    part_rows: int = option(default=5000, minimum=1)
    columns: tuple[str, ...] = option(default=())
    skip_bad: bool = option(default=False)
    size: int | None = option(default=None, minimum=1)
    schema: str | None = option(default=None)
