"""Scripts of bert4keras: the table of names, what is read of a script, the guess, the skeleton."""

import ast
import importlib
import inspect
import json
import re
import shlex
from dataclasses import fields
from operator import attrgetter

import pytest
import typer

import playmask
from cli.commands import call, complaint
from documentation.marked_tables import PAGES, parts_of
from documents import ROOT, prose
from migration.bert4keras_names import PUBLIC
from playmask.cli.app import app
from playmask.errors import ConfigError
from playmask.habits import HABITS
from playmask.migration.guesses import CLUES, guess
from playmask.migration.names import BASES, TABLE, display, entries, entry_by_name, find
from playmask.migration.scripts import read_script
from playmask.migration.skeletons import SKELETONS, script_of
from playmask.migration.uses import texts_of, uses_of
from playmask.model.inputs import INPUTS
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.registry import SETTINGS, TASKS, resolve
from playmask.tasks.trained_heads import LOADING

NOWHERE = ROOT / "nowhere"
TAGGER = (ROOT / "tests/migration/samples/train.py").read_text("utf-8")


@pytest.fixture
def script(tmp_path):
    """Writes a script and gives its path."""

    def write(content, name="train.py"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lines_of(tree):
    """Where each name of the table is used."""
    lines = {}
    for use in uses_of(tree, NOWHERE).known:
        lines.setdefault(use.name, []).append(use.line)
    return lines


# The table


def test_every_public_name_of_bert4keras_has_a_row():
    names = {f"{module}.{name}" for module, text in PUBLIC.items() for name in text.split()}
    assert len(names) > 130 and not {name for name in names if find(name) is None}
    listed = [name for entry in entries() for name in entry.names]
    assert len(listed) == len({*listed}), "a name has two rows"
    assert all(find(base) for pair in BASES.items() for base in pair)


def test_what_errors_name_has_a_row_too():
    """`playmask.AutoRegressiveDecoder` is an error with a hint; other names are transformers'."""
    last_parts = {re.split(r"[.(]", name)[1] for name in entry_by_name()}
    transformers = {"AutoModel", "AutoTokenizer", "BertTokenizer"}
    assert {*HABITS["playmask"]} - last_parts == transformers


class Examples:
    """What stands for the objects that the table names."""

    task = playmask.TextClassifier
    tokenizer = playmask.Tokenizer.from_texts(["天气"], minimum=1)
    encoding = tokenizer.encode("天")
    model = playmask.build(
        playmask.architecture("bert").change(
            vocabulary=9, width=8, depth=1, attention_heads=2, inner=8
        )
    )


def command_exists(words):
    command = typer.main.get_command(app)
    for word in words[1:]:
        command = command.get_command(typer.Context(command), word)
    return command is not None


def object_of(dotted):
    root, _, rest = dotted.partition(".")
    start = getattr(Examples, root, None) or importlib.import_module(root)
    return attrgetter(rest)(start) if rest else start


def takes(function, owner, argument):
    """Whether a function takes an argument by name, also among those of a recipe's fields."""
    parameters = inspect.signature(function).parameters
    if argument in parameters:
        return True
    if owner.endswith(".fit"):
        return argument in {field.name for field in fields(TrainingOptions)}
    if owner.endswith(".new"):
        name = next(name for name, home in TASKS.items() if resolve(home) is function.__self__)
        return argument in {field.name for field in fields(SETTINGS[name])}
    if owner == "playmask.load":
        try:
            playmask.architecture("bert").change(**{argument: None})
        except ConfigError as error:
            return "no field" not in str(error)
        return True
    if owner == "playmask.load_task":
        return argument in LOADING | {field.name for field in fields(SETTINGS["classify"])}
    return False


def missing(successor):
    """What of a name of playmask does not exist."""
    if successor.startswith("playmask "):
        return not command_exists(shlex.split(successor))
    if match := re.fullmatch(r'inputs\["(\w+)"\]', successor):
        return match[1] not in INPUTS
    owner, argument = re.fullmatch(r"([\w.]+)(?:\((\w+)=\))?", successor).groups()
    try:
        function = object_of(owner)
    except (AttributeError, ImportError):
        return True
    return argument is not None and not takes(function, owner, argument)


def test_every_successor_exists():
    assert missing("playmask.load(nonsense=)") and missing("task.fit(nonsense=)")
    assert missing("playmask.nonsense") and missing("playmask nonsense")
    assert missing('inputs["nonsense"]') and missing("playmask.SpanTagger.new(nonsense=)")
    successors = {each for entry in entries() for each in entry.successors}
    assert len(successors) > 100 and not {each for each in successors if missing(each)}


def test_rows_are_whole():
    for entry in entries():
        assert (ROOT / "docs" / entry.page).is_file(), entry.names
        if entry.fit:
            TrainingOptions(**eval(f"dict({entry.fit})"))
        code = [re.findall(r"`[^`]+`", entry.sentences[language]) for language in ("en", "zh")]
        assert {*code[0]} == {*code[1]}, entry.names
        for language, stop in (("en", "."), ("zh", "。")):
            sentence = entry.sentences[language]
            assert sentence.endswith(stop) and "|" not in sentence and sentence.count("`") % 2 == 0
    assert "\r" not in TABLE.read_bytes().decode()


def code_in_prose():
    """What stands in backticks in sentences and in the guide, without the cells of bert4keras."""
    guide = prose(ROOT / "docs" / "from_bert4keras.md").partition("<!-- names -->")[0]
    texts = re.sub(r"^\|[^|]*\|", "", guide, flags=re.MULTILINE).splitlines()
    for text in (*texts, *(entry.sentences["en"] for entry in entries())):
        yield from re.findall(r"`([^`]+)`", text)


def test_what_sentences_and_the_guide_call_exists():
    wrong = set()
    for code in code_in_prose():
        for name, rest in re.findall(
            r"\b(fit|load|load_task|\w+\.new|encode|generate)\((.*)\)", code
        ):
            owner = {"fit": "task.fit", "encode": "tokenizer.encode"}.get(name, f"playmask.{name}")
            words = re.findall(r"(?:^|[(, ])(\w+)=", re.sub(r'"[^"]*"|\w+\([^)]*\)', "x", rest))
            wrong |= {f"{owner}({word}=)" for word in words if missing(f"{owner}({word}=)")}
        for attribute in re.findall(r"\btask\.(\w+)", code):
            wrong |= {code} if missing(f"task.{attribute}") else set()
        for name in re.findall(r"(?:^|[=(])([A-Z]\w+)\(", code):
            if f"layers.{name}" not in entry_by_name() and name not in ("Dot",):
                wrong |= {code} if missing(f"playmask.{name}") else set()
    assert not wrong


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["bert4keras_names", "bert4keras_seconds"])
def test_the_tables_of_the_guide_are_the_programs(name, language):
    tool = importlib.import_module(f"documentation.{name}")
    text = PAGES[language].read_text("utf-8")
    before, tables, after = parts_of(text, tool.MARK)
    assert tables == tool.tables(language), f"PYTHONPATH=tools python -m documentation.{name}"
    assert before + tables + after == text
    with pytest.raises(ValueError, match="each once"):
        parts_of(before, tool.MARK)


