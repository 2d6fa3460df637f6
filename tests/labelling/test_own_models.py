"""Layers and losses of labelling in functional models: trained from a generator, saved, loaded."""

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from playmask.errors import ConfigError

pytestmark = pytest.mark.backends
WORDS, WIDTH, TAGS, LENGTH = 7, 16, 3, 6


def batches(targets_of, size=8, seed=0):
    """Texts of different lengths, without end; the targets are a function of tokens and valid."""
    random = np.random.default_rng(seed)
    while True:
        tokens = random.integers(0, WORDS, (size, LENGTH)).astype("int32")
        lengths = random.integers(2, LENGTH + 1, size)
        valid = np.arange(LENGTH) < lengths[:, None]
        weights = np.where(np.arange(size) < size - 1, 1.0, 0.0).astype("float32")
        yield {"tokens": tokens, "valid": valid}, targets_of(tokens, valid), weights


def encoder(length=None):
    """Inputs, and hidden states that know the token before."""
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    valid = keras.Input((length,), dtype="bool", name="valid")
    x = keras.layers.Embedding(WORDS, WIDTH)(tokens)
    return {"tokens": tokens, "valid": valid}, x, valid


def fit(model, targets_of, steps, epochs=1):
    options = {"steps_per_epoch": steps, "epochs": epochs, "shuffle": False, "verbose": 0}
    return model.fit(batches(targets_of), **options).history["loss"]


def trained(model, loss, targets_of, steps=60):
    model.compile(keras.optimizers.Adam(0.05), loss)
    losses = fit(model, targets_of, steps // 3, epochs=3)
    assert np.isfinite(losses).all() and losses[-1] < 0.7 * losses[0]


def saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras")


def predicted(model, inputs):
    return ops.convert_to_numpy(model(inputs, training=False))


def tags_of(tokens, valid):
    return np.where(valid, tokens % TAGS, -1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: playmask.ConditionalRandomField(TAGS, ends=True, multiplier=2.0),
        lambda: playmask.MaximumEntropyMarkovModel(TAGS, rank=2),
    ],
    ids=["crf", "memm"],
)
def test_a_tagger(make, tmp_path):
    inputs, x, valid = encoder()
    tagger = make()
    logits = tagger(keras.layers.Dense(TAGS)(x))
    model = keras.Model(inputs, logits)
    before = [ops.convert_to_numpy(weight) for weight in tagger.weights]
    trained(model, playmask.TagCrossentropy(tagger), tags_of)
    after = [ops.convert_to_numpy(weight) for weight in tagger.weights]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))  # it learns, too
    decoder = keras.Model(inputs, playmask.ViterbiDecoder(tagger)(logits, valid))
    batch, targets, _ = next(batches(tags_of, seed=1))
    np.testing.assert_array_equal(predicted(decoder, batch), targets)
    again = saved(decoder, tmp_path)
    np.testing.assert_array_equal(predicted(again, batch), targets)
    assert len(again.weights) == len(decoder.weights)  # the tagger is there once


