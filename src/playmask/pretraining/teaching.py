"""The teacher of a pretraining: another model, which reads the same rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

from playmask.checkpoints import load
from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.pretraining.network import FIRSTS, PackedNetwork, check_packs
from playmask.runtime.train.methods import methods_of
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.steps.distil import Distillation
from playmask.tasks.teaching import check_tokenizers, lending, named_teacher, with_default

HEAD = "mlm"


class PackedReader(PackedNetwork):
    """A Transformer without a head that reads packed rows, of which only its states are of use."""

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Read."""
        own = {name: x for name, x in inputs.items() if name not in (FIRSTS, "read")}
        return {"hidden": self.transformer(self.packed(own), training=training)["hidden"]}


@contextmanager
def taught(
    pretraining: Any,
    options: TrainingOptions | None,
    changes: Mapping[str, Any],
    callbacks: Sequence[Any],
) -> Iterator[TrainingOptions]:
    """Have a teacher while a model is pretrained; gives the options of that training.

    changes: of the options; `teacher` may be a model, or the path of a checkpoint
    """
    options, teacher = named_teacher(options, changes)
    if teacher is None:
        yield options
        return
    options = with_default(options, callbacks)
    methods = (*methods_of(options), *callbacks)
    logits = any(isinstance(each, Distillation) and each.parts["logits"] > 0 for each in methods)
    with lending(pretraining.network, partial(teacher_of, pretraining, teacher, logits=logits)):
        yield options


def teacher_of(pretraining: Any, teacher: Transformer | str, *, logits: bool) -> keras.Model:
    """The network of another model, which methods learn from.

    logits: whether what it predicts is learnt, for which it needs a head
    Raises: ConfigError where the two do not read the same rows, or the head is not there
    """
    if type(pretraining.network) is not PackedNetwork:
        raise ConfigError(
            f"{pretraining.settings.objective} has no teacher: it reads rows otherwise than a "
            "plain model; mlm, lm and unilm have one."
        )
    if isinstance(teacher, str):
        teacher = load(teacher, heads=(HEAD,) if logits else ())
        if logits and teacher.report.fresh:
            raise ConfigError(
                f"The teacher has no head {HEAD!r}, so it predicts no tokens; let its states be "
                "learnt: distil='logits=0,hidden=1'."
            )
    if teacher is pretraining.transformer:
        raise ConfigError("A model cannot be its own teacher; load it once more.")
    check_tokenizers(teacher.tokenizer, pretraining.tokenizer)
    check_packs(teacher.architecture, pretraining.settings.max_length)
    if teacher.architecture.order != pretraining.transformer.architecture.order:
        raise ConfigError(
            f"The teacher reads in the order {teacher.architecture.order!r}, the student in "
            f"{pretraining.transformer.architecture.order!r}; load it with the same mask."
        )
    return (PackedNetwork if logits else PackedReader)(teacher)
