"""The public names: each says in one sentence what it is, and shows it by an example that runs."""

import doctest
import inspect
import re

import keras
import numpy as np
import pytest
from keras import ops

import playmask

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
TEXTS = (
    "房间很干净，服务热情。味道不错，还会再来！价格便宜吗？三天就坏了，太失望。屏幕有坏点，不推荐。",
    "王芳在北京，李明在上海。今天天气好。花呗怎么还款？如何还花呗？姜文导演了让子弹飞。",
    "the cat sat on the mat. a good book, a bad film? (1 + 2) * 3 = 9",
)
"""What the examples' tokenizer knows; any other character is [UNK]."""


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """A tiny BERT that goes with its tokenizer, in a folder."""
    keras.utils.set_random_seed(0)
    tokenizer = playmask.Tokenizer.from_texts(TEXTS, minimum=1)
    tiny = playmask.architecture("bert").change(
        vocabulary=len(tokenizer),
        pad=tokenizer.pad,
        width=32,
        depth=2,
        attention_heads=2,
        inner=64,
    )
    model = playmask.build(tiny, heads=("mlm", "pool"))
    folder = tmp_path_factory.mktemp("model") / "tiny"
    return playmask.save(model, folder, tokenizer=tokenizer)


@pytest.fixture
def names(path, tmp_path, monkeypatch):
    """What an example may use without importing it; its model and its folder are its own."""
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    public = {name: getattr(playmask, name) for name in playmask.__all__}
    model = playmask.load(path)
    fixtures = {"model": model, "tokenizer": model.tokenizer, "path": str(path)}
    return {**public, "playmask": playmask, "np": np, "keras": keras, "ops": ops, **fixtures}


def docstring(name: str) -> str:
    """The docstring of a public name; one of its own, not the one of its base or of a dataclass."""
    value = getattr(playmask, name)
    own = inspect.isroutine(value) or vars(value).get("__doc__") == value.__doc__
    text = inspect.cleandoc(value.__doc__ or "") if own else ""
    return "" if text.startswith(f"{name}(") else text


def has_example(name: str) -> bool:
    return ">>> " in docstring(name)


@pytest.mark.parametrize("name", playmask.__all__)
def test_it_begins_with_one_sentence(name):
    first, *others = docstring(name).splitlines() or [""]
    assert re.fullmatch(r"\S.*\.", first), f"{name}: {first!r} is no sentence"
    assert not re.search(r"[.!?] [A-Z]", first), f"{name}: {first!r} is more than one sentence"
    assert not others or not others[0], f"{name}: the first sentence goes beyond its line"


@pytest.mark.parametrize("name", playmask.__all__)
def test_it_has_an_example(name):
    assert has_example(name), f"{name} has no example (>>> …)"


@pytest.mark.parametrize("name", playmask.__all__)
def test_its_examples_run(name, names):
    """Those of its methods too."""
    value = getattr(playmask, name)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    module = inspect.getmodule(value)
    for test in doctest.DocTestFinder(exclude_empty=True).find(value, name, module, names):
        runner.run(test, out=lines.append)
    assert runner.tries, f"{name}: no example was collected"
    assert not runner.failures, "".join(lines)


def test_what_examples_may_use_is_there(names):
    """Else a name that all of them lean on could be wrong where nothing uses it yet."""
    model, tokenizer = names["model"], names["tokenizer"]
    assert tokenizer.decode(tokenizer.encode("味道不错，推荐").ids) == "味道不错，推荐"
    outputs = model({"tokens": np.array([tokenizer.encode("味道不错").ids])})
    assert outputs["logits"].shape == (1, 6, len(tokenizer))
    assert outputs["pooled"].shape == (1, 32)
    assert playmask.load(names["path"]).architecture == model.architecture
