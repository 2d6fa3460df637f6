"""The benchmark beside bert4keras' scripts: its table is whole, and our side runs."""

import importlib
import sys

import keras
import pytest

import playmask
from documents import ROOT
from playmask.tasks.task import Task

FOLDER = ROOT / "examples" / "from_bert4keras"


@pytest.fixture
def modules(monkeypatch):
    """The benchmark's modules by name; they import each other without a package."""
    for folder in (ROOT / "benchmarks" / "peers", ROOT / "benchmarks"):
        monkeypatch.syspath_prepend(str(folder))
    before = {*sys.modules}
    yield importlib.import_module
    for name in {*sys.modules} - before:
        if str(ROOT / "benchmarks") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a tiny model and reviews."""
    place = tmp_path_factory.mktemp("beside")
    rows = ["味道很好\t1", "服务热情\t1", "坏了退货\t0", "太失望了\t0"] * 4
    (place / "reviews.data").write_text("\n".join(rows) + "\n", "utf-8")
    words = playmask.Tokenizer.from_texts(rows, minimum=1)
    tiny = {"width": 16, "depth": 1, "attention_heads": 2, "inner": 16, "pad": words.pad}
    keras.utils.set_random_seed(0)
    model = playmask.build(playmask.architecture("bert").change(vocabulary=len(words), **tiny))
    playmask.save(model, place / "model", tokenizer=words)
    return place


def asked(name, folder, *arguments, **more):
    """What the driver asks our side."""
    common = {"name": name, "script": str(FOLDER / f"{name}.py"), "folder": str(folder)}
    common |= {"changes": [], "texts": [""], "weights": None, "epochs": 2, "batch": 8}
    return {**common, "arguments": [str(folder / "model"), *arguments], **more}


def test_every_script_is_run_or_has_a_reason_not_to(modules):
    program = modules("from_bert4keras")
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert {*program.EXAMPLES}.isdisjoint(program.LEFT_OUT)
    assert names == {*program.EXAMPLES} | {*program.LEFT_OUT}
    for name, example in program.EXAMPLES.items():
        source = (FOLDER / f"{name}.py").read_text("utf-8")
        assert all(old in source for old, _ in example.ours), name


def test_a_script_that_answers(modules, folder, monkeypatch):
    monkeypatch.chdir(folder)
    case = asked("basic_extract_features", folder, "味道很好", str(folder / "saved"))
    found = modules("own_scripts").script(case)()
    assert len(found["outputs"]["answers"][0]) == 6 and len(found["laps"]) == 1
    assert all(seconds > 0 for lap in (found["start"], *found["laps"]) for seconds in lap)


def test_a_script_that_trains_stops_there_and_is_trained(modules, folder, monkeypatch):
    monkeypatch.chdir(folder)
    original, files = Task.fit, ["reviews.data"] * 3
    case = asked("task_sentence_similarity_lcqmc", folder, *files)
    found = modules("own_scripts").script(case)()
    assert Task.fit is original and len(found["laps"]) == 1


def test_what_a_script_does_not_say_cannot_be_changed(modules, folder):
    script = FOLDER / "basic_extract_features.py"
    with pytest.raises(ValueError, match="'nonsense' is not in"):
        modules("scripts").names_of(str(script), [["nonsense", ""]], [], str(folder))


def test_answers_are_compared(modules):
    compared = modules("from_bert4keras").compared
    numbers = compared(
        {"answers": [[0.5, 0.25]], "loss": 1.0}, {"answers": [[0.5, 0.5]], "loss": 1.0}
    )
    assert numbers == {"loss": [1.0, 1.0], "apart": 0.25, "of": 1}
    texts = compared({"answers": ["a b", "c"]}, {"answers": ["ab", "d"]})
    assert (texts["same"], texts["of"]) == (1, 2) and compared({}, {"answers": ["a"]}) == {}
