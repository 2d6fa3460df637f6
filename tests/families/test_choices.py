"""What can be chosen at a load, for all families: orders, sharing, halves, positions, tokens."""

from typing import Any

import keras
import numpy as np
import pytest
from small import small
from stored import (
    PATHS,
    arrays_of,
    container_of,
    dialect_of,
    family_of,
    heads_in,
    inputs_of,
    load,
    rewritten,
)

import playmask
from comparing import error, filled, numpy_of
from oracles import CLOSE
from pairwise import crossed
from playmask.errors import CheckpointError, ConfigError
from playmask.families import FAMILIES
from playmask.model.parts import POSITIONS, Nezha, Rotary, TransformerXl
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank

pytestmark = pytest.mark.backends

FAR = 1e-2
FIRST = {family_of(name): name for name in reversed(PATHS) if "mlm" in heads_in(name)}
"""One checkpoint with a vocabulary head of each family that has any."""
WITH_HEAD = [name for name, family in FAMILIES.items() if "mlm" in family.heads]


def place_of(family: str, folder: Any) -> Any:
    """A checkpoint of a family; GAU-α's and ERNIE's are made up, since there is no original."""
    if family in FIRST:
        return PATHS[FIRST[family]]
    dialect = next(iter(FAMILIES[family].dialects))
    configuration = FAMILIES[family].configuration
    made = configuration.read(configuration.write(small(family, vocabulary=80), dialect))
    return playmask.save(filled(made, FAMILIES[family].heads), folder / family, dialect)


def reasons(model: Transformer) -> dict[str, str]:
    return {item.theirs: item.reason for item in model.report.ignored}


def value(model: Transformer, name: str) -> np.ndarray:
    return numpy_of(weights_by_name(model)[name].value)


def logits(model: Transformer, ids: np.ndarray) -> np.ndarray:
    """Of a decoder or of the whole model, for the same ids on both sides."""
    inputs = {"tokens": ids}
    if model.architecture.decoder is not None:
        inputs["target_tokens"] = ids
    return numpy_of(model(inputs)["logits"])


# Orders

DISCRIMINATORS = ["transformers/electra_discriminator", "bert4keras/electra"]
PAIRS = [name for name in PATHS if family_of(name) in ("t5", "t5_1_1", "mt5")]


@pytest.mark.parametrize("mask", ["lm", "unilm"])
@pytest.mark.parametrize("name", [*DISCRIMINATORS, *PAIRS])
def test_what_has_one_order_keeps_it(name, mask):
    why = "no vocabulary head" if "electra" in name else "its decoder is a language model already"
    with pytest.raises(ConfigError, match=f"stays 'full', not '{mask}': .*{why}"):
        playmask.load(PATHS[name], mask=mask)


@pytest.mark.parametrize("mask", ["lm", "unilm"])
def test_a_generator_may_generate(mask):
    model = playmask.load(PATHS["transformers/electra_generator"], mask=mask)
    assert model.head_names == ("mlm",) and not model.report.fresh
    ids = inputs_of("transformers/electra_generator")["tokens"]
    ones = np.ones_like(ids)
    whole = numpy_of(model({"tokens": ids, "segments": ones})["logits"])
    cut = numpy_of(model({"tokens": ids[:, :4], "segments": ones[:, :4]})["logits"])
    assert error(whole[:, :4], cut) < CLOSE
    full = playmask.load(PATHS["transformers/electra_generator"], heads="mlm")
    assert error(full({"tokens": ids, "segments": ones})["logits"], whole) > FAR


# Sharing


@pytest.mark.parametrize("name", ["bert4keras/albert", "transformers/albert_mlm"])
def test_unshared_blocks_start_equal_and_move_apart(name, tmp_path):
    model, shared = load(name, sharing="none"), load(name)
    assert not model.report.fresh
    inputs = inputs_of(name)
    assert error(model(inputs)["logits"], shared(inputs)["logits"]) < 1e-6
    kernels = [f"blocks/{i}/attention/query/kernel" for i in range(2)]
    assert kernels[1] not in weights_by_name(shared)
    assert np.array_equal(*(value(model, kernel) for kernel in kernels))
    train(model, inputs["tokens"])
    assert error(*(value(model, kernel) for kernel in kernels)) > 1e-6
    with pytest.raises(CheckpointError, match="cannot express this model's sharing"):
        playmask.save(model, tmp_path / "theirs", container_of(name))
    playmask.save(model, tmp_path / "ours")
    again = playmask.load(tmp_path / "ours")
    assert again.architecture.sharing == "none"
    assert error(again(inputs)["logits"], model(inputs)["logits"]) == 0


