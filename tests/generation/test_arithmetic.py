"""Expressions that the automaton lets through are those that Python computes."""

import re

import keras
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError

SYMBOLS = [*"0123456789+-*/().%"]
TOKENS = {symbol: 5 + i for i, symbol in enumerate(SYMBOLS)}
NAMES = {token: symbol for symbol, token in TOKENS.items()}
END = 2


def accepts(automaton, text):
    """Walk the edges in plain Python."""
    edges = {(s, t): after for s, t, after in automaton.edges.tolist()}
    state = 0
    for token in [*(TOKENS[c] for c in text), END]:
        state = edges.get((state, token))
        if state is None:
            return False
    return True


@pytest.mark.parametrize(
    "text", ["7", "12+3", "(1+2)*3", "1.5*20%", "((4))", "(8-(2+1))/5", "12.75", "3%+1"]
)
def test_accepts(text):
    assert accepts(playmask.arithmetic(TOKENS, END), text)


@pytest.mark.parametrize(
    "text", ["", "+1", "1+", "(1", "1)", "1..2", "1.", "()", "1(2)", "%", "((((1))))"]
)
def test_refuses(text):
    assert not accepts(playmask.arithmetic(TOKENS, END), text)


def test_depth():
    assert accepts(playmask.arithmetic(TOKENS, END, depth=4), "((((1))))")
    assert not accepts(playmask.arithmetic(TOKENS, END, depth=0), "(1)")


def test_samples_can_be_computed():
    """What an untrained model writes is an expression wherever it came to the end."""
    keras.utils.set_random_seed(1)
    model = playmask.build(TINY.change(mask="lm", position=playmask.Learned(64)), heads=("mlm",))
    made = playmask.generate(
        model,
        [[1, 3]],
        max_tokens=40,
        end=END,
        search=playmask.Sample(24, temperature=2.0),
        constrain=playmask.arithmetic(TOKENS, END, depth=2),
    )
    ended = [text[:-1] for text in made.tokens[0] if text[-1] == END]
    assert len(ended) > 5
    for text in ended:
        written = "".join(NAMES[token] for token in text).replace("%", "/100")
        numbers = re.sub(r"\d+(\.\d+)?", "1", written)  # 007 is no Python
        compile(numbers, "an expression", "eval")


def test_errors():
    with pytest.raises(ConfigError, match=r"need tokens for \("):
        playmask.arithmetic({s: i for s, i in TOKENS.items() if s != "("}, END)
    with pytest.raises(ConfigError, match="'x' is no symbol"):
        playmask.arithmetic({**TOKENS, "x": 30}, END)
    with pytest.raises(ConfigError, match="depth is a whole number from 0, not -1"):
        playmask.arithmetic(TOKENS, END, depth=-1)
