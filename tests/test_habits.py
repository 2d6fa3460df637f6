"""Calls of other programs get one sentence with the right call; names in the documents resolve."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest

import playmask
from playmask.errors import PlaymaskError
from playmask.habits import HABITS, hint
from playmask.tokenizers import Tokenizer

ROOT = Path(__file__).parents[1]
VOCABULARY = str(ROOT / "tests/oracles/vocab_zh.txt")
MODEL = str(ROOT / "tests/oracles/bert4keras/bert_encoder")
TOKENIZER = Tokenizer.from_texts(["天气"], minimum=1)


def unpack(text):
    token_ids, segment_ids = TOKENIZER.encode(text)
    return token_ids, segment_ids


CALLS = [
    (lambda: Tokenizer(VOCABULARY), f"read by Tokenizer.load('{VOCABULARY}')"),
    (
        lambda: Tokenizer(VOCABULARY, do_lower_case=True),
        f"no 'do_lower_case'; write Tokenizer.load('{VOCABULARY}', lowercase=True)",
    ),
    (lambda: Tokenizer(token_dict="vocab.txt"), "Tokenizer.load('vocab.txt')"),
    (lambda: Tokenizer.load("v", do_lower_case=False), "Tokenizer.load('v', lowercase=False)"),
    (lambda: Tokenizer.load("v", lower_case=True), "Did you mean 'lowercase'?"),
    (lambda: TOKENIZER.encode("天", maxlen=5), "encode(text, max_length=5)"),
    (lambda: TOKENIZER.encode("天", "气", 5), "encode(text, max_length=5)"),
    (lambda: TOKENIZER.encode("天", second_text="气"), "encode(text, '气')"),
    (lambda: TOKENIZER.encode("天", max_len=5), "Did you mean 'max_length'?"),
    (lambda: unpack("天"), "write token_ids, segment_ids = encoding.ids, encoding.segments"),
    (lambda: playmask.load(f"{MODEL}/config.json"), f"load('{MODEL}')"),
    (lambda: playmask.load("away/bert_config.json"), "load('away')"),
    (
        lambda: playmask.load(f"{MODEL}/config.json", f"{MODEL}/model.ckpt"),
        f"load('{MODEL}/model.ckpt', config='{MODEL}/config.json')",
    ),
    (lambda: playmask.load(config_path="c", checkpoint_path="m"), "write load(path, config='c')"),
    (lambda: playmask.load(MODEL, checkpoint_path="m"), "give the weights' path: load('m')"),
    (lambda: playmask.load(MODEL, layer_norm_cond_size=5), "condition=Condition(size, hidden"),
    (lambda: playmask.load(MODEL, with_discriminator=True), "heads=('discriminator',)"),
    (lambda: playmask.load(MODEL, prefix="a-"), "nothing: leave it out"),
    (
        lambda: Tokenizer.load(VOCABULARY, simplified=True),
        "playmask.tokenizers.simplified(tokenizer)",
    ),
    (lambda: playmask.AutoRegressiveDecoder, "playmask.generate(model, prompts"),
    (lambda: playmask.sequence_padding, "playmask.Predictor"),
    (lambda: playmask.load(MODEL, return_keras_model=False), "is a Keras model"),
]


@pytest.mark.parametrize(("call", "right"), CALLS)
def test_a_call_of_another_program_gets_the_right_one(call, right):
    with pytest.raises(PlaymaskError) as caught:
        call()
    assert right in str(caught.value) and "\n" not in str(caught.value)


def test_names_of_other_programs():
    for error in (AttributeError, PlaymaskError):
        with pytest.raises(error, match=r"loaded by playmask.load\(path\)"):
            playmask.build_transformer_model  # noqa: B018
        with pytest.raises(error, match=r"'tokenize'; write tokenizer.tokens\("):
            TOKENIZER.tokenize("天")
    with pytest.raises(AttributeError, match="A Tokenizer has no 'nonsense'"):
        TOKENIZER.nonsense  # noqa: B018
    assert copy.copy(TOKENIZER).encode("天") == TOKENIZER.encode("天")
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        playmask.nonsense  # noqa: B018
    assert not hasattr(playmask, "_private") and "os" not in dir(playmask)


def test_every_habit_makes_a_sentence():
    for function, habits in HABITS.items():
        for key in habits:
            arguments = ["a/b"] * (key + 1) if isinstance(key, int) else []
            options = {} if isinstance(key, int) else {key: "c"}
            sentence = hint(function, *arguments, **options)
            assert sentence.endswith(".") and "{" not in sentence


def test_other_mistakes_stay_those_of_python():
    with pytest.raises(TypeError, match="missing 1 required"):
        TOKENIZER.encode()


def documents():
    pages = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return [*pages, *sorted((ROOT / "docs").rglob("*.md"))]


def names_in(page):
    """The dotted names that a page prints, without those that a table calls names from before."""
    text = page.read_text(encoding="utf-8")
    if page.name == "CHANGELOG.md":
        text = re.sub(r"^ *\|[^|]*\|", "", text, flags=re.MULTILINE)
    return set(re.findall(r"\bplaymask(?:\.[A-Za-z_]\w*)+", text))


def test_names_that_the_documents_print_resolve_in_a_fresh_process():
    names = set().union(*map(names_in, documents()))
    assert {"playmask.tokenizers.simplified", "playmask.runtime.batches"} < names
    code = (
        "import sys, operator, playmask\n"
        "for name in sys.argv[1:]:\n"
        "    try: operator.attrgetter(name.partition('.')[2])(playmask)\n"
        "    except AttributeError as error: print(name, error)\n"
    )
    run = [sys.executable, "-c", code, *sorted(names)]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "name",
    [
        "tokenizers.simplified",
        "model.kernels",
        "model.parts.dot.Dot",
        "runtime.train.schedules.PiecewiseLinear",
        "generation.sql_grammar",
    ],
)
def test_a_name_resolves_before_anything_else_is_imported(name):
    code = f"import playmask; playmask.{name}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_package_finds_its_modules():
    source = ROOT / "src" / "playmask"
    packages = [page for page in source.rglob("__init__.py") if "cli" not in page.parts]
    # The model wing needs nothing of playmask but errors, and its modules are imported with it.
    silent = [p for p in packages if "submodule" not in p.read_text(encoding="utf-8")]
    assert sorted(p.parent.name for p in silent if "experiments" not in p.parts) == [
        "built_in",  # files of models alone
        "fonts",
        "model",
        "parts",
    ]
