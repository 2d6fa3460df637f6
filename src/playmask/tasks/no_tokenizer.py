"""What stands for a tokenizer where none lies beside a task's weights."""

from typing import Never

from playmask.errors import ConfigError
from playmask.tokenizers.encoding import Frame


class NoTokenizer:
    """No tokenizer: the task's network runs on ids, and reading a text is an error that says why.

    size: rows of the token table; reason: why there is none
    """

    frame = Frame()

    def __init__(self, size: int, reason: str) -> None:
        self.size, self.reason = size, reason

    def __len__(self) -> int:
        return self.size

    def __getattr__(self, name: str) -> Never:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ConfigError(
            f"The task has no tokenizer ({self.reason}): pass load_task(…, tokenizer=…), or call "
            "task.network with ids."
        )

    def __repr__(self) -> str:
        return "no tokenizer"
