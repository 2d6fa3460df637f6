"""Math word problems to expressions (Ape210K): seq2seq whose output is always an expression.

There are only 5,000 problems to learn from; the full set has 200,000.
"""

import ast
import operator
import re
from fractions import Fraction
from pathlib import Path

import typer

import playmask
from playmask.tasks import Seq2Seq
from scratch import Clock, Data, Epochs, Limit, Out, Width, objects_of, report
from scratch import small_model as small

SOURCE, TARGET = 96, 40
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value(expression: str) -> Fraction | None:
    """What an expression comes to, exactly; None where it is none, or divides by 0."""
    text = re.sub(r"(\d+)\((\d+/\d+)\)", r"(\1+\2)", expression)  # 1(1/2) is 1 + 1/2
    text = re.sub(r"([\d.]+)%", r"(\1/100)", text)
    try:
        return _value(ast.parse(text, mode="eval").body, text)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
        return None


def _value(node: ast.AST, text: str) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.left, text), _value(node.right, text))
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(str(ast.get_source_segment(text, node)))
    raise ValueError(f"{text!r} is no expression")


def spaced(text: str) -> str:
    """Each character by itself, so that each digit is a token."""
    return " ".join(text.replace(" ", ""))


def pair_of(row: dict[str, str]) -> tuple[str, str]:
    """A problem and its expression, with 1(1/2) written as (1+1/2) and ":" as "/"."""
    expression = row["equation"].removeprefix("x=").replace(":", "/").replace("**", "*")
    expression = re.sub(r"(\d+)\((\d+/\d+)\)", r"(\1+\2)", expression)
    return spaced(row["question"]), spaced(expression)


def main(
    data: Data,
    epochs: Epochs = 6,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/problems"),
) -> None:
    """Learn expressions, then solve the test problems with and without the automaton."""
    rows = objects_of(data / "ape210k_10k" / "valid.json", limit)
    train = [pair for row in rows if (pair := pair_of(row))[1]]
    test = objects_of(data / "ape210k_10k" / "test.json", limit)
    answers = [value(row["answer"]) for row in test]
    texts = [text for pair in train for text in pair] + [spaced("0123456789+-*/().%")] * 2
    model = small(texts, vocabulary=3000, length=SOURCE + TARGET, width=width, mask="unilm")
    task = Seq2Seq.new(model, max_source=SOURCE, max_target=TARGET)
    clock = Clock()
    task.fit(train, epochs=epochs, learning_rate=1e-3, directory=out)
    seconds = clock()
    symbols = {each: task.tokenizer.token_to_id(each) for each in "0123456789+-*/().%"}
    expressions = playmask.arithmetic(symbols, task.tokenizer.sep, depth=3)
    problems = [pair_of(row)[0] for row in test]
    results: dict[str, float] = {"loss": task.evaluate([pair_of(row) for row in test])["loss"]}
    for name, constrain in {"free": (), "automaton": expressions}.items():
        made = [text.replace(" ", "") for text in task.predict(problems, constrain=constrain)]
        values = [value(text) for text in made]
        right = [a is not None and a == b for a, b in zip(values, answers, strict=True)]
        results[f"expressions, {name}"] = sum(v is not None for v in values) / len(values)
        results[f"right answers, {name}"] = sum(right) / len(right)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    questions = [row["question"] for row in test[:5]]
    report(out, results, zip(questions, made[:5], strict=True))


if __name__ == "__main__":
    typer.run(main)
