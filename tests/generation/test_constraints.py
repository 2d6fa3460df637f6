"""Constraints against brute force in Python, in every search."""

import numpy as np
import pytest
from decoding import (
    LOWEST,
    VOCABULARY,
    arguments,
    assert_found,
    greedy,
    keeping,
    model_for,
    prompts_for,
    reader_for,
    sampling,
)

from comparing import numpy_of
from playmask import Beams, Greedy, Sample, generate
from playmask.errors import ConfigError, InputError
from playmask.generation import Automaton, Copy, Generator, Never, NoRepeat, RepetitionPenalty
from playmask.generation.constraints import Past, marked
from playmask.generation.search import LOST

LENGTHS = [5, 3, 13, 1, 8]
MOST, END, SEEDS = 7, 4, [3, 1, 4, 1, 5]
TREE = [(9, 10, 11), (9, 10), (9, 12, 13, 14, 15, 16), (20,), (21, 22), (21, 23), (30, 30, 30)]
FEW = (9, 10, 11)
DRAWN = np.random.default_rng(0)
SOURCES = [DRAWN.integers(9, 13, length).tolist() for length in (14, 3, 9, 11, 6)]


def only(row, tokens):
    return np.where(np.isin(np.arange(len(row)), [*tokens]), row, LOWEST)


def penalized(row, text, prompt, penalty):
    there = np.isin(np.arange(len(row)), [*prompt, *text]) & (row > LOWEST / 2)
    return np.where(there, row * penalty, row)


def unrepeated(row, text, n):
    before = {text[i : i + n] for i in range(len(text) - n + 1)}
    again = [v for v in range(len(row)) if (*text[len(text) - n + 1 :], v)[-n:] in before]
    return only(row, {*range(len(row))} - {*(again if len(text) >= n else ())})


def spelled(row, text, texts):
    ways = [(*one, END) for one in texts]
    return only(row, [one[len(text)] for one in ways if one[: len(text)] == text != one])


def fragments(row, text, source):
    n, source = len(text), tuple(source)
    places = [i for i in range(len(source) - n) if source[i : i + n] == text]
    return only(row, [*(source[i + n] for i in places), END])


CASES = {
    "penalty": (
        RepetitionPenalty(1.5),
        lambda row, text, i: penalized(row, text, TOKENS[i], 1.5),
    ),
    "no_repeat": (
        (Automaton.only(FEW), NoRepeat(2)),
        lambda row, text, i: unrepeated(only(row, FEW), text, 2),
    ),
    "never": (
        Never(tuple(token for token in range(VOCABULARY) if token not in FEW)),
        lambda row, text, i: only(row, FEW),
    ),
    "tree": (Automaton.prefix_tree(TREE, END), lambda row, text, i: spelled(row, text, TREE)),
    "copy": (Copy(also=(END,)), lambda row, text, i: only(row, [*TOKENS[i], END])),
    "fragment": (
        Copy(also=(END,), fragment=True, sources=SOURCES),
        lambda row, text, i: fragments(row, text, SOURCES[i]),
    ),
    "tree, more of the same": (
        (Automaton.prefix_tree(TREE, END), RepetitionPenalty(0.3)),
        lambda row, text, i: penalized(spelled(row, text, TREE), text, TOKENS[i], 0.3),
    ),
}
TOKENS = arguments(prompts_for("plain", LENGTHS))["tokens"]
SEARCHES = [Greedy(), Beams(3), Sample(n=2)]


def made_with(constrain, search, **options):
    told = {"max_tokens": MOST, "end": END, "seed": SEEDS, **options}
    return generate(model_for("plain"), TOKENS, search=search, constrain=constrain, **told)


def wanted_with(weigh, search):
    """What the reference of a search finds for each prompt."""
    found = []
    for i, prompt in enumerate(prompts_for("plain", LENGTHS)):
        logs = reader_for("plain").behind(prompt)

        def weighed(texts, i=i, logs=logs):
            return np.stack(
                [weigh(row, text, i) for row, text in zip(logs(texts), texts, strict=True)]
            )

        if isinstance(search, Sample):
            found.append(sampling(weighed, 2, MOST, (END,), seed=SEEDS[i]))
        elif isinstance(search, Beams):
            found.append(keeping(weighed, 3, MOST, (END,)))
        else:
            found.append(greedy(weighed, MOST, (END,)))
    return found


