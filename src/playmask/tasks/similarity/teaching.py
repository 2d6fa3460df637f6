"""Learning from another encoder's vectors: a teacher, cut by principal components where larger."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError
from playmask.tasks.similarity.index import Encoder, normalized

Vectors = npt.NDArray[np.float32]


def load_teacher(path: str | None, loss: str) -> Encoder:
    """The saved encoder that a loss learns from.

    Raises: ConfigError where none is named, or it makes no vectors
    """
    from playmask.tasks.loading import load_task

    if path is None:
        raise ConfigError(f"The loss {loss!r} learns from an encoder; name it: teacher_encoder.")
    task = load_task(path)
    if not hasattr(task, "encode"):
        raise ConfigError(f"{path} is a task {task.name!r}, which makes no vectors.")
    encoder: Encoder = task
    return encoder


class Teacher:
    """What a student's vectors are compared with: another encoder's, of the same size.

    Larger vectors are projected onto their principal components, which no mean is taken from, so
    that products stay what they are as far as so many numbers can say them.

    size: of the student's vectors; unit: whether these are of the length 1
    Raises: ConfigError for a teacher of smaller vectors
    Source: Reimers & Gurevych 2020; Eckart & Young 1936
    """

    def __init__(self, encoder: Encoder, size: int, *, unit: bool) -> None:
        self.encoder, self.size, self.unit = encoder, size, unit
        self.components: Vectors | None = None

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """The targets for texts; the components are those of the first texts that come."""
        vectors = self.encoder.encode(texts)
        if vectors.shape[1] < self.size:
            raise ConfigError(
                f"The teacher's vectors have {vectors.shape[1]} numbers, this encoder's "
                f"{self.size}; give projection={vectors.shape[1]}, or another teacher."
            )
        if vectors.shape[1] > self.size:
            if self.components is None:
                self.components = principal_components(vectors, self.size)
            vectors = vectors @ self.components
        return np.asarray(normalized(vectors) if self.unit else vectors, "float32")


def principal_components(vectors: Vectors, size: int) -> Vectors:
    """The directions in which vectors are longest, the longest first.

    Shapes: (N, D) -> (D, size)
    """
    moments = vectors.T.astype("float64") @ vectors
    _, directions = np.linalg.eigh(moments)
    return np.asarray(directions[:, ::-1][:, :size], "float32")
