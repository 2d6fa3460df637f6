"""A corpus tokenised in this process, or in several by grain (extra `scale`)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from playmask.errors import ConfigError
from playmask.pretraining.documents import document_groups, document_parts
from playmask.pretraining.tokenization import CorpusTokenizer, TokenizedGroup


def tokenized_groups(
    source: Sequence[Path] | Sequence[str], tokenize: CorpusTokenizer, *, workers: int = 0
) -> Iterator[TokenizedGroup]:
    """The tokenised documents of files, or of texts, in their order, whatever tokenises them.

    workers: processes that tokenise (by grain); 0: this one does
    Raises: ConfigError where grain is not installed
    """
    if not workers:
        yield from map(tokenize, document_groups(document_parts(source)))
        return
    yield from _in_workers(source, tokenize, workers)


def _in_workers(
    source: Sequence[Path] | Sequence[str], tokenize: CorpusTokenizer, workers: int
) -> Iterator[TokenizedGroup]:
    try:
        import grain
        from absl import flags
    except ImportError:
        raise ConfigError(
            f"workers={workers} tokenises by grain, which is not installed: "
            "pip install playmask[scale], or give workers=0."
        ) from None
    from playmask.pretraining.grain_source import GroupSource

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain reads a flag of absl's, which no program here parses
    dataset = GroupSource(source, tokenize)
    iterator = iter(dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers)))
    try:
        for group in iterator:
            yield TokenizedGroup(*map(np.array, group))  # copies: grain's lie in shared memory
    finally:
        iterator.close()
