"""ELECTRA's two models, which Google's format has in one checkpoint with two configurations."""

import json

import numpy as np
import pytest
from small import small

import playmask
from comparing import filled, numpy_of, tokens
from playmask.checkpoints import bundle
from playmask.checkpoints.dialect_tensors import DialectTensors
from playmask.checkpoints.source import find
from playmask.families import FAMILIES

WIDTHS = {"electra": 24, "electra_generator": 16}
HEADS = {"electra": "discriminator", "electra_generator": "mlm"}
FILES = {
    "electra": "base_discriminator_config.json",
    "electra_generator": "base_generator_config.json",
}


@pytest.fixture
def published(tmp_path):
    """A checkpoint with both models, which share the embedding; and the models."""
    place, tensors, models = tmp_path / "zh_base", {}, {}
    place.mkdir()
    for family, width in WIDTHS.items():
        made = small(family, width=width, embedding_size=24)
        model = filled(made, (HEADS[family],), seed=width)
        if models:
            model.embeddings.tokens.set_weights(models["electra"].embeddings.tokens.get_weights())
            for name in ("segments", "positions", "norm"):
                layer = getattr(models["electra"].embeddings, name)
                getattr(model.embeddings, name).set_weights(layer.get_weights())
        config = FAMILIES[family].configuration.write(made, "google")
        (place / FILES[family]).write_text(json.dumps(config))
        tensors |= dict(DialectTensors(place, model, FAMILIES[family].dialects["google"]))
        models[family] = model
    bundle.write(place / "electra.ckpt", tensors | {"global_step": np.int64(1)})
    return place, models


@pytest.mark.parametrize("family", WIDTHS)
def test_each_is_taken_out_of_the_checkpoint_of_both(published, family):
    place, models = published
    loaded = playmask.load(place, family=family, heads=HEADS[family])
    assert not loaded.report.fresh and loaded.architecture.width == WIDTHS[family]
    other = "electra" if family == "electra_generator" else "electra_generator"
    reasons = {item.reason for item in loaded.report.ignored if item.theirs != "global_step"}
    assert len(reasons) == 1 and f"family='{other}'" in reasons.pop()
    name = {"mlm": "logits"}.get(HEADS[family], HEADS[family])
    inputs = {"tokens": tokens(2, 7)}
    np.testing.assert_array_equal(
        numpy_of(loaded(inputs)[name]), numpy_of(models[family](inputs)[name])
    )


def test_the_configuration_of_the_family_asked_for_is_found(published):
    place, _ = published
    for family, width in WIDTHS.items():
        assert find(place, family).config["hidden_size"] == width
