"""Attention maps: what is drawn is what the model attends to."""

from dataclasses import replace

import numpy as np
import pytest

import playmask
from comparing import filled, numpy_of, tiny
from families.small import small
from playmask.errors import ConfigError, InputError
from playmask.inspection.attention_maps import AttentionMaps, _keys, attention_maps, draw_attention
from playmask.inspection.draw.terminal import width_of
from playmask.model.parts import Dot, Linformer, TalkingHeads

pytestmark = pytest.mark.backends

TEXT = "天地玄黄ab"


@pytest.fixture(scope="module")
def tokenizer():
    return playmask.Tokenizer.from_texts(["天地玄黄宇宙洪荒 ab"] * 2, minimum=1)


@pytest.fixture(scope="module")
def model(tokenizer):
    made = tiny(order="lm", heads=("mlm",))
    made.tokenizer = tokenizer
    return made


def test_the_maps_are_the_models_weights(model, tokenizer):
    encoding = tokenizer.encode(TEXT, "宇宙")
    inputs = {"tokens": [encoding.ids], "segments": [encoding.segments]}
    outputs = model({k: np.array(v, "int32") for k, v in inputs.items()}, attention=True)
    maps = draw_attention(model, TEXT, pair="宇宙")
    assert maps.tokens == tuple(tokenizer.tokens(encoding.ids))
    assert (maps.layers, maps.heads) == ((0, 1), ((0, 1, 2, 3),) * 2)
    for found, wanted in zip(maps.weights, outputs["attention"], strict=True):
        np.testing.assert_allclose(found, numpy_of(wanted)[0], atol=1e-6)
    assert not np.triu(maps.weights[0][0], 1).any()  # a language model


def test_layers_and_heads_are_picked(model, tmp_path):
    path = tmp_path / "a.png"
    maps = draw_attention(model, TEXT, path, layers=1, heads=[3, 0])
    assert (maps.layers, maps.heads) == ((1,), ((3, 0),)) and path.is_file()
    whole = attention_maps(model, TEXT)
    np.testing.assert_array_equal(maps.weights[0], whole.weights[1][[3, 0]])
    assert maps.pick(heads=0).heads == ((0,),)  # by its number, not by its place
    with pytest.raises(ConfigError, match="no layer 2; there are 0 to 1"):
        draw_attention(model, TEXT, layers=2)
    with pytest.raises(ConfigError, match="no head 4"):
        draw_attention(model, TEXT, heads=[0, 4])


def test_of_an_encoder_decoder_it_is_the_encoder(tokenizer):
    whole = filled(small("t5_1_1", vocabulary=len(tokenizer), pad=tokenizer.pad))
    whole.tokenizer = tokenizer
    maps = draw_attention(whole, TEXT)
    length = len(maps.tokens)
    assert [weights.shape for weights in maps.weights] == [(4, length, length)] * 2
    assert maps.weights[0][:, 0, -1].all()  # nothing is hidden, as it would be in the decoder


def made(*weights: np.ndarray, tokens="天地玄", before=()) -> AttentionMaps:
    """Maps made by hand, of layers that have the tokens as keys, and perhaps some before them."""
    heads = tuple(tuple(range(len(layer))) for layer in weights)
    keys = tuple((*before, *tokens)[-layer.shape[-1] :] for layer in weights)
    return AttentionMaps(tuple(tokens), tuple(range(len(weights))), heads, keys, weights)


def test_one_head_is_shaded():
    weights = np.array([[[1.0, 0, 0], [0.5, 0.5, 0], [0.25, -0.75, 0.5]]])
    assert str(made(weights)).splitlines() == [
        "layer 0 · head 0",
        "   天地玄",
        "天 ██ · ·",
        "地 ▒▒▒▒ ·",
        "玄 ░░-▓▒▒",
        "█ 1  ▓ 0.75  ▒ 0.5  ░ 0.25",
    ]


