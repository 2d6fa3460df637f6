"""Writes stored/: exported tasks with their answers, which later versions and other wheels repeat.

    PYTHONPATH=src:tests python tests/export/store.py

Written anew only where a format changes; what was written by an earlier version stays readable.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STORED = Path(__file__).with_name("stored")
KINDS = ("classify", "read", "tag", "lm", "seq2seq", "read-seq2seq")
ANSWERS = "answers.json"
WRITERS = ("language-model", "seq2seq")


def answers_of(task: Any, texts: list[Any]) -> list[Any]:
    """What a task answers to texts, or pairs of them, as JSON has it."""
    from playmask.data.examples import Example

    if task.name in WRITERS:
        return [
            [one._asdict() for one in row]
            for options in ways_to_write()
            for row in task.writer.write(texts, **options)
        ]
    texts = [tuple(each) if isinstance(each, list) else each for each in texts]
    examples = [Example(*([each] if isinstance(each, str) else each)) for each in texts]
    answers = task.predict(texts)
    return [task.answer_json(*both) for both in zip(examples, answers, strict=True)]


def ways_to_write() -> Iterator[dict[str, Any]]:
    """Options of each kind: the likeliest, what is drawn, beams, and what may not come."""
    from playmask.generation import Beams, Greedy, NoRepeat, Sample

    yield {"search": Greedy()}
    yield {"search": Sample(n=3), "seed": 3}
    yield {"search": Sample(temperature=1.5, top_k=9, top_p=0.9, min_p=0.01), "seed": 7}
    yield {"search": Beams(4, length_penalty=0.5)}
    yield {"search": Beams(3, finish="drop"), "constrain": NoRepeat(1), "min_tokens": 3}


def close(one: Any, other: Any) -> bool:
    """Whether two answers are the same, but for the last digits of numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=2e-4, abs_tol=2e-5)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == other)


def stored_answers(load: Callable[[Path], Any]) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Of each kind its answers now, by what loads exported tasks, and those that are stored."""
    for kind in KINDS:
        stored = json.loads((STORED / kind / ANSWERS).read_text(encoding="utf-8"))
        yield kind, answers_of(load(STORED / kind), stored["texts"]), stored["answers"]


def main() -> None:
    """Make, export, answer."""
    import keras

    from tasks.every_task import MAKE, ONE, TEXTS, spread

    for kind in KINDS:
        keras.utils.set_random_seed(5)
        task, texts = MAKE[kind](), TEXTS.get(kind, ONE)
        spread(task)
        folder = STORED / kind
        task.export(folder)
        said = {"texts": texts, "answers": answers_of(task, texts)}
        written = json.dumps(said, ensure_ascii=False, indent=1)
        (folder / ANSWERS).write_text(f"{written}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
