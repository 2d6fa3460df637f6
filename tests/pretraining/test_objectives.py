"""Each objective is learnt, and what is to be predicted does not leak into where it is."""

from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.model.transformer import weights_by_name
from playmask.pretraining.objectives.permutation import RANKS
from playmask.pretraining.training import Pretraining
from pretraining.pretrainings import (
    CHOICES,
    DOCUMENTS,
    WORDS,
    batches_of,
    logits,
    pretraining,
    unigram_entropy,
)

XLNET = Path(__file__).parents[1] / "oracles" / "transformers5" / "xlnet_lm"
QUICK = {"epochs": 10, "batch_size": 4, "learning_rate": 1e-2, "verbose": 0}


@pytest.mark.backends
@pytest.mark.parametrize("objective", CHOICES)
def test_it_is_learnt(objective):
    keras.utils.set_random_seed(0)
    task = pretraining(objective)
    history = task.fit(DOCUMENTS, **QUICK)
    loss = history["logits_loss" if "logits_loss" in history else "loss"]
    assert loss[-1] < 0.9 * unigram_entropy(task, DOCUMENTS) < loss[0], loss
    if objective == "electra":
        share = 1 - task.settings.rate  # right of what says that no token was replaced
        assert history["discriminator_accuracy"][-1] > share - 0.05
    if objective == "simbert":
        assert history["similarity_accuracy"][-1] > 0.6  # at random 1 in 3


@pytest.mark.parametrize("sentences", ["sop", "nsp"])
def test_halves_are_told_apart_with_the_models_own_heads(sentences):
    task = pretraining("mlm", sentences=sentences)
    if sentences == "sop":
        before = [numpy_of(v.value) for v in task.transformer.heads["nsp"].weights]
        history = task.fit(DOCUMENTS, epochs=1, batch_size=8, verbose=0)
        assert {"logits_loss", "nsp_loss", "nsp_accuracy"} <= set(history)
        after = [numpy_of(v.value) for v in task.transformer.heads["nsp"].weights]
        assert not np.array_equal(before[0], after[0])
    inputs, targets, weights = batches_of(task, DOCUMENTS, 64)[0]
    there, answers = weights["nsp"] > 0, targets["nsp"]
    assert 0.25 < answers[there].mean() < 0.75 and there.sum() > 60
    firsts = np.take_along_axis(inputs["tokens"], inputs["firsts"], 1)[there]
    assert (firsts == WORDS.cls).all()
    # Of each text the second half ends with the second [SEP], and there is a first one before it.
    for tokens, segments, texts in zip(
        *(inputs[k] for k in ("tokens", "segments", "texts")), strict=True
    ):
        for text in range(texts.max() + 1):
            own = texts == text
            if segments[own].any():
                ends = np.flatnonzero(tokens[own] == WORDS.sep)
                begins = np.flatnonzero(segments[own])[0]
                assert begins - 1 == ends[0] and ends[-1] == own.sum() - 1 and len(ends) == 2


@pytest.mark.parametrize("objective", ["mlm", "lm", "unilm", "permutation"])
def test_other_documents_change_no_logit(objective):
    task = pretraining(objective, max_length=24)
    inputs, _, _ = batches_of(task, DOCUMENTS, seed=1)[0]
    row = int(np.argmax(inputs["texts"].max(axis=1)))
    assert inputs["texts"][row].max() > 0
    other = {**inputs, "tokens": inputs["tokens"].copy()}
    last = inputs["texts"][row] == inputs["texts"][row].max()
    other["tokens"][row, last] = (inputs["tokens"][row, last] + 7) % len(WORDS)
    read = inputs.get("read", np.tile(np.arange(24), (4, 1)))
    same = ~last[read[row]]
    before, after = logits(task, inputs)[row], logits(task, other)[row]
    assert same.any() and np.abs(before - after)[same].max() < 1e-5
    assert np.abs(before - after)[~same].max() > 1e-3 or not (~same).any()


def test_tokens_behind_change_no_logit():
    task = pretraining("lm")
    inputs, targets, weights = batches_of(task, DOCUMENTS)[0]
    place = 3
    other = {**inputs, "tokens": inputs["tokens"].copy()}
    other["tokens"][:, place + 1] = (other["tokens"][:, place + 1] + 5) % len(WORDS)
    before, after = logits(task, inputs), logits(task, other)
    assert np.abs(before - after)[:, : place + 1].max() < 1e-5 < np.abs(before - after).max()
    same = inputs["texts"][:, 1:] == inputs["texts"][:, :-1]
    assert np.array_equal(weights[:, :-1] > 0, same) and not weights[:, -1].any()
    assert (targets[:, :-1] == inputs["tokens"][:, 1:]).all()


def test_an_xlnet_checkpoint_learns_by_permutation_with_its_own_query_vector():
    task = Pretraining.new("permutation", XLNET, tokenizer=WORDS, max_length=16, rate=0.3)
    query = weights_by_name(task.transformer)["embeddings/query"]
    before, loss = numpy_of(query.value).copy(), task.evaluate(DOCUMENTS)["loss"]
    options = {"max_steps": 2, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0}
    task.fit(DOCUMENTS, **options)
    assert np.abs(numpy_of(query.value) - before).min() > 0
    assert task.evaluate(DOCUMENTS)["loss"] < loss - 0.05


