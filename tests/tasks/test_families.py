"""Every family can be fine-tuned as a classifier: the gradient reaches all of it."""

import re
from collections.abc import Iterator
from dataclasses import fields

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from families.small import small
from pairwise import covering, marked
from playmask.errors import ConfigError
from playmask.families import FAMILIES
from playmask.runtime.train.weight_names import all_weights

REVIEWS = [("味道很好", "good"), ("服务热情", "good"), ("坏了退货", "bad"), ("太失望了", "bad")] * 4
POOLING = {"lm": "last", "full": "mean_max"}


@pytest.fixture(scope="module")
def tokenizer():
    return playmask.Tokenizer.from_texts((text for text, _ in REVIEWS), minimum=1)


def classifier(family, tokenizer):
    made = small(family, vocabulary=len(tokenizer), pad=tokenizer.pad, dropout=0.0, depth=1)
    if made.decoder is not None:
        made = made.change(decoder=None)
    return playmask.TextClassifier.new(
        playmask.build(made.change(attention_dropout=0.0), ()),
        ["bad", "good"],
        tokenizer=tokenizer,
        pooling=POOLING[made.order],
        max_length=8,
    )


def choices(family: str) -> Iterator[tuple[str, object]]:
    """What a gradient passes in a family's encoder: its choices, of whatever numbers."""
    made = small(family)
    for name in {field.name for field in fields(made)} - {"family", "vocabulary_head", "decoder"}:
        value = getattr(made, name)
        number = isinstance(value, int | float)
        yield name, bool(value) if number else re.sub(r"[\d.]+(e-?\d+)?", "", repr(value))


CHOICES = covering([(family,) for family in FAMILIES], lambda row: choices(*row))


@pytest.mark.parametrize("family", marked([(family,) for family in FAMILIES], CHOICES))
def test_a_step_of_training_changes_every_weight(family, tokenizer):
    task = classifier(family, tokenizer)
    before = {name: numpy_of(v.value).copy() for name, v in all_weights(task.network).items()}
    task.compile(keras.optimizers.Adam(1e-2))
    encodings = tokenizer.encode([text for text, _ in REVIEWS[:4]], max_length=8)
    inputs = {
        "tokens": np.array([e.ids for e in encodings], "int32"),
        "segments": np.array([e.segments for e in encodings], "int32"),
    }
    task.network.train_on_batch(inputs, np.array([1, 1, 0, 0], "int32"))
    after = {name: numpy_of(v.value) for name, v in all_weights(task.network).items()}
    same = [name for name in before if np.array_equal(before[name], after[name])]
    unreached = {"embeddings/query"}  # of query streams, and where there are several segments
    unreached |= {name for name in same if "transformer_xl/segment" in name}
    assert not set(same) - unreached, same


@pytest.mark.parametrize("family", ["gau_alpha", "gpt2", "t5_1_1"])
def test_a_family_of_another_shape_learns_and_comes_back(family, tokenizer, tmp_path):
    task = classifier(family, tokenizer)
    task.fit(REVIEWS, epochs=12, batch_size=8, learning_rate=1e-2, seed=0, verbose=0)
    assert task.evaluate(REVIEWS)["accuracy"] == 1.0
    again = playmask.load_task(task.save(tmp_path / "task"))
    texts = [text for text, _ in REVIEWS[:4]]
    for one, other in zip(task.predict(texts), again.predict(texts), strict=True):
        assert one.label == other.label
        values = [list(found.probabilities.values()) for found in (one, other)]
        np.testing.assert_allclose(*values, rtol=1e-6)


def test_a_classifier_takes_an_encoder_only(tokenizer):
    model = playmask.build(small("t5", vocabulary=len(tokenizer)))
    with pytest.raises(ConfigError, match="decoder=None"):
        playmask.TextClassifier.new(model, ["bad", "good"], tokenizer=tokenizer)
