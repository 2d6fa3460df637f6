"""Inferring which family and dialect a checkpoint is of."""

from collections.abc import Iterable
from typing import NamedTuple

from playmask.checkpoints.source import Source
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES, Family
from playmask.families.names import Dialect


class Guess(NamedTuple):
    """A family and dialect, and the share of the checkpoint's tensors that their rules name."""

    family: Family
    dialect: Dialect
    share: float


def infer(source: Source, family: str | None = None) -> Guess:
    """Tell a checkpoint's family and dialect from its configuration and its tensor names.

    Raises: CheckpointError where no family fits, the one asked for does not, or several do
    """
    if family is not None and family not in FAMILIES:
        raise ConfigError(f"There is no family {family!r}.{nearest(family, FAMILIES)}")
    guesses = sorted(_guesses(source), key=lambda guess: -guess.share)
    fitting = [guess for guess in guesses if _fits(guess, source)]
    if family is not None:
        fitting = [guess for guess in fitting if guess.family.name == family]
        if not fitting:
            raise CheckpointError(_misfit(source, guesses, family))
    if not fitting:
        raise CheckpointError(_misfit(source, guesses))
    declared = source.config.get("model_type")
    best = [g for g in fitting if g.share == fitting[0].share]
    if len(best) > 1:
        best = [g for g in best if declared in g.family.model_types] or best
    if len({guess.family.name for guess in best}) > 1:
        names = ", ".join(guess.family.name for guess in best)
        raise CheckpointError(f"{source.path} fits several families ({names}); pass family=….")
    if family is None and declared is not None and not _declared(best[0], declared):
        raise CheckpointError(
            f"{source.path} declares model_type {declared!r}, which is none of playmask's, though "
            f"its tensors are named like {best[0].family.name}'s; if that is what it is, pass "
            f"family={best[0].family.name!r}."
        )
    return best[0]


def _declared(guess: Guess, declared: str) -> bool:
    known = {kind for family in FAMILIES.values() for kind in family.model_types}
    return declared in guess.family.model_types or declared in known


def _guesses(source: Source) -> Iterable[Guess]:
    for family in FAMILIES.values():
        dialect = family.dialects.get(source.container)
        if dialect is not None:
            yield Guess(family, dialect, dialect.knows(source.tensors))


def _fits(guess: Guess, source: Source) -> bool:
    """Whether the token table and most of the rest are named as this dialect names them."""
    hit = guess.dialect.rule_for("embeddings/tokens/embeddings")
    return hit is not None and any(n in source.tensors for n in hit[1]) and guess.share > 0.5


def _misfit(source: Source, guesses: list[Guess], family: str | None = None) -> str:
    some = ", ".join(list(source.tensors)[:3]) or "no tensors"
    declared = source.config.get("model_type")
    says = f"; its configuration says model_type {declared!r}" if declared else ""
    start = f"{source.path} holds {len(source.tensors)} tensors ({some}, …){says}"
    if family is not None:
        other = [g.family.name for g in guesses if g.family.name != family and _fits(g, source)]
        fit = f"; the family {other[0]!r} would fit" if other else ""
        return f"{start}. It is no {family!r}{fit}."
    known = ", ".join(FAMILIES)
    near = f" ({guesses[0].share:.0%} of the names are {guesses[0].family.name}'s)" * bool(
        guesses and guesses[0].share
    )
    return f"{start}. It fits none of the families playmask knows: {known}{near}."
