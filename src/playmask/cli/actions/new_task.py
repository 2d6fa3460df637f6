"""A fresh task for `playmask train`: on a pretrained model, or on a small new one."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras

from playmask.checkpoints import build
from playmask.checkpoints.source import find
from playmask.cli.options import NewModel
from playmask.data.examples import Examples, texts_in
from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer
from playmask.runtime.train.methods import method_of
from playmask.tasks.loading import load_task
from playmask.tasks.settings import TaskSettings
from playmask.tasks.shorter import keep_blocks
from playmask.tokenizers import Tokenizer

SHOWN = 12  # labels in a line
Options = dict[str, Any]


def new_task(kind: Any, settings: TaskSettings, options: Options, examples: Examples[Any]) -> Any:
    """A fresh task of a kind.

    options: `model` and `family`, or `new` and the fields of NewModel; `seed`; a `max_length` of
    None is as long as the model has positions, where these are fewer than the settings' own
    """
    keras.utils.set_random_seed(options["seed"])
    if options["model"] is None and not options["new"]:
        return _successor(kind, settings, options)
    if options["new"]:
        sizes = NewModel.of(**{name: options[name] for name in NewModel.__annotations__})
        teacher = options["teacher"]
        tokenizer = None if teacher is None else Tokenizer.load(teacher)
        model, tokenizer = _new_model(kind, settings, sizes, examples, tokenizer)
    else:
        tokenizer = Tokenizer.load(find(options["model"]).directory)
        model = kind.open(options["model"], settings, family=options["family"])
        if "max_length" in options and options["max_length"] is None:
            settings = _fitted(settings, model.architecture.limit)
    return kind.new(model, settings, tokenizer=tokenizer)


def _successor(kind: Any, settings: TaskSettings, options: Options) -> Any:
    """The task that begins as some of the blocks of its teacher, whose place it takes."""
    blocks = method_of("theseus", options["theseus"]).blocks
    smaller = keep_blocks(load_task(options["teacher"]), blocks)
    if type(smaller) is not kind:
        name = kind.settings_class.task
        raise ConfigError(f"The teacher is a task {smaller.name!r}, not {name!r}.")
    for name in options:
        its = getattr(smaller.settings, name, None)
        if its != getattr(settings, name, None):
            raise ConfigError(
                f"A task that takes its teacher's place has its settings: {name} is {its!r:.60} "
                "there."
            )
    return smaller


def _new_model(
    kind: Any,
    settings: TaskSettings,
    sizes: NewModel,
    examples: Examples[Any],
    tokenizer: Tokenizer | None,
) -> tuple[Transformer, Tokenizer]:
    """A small model of a tokenizer, or of one that is learnt from the examples."""
    if tokenizer is None:
        texts = (text for example in examples for text in texts_in(example))
        tokenizer = Tokenizer.from_texts(texts, size=sizes.vocabulary)
    architecture = Architecture(
        family="bert",
        vocabulary=len(tokenizer),
        width=sizes.width,
        depth=sizes.depth,
        attention_heads=sizes.attention_heads,
        inner=4 * sizes.width,
        position=Learned(settings.row_length),
        pad=tokenizer.pad,
    )
    changes = kind.model_options(settings)
    heads = changes.pop("heads")
    return build(architecture.change(**kind.fresh, **changes), heads), tokenizer


def _fitted(settings: TaskSettings, positions: int | None) -> TaskSettings:
    """The settings with texts as short as the positions that a model has."""
    length = settings.max_length
    while positions is not None and settings.row_length > positions:
        length -= 1
        settings = settings.change(max_length=length)
    return settings


def counted(labels: Iterable[str], names: Iterable[str]) -> str:
    """The labels, and how often each occurs; "" where there are none."""
    number, labels = Counter(names), [*labels]
    first = ", ".join(f"{label} ({number[label]:,})" for label in labels[:SHOWN])
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"{first}{more}"
