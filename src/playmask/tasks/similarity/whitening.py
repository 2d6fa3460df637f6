"""BERT-whitening: the linear map after which vectors have no mean and no correlations."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError, DataError
from playmask.tasks.similarity.sentence_network import SentenceNetwork
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_steps import Projection, UnitLength, VectorStep
from playmask.tokenizers import Tokenizer

LEAST = 1e-7  # of the largest variance: what is below is no variance, but rounding


class WithSteps(Protocol):
    """An encoder: a network around a Transformer, a tokenizer and settings, of which it is made."""

    network: SentenceNetwork
    tokenizer: Tokenizer
    settings: EncoderSettings

    def __init__(
        self, network: SentenceNetwork, tokenizer: Tokenizer, settings: EncoderSettings
    ) -> None: ...


class Whitening(NamedTuple):
    """A map x -> x W + b. Shapes: kernel (D, size), bias (size,)."""

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


def whitening(vectors: npt.NDArray[np.float32], size: int | None = None) -> Whitening:
    """The map to vectors of mean 0 and covariance 1.

    Of vectors of mean μ and covariance U Λ Uᵀ it is W = U Λ^(-1/2), b = -μ W.

    size: how many of the directions remain, those of the largest variance; None: all that vary,
    which are one less than D where a layer norm, whose values have no mean, made the vectors
    Shapes: (N, D) -> (D, size), (size,)
    Raises: DataError where the vectors vary in fewer directions; ConfigError for another size
    Source: Su et al. 2021 (kexue 8069), BERT-whitening
    """
    values = vectors.astype("float64")
    count, width = values.shape
    if size is not None and not 1 <= size <= width:
        raise ConfigError(f"size is from 1 to {width}, the vectors' own, not {size}.")
    mean = values.mean(0)
    centred = values - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / count)
    variances, directions = variances[::-1], directions[:, ::-1]
    rank = int((variances > LEAST * max(variances[0], 1e-30)).sum())
    size = rank if size is None else size
    if not 0 < size <= rank:
        raise DataError(
            f"The vectors of {count:,} texts vary in {rank} directions, of which {size} are due; "
            "give more different texts, or a smaller size."
        )
    kernel = directions[:, :size] / np.sqrt(variances[:size])
    return Whitening(kernel.astype("float32"), (-mean @ kernel).astype("float32"))


def whitened(encoder: WithSteps, texts: Sequence[str], size: int | None = None) -> Any:
    """An encoder of the same Transformer whose vectors are whitened, and of the length 1.

    texts: those whose vectors it is learnt from; size: as of `whitening`
    """
    own = encoder.settings.steps
    before = own[:-1] if own[-1:] == (UnitLength(),) else own
    raw = _with_steps(encoder, before)
    kernel, bias = whitening(raw.encode(texts), size)
    result = _with_steps(encoder, (*before, Projection(kernel.shape[1], "linear"), UnitLength()))
    result.network.steps[len(before)].dense.set_weights([kernel, bias])
    return result


def _with_steps(encoder: WithSteps, steps: tuple[VectorStep, ...]) -> Any:
    """An encoder with other steps; the first ones, as far as they are the same, as learnt."""
    settings = encoder.settings.change(steps=steps, size=None, projection=None)
    network = type(encoder.network)(encoder.network.transformer, settings)
    pairs = zip(encoder.settings.steps, steps, encoder.network.steps, network.steps, strict=False)
    for before, after, old, new in pairs:
        if before == after:
            new.set_weights(old.get_weights())
    return type(encoder)(network, encoder.tokenizer, settings)