def test_what_comes_later_in_a_permutation_changes_no_logit():
    task = pretraining("permutation")
    inputs, _, weights = batches_of(task, DOCUMENTS)[0]
    assert weights[0].sum() > 4
    ranks = np.take_along_axis(inputs[RANKS], inputs["read"], 1)[0]
    asked = np.flatnonzero(weights[0])
    assert sorted(ranks[asked]) == [*range(1, len(asked) + 1)]  # each comes once, the others first
    middle = asked[np.argsort(ranks[asked])][len(asked) // 2]
    other = {**inputs, "tokens": inputs["tokens"].copy()}
    place = inputs["read"][0, middle]
    other["tokens"][0, place] = (other["tokens"][0, place] + 5) % len(WORDS)
    change = np.abs(logits(task, inputs) - logits(task, other))[0].max(axis=-1)
    until = ranks <= ranks[middle]  # its own place among them
    assert change[until].max() < 1e-5
    text = inputs["texts"][0]
    later = (ranks > ranks[middle]) & (text[inputs["read"][0]] == text[place])
    assert not later.any() or change[later].max() > 1e-5


def test_orders_of_unilm():
    """Left to right sees nothing behind, right to left nothing before, a target not its rest."""
    for kind, mixture in enumerate(np.eye(4)):
        task = pretraining("unilm", mixture=tuple(map(float, mixture)))
        inputs, _, _ = batches_of(task, DOCUMENTS)[0]
        first = inputs["texts"][0] == 0
        order, segments = inputs["order"][0][first], inputs["segments"][0][first]
        steps = np.diff(order)
        assert (kind == 3) == bool(segments.any())
        expected = {0: (steps == 0), 1: (steps == 1), 2: (steps == -1)}
        assert expected.get(kind, steps[segments[1:] > 0] == 1).all()
        if kind == 3:
            assert not order[segments == 0].any() and order[segments > 0][0] == 1


def test_targets_of_the_mask_stand_nowhere_in_the_inputs():
    """Where [MASK] stands, another token of the text would give the very same inputs."""
    task = pretraining("mlm")
    batches = batches_of(task, DOCUMENTS)
    rows = batches.assemble(0, batches.rows(0, 0))
    draw = np.random.default_rng
    inputs, targets, weights = task.objective.prepare(rows, draw(3))
    at = np.take_along_axis(inputs["tokens"], inputs["read"], 1)
    i, j = np.argwhere((at == WORDS.mask) & (weights > 0))[0]
    place = inputs["read"][i, j]
    changed = rows._replace(tokens=rows.tokens.copy())
    changed.tokens[i, place] = rows.tokens[i, place] + 1
    again, others, _ = task.objective.prepare(changed, draw(3))
    assert all(np.array_equal(inputs[name], again[name]) for name in inputs)
    assert (targets != others).sum() == 1


def test_the_generator_learns_from_its_own_loss_alone():
    """What is sampled has the text's tokens wherever none is masked; the table is shared."""
    task = pretraining("electra")
    inputs, _, weights = batches_of(task, DOCUMENTS)[0]
    outputs = task.network(inputs, training=False)
    assert numpy_of(outputs["discriminator"]).shape == (*inputs["tokens"].shape, 1)
    assert (weights["discriminator"] == inputs["valid"]).all()
    table = task.network.generator.embeddings.tokens.embeddings
    assert not table.trainable
    models = task.models
    own = weights_by_name(models["generator"])["embeddings/tokens/embeddings"]
    shared = weights_by_name(models[""])["embeddings/tokens/embeddings"]
    assert np.array_equal(numpy_of(own.value), numpy_of(shared.value))


def test_what_is_saved_is_loaded_with_its_tokenizer(tmp_path):
    task = pretraining("electra")
    task.save(tmp_path)
    model = playmask.load(tmp_path)
    assert len(model.tokenizer) == len(WORDS) and "discriminator" in model.heads
    assert playmask.load(tmp_path / "generator").architecture.family == "bert"
    again = Pretraining.load(tmp_path)
    for name, one in task.models.items():
        others = weights_by_name(again.models[name])
        for path, weight in weights_by_name(one).items():
            assert np.array_equal(numpy_of(weight.value), numpy_of(others[path].value)), path
    plain = pretraining("mlm").save(tmp_path / "published", "huggingface")
    assert playmask.load(plain).report.dialect == "huggingface"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "bart"}, "There is no objective 'bart'"),
        ({"objective": "lm"}, "learnt in the order 'lm', the model has 'full'"),
        ({"max_length": 64}, "max_length is 64, but the model has 32 positions"),
        ({"rate": 1.5}, "rate is a share"),
        ({"sentences": "sop"}, "needs a model with the head 'nsp'"),
    ],
)
def test_what_does_not_go_together(change, message):
    model = pretraining("mlm").transformer
    fields = {"objective": "mlm", "max_length": 32, **change}
    with pytest.raises(ConfigError, match=message):
        Pretraining.new(fields.pop("objective"), model, tokenizer=WORDS, **fields)


def test_options_that_pretraining_has_no_use_for():
    with pytest.raises(ConfigError, match="sampling is not for pretraining: texts have no labels"):
        pretraining("mlm").fit(DOCUMENTS, sampling="balanced")