# Reading


def test_names_aliases_arguments_and_attributes_are_found():
    lines = lines_of(ast.parse(TAGGER))
    build = "models.build_transformer_model"
    assert lines[build] == [2, 15]
    assert lines[f"{build}(application=)"] == lines[f"{build}(return_keras_model=)"] == [15]
    assert lines[f"{build}(config_path=)"] == [15]
    assert lines["models.Transformer.model"] == [16] and lines["keras.Model"] == [7, 16]
    assert lines["tokenizers.Tokenizer"] == [12]
    assert lines["tokenizers.Tokenizer(do_lower_case=)"] == [12]
    assert lines["tokenizers.Tokenizer.encode(maxlen=)"] == [13]
    assert lines["tokenizers.Tokenizer.rematch"] == lines["tokenizers.Tokenizer.tokenize"] == [14]
    assert lines["layers.ConditionalRandomField"] == [3, 17]
    assert lines["layers.ConditionalRandomField(lr_multiplier=)"] == [17]
    assert lines["layers.ConditionalRandomField.sparse_loss"] == [20]
    ema = "optimizers.extend_with_exponential_moving_average"
    assert lines[f"{ema}(ema_momentum=)"] == [19] and lines[f"{ema}.apply_ema_weights"] == [30]
    assert lines["snippets.DataGenerator"] == [23, 29] and lines["snippets.sequence_padding"] == [
        25
    ]
    assert lines["snippets.DataGenerator.forfit"] == lines["keras.Model.fit"] == [29]
    assert lines["keras.Model.save_weights"] == [31]
    assert not uses_of(ast.parse(TAGGER), NOWHERE).unknown


