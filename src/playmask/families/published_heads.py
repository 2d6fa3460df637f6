"""What published classes have on top of their family's model: tensors, and what they compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from playmask.families.encoders import transposed
from playmask.families.names import Rule
from playmask.model.architecture import Architecture
from playmask.model.vector_transform import VectorTransform

Config = Mapping[str, Any]

SEQUENCE, TOKEN, QUESTION = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)
"""How the names of published classes end, behind the family's."""

UNIVERSAL = "UIE"
"""The class of universal information extraction, whose name is the same in all families."""

OWN = "task/"
"""What the names of a task's own weights begin with, beside those of its Transformer."""


class VectorHead(NamedTuple):
    """How a text becomes the vector that answers are read off: a pooling, then a transform."""

    pooling: str
    transform: VectorTransform | None = None


@dataclass(frozen=True)
class PublishedHead:
    """The head of a published class, whose weights are a task's own.

    output: our name of the layer of logits; rules: of all its tensors; needs: weights of the model
    that it reads besides hidden states; vector: (configuration, architecture) -> how a text becomes
    the vector that it reads, where it reads one; keys: what the configuration says of that;
    labelled: whether its logits have the labels that the configuration names; roots: what the
    names of the model's tensors usually begin with, and what in checkpoints of this class; stores:
    heads of the model that these hold besides, though nothing reads them
    """

    output: str
    rules: tuple[Rule, ...]
    needs: tuple[str, ...] = ()
    vector: Callable[[Config, Architecture], VectorHead] | None = None
    keys: Callable[[VectorHead], dict[str, Any]] = lambda vector: {}
    labelled: bool = True
    roots: tuple[str, str] = ("", "")
    stores: tuple[str, ...] = ()

    @property
    def tensor(self) -> str:
        """The tensor that has a row for each logit."""
        return next(rule.theirs for rule in self.rules if rule.ours == f"{self.output}/kernel")


POOLED = PublishedHead(
    f"{OWN}labels",
    tuple(transposed(f"{OWN}labels", "classifier")),
    needs=("pool/dense/kernel",),
    vector=lambda config, architecture: VectorHead("pooled"),
)
"""BERT's: logits of the pooled vector."""


def of_first(
    activation: Callable[[Config, Architecture], str],
    dense: str = "classifier.dense",
    output: str = "classifier.out_proj",
) -> PublishedHead:
    """RoBERTa's: logits of the first hidden state, behind a dense layer and its activation."""
    return PublishedHead(
        f"{OWN}labels",
        (*transposed(f"{OWN}transform/dense", dense), *transposed(f"{OWN}labels", output)),
        vector=lambda config, architecture: VectorHead(
            "first", VectorTransform(activation(config, architecture))
        ),
    )


def encoder_heads(sequence: PublishedHead) -> dict[str, PublishedHead]:
    """The heads of an encoder's classes, of which that of whole texts differs by family."""
    return {
        SEQUENCE: sequence,
        TOKEN: PublishedHead(f"{OWN}tags", tuple(transposed(f"{OWN}tags", "classifier"))),
        QUESTION: PublishedHead(f"{OWN}ends", tuple(transposed(f"{OWN}ends", "qa_outputs"))),
    }


def universal(root: str) -> PublishedHead:
    """UIE's: a logit for the first and one for the last token of what answers a prompt.

    root: what the names of the family's tensors begin with; the class calls its model `encoder`
    Source: PaddleNLP's UIE, in the names of its conversions to PyTorch (uie_pytorch)
    """
    rules = (
        *transposed(f"{OWN}start", "linear_start"),
        *transposed(f"{OWN}end", "linear_end"),
    )
    return PublishedHead(
        f"{OWN}start", rules, labelled=False, roots=(root, "encoder."), stores=("pool",)
    )
