"""Searches against references that sort, draw and add up in numpy, without a cache."""

import keras
import numpy as np
import pytest
from decoding import (
    ENDS,
    arguments,
    assert_found,
    dropping,
    greedy,
    keeping,
    likely,
    model_for,
    prompts_for,
    reader_for,
    sampling,
    uniform,
)

from comparing import numpy_of
from playmask import Beams, Greedy, Sample, generate
from playmask.errors import ConfigError
from playmask.generation.beams import likeliest
from playmask.generation.search import FORBIDDEN, LOST, Choosing
from playmask.model.rng import uniform as drawn

LENGTHS = [5, 3, 13, 1, 8]
MOST = 7


def search(how, most=MOST, ends=ENDS, **options):
    """What the plain model makes of five prompts, and a reference's function for each."""
    prompts, reader = prompts_for("plain", LENGTHS), reader_for("plain")
    made = generate(
        model_for("plain"), **arguments(prompts), max_tokens=most, end=ends, search=how, **options
    )
    return made, [reader.behind(prompt) for prompt in prompts]


def choosing(logs, **changes):
    """A first choice among logs (B, K, V)."""
    batch, lanes, _ = logs.shape
    none = np.zeros((batch, lanes))
    first = Choosing(
        logs=np.asarray(logs, "float32"),
        scores=none.astype("float32"),
        texts=np.full((batch, lanes, 4), -1, "int32"),
        ended=none > 0,
        done=none[:, 0] > 0,
        step=np.int32(0),
        ends=np.array([-1], "int32"),
        seeds=np.arange(batch, dtype="int32"),
        numbers={},
        own={},
    )
    return keras.tree.map_structure(keras.ops.convert_to_tensor, first._replace(**changes))


@pytest.mark.backends
@pytest.mark.parametrize("ends", [(), ENDS])
@pytest.mark.parametrize("least", [0, 3, MOST])
def test_greedy(ends, least):
    made, logs = search(Greedy(), ends=ends, min_tokens=least)
    assert_found(made, [greedy(one, MOST, ends, least) for one in logs])


@pytest.mark.parametrize("least", [0, 3, MOST])
@pytest.mark.parametrize(("penalty", "ends"), [(0.0, ()), (0.0, ENDS), (1.0, ENDS), (-0.5, ENDS)])
def test_beams_that_keep(penalty, ends, least):
    made, logs = search(Beams(4, length_penalty=penalty), ends=ends, min_tokens=least)
    assert_found(made, [keeping(one, 4, MOST, ends, least, penalty) for one in logs])


def test_long_texts_win_by_their_penalty():
    """The cases above tell penalties apart."""
    found = {penalty: search(Beams(4, length_penalty=penalty))[0].tokens for penalty in (0.0, 1.0)}
    assert found[0.0] != found[1.0]


@pytest.mark.backends
@pytest.mark.parametrize("ends", [(), ENDS])
@pytest.mark.parametrize("least", [0, 3])
def test_beams_that_drop(ends, least):
    made, logs = search(Beams(4, finish="drop"), ends=ends, min_tokens=least)
    assert_found(made, [dropping(one, 4, MOST, ends, least) for one in logs])


@pytest.mark.parametrize(
    "how", [Greedy(), Beams(4), Beams(4, finish="drop"), Sample(n=3)], ids=repr
)
def test_one_token(how):
    made, logs = search(how, most=1)
    if isinstance(how, Sample):
        wanted = [sampling(one, 3, 1, ENDS, seed=i) for i, one in enumerate(logs)]
    else:
        wanted = [keeping(one, how.lanes, 1, ENDS)[: len(made.tokens[0])] for one in logs]
    assert_found(made, wanted)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("options", "filters"),
    [
        ({}, {}),
        ({"temperature": 2.0, "top_k": 6, "top_p": 0.8}, {"heat": 2.0, "k": 6, "p": 0.8}),
        ({"temperature": 0.7, "min_p": 0.2}, {"heat": 0.7, "m": 0.2}),
    ],
)
def test_samples(options, filters):
    """Each text is that which its seed, lane and steps draw, and its score is its own."""
    made, logs = search(Sample(n=3, **options), seed=[5, -1, 2**31 + 7, 5, 0])
    wanted = [
        sampling(one, 3, MOST, ENDS, seed=seed, **filters)
        for one, seed in zip(logs, [5, -1, 2**31 + 7, 5, 0], strict=True)
    ]
    assert_found(made, wanted)
    assert len({tuple(text) for texts in made.tokens for text in texts}) >= 12  # of 15


