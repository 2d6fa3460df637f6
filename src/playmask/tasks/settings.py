"""The settings of every task, declared once: types, defaults, help texts and choices.

Constructors, task.json, errors and the command line's options are read off these fields. Each room
of tasks has its own in `settings.py`, none of which imports Keras, so that `playmask --help` stays
quick. A field without a help text is learnt from the training data, or is for programs only.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from playmask.errors import ConfigError
from playmask.model.recipes import Options

if TYPE_CHECKING:
    from playmask.tasks.published_model import PublishedModel

LABELS = "Labels such as a,b,c. Default: those of the training file."
CUT = "Tokens a text is cut to."
WINDOW = "Tokens that are read at once."


class TaskSettings(Options):
    """What makes a task of a model; each task has a recipe of its own, derived from this.

    task: the name of the task, in task.json and as a command; summary, data, usage: what `playmask
    train` says of it; labels: of tasks that have some; published: what the names of the published
    classes end with that it is made of, and becomes; problems: those of them that it is made of
    where nobody names a task
    Raises: ConfigError for a value that cannot be
    """

    task: ClassVar[str]
    summary: ClassVar[str]
    data: ClassVar[str]
    usage: ClassVar[str] = "predict {out} --text …"
    published: ClassVar[str] = ""
    problems: ClassVar[tuple[str, ...]] = ("",)

    max_length: int
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels: Any = self.labels
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise ConfigError(f"labels are {labels!r:.60}; a list of names is due.")
        names = tuple(map(str, labels))
        if len({*names}) < len(names) or not all(map(str.strip, names)):
            raise ConfigError(f"Each label needs a name, and is needed once; received {[*names]}.")
        odd = next((name for name in names if not _is_whole(name)), None)
        if odd is not None:
            raise ConfigError(f"The label {odd!r:.60} holds half a character; no file can keep it.")
        object.__setattr__(self, "labels", names)
        super().__post_init__()

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """The settings of the task that a published model becomes.

        Raises: ConfigError where its labels are not such as the task has
        """
        raise ConfigError(f"No published model becomes a task {cls.task!r}.")

    def to_published(self) -> dict[str, Any]:
        """What the configuration of the task as a published model says, besides its encoder's.

        Raises: ConfigError where no published class does what the task does
        """
        raise ConfigError(f"No published class is a task {self.task!r}; save as 'playmask'.")

    @property
    def row_length(self) -> int:
        """Tokens in a row of the network at most."""
        return self.max_length


def _is_whole(name: str) -> bool:
    """Whether a name holds whole characters, none of which is half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