def test_several_heads_show_what_is_attended_most():
    weights = np.array([np.eye(3), np.eye(3)[::-1] * 0.5])
    assert str(made(weights)).splitlines() == [
        "layer 0  head 0  head 1",
        "天       █天     ▒玄",
        "地       █地     ▒地",
        "玄       █玄     ▒天",
        "█ 1  ▓ 0.75  ▒ 0.5  ░ 0.25",
    ]


def at(line: str, column: int) -> str:
    """The character at a column of a terminal."""
    return next((c for i, c in enumerate(line) if width_of(line[:i]) == column), " ")


def test_columns_line_up_whatever_the_tokens_are():
    tokens = ["[CLS]", "天", "##ing", "e\u0301", "一二三四五六七", "\x1b[31m", "😀"]
    several = made(np.stack([np.eye(7), np.eye(7)[::-1]]), tokens=tokens)
    lines = str(several).splitlines()
    assert "\x1b" not in "".join(lines) and len(lines) == 1 + 7 + 1
    assert {at(line, column) for line in lines[1:-1] for column in (10, 21)} == {"█"}
    lines = str(several.pick(heads=0)).splitlines()[2:-1]
    assert all(at(line, 9 + 2 * i) == "█" for i, line in enumerate(lines))


def test_keys_that_stand_before_the_tokens(model, tmp_path):
    assert _keys(("天", "地"), 4, [Dot()]) == ("+0", "+1", "天", "地")
    weights = np.full((2, 3, 5), 0.2)
    maps = made(weights, before=("+0", "+1"))
    assert str(maps.pick(heads=1)).splitlines()[1] == "   +0+1天地玄"
    maps.draw(tmp_path / "a.png")
    several = made(weights, weights[..., 2:], before=("+0", "+1"))
    with pytest.raises(InputError, match="different keys, 3 or 5 of them"):
        several.draw(tmp_path / "b.png")
    several.pick(1).draw(tmp_path / "b.png")


@pytest.mark.parametrize("size", [3, 8, 12])
def test_condensed_keys_are_no_tokens(tokenizer, size):
    condensing = tiny(attention=(Linformer(size=size, length=20),))
    condensing.tokenizer = tokenizer
    maps = draw_attention(condensing, TEXT, layers=0)
    assert maps.keys == (tuple(f"~{i}" for i in range(size)),)
    assert f"~{maps.weights[0][0, 0].argmax()}" in str(maps).splitlines()[1]


def test_talking_heads_mix_weights(tokenizer):
    talking = tiny(mixer=TalkingHeads())
    talking.tokenizer = tokenizer
    maps = draw_attention(talking, TEXT)
    assert maps.keys[0] == maps.tokens and not np.allclose(maps.weights[0].sum(axis=-1), 1)


def test_heads_may_differ_in_number_and_weights_be_below_zero(tmp_path):
    random = np.random.default_rng(0)
    maps = made(random.normal(size=(4, 3, 3)), random.normal(size=(1, 3, 3)), np.zeros((2, 3, 3)))
    maps.draw(tmp_path / "a.svg")
    for layer in range(3):
        maps.pick(layer).draw(tmp_path / f"{layer}.png")
        assert f"layer {layer}" in str(maps.pick(layer))
    assert "?" in str(replace(maps, weights=tuple(w * np.nan for w in maps.weights)))


def test_refusals(model, tokenizer, tmp_path):
    with pytest.raises(ConfigError, match="has no tokenizer"):
        draw_attention(tiny(), TEXT)
    with pytest.raises(InputError, match="of one text, a str"):
        draw_attention(model, [TEXT])
    with pytest.raises(InputError, match="32 tokens was given to a model of 20 positions"):
        draw_attention(model, "天" * 30)
    with pytest.raises(InputError, match=r"format is 'gif'"):
        draw_attention(model, TEXT, tmp_path / "a.gif")