@pytest.mark.parametrize(
    ("case", "search"),
    [
        # The other backends with beams only: these do all that the others do.
        pytest.param(
            case,
            search,
            marks=[pytest.mark.backends] * isinstance(search, Beams),
            id=f"{case}-{type(search).__name__}",
        )
        for case in CASES
        for search in SEARCHES
    ],
)
def test_as_brute_force(case, search):
    constrain, weigh = CASES[case]
    assert_found(made_with(constrain, search), wanted_with(weigh, search))


def test_in_batches_each_prompt_has_its_own_source():
    constrain, weigh = CASES["fragment"]
    apart = made_with(constrain, Greedy(), batch_size=2)
    assert_found(apart, wanted_with(weigh, Greedy()))
    with pytest.raises(InputError, match="4 sources were given for 5 prompts"):
        made_with(Copy(sources=SOURCES[:4]), Greedy(), batch_size=2)


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_no_repeat_at_every_length(n):
    texts = np.random.default_rng(n).integers(0, 3, (2, 3, 16)).astype("int32")
    for step in (0, 1, 2, 3, 9, 16):
        past = np.where(np.arange(16) < step, texts, -1)
        found = NoRepeat(n).weigh(
            np.zeros((2, 3, 5), "float32"), {}, {}, Past(past, np.int32(step))
        )
        wanted = [
            [unrepeated(np.zeros(5), tuple(lane[:step].tolist()), n) for lane in row]
            for row in texts
        ]
        assert np.array_equal(numpy_of(found), wanted)


@pytest.mark.parametrize("prompt", [True, False])
def test_penalty_of_prompts_or_not(prompt):
    one = RepetitionPenalty(2.0, prompt=prompt)
    given = one.arrays(np.array([[1, 2, 0]]), np.array([[True, True, False]]))
    past = Past(np.array([[[3, -1]]], "int32"), np.int32(1))
    found = numpy_of(one.weigh(-np.ones((1, 1, 5), "float32"), {}, given, past))
    assert found.tolist() == [[[-1, -2, -2, -2, -1] if prompt else [-1, -1, -1, -2, -1]]]


@pytest.mark.parametrize("penalty", [0.3, 3.0, 1e9])
def test_a_penalty_neither_frees_nor_forbids(penalty):
    logs = np.array([[[LOWEST, -2.0, -3.0]]], "float32")
    past = Past(np.array([[[0, 1]]], "int32"), np.int32(2))
    one = RepetitionPenalty(penalty, prompt=False)
    given = one.arrays(np.array([[2]]), np.array([[True]]))
    found = numpy_of(one.weigh(logs, {}, given, past))
    assert (found >= LOST).tolist() == [[[False, True, True]]]


def test_a_dead_end_ends_a_text_and_loses_a_beam():
    dead = Automaton.of([(0, 9, 1), (1, 10, 2)])
    assert made_with(dead, Greedy()).tokens == [[[9, 10]]] * 5
    assert made_with(dead, Beams(3)).tokens == [[]] * 5
    both = Automaton.of([(0, 9, 1), (1, 10, 2), (0, 11, 3), (3, END, 4)])
    assert made_with(both, Beams(3)).tokens == [[[11, END]]] * 5


def test_another_dictionary_of_a_size_compiles_nothing():
    other = [tuple(39 - token for token in text) for text in TREE]
    weigh, programs = CASES["tree"][1], Generator.of(model_for("plain"))
    assert_found(made_with(CASES["tree"][0], Greedy()), wanted_with(weigh, Greedy()))
    traces = programs.traces
    assert_found(
        made_with(Automaton.prefix_tree(other, END), Greedy()),
        wanted_with(lambda row, text, i: spelled(row, text, other), Greedy()),
    )
    assert programs.traces == traces


def test_tokens_that_are_not_there_stand_for_none():
    tokens = np.array([[[VOCABULARY + 1, -1, 2], [0, VOCABULARY, 5 * VOCABULARY]]], "int32")
    found = numpy_of(marked(tokens, VOCABULARY))
    assert [np.flatnonzero(lane).tolist() for lane in found[0]] == [[2], [0]]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Automaton.of([]), "An automaton has edges"),
        (lambda: Automaton.only([]), "An automaton has edges"),
        (lambda: Automaton.of([(0, -1, 1)]), "all from 0"),
        (
            lambda: Automaton.of([(0, 5, 1), (2, 5, 1), (0, 5, 2)]),
            "State 0 leads two ways by token 5",
        ),
        (lambda: RepetitionPenalty(0.0), "penalty is above 0"),
        (lambda: NoRepeat(0), "n is a whole number from 1, not 0"),
        (lambda: NoRepeat(1.5), "not 1.5"),
    ],
)
def test_what_no_constraint_can_be(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
