"""Generating as a user asks for it: what is refused, batches, sizes, and changed weights."""

import numpy as np
import pytest
from decoding import (
    ENDS,
    Reader,
    arguments,
    assert_found,
    bert,
    greedy,
    keeping,
    model_for,
    prompts_for,
)

from comparing import TINY, filled, numpy_of
from playmask import Beams, Greedy, Sample, generate
from playmask.errors import ConfigError, InputError
from playmask.generation import Generator
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.prompts import Prompts
from playmask.model.parts import Learned
from playmask.model.transformer import weights_by_name

MOST = 6


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ([[1, 2], []], {}, "Row 1 of tokens is"),
        ([1, 2], {}, "must be a row of whole numbers"),
        ([[1, 2.5]], {}, "must be a row of whole numbers"),
        ([[1], [1, 40]], {}, "Row 1 holds the token 40; the model takes 0 to 39"),
        ([[1, -1]], {}, "Row 0 holds the token -1"),
        ([[1] * 16], {}, "16 tokens, and with max_tokens=6 .* 21 positions; the model has 20"),
        ([[1]], {"max_tokens": 0}, "max_tokens is a whole number from 1, not 0"),
        ([[1]], {"max_tokens": 2.0}, "not 2.0"),
        ([[1]], {"min_tokens": 7}, "min_tokens is from 0 to max_tokens, 6; not 7"),
        ([[1]], {"min_tokens": -1}, "not -1"),
        ([[1]], {"seed": [1, 2]}, "2 seeds were given for 1 prompts"),
        ([[1, 2]], {"segments": [[0]]}, "as many segments as tokens"),
        ([[1, 2]], {"segments": [[0, 2]]}, "Row 0 holds the segment 2; the model takes 0 to 1"),
        ([[1, 2]], {"segments": [[0, 0], [0]]}, "as many segments as tokens"),
        ([[1]], {"condition": np.ones((1, 6))}, "'condition' is for models"),
        ([[1]], {"batch_size": 0}, "batch_size is a whole number from 1"),
        ([[1]], {"end": 40}, "Row 0 holds the end token 40; the model takes 0 to 39"),
        ([[1]], {"end": "eos"}, "no token for 'eos'"),
        ([[1]], {"start": 3}, "start is for a decoder's text"),
    ],
)
def test_what_is_refused(rows, options, told):
    with pytest.raises(InputError, match=told):
        generate(model_for("plain"), rows, **{"max_tokens": MOST, "end": None, **options})


def test_numbers_of_numpy_are_numbers():
    model, options = model_for("plain"), {"max_tokens": 4, "search": Sample()}
    plain = generate(model, [[1, 2]], end=3, seed=5, **options)
    assert generate(model, [[1, 2]], end=np.int64(3), seed=np.int32(5), **options) == plain
    assert generate(model, [[1, 2]], end=np.array([3, 3]), seed=np.array([5]), **options) == plain


@pytest.mark.parametrize("rows", [1, 3])
def test_conditions_are_as_many_as_prompts(rows):
    with pytest.raises(InputError, match=f"condition has {rows} rows for 2 prompts"):
        generate(model_for("condition"), [[1], [2]], max_tokens=2, condition=np.ones((rows, 6)))


def test_a_prompt_that_is_too_long_is_refused_before_anything_runs():
    programs = Generator.of(model_for("unilm"))
    traces = programs.traces
    with pytest.raises(InputError, match="with max_tokens=6"):
        generate(model_for("unilm"), [[1], [1] * 16], max_tokens=MOST, batch_size=1)
    assert programs.traces == traces


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda: filled(TINY, ("mlm",)), "the order 'full' cannot go on .* mask='lm'"),
        (lambda: filled(TINY.change(mask="permutation"), ("mlm",)), "'permutation' cannot go on"),
        (lambda: filled(TINY.change(mask="lm")), "load the model with heads='mlm'"),
    ],
)
def test_models_that_cannot_go_on(model, told):
    with pytest.raises(ConfigError, match=told):
        generate(model(), [[1]], max_tokens=2)


def test_no_prompts_no_texts():
    assert generate(model_for("plain"), [], max_tokens=3) == ([], [])


def test_the_longest_text_there_is_room_for():
    """Its last token is not read, so that it needs no position."""
    prompts = prompts_for("plain", [16])
    made = generate(model_for("plain"), **arguments(prompts), max_tokens=5, end=None)
    assert_found(made, [greedy(Reader(model_for("plain")).behind(prompts[0]), 5)])