def train(model: Transformer, ids: np.ndarray) -> None:
    """One step on the pooled or hidden vectors."""
    given = keras.Input((None,), dtype="int32")
    top = keras.layers.Dense(2)(model({"tokens": given})["hidden"][:, 0])
    whole = keras.Model(given, top)
    whole.compile(keras.optimizers.SGD(1.0), loss="mse")
    whole.train_on_batch(ids, np.ones((len(ids), 2), "float32"))


def test_shared_blocks_are_the_first():
    name = "bert4keras/bert_encoder"
    model, apart = load(name, sharing="all"), load(name)
    assert not any(ours.startswith("blocks/1/") for ours in weights_by_name(model))
    assert value(model, "blocks/0/attention/query/kernel") is not None
    assert np.array_equal(*(value(m, "blocks/0/attention/query/kernel") for m in (model, apart)))
    second = {t for t in arrays_of(name) if "layer_1/" in t}
    assert reasons(model) == dict.fromkeys(second, "not in the changed architecture")
    assert error(model(inputs_of(name))["hidden"], apart(inputs_of(name))["hidden"]) > FAR


# Halves of an encoder-decoder


WHOLE = [name for name in PAIRS if "encoder" not in name]


@pytest.mark.parametrize("name", WHOLE)
def test_each_half_alone_says_the_same(name):
    whole, inputs = load(name), inputs_of(name)
    inputs["tokens"][1, 5:] = 0
    wanted = whole(inputs)
    encoder = load(name, decoder=None, heads=())
    assert not encoder.report.fresh and len(weights_by_name(encoder)) < len(weights_by_name(whole))
    alone = encoder({"tokens": inputs["tokens"]})["hidden"]
    assert error(alone, wanted["memory"]) == 0
    decoder = load(name, encoder=False)
    assert not decoder.report.fresh and decoder.blocks is None
    given = {"memory": alone, "memory_valid": inputs["tokens"] != 0}
    found = decoder({**given, "target_tokens": inputs["target_tokens"]})
    assert error(found["logits"], wanted["logits"]) < 1e-6
    given["memory_valid"] = np.ones_like(given["memory_valid"])
    found = decoder({**given, "target_tokens": inputs["target_tokens"]})
    assert error(found["logits"], wanted["logits"]) > FAR


@pytest.mark.parametrize("name", PAIRS)
def test_what_a_half_leaves_is_explained(name):
    dialect = dialect_of(name)
    for half, away in (({"decoder": None}, "decoder/"), ({"encoder": False}, "blocks/")):
        if name in WHOLE or "encoder" not in half:
            for theirs, reason in reasons(load(name, heads=(), **half)).items():
                ours = dialect.ours_for(theirs)
                assert ours.startswith(away) == (reason == "not in the changed architecture")
                assert ours.startswith("mlm/") == (reason == "the head 'mlm' was not asked for")


def test_an_encoder_alone_is_read_as_one(tmp_path):
    """As `T5EncoderModel` and bert4keras' `t5.1.0_encoder` leave it: no tensor of a decoder."""

    def drop(tensors):
        for name in [name for name in tensors if name.startswith("decoder")]:
            del tensors[name]

    name = "transformers/t5_v1_0"
    model = playmask.load(rewritten(name, tmp_path / "x", drop))
    assert model.architecture.decoder is None and model.head_names == ()
    ids = {"tokens": inputs_of(name)["tokens"]}
    assert error(model(ids)["hidden"], load(name)(ids)["hidden"]) == 0


# Segments and positions


