"""Inferring which family and dialect a checkpoint is of."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from playmask.checkpoints.source import Source
from playmask.checkpoints.wrappers import prefixes_of, table_names
from playmask.errors import CheckpointError, ConfigError, brief, nearest
from playmask.families import FAMILIES, Family
from playmask.families.names import TOKENS, Dialect

BODY = ("embeddings/", "blocks/", "decoder/")
"""What the names of weights start with that are no heads."""


class Guess(NamedTuple):
    """A family and dialect, and how well a checkpoint's tensors fit.

    named: the share of the tensors that the rules name; filled: the share of the rules for the
    embedding and the first block whose tensors are there; also: families that fit as well, and
    compute the same
    """

    family: Family
    dialect: Dialect
    named: float
    filled: float
    also: tuple[str, ...] = ()


def infer(source: Source, family: str | None = None) -> Guess:
    """Tell a checkpoint's family and dialect from its configuration and its tensor names.

    Raises: CheckpointError where no family fits, the one asked for does not, or several do
    """
    if family is not None and family not in FAMILIES:
        raise ConfigError(f"There is no family {family!r}.{nearest(family, FAMILIES)}")
    guesses = sorted(_guesses(source), key=lambda guess: -guess.named)
    fitting = [guess for guess in guesses if _fits(guess, source)]
    if family is not None:
        fitting = [guess for guess in fitting if guess.family.name == family]
        if not fitting:
            raise CheckpointError(_misfit(source, guesses, family))
    if not fitting:
        raise CheckpointError(_misfit(source, guesses))
    declared = _model_type(source)
    best = _narrowed([g for g in fitting if g.named == fitting[0].named], source)
    if len(best) > 1 and _alike(best, source):
        best = [best[0]._replace(also=tuple(guess.family.name for guess in best[1:]))]
    if len(best) > 1:
        names = ", ".join(guess.family.name for guess in best)
        raise CheckpointError(
            f"{source.path} fits several families ({names}), whose tensors have the same names; "
            "pass family=…."
        )
    if family is None and declared is not None and not _declared(best[0], declared):
        raise CheckpointError(
            f"{source.path} declares model_type {brief(declared)}, which is none of playmask's, "
            f"though its tensors are named like {best[0].family.name}'s; if that is what it is, "
            f"pass family={best[0].family.name!r}."
        )
    return best[0]


def _narrowed(best: list[Guess], source: Source) -> list[Guess]:
    """Of several that name all tensors, those that most speaks for, one sign after the other."""
    declared, config = _model_type(source), set(source.config)
    most = max(guess.filled for guess in best)
    for sign in (
        lambda guess: declared in guess.family.model_types,
        lambda guess: bool(guess.family.marks & config),
        lambda guess: guess.filled == most,
        lambda guess: guess.family.name in str(source.path).lower().replace("-", "_"),
    ):
        best = [guess for guess in best if sign(guess)] or best
    return best


def _alike(guesses: list[Guess], source: Source) -> bool:
    """Whether several families describe the very same computation by a configuration."""
    architectures = set()
    for guess in guesses:
        family, tensors = guess.family, source.tensors
        try:
            read = family.configuration.read(source.config, source.config)
        except ConfigError:
            return False
        settled, _ = guess.dialect.settle(family.settle(read, tensors), tensors)
        architectures.add(replace(settled, family=""))
    return len(architectures) == 1


def _model_type(source: Source) -> str | None:
    """What the configuration says the model is."""
    declared = source.config.get("model_type")
    if declared is not None and not isinstance(declared, str):
        raise ConfigError(
            f"{source.directory}: model_type is {brief(declared)}; a string such as 'bert' is due."
        )
    return declared


def _declared(guess: Guess, declared: str) -> bool:
    known = {kind for family in FAMILIES.values() for kind in family.model_types}
    return declared in guess.family.model_types or declared in known


def _guesses(source: Source) -> Iterable[Guess]:
    for family in FAMILIES.values():
        dialect = family.readable.get(source.container)
        if dialect is not None:
            named = dialect.knows(source.tensors)
            yield Guess(family, dialect, named, _filled(dialect, source) if named else 0.0)


def _filled(dialect: Dialect, source: Source) -> float:
    """How many of the rules for the embedding and the first block find their tensor."""
    body = [r.ours.format(i=0) for r in dialect.rules if r.ours.startswith(BODY)]
    present = [any(n in source.tensors for n in dialect.names_of(ours)) for ours in body]
    return sum(present) / len(present)


def _fits(guess: Guess, source: Source) -> bool:
    """Whether the token table and most of the rest are named as this dialect names them."""
    needs = guess.family.needs
    if needs and not any(re.search(needs, name) for name in source.tensors):
        return False
    tables = guess.dialect.readings(TOKENS, tied=True)
    return any(name in source.tensors for _, name in tables) and guess.named > 0.5


def _misfit(source: Source, guesses: list[Guess], family: str | None = None) -> str:
    some = ", ".join(map(brief, list(source.tensors)[:3])) or "no tensors"
    facts = [f"{source.path} holds {len(source.tensors)} tensors ({some}, …)"]
    if declared := _model_type(source):
        facts.append(f"its configuration says model_type {brief(declared)}")
    tables = table_names(source.container)
    wrapped = prefixes_of((name for name in source.tensors if name not in tables), tables)
    if wrapped:
        facts.append(f"some are of another model, under the prefix {wrapped[0]!r}: save one alone")
    start = "; ".join(facts)
    if family is not None:
        other = [g.family.name for g in guesses if g.family.name != family and _fits(g, source)]
        if other:
            return f"{start}. It is no {family!r}; the family {other[0]!r} would fit."
        return f"{start}. It is no {family!r}."
    known = ", ".join(FAMILIES)
    near = f" ({guesses[0].named:.0%} of the names are {guesses[0].family.name}'s)" * bool(
        guesses and guesses[0].named
    )
    return f"{start}. It fits none of the families playmask knows{near}: {known}."
