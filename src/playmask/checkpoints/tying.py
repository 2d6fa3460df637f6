"""Whether the vocabulary head scores with the token table: the tensors say it, not a flag.

transformers writes `"tie_word_embeddings": true` for models whose output layer is their own too.
"""

from playmask.checkpoints.containers import Tensors, same
from playmask.families.names import OUTPUT, TOKENS, Dialect, Rule


def own_output(tensors: Tensors, dialect: Dialect) -> str | None:
    """The name of an output layer whose values are not those of the token table beside it."""
    output, table = _stored(tensors, dialect, OUTPUT), _stored(tensors, dialect, TOKENS)
    if output is None or table is None:
        return None
    (rule, name), (other, tokens) = output, table
    tied = same(rule.read(tensors[name]).T, other.read(tensors[tokens]))
    return None if tied else name


def _stored(tensors: Tensors, dialect: Dialect, ours: str) -> tuple[Rule, str] | None:
    return next((reading for reading in dialect.readings(ours) if reading[1] in tensors), None)