@pytest.mark.parametrize("name", ["bert4keras/gpt", "transformers/openai_gpt_lm"])
def test_segments_may_be_tokens(name):
    """CDial-GPT: a segment's vector is its token's; where none are given, none are added."""
    model, ids = load(name, segments="tokens"), inputs_of(name)["tokens"]
    speakers = np.where(np.arange(7) < 3, 5, 9)[None].repeat(2, 0)
    table = value(model, "embeddings/tokens/embeddings")
    wanted = model({"vectors": table[ids] + table[speakers]})["logits"]
    assert error(model({"tokens": ids, "segments": speakers})["logits"], wanted) < 1e-6
    assert error(model({"tokens": ids})["logits"], wanted) > FAR
    assert error(model({"tokens": ids})["logits"], model({"vectors": table[ids]})["logits"]) < 1e-6
    assert set(reasons(model).values()) <= {"not in the changed architecture"}


CONSTANT = "a constant: sines and cosines"
NAMES = {
    "bert4keras/bert_encoder", "bert4keras/nezha", "bert4keras/roformer", "bert4keras/gpt2_ml",
    "transformers/roformer_mlm", "transformers/roberta_mlm", "bert4keras/t5_1_0",
}  # fmt: skip


@pytest.mark.parametrize(("name", "position"), crossed(sorted(NAMES), POSITIONS))
def test_any_position_is_accounted_for(name, position):
    """What the new part needs and the checkpoint lacks is fresh; what it has too much, ignored."""
    stored = playmask.architecture(PATHS[name], family=family_of(name))
    model = load(name, position=position)
    had, has = (
        set(weights_by_name(blank(lambda a=a: Transformer(a, model.head_names))))
        for a in (stored, model.architecture)
    )
    assert {item.ours for item in model.report.fresh} == has - had
    assert {item.reason for item in model.report.fresh} <= {
        "new: the checkpoint's architecture has no such weight"
    }
    dialect = dialect_of(name)
    left = {t for t in arrays_of(name) if dialect.ours_for(t) in had - has}
    assert set(reasons(model)) == left
    assert set(reasons(model).values()) <= {
        "not in the changed architecture",
        "a constant: sines and cosines",
    }
    out = model(inputs_of(name))
    assert np.isfinite(numpy_of(out["hidden"])).all()
    if model.architecture.position != stored.position:
        before = load(name)(inputs_of(name))
        assert error(out["hidden"], before["hidden"]) > FAR or position == "hierarchical"


def test_a_table_of_one_segment_serves_two():
    """RoBERTa as UniLM: segments say who looks at whom, though the table has one row."""
    name = "transformers/roberta_mlm"
    model, ids = load(name, mask="unilm"), inputs_of(name)["tokens"]
    ones = np.ones_like(ids)
    found = numpy_of(model({"tokens": ids, "segments": ones})["logits"])
    assert error(found, load(name, mask="lm")({"tokens": ids})["logits"]) < 1e-6


@pytest.mark.parametrize("name", ["bert4keras/albert", "bert4keras/nezha", "transformers/gpt2_lm"])
def test_positions_that_a_configuration_cannot_say_are_refused(name, tmp_path):
    model = load(name, position="rotary")
    with pytest.raises(CheckpointError, match="cannot express this model's position"):
        playmask.save(model, tmp_path / "theirs", container_of(name))
    assert not (tmp_path / "theirs").exists()


# Tokens

KEEP = [0, 1, 7, 5, 60, 2, 12]
COMPOUND: list[Any] = [[2, 4], ([3, 5], [3.0, 1.0])]


@pytest.mark.parametrize("family", WITH_HEAD)
def test_kept_and_compounded_tokens(family, tmp_path):
    """Logits of kept tokens stay; a compound's are the mean of its parts'."""
    place, options = place_of(family, tmp_path), {"family": family, "heads": "mlm"}
    whole = playmask.load(place, **options)
    model = playmask.load(place, keep_tokens=KEEP, compound_tokens=COMPOUND, **options)
    pad = whole.architecture.pad
    assert model.architecture.vocabulary == 9
    assert model.architecture.pad == (None if pad is None else KEEP.index(pad))
    ids = np.array([[2, 4, 3, 6, 5, 2]], "int32")
    wanted, found = logits(whole, np.array(KEEP)[ids])[..., KEEP], logits(model, ids)
    assert error(found[..., :7], wanted) < 1e-6
    assert error(found[..., 7], wanted[..., [2, 4]].mean(-1)) < CLOSE
    assert error(found[..., 8], 0.75 * wanted[..., 3] + 0.25 * wanted[..., 5]) < CLOSE
    table = value(model, "embeddings/tokens/embeddings")
    assert np.allclose(table[7], table[[2, 4]].mean(0), atol=1e-6)
    assert error(found[..., :7], wanted[..., ::-1]) > FAR


