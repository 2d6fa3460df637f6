"""Values as HTML: every type of the table, well-formed, escaped, bounded; nothing is run for it."""

import sys
from html.parser import HTMLParser
from importlib import import_module
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import playmask
from documents import ROOT, fenced
from playmask.checkpoints.load_report import Fresh, Ignored, Loaded, Report
from playmask.data.annotated import Annotated, Mention
from playmask.data.events import Event, Part
from playmask.data.events import Report as Events
from playmask.data.relations import Related, Relation, Slot
from playmask.errors import InputError
from playmask.inspection.attention_maps import AttentionMaps
from playmask.inspection.explain.explanation import Explanation
from playmask.inspection.notebook import register, show
from playmask.inspection.notebook.renderers import RENDERERS, renderer
from playmask.metrics.sets import Support
from playmask.runtime.lazy_weights import blank
from playmask.runtime.train.watching.history import History
from playmask.tasks.classification.answers import MultiPrediction, Prediction
from playmask.tasks.extraction.universal import PromptedSpan
from playmask.tasks.reading.base import Answer
from playmask.tasks.reports import ClassReport
from playmask.tasks.similarity.index import Found
from playmask.tasks.similarity.reranker import Ranked
from playmask.tasks.writing.mask_fill import Fill
from playmask.untrusted import OBEYED