@pytest.mark.parametrize("search", [Greedy(), Beams(4), Sample(n=3)], ids=repr)
def test_batches_keep_the_order_and_padding_rows_change_nothing(search):
    """Thirteen prompts at once, five at a time, and alone, drawn by the same seeds."""
    prompts = arguments(prompts_for("plain", [5, 3, 13, 1, 8, 2, 15, 7, 11, 4, 6, 9, 1]))
    options = {"max_tokens": MOST, "end": ENDS, "search": search}
    made = generate(model_for("plain"), **prompts, **options, seed=2)
    apart = generate(model_for("plain"), **prompts, **options, seed=2, batch_size=5)
    assert apart.tokens == made.tokens
    for one, two in zip(apart.scores, made.scores, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    for i in (2, 12):
        alone = generate(model_for("plain"), [prompts["tokens"][i]], **options, seed=2 + i)
        assert alone.tokens == made.tokens[i : i + 1]


def test_lengths_in_a_bucket_compile_once():
    programs = Generator.of(model_for("plain"))
    options = {"end": ENDS, "search": Beams(4)}
    generate(model_for("plain"), [[1] * 5, *[[2]] * 4], max_tokens=MOST, **options)
    traces = programs.traces
    for lengths, most in (([16, 2, 1, 1, 1], 3), ([1] * 6, 15), ([9] * 8, 1)):
        rows = [[3] * length for length in lengths]
        generate(model_for("plain"), rows, max_tokens=most, min_tokens=most // 2, **options)
        generate(model_for("plain"), rows, max_tokens=most, **{**options, "end": ENDS[::-1]})
    assert programs.traces == traces
    generate(model_for("plain"), [[1] * 17, *[[2]] * 4], max_tokens=2, **options)
    assert programs.traces > traces


def test_temperatures_and_shares_are_numbers_of_one_program():
    model, options = model_for("plain"), {"max_tokens": MOST, "end": ENDS, "seed": 3}
    programs = Generator.of(model)
    values = [Sample(3, temperature=t, top_p=p, min_p=m) for t, p, m in
              ((1.0, 0.9, 0.01), (0.2, 0.5, 0.2), (9.0, 0.99, 1e-6))]  # fmt: skip
    texts, traces = [], []
    for search in values:
        texts.append(generate(model, [[1, 2]], search=search, **options).tokens)
        traces.append(programs.traces)
    assert len({*traces}) == 1 and len({*map(repr, texts)}) == 3
    assert Sample(top_p=1.0).program == Sample(temperature=0.5).program == Sample()
    assert len({Sample(top_p=0.5).program, Sample(min_p=0.1).program, Sample()}) == 3


@pytest.mark.parametrize("search", [Beams(4), Sample(n=3)], ids=repr)
def test_piece_by_piece_is_all_at_once(search):
    model, rows = model_for("plain"), arguments(prompts_for("plain", [5, 3, 13, 1, 8]))["tokens"]
    made = generate(model, rows, max_tokens=MOST, end=ENDS, search=search, seed=4)
    prompts = Prompts.of(Generator.of(model).facts, rows, segments=None, start=None, seed=4)
    options = DecodingOptions(MOST, search=search, end=ENDS)
    session = Generator.of(model)(prompts, options, {})
    pieces = 0
    while not session.done:
        session.advance(2)
        pieces += 1
    assert 1 < pieces <= 3
    assert [[text for text, _ in texts] for texts in session.texts()] == made.tokens


def test_new_weights_are_used():
    """After assigning to a weight, and after quantising."""
    model = bert(width=16, attention_heads=1, feedforward=False)
    prompts = prompts_for("bert", [5, 3, 13])
    told = {**arguments(prompts), "max_tokens": MOST, "end": ENDS, "search": Beams(2)}
    before = generate(model, **told)
    table = weights_by_name(model)["blocks/0/attention/query/kernel"]
    table.assign(2 * numpy_of(table))
    assigned = generate(model, **told)
    reader = Reader(model)
    assert_found(assigned, [keeping(reader.behind(p), 2, MOST, ENDS) for p in prompts])
    assert not np.allclose(assigned.scores, before.scores, rtol=1e-4)
    model.quantize("int8")
    quantized, reader = generate(model, **told), Reader(model)
    for prompt, texts, scores in zip(prompts, quantized.tokens, quantized.scores, strict=True):
        wanted = [reader.score(prompt, text) for text in texts]
        np.testing.assert_allclose(scores, wanted, rtol=1e-3, atol=1e-3)
    assert not np.allclose(quantized.scores, assigned.scores, rtol=1e-5)


def test_an_encoder_decoders_text_begins_as_told():
    """With several tokens, whose scores come from the same text read whole."""
    model, prompts = model_for("t5"), prompts_for("t5", [5, 3, 13, 1, 8])
    rows = arguments(prompts)["tokens"]
    made = generate(model, rows, max_tokens=4, end=ENDS, start=[0, 7, 9], search=Beams(3))
    reader = Reader(model)
    for prompt, texts, scores in zip(prompts, made.tokens, made.scores, strict=True):
        first = reader.score(prompt, [7, 9])
        wanted = [reader.score(prompt, [7, 9, *text]) - first for text in texts]
        np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)
    zero = generate(model, rows, max_tokens=4, end=ENDS, start=0, search=Beams(3))
    assert generate(model, rows, max_tokens=4, end=ENDS, search=Beams(3)) == zero != made


def test_a_table_of_positions_limits_what_is_written():
    model = bert(position=Learned(8), width=16, attention_heads=1)
    told = r"3 tokens, .*max_tokens=7 .* 9 positions; .* 8 \(Learned\)"
    with pytest.raises(InputError, match=told) as refused:
        generate(model, [[1, 2, 3]], max_tokens=7)
    assert "playmask.slide" in refused.value.__notes__[0]