def test_a_seed_stands_for_those_that_count_on_from_it():
    one, two = (search(Sample(n=3), seed=seed)[0] for seed in (7, [7, 8, 9, 10, 11]))
    assert one == two
    assert one.tokens != search(Sample(n=3), seed=8)[0].tokens


@pytest.mark.backends
def test_uniform_is_the_same_everywhere():
    rows, lanes = np.array([[3], [-5]], "int32"), np.arange(3, dtype="int32")
    found = numpy_of(drawn(rows, lanes, np.int32(9), size=11))
    for i, row in enumerate([3, -5]):
        for lane in range(3):
            assert np.array_equal(found[i, lane], uniform(row, lane, 9, size=11))
    assert (found > 0).all() and (found <= 1).all()


@pytest.mark.backends
@pytest.mark.parametrize("k", [None, 1, 7, 50])
@pytest.mark.parametrize("p", [None, 1e-6, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("m", [None, 0.1])
def test_filters_leave_what_sorting_leaves(k, p, m):
    """Exactly, on flat rows and steep ones."""
    random = np.random.default_rng(4)
    logs = random.normal(size=(64, 30)) * np.linspace(0.1, 6, 64)[:, None]
    given = keras.ops.convert_to_tensor(logs.astype("float32"))
    found = numpy_of(Sample(top_k=k, top_p=p, min_p=m).filtered(given))
    wanted = np.stack([likely(row, k, p, m) for row in logs])
    assert np.array_equal(found > LOST, wanted)
    assert np.array_equal(found[wanted], logs.astype("float32")[wanted])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"top_p": 0.5}, [1, 0, 0, 0]),  # exactly reached
        ({"top_p": 0.51}, [1, 1, 0, 0]),  # the one that crosses is kept
        ({"top_k": 3}, [1, 1, 1, 1]),  # equal chances stay together
        ({"min_p": 0.5}, [1, 1, 0, 0]),
    ],
)
def test_filters_at_their_borders(options, kept):
    logs = np.log(np.array([[0.5, 0.25, 0.125, 0.125]], "float32"))
    assert (numpy_of(Sample(**options).filtered(logs)) > LOST).tolist() == [[*map(bool, kept)]]


@pytest.mark.parametrize("options", [{}, {"temperature": 3.0}, {"temperature": 0.5, "top_k": 3}])
def test_draws_follow_the_chances(options):
    """Chi-square of many seeds, and of what two lanes draw together."""
    rows, logs = 4000, np.log([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
    how = Sample(n=2, **options)
    told = np.broadcast_to(logs, (rows, 2, 6))
    numbers = how.numbers()
    tokens = numpy_of(how.choose(choosing(told, numbers=numbers)).tokens)
    later = numpy_of(how.choose(choosing(told, numbers=numbers, step=np.int32(1))).tokens)
    heated = logs / how.temperature
    chances = np.where(likely(heated, how.top_k), np.exp(heated), 0)
    chances /= chances.sum()
    there = chances > 0
    for drawn_ in (tokens[:, 0], tokens[:, 1], later[:, 0]):
        counts = np.bincount(drawn_, minlength=6)
        assert not counts[~there].any()
        wanted = rows * chances[there]
        assert ((counts[there] - wanted) ** 2 / wanted).sum() < 26  # 5 degrees: 1 in 10,000
    both = rows * np.outer(chances, chances)[np.ix_(there, there)]
    for one, two in ((tokens[:, 0], tokens[:, 1]), (tokens[:, 0], later[:, 0])):
        counts = np.bincount(one * 6 + two, minlength=36).reshape(6, 6)[np.ix_(there, there)]
        assert ((counts - both) ** 2 / both).sum() < 77  # 35 degrees: 1 in 10,000


@pytest.mark.parametrize("options", [{}, {"top_k": 1}, {"top_p": 0.9}, {"min_p": 0.1}])
@pytest.mark.parametrize("temperature", [1e-300, 1e-10, 1e-3, 1e9, 1e300, float("inf")])
def test_what_may_not_come_is_never_drawn(temperature, options):
    """By Keras' operations and NumPy's, also where all that may come is unlikely."""
    logs = np.full((500, 1, 6), FORBIDDEN, "float32")
    logs[:, :, [1, 4]] = np.log([0.6, 0.4]) - 50
    search = Sample(temperature=temperature, **options)
    choice = choosing(logs, numbers=search.numbers())
    for each in (choice, keras.tree.map_structure(numpy_of, choice)):
        chosen = search.choose(each)
        one = temperature < 1 or "top_k" in options
        assert {*numpy_of(chosen.tokens).ravel().tolist()} == ({1} if one else {1, 4})
        assert not numpy_of(chosen.ended).any()


@pytest.mark.backends
def test_of_equal_tokens_the_lowest_id_goes_on():
    logs = np.log([[[0.2, 0.3, 0.3, 0.2], [0.25] * 4]])
    assert numpy_of(Greedy().choose(choosing(logs)).tokens).tolist() == [[1, 0]]


def test_of_equal_beams_the_lower_lane_goes_on_and_then_the_lower_id():
    logs = np.log(np.array([[[0.2, 0.3, 0.3, 0.2], [0.3, 0.2, 0.2, 0.3]]], "float32"))
    _, lanes, tokens = (numpy_of(x) for x in likeliest(np.zeros((1, 2), "float32"), logs, 4))
    assert (lanes.tolist(), tokens.tolist()) == ([[0, 0, 1, 1]], [[1, 2, 0, 3]])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sample(n=0), "n is a whole number from 1, not 0"),
        (lambda: Sample(n=2.0), "not 2.0"),
        (lambda: Sample(top_k=0), "top_k is a whole number from 1"),
        (lambda: Sample(top_p=0.0), "top_p is above 0"),
        (lambda: Sample(top_p=1.1), "top_p is above 0 and at most 1, not 1.1"),
        (lambda: Sample(min_p=-0.1), "min_p is above 0"),
        (lambda: Sample(temperature=0.0), "Greedy"),
        (lambda: Sample(temperature=float("nan")), "temperature is above 0"),
        (lambda: Beams(0), "n is a whole number from 1"),
        (lambda: Beams(2, finish="stay"), "keep or drop, not 'stay'"),
        (lambda: Beams(2, finish="drop", length_penalty=1.0), "length_penalty goes with 'keep'"),
    ],
)
def test_what_no_search_can_be(make, told):
    with pytest.raises(ConfigError, match=told):
        make()


