"""Pruning a checkpoint or a task: fewer tokens, fewer blocks, and what that saved."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from playmask.checkpoints import load, save
from playmask.checkpoints.identify import identify
from playmask.checkpoints.source import WEIGHTS, find
from playmask.cli.actions.checkpoint import heads_in
from playmask.cli.actions.progress import steps
from playmask.cli.output import note
from playmask.data.examples import texts_in
from playmask.data.inputs import is_table, read_table
from playmask.data.lines import read_lines
from playmask.errors import ConfigError
from playmask.files.commits import contents
from playmask.model.recipes import to_json
from playmask.model.transformer import Transformer
from playmask.tasks.loading import load_task
from playmask.tasks.shorter import keep_blocks, keep_tokens
from playmask.tasks.task_json import TASK
from playmask.tokenizers import Tokenizer
from playmask.tokenizers.prune import occurring


class Pruning(NamedTuple):
    """What is pruned, where to, and what stays.

    texts: files whose tokens stay, those that occur `minimum` times, at most the `most` frequent;
    none = all tokens; blocks: numbers with commas between, or how many, or None for all
    """

    source: str
    target: Path
    texts: tuple[Path, ...] = ()
    minimum: int = 1
    most: int | None = None
    blocks: str | None = None
    force: bool = False


def run(pruning: Pruning) -> None:
    """Prune, save, and say what it saved."""
    _check(pruning)
    blocks = _blocks(pruning.blocks)
    is_task = (Path(pruning.source) / TASK).is_file()
    with steps("loading…", "counting tokens…", "pruning…", "saving…") as step:
        step()
        model: Any = load_task(pruning.source) if is_task else _model(pruning.source)
        before = _sizes(model)
        step()
        ids = _tokens(model, pruning) if pruning.texts else None
        step()
        if ids is not None:
            model = keep_tokens(model, ids)
        if blocks is not None:
            model = keep_blocks(model, blocks)
        step()
        if is_task:
            model.save(pruning.target)
        else:
            save(model, pruning.target)
    for name, old, new in zip(
        ("tokens", "blocks", "parameters"), before, _sizes(model), strict=True
    ):
        note(f"{name}: {old:,} → {new:,}" + (f" ({new / old:.0%})" if new < old else ""))
    size = (pruning.target / WEIGHTS).stat().st_size / 1e6
    note(f"saved in {pruning.target}: {size:,.1f} MB of weights")


def _check(pruning: Pruning) -> None:
    target = pruning.target
    if not pruning.texts and pruning.blocks is None:
        raise ConfigError("Give --texts FILE, whose tokens stay, or --blocks, or both.")
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; OUT is a folder.")
    if target.resolve() == Path(pruning.source).resolve():
        raise ConfigError(f"{target} is where the model lies; give another folder.")
    held = contents(target)
    if held and not pruning.force:
        raise ConfigError(f"{target} is not empty (it holds {held[0]}); --force writes into it.")


def _blocks(text: str | None) -> int | tuple[int, ...] | None:
    """Numbers of blocks, or how many."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(map(str.isdigit, parts)):
        raise ConfigError(f"--blocks is a number, or numbers such as 0,4,8, not {text!r:.60}.")
    return int(parts[0]) if len(parts) == 1 else tuple(map(int, parts))


def _model(path: str) -> Transformer:
    """A checkpoint's model with all heads that it has."""
    source = find(path)
    return load(path, heads=heads_in(source, identify(source, None, ())))


def _sizes(model: Any) -> tuple[int, int, int]:
    """How many tokens, blocks and parameters a model, or a task, has."""
    architecture = getattr(model, "transformer", model).architecture
    count = getattr(model, "network", model).count_params()
    return architecture.vocabulary, architecture.depth, count


def _tokens(model: Any, pruning: Pruning) -> list[int]:
    """The ids of the tokens of some files' texts, and of the texts that a task's settings hold."""
    tokenizer = model.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        raise ConfigError("The model has no tokenizer, so its tokens cannot be counted.")
    texts = _texts(pruning.texts)
    ids = {*occurring(tokenizer, texts, minimum=pruning.minimum, most=pruning.most)}
    settings = getattr(model, "settings", None)
    if settings is not None:
        ids |= {*occurring(tokenizer, _strings(to_json(settings)))}
    return sorted(ids)


def _texts(files: Iterable[Path]) -> Iterator[str]:
    for path in files:
        if is_table(path):
            yield from (text for example in read_table(path) for text in texts_in(example))
        else:
            yield from (line.decode("utf-8", "replace") for line in read_lines(path))


def _strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
