"""What a server may choose, as one value; the command line's options are these fields."""

from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe

LOOPBACK = "127.0.0.1"


@recipe
class ServerOptions(Options):
    """How a server listens, batches, and what it refuses.

    Units:  max_batch in tokens, max_queue and max_texts in texts, max_body in bytes, timeout in
            seconds
    Raises: ConfigError for a value that cannot be
    """

    host: str = option(
        default=LOOPBACK, text="The address to listen at; 0.0.0.0 is every network's."
    )
    port: int = option(default=8000, text="The port to listen at.", minimum=0, maximum=65535)
    workers: int = option(
        default=1, text="Processes, each with the tasks; one that dies is replaced.", minimum=1
    )
    max_batch: int | None = option(
        default=None,
        text="Tokens that are run together at most. Default: as in bulk, 2048.",
        minimum=1,
    )
    max_wait_ms: float = option(
        default=0.0,
        text="Milliseconds a batch that is not full waits for more. Default: 0, no wait.",
        minimum=0,
    )
    max_queue: int = option(
        default=256, text="Texts of a task that may wait; more are refused with 503.", minimum=1
    )
    max_texts: int = option(default=128, text="Texts of one request at most.", minimum=1)
    max_characters: int = option(default=50_000, text="Characters of one text at most.", minimum=1)
    max_body: int = option(
        default=8_000_000, text="Bytes of one request at most. Default: 8 MB.", minimum=1
    )
    timeout: float = option(
        default=30.0,
        text="Seconds a request waits for its answer, or for its next piece.",
        minimum=0.001,
        maximum=86400,  # a day: what stops a server waits as long, and sleeps in C's numbers
    )
    cors: tuple[str, ...] = option(
        default=(), text="Origins whose pages may ask, with commas. Default: none."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        longest = 1000 * self.timeout
        if self.max_wait_ms >= longest:
            raise ConfigError(
                f"max_wait_ms is {self.max_wait_ms:g}; below {longest:g} is due, the timeout: a "
                "batch that is not full would be answered by nothing but 504."
            )

    @property
    def texts(self) -> int:
        """How many texts a request may have: no more than fit into an empty queue."""
        return min(self.max_texts, self.max_queue)