B, D = "models.build_transformer_model", "snippets.AutoRegressiveDecoder"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import bert4keras.models as m\nm.build_transformer_model(model='albert_unshared')",
         [f"{B}", f"{B}(model='albert_unshared')"]),
        ("from bert4keras.backend import keras, K\nK.set_floatx('a')\nkeras.models.load_model('a')",
         ["K.set_floatx", "backend.K", "backend.keras", "keras.models.load_model"]),
        ("from bert4keras.models import *\nx = LayerNormalization()\ny = K.gradients(x, x)",
         ["K.gradients", "backend.K", "layers.LayerNormalization"]),
        ("import os\nos.environ['TF_KERAS'] = '1'\nfrom bert4keras.layers import Dense, Loss\n"
         "class L(Loss):\n    def compute_loss(self, inputs, mask=None): pass\nL(2, output_axis=1)",
         ["environ.TF_KERAS", "layers.Loss", "layers.Loss(output_axis=)",
          "layers.Loss.compute_loss"]),
        ("from bert4keras.bert import build_bert_model\ndef adversarial_training(m): pass",
         ["models.build_bert_model", "script.adversarial_training"]),
        ("from bert4keras.snippets import AutoRegressiveDecoder as A\n"
         "class W(A):\n    @A.wraps('probas')\n    def predict(self, i, o, s): self.last_token(i)\n"
         "    def write(self): return self.random_sample([], n=2, topp=0.9)",
         [f"{D}", f"{D}.last_token", f"{D}.predict", f"{D}.random_sample",
          f"{D}.random_sample(n=)", f"{D}.random_sample(topp=)", f"{D}.wraps"]),
    ],
)  # fmt: skip
def test_ways_to_import(code, names):
    uses = uses_of(ast.parse(code), NOWHERE)
    assert sorted({use.name for use in uses.known}) == sorted(names)
    assert not uses.unknown


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from tokenizers import Tokenizer\nTokenizer('v').rematch()\nfrom keras.layers import *",
         []),
        ("import snippets\nsnippets.odd(snippets.open('a'))", []),
        ("import tokenizers.models as models\nmodels.BERT(odd=1)", []),
        ("from environ import TF_KERAS\nfrom backend import keras\nkeras.models.load_model('a')",
         []),
        ("from models import build_transformer_model\nbuild_transformer_model(model='t5')", []),
        ("import os\nimport tensorflow as tf\nos.environ['TF_KERAS']\n"
         "tf.keras.models.load_model('a')", ["environ.TF_KERAS", "keras.models.load_model"]),
    ],
)  # fmt: skip
def test_names_of_other_programs_are_not_those_of_bert4keras(code, names):
    uses = uses_of(ast.parse(f"import bert4keras\n{code}"), NOWHERE)
    assert sorted({use.name for use in uses.known}) == names
    assert not uses.unknown and not uses.scripts


