"""The teacher of a training: another task of the same kind, whose answers can be learnt from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras

from playmask.data.examples import Examples
from playmask.data.lines import read_lines
from playmask.errors import ConfigError, DataError
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.stacks import stacks_of
from playmask.runtime.train.steps.teacher import TaughtHook
from playmask.tasks.registry import resolve

ANSWERS = (
    *("labels", "multiple", "numbers", "mean", "deviation", "scale", "method", "tags", "scheme"),
    *("join", "bare", "impossible", "max_answer", "pattern", "words", "schema"),
)
"""Settings that say what a task's outputs mean."""


def named_teacher(
    options: TrainingOptions | None, changes: Mapping[str, Any]
) -> tuple[TrainingOptions, Any]:
    """The options of a training, and its teacher: a folder's name, an object, or None."""
    teacher = changes.get("teacher")
    if isinstance(teacher, Path):
        changes = {**changes, "teacher": str(teacher)}
    elif not isinstance(teacher, str | None):
        changes = {**changes, "teacher": None}
    options = (options or TrainingOptions()).change(**changes)
    return options, teacher if options.teacher is None else options.teacher


def with_default(options: TrainingOptions, callbacks: Iterable[Any]) -> TrainingOptions:
    """The options of a training with a teacher: its logits are learnt where no method is named."""
    named = options.distil is not None or options.theseus is not None
    if named or any(isinstance(each, TaughtHook) for each in callbacks):
        return options
    return options.change(distil="logits=1")


@contextmanager
def lending(network: Any, teacher: Callable[[], keras.Model] | None) -> Iterator[None]:
    """Let methods learn from the network that a function gives, meanwhile."""
    network.teacher = teacher
    try:
        yield
    finally:
        network.teacher = None


@contextmanager
def taught(
    task: Any,
    data: Any,
    options: TrainingOptions | None,
    changes: dict[str, Any],
    callbacks: Iterable[Any],
) -> Iterator[tuple[Any, TrainingOptions]]:
    """Have a teacher while a task is trained; gives the data and the options of that training.

    changes: of the options; `teacher` may be a task, or the folder of one. The data are labelled
    by it where that is asked for, and its answers are what is learnt where no method says what else
    Raises: ConfigError for labels without a teacher
    """
    options, teacher = named_teacher(options, changes)
    if teacher is None:
        if options.label_by_teacher:
            raise ConfigError("label_by_teacher needs a teacher: fit(…, teacher=…), --teacher DIR.")
        yield data, options
        return
    if isinstance(teacher, str):
        teacher = resolve("playmask.tasks.loading:load_task")(teacher)
    options = with_default(options, callbacks)
    if options.label_by_teacher:
        data = answered(teacher, data)
    with lending(task.network, partial(teacher_of, task, teacher)):
        yield data, options


def teacher_of(task: Any, teacher: Any) -> keras.Model:
    """The network of another task, which methods learn from.

    Raises: ConfigError where the two do not answer the same, or not on the same tokens
    """
    if teacher.network is task.network:
        raise ConfigError("A task cannot be its own teacher; load it once more.")
    if teacher.transformer is task.transformer:
        raise ConfigError("Teacher and student stand on the same model; load it once more.")
    if teacher.name != task.name:
        raise ConfigError(f"The teacher is a task {teacher.name!r}, the student {task.name!r}.")
    for name in ANSWERS:
        one, other = (getattr(each.settings, name, None) for each in (teacher, task))
        if one != other:
            raise ConfigError(
                f"The teacher's {name} is {one!r:.80}, the student's {other!r:.80}; give the "
                f"student the same."
            )
    _check_inputs(task, teacher)
    return teacher.network


def _check_inputs(task: Any, teacher: Any) -> None:
    """See that a teacher can read the rows of a student, and has the same stacks."""
    check_tokenizers(teacher.tokenizer, task.tokenizer)
    a, b = teacher.transformer.architecture, task.transformer.architecture
    longest = task.settings.row_length
    if a.limit is not None and longest > a.limit:
        raise ConfigError(f"Rows have up to {longest} tokens, but the teacher {a.limit} positions.")
    if (a.segments == "tokens") != (b.segments == "tokens") or a.order != b.order:
        raise ConfigError("The teacher reads segments, or writes, otherwise than the student.")
    if len(stacks_of(teacher.network)) != len(stacks_of(task.network)):
        raise ConfigError("Of teacher and student only one has an encoder and a decoder.")


def check_tokenizers(teacher: Any, student: Any) -> None:
    """See that teacher and student read the same tokens; raises ConfigError."""
    if teacher is None or _content(teacher) != _content(student):
        count = "none" if teacher is None else f"{len(teacher)}"
        raise ConfigError(
            "The teacher has another tokenizer than the student, so they do not read the same "
            f"tokens ({count} and {len(student)} of them)."
        )


def _content(tokenizer: Any) -> dict[str, Any]:
    """What a tokenizer is, without what its file says that there is not."""
    (content,) = tokenizer.__reduce__()[1]
    model = dict(content["model"])
    own = {name: value for name, value in model.pop("playmask", {}).items() if value is not None}
    return {**content, "model": model, "playmask": own}


def answered(teacher: Any, data: Any) -> Examples[Any]:
    """Texts, or pairs, with a teacher's answers as their labels.

    data: a file of texts, one a line or a table, or a sequence of them
    Raises: ConfigError for a teacher whose answers are no labels; DataError for bad texts
    """
    if isinstance(data, (str, Path)):
        path = Path(data)
        if teacher.reads_lines(path):
            lines = (line.decode("utf-8", "replace").strip() for line in read_lines(path))
            inputs = [line for line in lines if line]
        else:
            inputs = [teacher.input_of(example) for example in teacher.read_inputs(path)]
    else:
        path, inputs = None, [*data]
    if not inputs:
        raise DataError(f"{'' if path is None else f'{path}: '}There is no text to learn from.")
    if not hasattr(teacher, "answered"):
        raise ConfigError(f"What a task {teacher.name!r} answers is nothing to label texts with.")
    answers = zip(inputs, teacher.predict(inputs), strict=True)
    return Examples([teacher.answered(*both) for both in answers], path=path)