HOSTILE = "<script>alert(1)</script>\"'&\u202e\x1b"
VOID = {"meta", "br", "image", "rect", "line", "path", "circle"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed, in order."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def model(**changes):
    """A model of shapes alone: its weights have no values that could be read."""
    architecture = playmask.architecture("bert").change(
        **{"vocabulary": 99, "width": 32, "depth": 2, "attention_heads": 2, "inner": 64, **changes}
    )
    return blank(lambda: playmask.Transformer(architecture, ["mlm", "pool"]))


def report(name: str, count: int = 1) -> Report:
    loaded = (Loaded("a", name, (2, 3), np.dtype("float32"), name),) * count
    fresh, ignored = (Fresh("b", (2,), name),), (Ignored(name, name),)
    return Report(
        name, name, name, {}, playmask.architecture("bert"), loaded, fresh, ignored, (name,)
    )


def explanation(name: str) -> Explanation:
    text = f"好{name}"
    given = ("好", name), ((0, 1), (1, len(text))), (0, 0), (0.5, -0.2), name, 0.4, 0.1, name, 16
    return Explanation((text,), *given, (len(text),), "log-odds", {name: 0.4, "b": 0.1})


def class_report(names: list[str]) -> ClassReport:
    support = Support(0.5, 0.5, 0.5, 3)
    return ClassReport(dict.fromkeys(names, support), np.eye(len(names), dtype=int), names)


def values(name: str) -> dict:
    """A value of each type, with a name wherever it may hold one."""
    text = f"王芳在{name}"
    mention, grid = Mention(0, 2, name, 0.9), np.full((1, 2, 2), 0.5, "float32")
    event = Event(name, (Part(0, 2, name),), 0.5)
    relation = Relation((0, 2), name, (Slot("@value", 3, len(text)),), 0.5)
    span = PromptedSpan(0, 2, name, 0.5, {name: []})
    drawn = playmask.register_mask(name, lambda queries, keys: keys.position[:, None] < 3)
    tokenizer = playmask.Tokenizer.from_texts(["天气"], minimum=1)
    own = model(family=name)
    own.report = report(name)
    maps = AttentionMaps((name, "b"), (0,), ((0,),), ((name, "b"),), (grid,))
    objects = [own, own.architecture, own.report, drawn, maps]
    objects += [class_report([name, "b"]), tokenizer.encode("天气", "天"), explanation(name)]
    objects += [Annotated(text, [mention]), Related(text, [relation]), Events(text, [event])]
    objects += [Prediction(name, {name: 0.9, "b": 0.1}), MultiPrediction((name,), {name: 0.9})]
    objects += [mention, relation, event, Answer(name, 0, 2, 0.5), span, Found(name, 0.5)]
    objects += [Ranked(name, 0, 0.5), Fill(name, 0.5), History({"loss": [0.5, 0.1], name: [1, 2]})]
    return dict(zip(RENDERERS, objects, strict=True))


@pytest.fixture(scope="module")
def plain():
    return values("好")


@pytest.mark.parametrize("name", RENDERERS)
def test_the_table_names_types_and_what_draws_them(name, plain):
    module, _, kind = name.partition(":")
    cls = getattr(import_module(module), kind)
    assert (cls.__module__, cls.__qualname__) == (module, kind)
    assert isinstance(plain[name], cls) and callable(renderer(type(plain[name])))


def test_every_type_is_drawn_well_formed_and_without_scripts(plain):
    for name, value in plain.items():
        page = show(value)
        read = Reader(page)
        assert "script" not in read.tags, name
        assert not [each for each in read.attributes if each.startswith("on")], name
        assert read.text.split()[0] in {base.__name__ for base in type(value).__mro__}, name
        assert page == page._repr_html_() and len(page) < 30_000, name


def test_a_hostile_name_is_escaped_wherever_it_stands():
    for name, value in values(HOSTILE).items():
        page = show(value)
        tags = Reader(page).tags
        assert "script" not in tags and "alert" not in tags, name
        assert not OBEYED.search(page.replace("\n", "")), name
        if "Encoding" not in name:  # which holds no text
            assert "&lt;script" in page, name


def test_a_model_is_drawn_from_shapes(plain):
    text = Reader(show(plain["playmask.model.transformer:Transformer"])).text
    assert "blocks 0–1 32 " in text and "size 39,043 parameters, 156.2 KB" in text
    deep = Reader(show(model(depth=24))).text
    assert "blocks 0–23 384 " in deep and "more weights" in deep
    shared = Reader(show(model(depth=24, sharing="all"))).text
    assert "blocks 0 16 " in shared


def test_a_model_is_drawn_without_a_run_or_a_look_at_its_weights(plain, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a weight was read, or the model was run")

    monkeypatch.setattr(keras.Variable, "value", property(refuse))
    monkeypatch.setattr(playmask.Transformer, "__call__", refuse)
    assert "39,043" in show(plain["playmask.model.transformer:Transformer"])


def test_what_is_long_is_cut_and_the_rest_counted():
    many = [Mention(i, i + 1, "甲", 0.5) for i in range(10_000)]
    long = show(Annotated("天" * 10_000, many))
    assert len(long) < 60_000 and "9,800 more mentions" in long and "8,000 more characters" in long
    listed = show(many)
    assert len(listed) < 20_000 and "9,960 more rows" in listed
    assert "and 480 more values" in show([Prediction("甲", {"甲": 1.0})] * 500)
    labels = {str(i): 0.001 for i in range(1_000)}
    assert "990 more labels" in show(Prediction("1", labels))
    window = show(playmask.Window(512) & playmask.Ordered())
    assert len(window) < 20_000 and "The first 160 of 1,024 sites" in window
    tokens = tuple("天" * 512)
    maps = AttentionMaps(
        tokens,
        tuple(range(24)),
        (tuple(range(20)),) * 24,
        (tokens,) * 24,
        (np.full((20, 512, 512), 0.1, "float16"),) * 24,
    )
    drawn = show(maps)
    assert len(drawn) < 120_000
    for more in ("448 more tokens", "18 more layers", "4 more heads"):
        assert more in drawn
    classes = show(class_report([f"意图{i}" for i in range(500)]))
    assert len(classes) < 40_000 and "468 more classes" in classes
    assert "9,960 more loaded" in show(report("甲", 10_000))
    steps = {"epochs": np.linspace(0, 9, 90_000), "loss": np.linspace(1, 0, 90_000)}
    assert len(show(History({"loss": [1.0] * 900}, steps))) < 60_000


def test_a_history_is_drawn_by_steps_and_is_the_dict_that_fit_returns():
    history = History({"loss": [0.5]}, {"epochs": [0.1, 0.5, 1.0], "loss": [2.0, np.nan, 0.5]})
    assert history == {"loss": [0.5]} and show(history).count("<circle") == 2
    assert show(History({"loss": [0.5]})).count("<circle") == 1
    assert Reader(show(History({"loss": []}))).text.startswith("History 0 epochs")


def test_a_mask_that_cannot_be_drawn_says_why():
    assert "No mask is registered as" in Reader(show(playmask.Custom("nowhere"))).text


def test_lists_and_dicts_are_drawn_one_below_the_other(plain):
    prediction = Prediction("好", {"好": 0.9})
    page = show({"a": [prediction], "b": [[Mention(0, 1, "甲", 0.5)] * 2, []]})
    assert page.count("<style>") == 1 and Reader(page).text.count("好") == 2
    assert "2 of them" in page
    named = Reader(show({"甲": {"乙": prediction, "": prediction}})).text
    assert "甲: 乙: Prediction" in named and "甲: Prediction" in named
    mixed = Reader(show([Mention(0, 1, "甲", 0.5), Found("乙", 0.5)])).text
    assert "Mention" in mixed and "Found" in mixed
    for wrong in (3, "text", [3], [[[[[prediction]]]]], None):
        with pytest.raises(InputError, match=r"of the type \w+ came; Transformer, Archi"):
            show(wrong)


class Formatter:
    """What IPython's formatters have of it: functions by the name of a type."""

    def __init__(self):
        self.functions = {}

    def for_type_by_name(self, module, name, function):
        self.functions[module, name] = function


def test_ipython_is_told_the_types_by_name_when_playmask_is_imported(monkeypatch):
    formatter = Formatter()
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    playmask._show_in_notebooks()
    assert {":".join(key) for key in formatter.functions} == set(RENDERERS)
    kind = Prediction
    page = formatter.functions[kind.__module__, kind.__qualname__](Prediction("好", {"好": 0.9}))
    assert page.startswith('<div class="playmask">')
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    register()  # in a program, where no session runs


def test_the_page_about_notebooks_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    page = ROOT / "docs" / "seeing.md"
    begin, write = (code for _, code in fenced(page) if "Annotated" in code or "show(" in code)
    names: dict = {}
    exec(compile(begin + write, page.name, "exec"), names)
    written = (tmp_path / "runs" / "page.html").read_text("utf-8")
    assert written == names["page"] and written.count("<article>") == 4
    text = Reader(show(names["model"])).text
    assert "bert, " in text and "blocks 0–" in text and "load: " in text