def test_a_loss_is_not_loaded_apart_from_its_tagger(tmp_path):
    inputs, x, _ = encoder()
    tagger = playmask.ConditionalRandomField(TAGS, name="crf")
    model = keras.Model(inputs, tagger(keras.layers.Dense(TAGS)(x)))
    trained(model, playmask.TagCrossentropy(tagger), tags_of)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ConfigError, match=r"TagCrossentropy\(model.get_layer\('crf'\)\)"):
        keras.models.load_model(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    again.compile("adam", playmask.TagCrossentropy(again.get_layer("crf")))
    batch, targets, weights = next(batches(tags_of, seed=1))
    losses = [m.evaluate(batch, targets, sample_weight=weights, verbose=0) for m in (model, again)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def spans_of(tokens, valid):
    """Of label 0 each token 0 by itself, of label 1 the whole text: first · T + last."""
    targets = np.full((len(tokens), 2, LENGTH), -1)
    for row, (text, n) in enumerate(zip(tokens, valid.sum(1), strict=True)):
        places = np.flatnonzero(text[:n] == 0)
        targets[row, 0, : len(places)] = places * (LENGTH + 1)
        targets[row, 1, 0] = n - 1
    return targets


@pytest.mark.parametrize("kind", [playmask.GlobalPointer, playmask.EfficientGlobalPointer])
def test_a_pointer(kind, tmp_path):
    inputs, x, valid = encoder()
    model = keras.Model(inputs, kind(2, size=8, initializer="glorot_uniform")(x, valid))
    assert model.output_shape == (None, 2, None, None)
    trained(model, playmask.SparseMultilabelCrossentropy(), spans_of)
    batch, targets, weights = next(batches(spans_of, seed=1))
    again = saved(model, tmp_path)
    np.testing.assert_allclose(predicted(again, batch), predicted(model, batch), rtol=1e-5)
    assert again.evaluate(batch, targets, sample_weight=weights, verbose=0) > 0


def answers_of(tokens, valid):
    """A token 0 and the one behind it, at 1 + first · longest + 1; without one the null span."""
    targets = np.zeros((len(tokens), 2), int)
    targets[:, 1] = -1
    for row, (text, n) in enumerate(zip(tokens, valid.sum(1), strict=True)):
        places = np.flatnonzero(text[: n - 1] == 0)
        targets[row, 0] = 1 + places[0] * 3 + 1 if len(places) else 0
    return targets


def test_a_span_pointer_scores_what_its_ends_say(tmp_path):
    inputs, x, valid = encoder(LENGTH)
    pointer = playmask.SpanPointer(3)
    model = keras.Model(inputs, pointer(x, valid))
    assert model.output_shape == (None, 1 + LENGTH * 3)
    model.compile("adam", playmask.MarginalSpanCrossentropy())
    fit(model, answers_of, 2)
    batch, *_ = next(batches(answers_of, seed=1))
    scores = predicted(model, batch)
    hidden = predicted(keras.Model(inputs, x), batch)
    ends = ops.convert_to_numpy(pointer.dense(hidden))
    for row, n in zip(range(len(scores)), batch["valid"].sum(1), strict=True):
        band = scores[row, 1:].reshape(LENGTH, 3)
        assert scores[row, 0] == pytest.approx(ends[row, 0].sum(), abs=1e-5)
        for first in range(LENGTH):
            for more in range(3):
                score = band[first, more]
                if first + more < n:
                    total = ends[row, first, 0] + ends[row, first + more, 1]
                    assert score == pytest.approx(total, abs=1e-5)
                else:
                    assert score < -1e8
    np.testing.assert_allclose(predicted(saved(model, tmp_path), batch), scores, rtol=1e-5)


def test_several_labels_a_text(tmp_path):
    def labels_of(tokens, valid):
        return ((tokens[..., None] == np.arange(4)) & valid[..., None]).any(1).astype("float32")

    inputs, x, valid = encoder()
    seen = keras.layers.Lambda(
        lambda both: ops.max(ops.where(both[1][..., None], both[0], -1e9), axis=1),
        output_shape=(WIDTH,),
    )([x, valid])
    model = keras.Model(inputs, keras.layers.Dense(4)(seen))
    trained(model, playmask.MultilabelCrossentropy(), labels_of, steps=90)
    batch, targets, weights = next(batches(labels_of, seed=1))
    scores = predicted(model, batch)
    assert ((scores > 0) == (targets > 0)).mean() > 0.9
    one = playmask.multilabel_crossentropy(targets[:-1], scores[:-1])  # the last has weight 0
    loss = model.evaluate(batch, targets, sample_weight=weights, verbose=0)
    assert loss == pytest.approx(float(ops.mean(one)), rel=1e-4)


def test_the_loss_of_indices_is_that_of_the_dense_table():
    random = np.random.default_rng(0)
    scores = random.normal(size=(4, 3, 5, 5)).astype("float32")
    targets = np.stack([[random.choice(25, 2, replace=False) for _ in range(3)] for _ in range(4)])
    dense = np.zeros((4, 3, 25))
    np.put_along_axis(dense, targets, 1, axis=-1)
    nats = ops.convert_to_numpy(
        playmask.multilabel_crossentropy(dense, scores.reshape(4, 3, 25))
    ).sum(1)
    loss = playmask.SparseMultilabelCrossentropy()
    assert float(loss(targets, scores)) == pytest.approx(nats.mean(), rel=1e-5)
    flat = loss(targets[:, 0], scores[:, 0].reshape(4, 25))  # one label, no axis of labels
    alone = playmask.multilabel_crossentropy(dense[:, 0], scores[:, 0].reshape(4, 25))
    assert float(flat) == pytest.approx(float(ops.mean(alone)), rel=1e-5)


def test_a_loaded_encoder_under_a_crf():
    tiny = playmask.architecture("bert").change(
        vocabulary=WORDS, width=16, depth=1, attention_heads=2, inner=32
    )
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    valid = keras.Input((None,), dtype="bool", name="valid")
    inputs = {"tokens": tokens, "valid": valid}
    hidden = playmask.build(tiny, heads=())(inputs)["hidden"]
    crf = playmask.ConditionalRandomField(TAGS)
    model = keras.Model(inputs, crf(keras.layers.Dense(TAGS)(hidden)))
    model.compile(keras.optimizers.Adam(0.01), playmask.TagCrossentropy(crf))
    losses = fit(model, tags_of, 10, epochs=3)
    assert losses[-1] < losses[0]
