"""playmask, as it is used."""

from functools import cache

from worker import serve

import playmask

ORDERS = {"unilm": {"mask": "unilm"}, "gpt2": {}, "t5": {}}


@cache
def model(kind: str, path: str):
    """A checkpoint, loaded once."""
    return playmask.load(path, **ORDERS[kind])


def prepare(case):
    """Generate as the case says."""
    loaded = model(case["kind"], case["path"])
    beams = case["beams"]
    search = playmask.Greedy() if beams == 1 else playmask.Beams(beams, length_penalty=1.0)

    def run():
        made = playmask.generate(
            loaded,
            case["prompts"],
            max_tokens=case["new"],
            end=None,
            search=search,
            batch_size=len(case["prompts"]),
        )
        return [texts[0] for texts in made.tokens]

    return run


serve(prepare)