def test_what_is_unknown_is_said(script):
    code = (
        "from bert4keras.models import nonsense, build_transformer_model\n"
        "from bert4keras.tokenizers import Tokenizer\n"
        "from others import *; from package import *; from elsewhere import *\n"
        "t = Tokenizer('v')\n"
        "t.whatever()\n"
        "build_transformer_model('c', odd=1)\n"
    )
    folder = script("", "others.py").parent
    (folder / "package").mkdir()
    script("", "package/__init__.py")
    uses = uses_of(ast.parse(code), folder)
    assert [tuple(use) for use in uses.unknown] == [
        ("models.nonsense", 1),
        ("tokenizers.Tokenizer.whatever", 5),
        ("models.build_transformer_model(odd=)", 6),
    ]
    assert [tuple(use) for use in uses.scripts] == [("others", 3), ("package", 3)]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (TAGGER + "print 'done'\n", "a.py", "a.py:32: \"print 'done'\" is Python 2"),
        ("import bert4keras\nx = (\n", "a.py", "is no Python: '(' was never closed"),
        ("中文" * 30 + "，这里不是程序。\n", "a.py", "is no Python"),
        (b"\0\1\2", "a.py", "a.py"),
        ("# 中文注释，说明这个脚本做什么\nimport bert4keras\n".encode("gb18030"), "a.py",
         "a.py is GB 18030 (GBK), and Python reads scripts as UTF-8"),
        ("import bert4keras # 中文，说明\n".encode("utf-16"), "a.py", "a.py is UTF-16"),
        ("# coding: nonsense\nimport bert4keras\n", "a.py", "not in the encoding that it says"),
        ("import os, json\n", "a.py", "imports nothing of bert4keras (it imports os, json)"),
        ("", "a.py", "it imports nothing"),
        ("import os\nfrom keras_bert import x\n", "a.py", "a.py:2 imports keras_bert and nothing"),
        ("from bert4torch.models import x\n", "a.py", "a.py:1 imports bert4torch and nothing"),
        ("{}", "a.ipynb", "is a notebook; jupyter nbconvert --to script a.ipynb"),
        ("-" * 100_000 + "1", "a.py", "a.py"),
    ],
)  # fmt: skip
def test_what_is_no_script_gets_one_sentence(script, content, name, sentence):
    message = complaint(call("migrate", script(content, name)))
    assert sentence in message and message.endswith(".")


def test_a_folder_and_a_missing_file(tmp_path):
    assert "is a folder; give one script" in complaint(call("migrate", tmp_path))
    assert "No such file" in complaint(call("migrate", tmp_path / "nowhere.py"))


def test_a_declared_encoding_is_read(script):
    path = script("# -*- coding: gbk -*-\nimport bert4keras  # 中文\n".encode("gbk"))
    assert isinstance(read_script(path), ast.Module)


# The guess and the skeleton


def guessed(code, stem="script"):
    tree = ast.parse(code)
    return guess(stem, uses_of(tree, NOWHERE), [*texts_of(tree)])


BUILT = "from bert4keras.models import build_transformer_model as b\n"


@pytest.mark.parametrize(
    ("code", "stem", "task"),
    [
        (TAGGER, "script", "tag"),
        (f"{BUILT}m = b('c', 'w')", "script", "features"),
        (f"{BUILT}m = b('c', application='unilm')", "script", "seq2seq"),
        (f"{BUILT}m = b('c', model='mt5.1.1')", "script", "seq2seq"),
        (f"{BUILT}m = b('c', application='lm')", "script", "language-model"),
        (f"{BUILT}b('c', application='lm', layer_norm_cond=c)", "x", "language-model-condition"),
        (f"{BUILT}b('c', application='lm', layer_norm_cond=c)", "image_caption", "captions"),
        (f"{BUILT}m = b('c', with_mlm=True)", "script", "mask-fill"),
        (f"{BUILT}m = b('c', with_mlm=True)", "gibbs", "gibbs"),
        (f"{BUILT}m = b('c', with_mlm=True)", "cmrc_reading", "read-filling"),
        (f"{BUILT}b('c').compile('sparse_categorical_crossentropy')", "script", "classify"),
        (f"{BUILT}b('c').compile('sparse_categorical_crossentropy')", "lcqmc", "classify-pairs"),
        (f"{BUILT}m = b('c')\nm.compile(loss='mse')", "script", "regress"),
        ("from bert4keras.layers import GlobalPointer", "script", "spans"),
        ("from bert4keras.layers import GlobalPointer\ndef extract_spoes(): x", "x", "relations"),
        ("import bert4keras\ndef extract_spoes(): pass\ndef extract_subject(): pass", "x",
         "relations-casrel"),
        ("import bert4keras", "script", None),
    ],
)  # fmt: skip
def test_tasks_are_guessed(code, stem, task):
    found = guessed(code, stem)
    assert (found and found.skeleton) == (task and SKELETONS[task])


def test_the_guess_has_its_reasons():
    found = guessed(TAGGER, "weibo_ner")
    reason = "since it uses ConditionalRandomField in line 3 and its name has 'ner'."
    assert found.sentence("en") == f"guessed: sequence labelling, {reason}"
    assert found.sentence("zh").startswith(
        "猜测：序列标注，因为第 3 行用了 ConditionalRandomField，"
    )
    assert {clue.task for clue in CLUES} == {*SKELETONS}