@pytest.mark.parametrize("family", WITH_HEAD)
def test_the_padding_goes_where_it_is_kept(family, tmp_path):
    place, pad = place_of(family, tmp_path), FAMILIES[family].base.pad
    stored = playmask.architecture(place, family=family)
    pad, start = stored.pad, None if stored.decoder is None else stored.decoder.start
    model = playmask.load(place, keep_tokens=[5, 1, 0, 2], family=family)
    assert model.architecture.pad == {0: 2, 1: 1, 5: 0, None: None}[pad]
    if start is None:
        assert playmask.load(place, keep_tokens=[7, 9], family=family).architecture.pad is None
        return
    assert model.architecture.start_id == [5, 1, 0, 2].index(start)
    with pytest.raises(ConfigError, match=f"drops the id {start}, which this decoder's texts"):
        playmask.load(place, keep_tokens=[7, 9], family=family)
    assert playmask.load(place, keep_tokens=[7, 9], family=family, decoder=None, heads=())


def test_a_vocabulary_is_counted_in_the_table(tmp_path):
    """GPT2_ML's two checkpoints differ in it, and the configuration has only one's."""
    for size in (8021, 79):
        place = rewritten("bert4keras/gpt2_ml", tmp_path / str(size), vocab_size=size)
        model = playmask.load(place)
        assert model.architecture.vocabulary == 80 and not model.report.fresh


# Sizes

UNROTATED = sorted(
    name
    for name in WITH_HEAD
    if not any(
        isinstance(part, Rotary | Nezha | TransformerXl) for part in FAMILIES[name].base.positions
    )
)


@pytest.mark.parametrize("family", UNROTATED)
def test_larger_keys_say_the_same(family, tmp_path):
    """Queries and keys that hold every number twice give the same scores."""
    place, options = place_of(family, tmp_path), {"family": family, "heads": "mlm"}
    ids = np.array([[2, 4, 3, 6, 5, 2]], "int32")
    stored = playmask.load(place, **options)
    size = 2 * stored.architecture.key_size_
    grown = playmask.load(place, key_size=size, resize=True, **options)
    assert not grown.report.fresh
    notes = {item.ours: item.note for item in grown.report.loaded}
    assert notes["blocks/0/attention/query/kernel"].startswith("resized from (")
    assert error(logits(grown, ids), logits(stored, ids)) < CLOSE
    with pytest.warns(UserWarning, match="weights start fresh.* resize=True would fit"):
        drawn = playmask.load(place, key_size=size, **options)
    assert {item.ours for item in drawn.report.fresh} == {
        ours for ours, note in notes.items() if note
    }
    assert error(logits(drawn, ids), logits(stored, ids)) > FAR


@pytest.mark.parametrize(("family", "sizes"), crossed(WITH_HEAD, [(48, 80), (24, 40)]))
def test_other_widths_are_fitted(family, sizes, tmp_path):
    place, changes = place_of(family, tmp_path), dict(zip(("width", "inner"), sizes, strict=True))
    model = playmask.load(place, family=family, heads="mlm", resize=True, **changes)
    assert not model.report.fresh and model.architecture.change(**changes) == model.architecture
    assert np.isfinite(logits(model, np.array([[2, 4, 3]], "int32"))).all()


def test_a_layer_of_three_is_fitted_piece_by_piece(tmp_path):
    place, name = place_of("gau_alpha", tmp_path), "blocks/0/attention/inputs/kernel"
    stored, grown = playmask.load(place), playmask.load(place, key_size=16, resize=True)
    two = 2 * stored.architecture.value_size_  # gate and values keep their size
    assert error(value(grown, name)[:, :two], value(stored, name)[:, :two]) < 1e-6
