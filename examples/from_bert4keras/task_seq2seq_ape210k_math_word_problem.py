"""Math word problems (Ape210K): the expression is written, and computed exactly.

    python examples/from_bert4keras/task_seq2seq_ape210k_math_word_problem.py MODEL TRAIN TEST

MODEL is an encoder of the BERT kind, to which each digit that stands apart is a token. TRAIN and
TEST have an object in JSON on each line, as Ape210K: {"question": "有3(1/2)米，…", "equation":
"x=3(1/2)*2", "answer": "7"}. The share of right answers is printed.

Upstream takes redundant brackets out of the equations, which is left out here, and rounds values
where these are exact. What upstream's model writes may be no expression; here an automaton admits
nothing else, though 64 tokens may cut it off. Upstream's second half, the forms of answers of one
competition, is left out.
"""

import json
import re
import sys
from fractions import Fraction
from pathlib import Path

import playmask

EPOCHS = 30
RATE = 2e-5  # of BERT base; 1e-4 of zh-small
SYMBOLS = "0123456789+-*/().%"


def plain(text):
    """A text with 3(1/2) as (3+1/2)."""
    return re.sub(r"(\d+)\((\d+/\d+)\)", r"(\1+\2)", text)


def apart(text):
    """A text in which each digit and sign is a word of its own."""
    return re.sub(r"[-+*/().%\d]", r" \g<0> ", text)


def value(text):
    """What an expression comes to; None where it is none, or divides by 0."""
    text = re.sub(r"([\d.]+)%", r"(\1/100)", text.replace(" ", ""))
    if not re.fullmatch(r"[-+*/().\d]+", text) or re.search(r"\*\*|//|\(\)", text):
        return None
    try:  # numbers, signs and brackets: nothing else comes this far
        return eval(re.sub(r"[\d.]+", r"Fraction('\g<0>')", text), {"Fraction": Fraction})
    except (ArithmeticError, SyntaxError, TypeError, ValueError):
        return None


def read(path):
    """Questions, expressions and their values, where these are the answers."""
    for row in map(json.loads, Path(path).read_text(encoding="utf-8").splitlines()):
        expression = plain(row["equation"].removeprefix("x=").replace(":", "/"))
        answer = value(plain(row["answer"]))
        if answer is not None and value(expression) == answer:
            yield apart(plain(row["question"])), apart(expression), answer


model, train, test = sys.argv[1:]
task = playmask.Seq2Seq.new(model, max_source=128, max_target=64)
task.fit([problem[:2] for problem in read(train)], epochs=EPOCHS, learning_rate=RATE)
tokens = {symbol: task.tokenizer.encode(symbol, special=False).ids[-1] for symbol in SYMBOLS}
expressions = playmask.arithmetic(tokens, task.tokenizer.sep, depth=3)
questions, _, answers = zip(*read(test), strict=True)
written = task.predict([*questions], constrain=expressions)
right = [value(text) == answer for text, answer in zip(written, answers, strict=True)]
print("right", sum(right) / len(right))