KEPT = ("texts", "scores", "ended", "done", "own")


def driven(how, tables, ends, most):
    """A search over tables (B, N, V, V) of what follows each token, behind token 0."""
    batch, lanes, size = len(tables), how.lanes, tables.shape[-1]
    tokens, rows = np.zeros((batch, lanes), int), np.arange(batch)[:, None]
    c = choosing(
        np.zeros((batch, lanes, size)),
        texts=np.full((batch, lanes, most), -1, "int32"),
        ends=np.array(ends, "int32"),
        own=how.begin(np.full((batch, lanes, most), -1, "int32")),
    )
    for step in range(most):  # on and on, as rows that are done go on in a batch
        logs = keras.ops.convert_to_tensor(tables[rows, step, tokens].astype("float32"))
        chosen = how.choose(c._replace(logs=logs, step=keras.ops.convert_to_tensor(step, "int32")))
        tokens = numpy_of(chosen.tokens)
        c = c._replace(**{name: getattr(chosen, name) for name in KEPT})
    state = keras.tree.map_structure(numpy_of, c._replace(step=np.array(most)))
    texts, scores = how.results(state)
    return [
        [(score, tuple(text[text >= 0].tolist())) for score, text in zip(*row, strict=True)]
        for row in zip(scores, texts, strict=True)
    ]


@pytest.mark.backends
@pytest.mark.parametrize(
    "how", [Beams(3), Beams(3, length_penalty=1.0), Beams(3, finish="drop")], ids=repr
)
def test_beams_over_random_tables(how):
    """Sixty tables, in which ends come early and late, and some of which leave little to choose."""
    tables = np.random.default_rng(6).normal(size=(60, 8, 7, 7)) * 1.5
    tables -= np.log(np.exp(tables).sum(axis=-1, keepdims=True))
    tables[::4, ..., 2:5] = FORBIDDEN
    found = driven(how, tables, (5, 6), 8)
    for told, table in zip(found, tables, strict=True):

        def following(texts, table=table):
            return np.stack([table[len(text), (0, *text)[-1]] for text in texts])

        if how.finish == "drop":
            wanted = dropping(following, 3, 8, (5, 6))
        else:
            wanted = keeping(following, 3, 8, (5, 6), penalty=how.length_penalty)
        told = [one for one in told if one[0] > LOST]
        assert [text for _, text in told] == [text for _, text in wanted]
        np.testing.assert_allclose([s for s, _ in told], [s for s, _ in wanted], rtol=1e-5)