@pytest.mark.parametrize("task", SKELETONS)
def test_skeletons_call_what_exists(task):
    skeleton = SKELETONS[task]
    assert (ROOT / "docs" / skeleton.page).is_file()
    tree = ast.parse(TAGGER)
    code = script_of(skeleton, tree, uses_of(tree, NOWHERE), "a remark")
    assert max(map(len, code.splitlines())) <= 110
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    task_class = playmask.TextClassifier
    for node in calls:
        owner = ast.unparse(node.func)
        if owner.startswith("playmask.") and owner.endswith(".new"):
            task_class = getattr(playmask, owner.split(".")[1])
    for node in calls:
        owner, words = ast.unparse(node.func), [word.arg for word in node.keywords]
        if owner.startswith("playmask."):
            assert not [word for word in words if missing(f"{owner}({word}=)")], owner
        elif owner.startswith("task."):
            assert hasattr(task_class, owner.removeprefix("task.")), owner
            if owner == "task.fit":
                assert not [word for word in words if missing(f"task.fit({word}=)")]


def test_numbers_and_paths_of_the_script_go_into_the_skeleton():
    tree = ast.parse(TAGGER)
    code = script_of(SKELETONS["tag"], tree, uses_of(tree, NOWHERE), "a remark")
    assert code.startswith('# a remark\nimport playmask\n\npath = "/data/bert"\n')
    assert "max_length=200" in code and "epochs=7" in code and "ema=0.999" in code
    assert "learning_rate=2e-05" in code or "learning_rate=2e-5" in code


# The command


def test_the_command_prints_lines_pages_the_guess_and_the_skeleton(script, monkeypatch):
    monkeypatch.setenv("PLAYMASK_LANG", "en")
    path = script(TAGGER)
    out = call("migrate", path).stdout
    assert "line 3, 17  ConditionalRandomField → playmask.SequenceTagger" in out
    assert "docs/training/ema.md" in out and "guessed: sequence labelling" in out
    assert out.endswith('task.save("runs/new")\n')
    monkeypatch.setenv("PLAYMASK_LANG", "zh")
    out = call("migrate", path).stdout
    assert "第 3, 17 行  ConditionalRandomField → " in out and "猜测：序列标注" in out


def test_the_command_says_what_has_no_counterpart_or_is_unknown(script):
    code = "from bert4keras.snippets import is_string, odd\nfrom others import *\n"
    script("", "others.py")
    out = call("migrate", script(code), env={"PLAYMASK_LANG": "en"}).stdout
    assert "is_string → no counterpart" in out
    assert "snippets.odd (line 1): not of bert4keras 0.11.5" in out
    assert "others (line 2): what comes from there is not followed" in out
    assert "Nothing speaks for a task" in out


def test_the_skeleton_is_written_once(script, tmp_path):
    path, new = script(TAGGER), tmp_path / "new.py"
    done = call("migrate", path, "--output", new, env={"PLAYMASK_LANG": "zh"})
    assert done.exit_code == 0 and "import playmask" not in done.stdout
    assert new.read_text("utf-8").startswith("# A beginning, not a translation")
    assert "SequenceTagger.new(path" in new.read_text("utf-8")
    assert "is there already" in complaint(call("migrate", path, "--output", new))
    assert call("migrate", path, "--output", new, "--force").exit_code == 0
    bare = script("import bert4keras", "bare.py")
    assert "no task was guessed" in complaint(call("migrate", bare, "--output", tmp_path / "b.py"))


def test_json(script):
    path = script(TAGGER)
    english, chinese = (
        call("migrate", path, "--json", env={"PLAYMASK_LANG": speech}).stdout
        for speech in ("en", "zh")
    )
    assert english == chinese
    found = json.loads(english)
    crf = next(use for use in found["uses"] if "ConditionalRandomField" in use["names"])
    assert crf["lines"] == [3, 17] and "playmask.SequenceTagger" in crf["playmask"]
    assert found["guess"].startswith("guessed: sequence labelling") and found["skeleton"]


def test_names_are_shown_without_modules():
    names = ["models.build_transformer_model(a=)", "models.build_transformer_model(b=)", "K.eval"]
    assert display(names) == ["build_transformer_model(a=, b=)", "K.eval"]
    assert find("layers.EfficientGlobalPointer(heads=)") == "layers.GlobalPointer(heads=)"
    assert len(entry_by_name()) > 300
