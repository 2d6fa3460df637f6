"""What a checkpoint is: its family, its dialect and its architecture, before any weight is read."""

from collections.abc import Iterable

from playmask.checkpoints.infer import Guess, infer
from playmask.checkpoints.load_plan import OURS, dialect_of
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.published import head_of
from playmask.checkpoints.source import ARCHITECTURE, Source, read_description
from playmask.checkpoints.tying import own_output
from playmask.errors import CheckpointError, ConfigError
from playmask.families.names import BLOCK, DECODER
from playmask.model.architecture import Architecture


def identify(source: Source, family: str | None, ignore: Iterable[str]) -> Report:
    """What a checkpoint is, before anything is loaded."""
    if source.container == "playmask":
        own, _ = read_description(source.directory / ARCHITECTURE, source.config)
        return _whole(source, Report(str(source.path), own.family, "playmask", source.config, own))
    guess = infer(source, family)
    try:
        stored, notes = _described(source, guess, ignore)
    except ConfigError as error:
        raise ConfigError(f"{source.directory}: {error}") from error
    stored = guess.family.settle(stored, source.tensors)
    stored, more = guess.dialect.settle(stored, source.tensors)
    notes += more
    if guess.also:
        others = " or ".join(map(repr, guess.also))
        notes.append(
            f"taken for {guess.family.name!r}; {others} computes the same, and family= says which"
        )
    if source.prefix:
        notes.append(f"the tensors' names began with {source.prefix!r}, which was taken off")
    place, names = str(source.path), (guess.family.name, guess.dialect.name)
    head = head_of(source, guess.family, guess.dialect)
    report = Report(place, *names, source.config, stored, notes=tuple(notes), head=head)
    return _whole(source, report)


def _whole(source: Source, report: Report) -> Report:
    """The report, after seeing that there are tensors of as many blocks as the sizes say.

    Else a number in a file would decide how long building the model takes.
    """
    dialect, a = dialect_of(report), report.architecture
    names = [n if dialect is OURS else dialect.ours_for(n) or "" for n in source.tensors]
    decoder = 0 if a.decoder is None else a.decoder.depth
    for pattern, blocks in ((BLOCK, len(set(a.block_map)) * a.encoder), (DECODER, decoder)):
        stored = len({match[1] for match in map(pattern.match, names) if match})
        if stored < blocks:
            raise CheckpointError(
                f"{source.path} has tensors of {stored} blocks, but its configuration says "
                f"{blocks}; one of them is cut short, or of another model."
            )
    return report


def _described(
    source: Source, guess: Guess, ignore: Iterable[str]
) -> tuple[Architecture, list[str]]:
    """What the configuration describes, but for what the tensors contradict, and notes of that."""
    read = guess.family.configuration.read
    stored = read(source.config, ignore)
    output = None
    if stored.vocabulary_head.tied:
        output = own_output(source.tensors, guess.dialect)
    if output is None:
        return stored, []
    note = (
        f"{output} is a layer of its own, since its values are not the token embedding's; "
        "the configuration takes it for tied"
    )
    return read(source.config, ignore, tied=False), [note]
