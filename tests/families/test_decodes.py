"""Generated texts equal those of the original programs: bert4keras' beams, transformers' beams."""

import json

import pytest

import playmask
from oracles import CASES, ORACLES
from pairwise import marked

pytestmark = pytest.mark.backends

DECODES = json.loads((ORACLES / "bert4keras" / "decode.json").read_text())["decodes"]
NAMES, WIDTHS = sorted({decode["case"] for decode in DECODES}), (1, 3, 5)
ROWS = [(name, beam) for name in NAMES for beam in WIDTHS]
# The search is one whatever the family, whose cache has tests of its own: they take turns.
BEAMS = marked(ROWS, [(name, WIDTHS[i % 3]) for i, name in enumerate(NAMES)])


def rows(name: str, beam: int) -> dict[int, list[dict]]:
    """A case's decodes with so many beams, by the token that ends them."""
    found: dict[int, list[dict]] = {}
    for decode in DECODES:
        if decode["case"] == name and decode["beam"] == beam:
            found.setdefault(decode["end_id"], []).append(decode)
    return found


@pytest.mark.backends("torch")  # on TensorFlow: those of transformers
@pytest.mark.parametrize(("name", "beam"), BEAMS)
def test_bert4keras_beams(name, beam):
    model = CASES[f"bert4keras/{name}"].load()
    search = playmask.Beams(beam, finish="drop")
    for end, decodes in rows(name, beam).items():
        made = playmask.generate(
            model, [d["source"] for d in decodes], max_tokens=12, end=end, search=search
        )
        start = [decodes[0]["start_id"]] if decodes[0]["start_id"] is not None else []
        for texts, decode in zip(made.tokens, decodes, strict=True):
            assert [start + text for text in texts] == [decode["output"]]
        if beam == 1 and not start:
            greedy = playmask.generate(
                model, [d["source"] for d in decodes], max_tokens=12, end=end
            )
            assert greedy.tokens == made.tokens


def test_dropping_is_not_keeping():
    """Of these decodes some differ when ended texts wait for the others."""
    model, differ = CASES["bert4keras/bert_unilm"].load(), 0
    for end, decodes in rows("bert_unilm", 3).items():
        made = playmask.generate(
            model,
            [d["source"] for d in decodes],
            max_tokens=12,
            end=end,
            search=playmask.Beams(3),
        )
        differ += sum(
            text[0] != decode["output"] for text, decode in zip(made.tokens, decodes, strict=True)
        )
    assert differ > 0


ON_BACKENDS = {
    "transformers/gpt2_lm": "torch",
    "transformers/t5_v1_1": "tensorflow",
    "transformers5/qwen3_lm": "tensorflow",
    "transformers5/bart": "torch",
}
"""The search, on both: tests/generation/test_search.py; each family's cache: test_cached.py."""
TRANSFORMERS = [
    *(f"transformers/{name}" for name in ("gpt2_lm", "openai_gpt_lm", "t5_v1_0", "t5_v1_1", "mt5")),
    *(f"transformers5/{name}" for name in ("llama_lm", "qwen2_lm", "qwen3_lm")),
    *(f"transformers5/{name}" for name in ("bart", "mbart", "pegasus", "cpt")),
]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.backends(ON_BACKENDS.get(name, "jax")))
        for name in TRANSFORMERS
    ],
)
def test_transformers_beams(name):
    case = CASES[name]
    model = case.load()
    cases = json.loads((case.path / "case.json").read_text())["generate"]
    valid = case.inputs.get("valid")
    for wanted in cases:
        tokens = case.inputs["tokens"][wanted["row"]]
        prompt = tokens if valid is None else tokens[valid[wanted["row"]]]
        search = playmask.Beams(3, length_penalty=1.0) if wanted["beams"] > 1 else None
        made = playmask.generate(model, [prompt], max_tokens=8, end=None, search=search)
        assert made.tokens[0][0] == wanted["output"][-8:]
