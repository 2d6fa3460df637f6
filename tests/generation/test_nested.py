"""An automaton with a stack spells what a recursive function reads, and always comes to its end."""

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError, InputError
from playmask.generation.nested import BACK, NONE, OUT, OWN, Nested

X, OPEN, CLOSE, QUOTE, A, B, END = 5, 6, 7, 8, 9, 10, 2
EDGES = [  # one or several x; for each there may be as much in brackets, or a string in quotes
    (0, X, 1, NONE), (0, OPEN, 1, 0), (0, QUOTE, 1, OWN),
    (1, X, 1, NONE), (1, OPEN, 1, 0), (1, CLOSE, BACK, NONE), (1, END, OUT, NONE),
]  # fmt: skip
STRINGS = [(2, A, 3, NONE), (3, QUOTE, BACK, NONE), (4, B, 5, NONE), (5, QUOTE, BACK, NONE)]


def read(text, string, depth):
    """What is left of a text after one or several items; None where there are none."""
    count = 0
    while text and text[0] in (X, OPEN, QUOTE):
        if text[0] == OPEN:
            text = read(text[1:], string, depth - 1) if depth else None
            if not text or text[0] != CLOSE:
                return None
        if text[0] == QUOTE and (count or text[1:3] != [string, QUOTE]):
            return None
        text, count = text[3 if text[0] == QUOTE else 1 :], count + 1
    return text if count else None


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return playmask.build(TINY.change(mask="lm", position=playmask.Learned(64)), heads=("mlm",))


@pytest.mark.parametrize(
    "search, depth, room",
    [
        (playmask.Sample(16, temperature=3.0), 2, 12),
        (playmask.Sample(16, temperature=3.0), 1, 7),
        pytest.param(playmask.Beams(3), 2, 12, marks=pytest.mark.backends),
    ],
)
def test_texts_are_of_the_grammar_and_end(model, search, depth, room):
    constrain = Nested.nested([*EDGES, *STRINGS], depth=depth, room=room, rows=(2, 4, 2))
    made = playmask.generate(
        model, [[1, 3], [1, 4, 3], [3]], max_tokens=room, end=END, search=search,
        constrain=constrain, seed=0,
    )  # fmt: skip
    for texts, string in zip(made.tokens, (A, B, A), strict=True):
        assert texts
        for text in texts:
            assert text[-1] == END and read(text[:-1], string, depth) == []
    assert any(OPEN in text for texts in made.tokens for text in texts)


def test_where_the_end_is_too_far_nothing_else_comes(model):
    told = {"max_tokens": 4, "end": END, "search": playmask.Sample(16, temperature=9.0)}
    made = playmask.generate(
        model, [[3]], constrain=Nested.nested(EDGES[:2] + EDGES[3:], depth=3, room=4), **told
    )
    # At most (x) and the end: two brackets would need six tokens.
    assert {text.count(OPEN) for text in made.tokens[0]} == {0, 1}
    assert all(text[-1] == END for text in made.tokens[0])


def test_least_is_the_shortest_way():
    one = Nested.nested([*EDGES, *STRINGS], depth=1, room=9, rows=(2,))
    assert one.least[0, :2].tolist() == [2, 1]  # x and the end; the end
    assert one.least[1, :2].tolist() == [2, 1]  # x and the bracket; the bracket
    assert one.least[1, [2, 3]].tolist() == [2, 1]
    assert np.all(one.least[0, [2, 3]] > 9)  # a string ends in quotes only, never the text


def test_own_parts_are_no_depth(model):
    """A string may stand in the deepest brackets, and where no brackets may be."""
    for depth, wanted in {
        0: [QUOTE, A, QUOTE, END],
        1: [OPEN, QUOTE, A, QUOTE, CLOSE, END],
    }.items():
        edges = [edge for edge in EDGES if edge[1] != X and (depth or edge[1] != OPEN)]
        some = {(0, OPEN, 1, 6), (6, QUOTE, 1, OWN)} if depth else {*edges}
        edges = [*some, *(edge for edge in edges if edge[0] == 1), *STRINGS]
        constrain = Nested.nested(edges, depth=depth, room=len(wanted), rows=(2,))
        made = playmask.generate(model, [[3]], max_tokens=8, end=END, constrain=constrain)
        assert made.tokens[0][0] == wanted


def test_errors(model):
    with pytest.raises(ConfigError, match="room for 1 tokens, but a text has 2"):
        Nested.nested(EDGES, depth=1, room=1)
    with pytest.raises(ConfigError, match="no text has an end"):
        Nested.nested(EDGES[:-1], depth=1, room=9)
    with pytest.raises(ConfigError, match="State 0 leads two ways by token 5"):
        Nested.nested([*EDGES, (0, X, 0, NONE)], depth=1, room=9)
    two = Nested.nested([*EDGES, *STRINGS], depth=1, room=9, rows=(2, 4))
    with pytest.raises(InputError, match="2 own parts were given for 3 prompts"):
        playmask.generate(model, [[3]] * 3, max_tokens=9, end=END, constrain=two)
