"""The command line in Chinese: all of its help, what it notes, and what it refuses."""

import ast
import json
import re

import catalogue
import pytest

from cli.commands import call, complaint, help_texts
from playmask.cli import messages
from playmask.cli.help_pages import columns, localised, wrapped
from playmask.cli.messages import translated

CHINESE = {"PLAYMASK_LANG": "zh", "COLUMNS": "80"}
REFUSING = (
    "checkpoints cli data experiments families files generation inspection labelling metrics "
    "migration model onnx play pretraining runtime server tasks tokenizers"
).split()
"""Packages all of whose errors are said in Chinese."""
UNREACHED = {
    "The task \0 is \0; \0 needs another name.": "of a program that defines a task",
    "sentence": "the name of a variable",
}
"""Errors that no command can reach, and whose they are."""
ENGLISH_WORDS = re.compile(r"(?<!playmask )\b(?!playmask)[a-z]+ [a-z]+ [a-z]+\b")


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("PLAYMASK_LANG", "zh")


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "PLAYMASK_LANG": "en"}, "en"),
        ({"LANG": "de_DE", "PLAYMASK_LANG": "zh"}, "zh"),
    ],
)
def test_the_variable_names_the_language_and_else_the_locale(variables, language, monkeypatch):
    for name in (messages.VARIABLE, *messages.LOCALE_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert messages.language() == language


def test_another_language_is_refused_in_a_sentence():
    result = call("families", env={"PLAYMASK_LANG": "klingon"})
    assert complaint(result) == "PLAYMASK_LANG is 'klingon'; en or zh is due."


def test_all_help_is_there_in_chinese(chinese):
    texts = {*map(catalogue.normal, help_texts())} - {""}
    assert len(texts) > 300
    left = [text for text in texts if not re.search(r"[\u4e00-\u9fff]", localised(text))]
    left += [text for text in texts if ENGLISH_WORDS.search(localised(text))]
    assert not left, "\n".join(sorted(left))


def test_each_entry_is_said_somewhere_and_has_the_same_placeholders():
    sources = catalogue.texts_of_sources()
    for file in catalogue.FILES:
        entries = catalogue.read(file)
        assert len(catalogue.entries(entries)) > 1_200
        assert not catalogue.faults(entries, sources)


def test_each_error_has_an_entry():
    files = [file for name in REFUSING for file in (catalogue.SOURCE / name).rglob("*.py")]
    trees = (ast.parse(file.read_text("utf-8")) for file in files)
    errors = {each for tree in trees for each in catalogue.refusals_of(tree)}
    for file in catalogue.FILES:
        entries = {*map(catalogue.skeleton, catalogue.entries(catalogue.read(file)))}
        assert errors - entries == UNREACHED.keys()
    assert len(errors) > 700 and catalogue.skeleton("its header names no shards") in errors


def spoken(message: str) -> str:
    """A sentence of an entry, with values such as its placeholders have."""
    forms = {"near": " Did you mean 'x'?", "left": "3:05", "time": "3:05", "compiling": "3:05"}
    names = {**dict.fromkeys(messages.FORMS, "12"), **forms}
    return messages.PLACEHOLDER.sub(lambda match: names.get(match[1], "x"), message)


def test_no_entry_takes_the_sentence_of_another_one_for_its_own():
    """Neither before the right entry is asked, nor where there would be none."""
    for file in catalogue.FILES:
        patterns = messages.catalogue(file.parts[-3]).patterns
        skeletons = [catalogue.skeleton("{}".join(each.parts)) for each in patterns]
        longest = [max(each.parts, key=len) for each in patterns]
        wrong = []
        for message, translation in catalogue.entries(catalogue.read(file)).items():
            text, own = spoken(message), catalogue.skeleton(message)
            taking = [
                (skeleton, each.filled(values), each.takes_prose(values))
                for skeleton, part, each in zip(skeletons, longest, patterns, strict=True)
                if part in text and not each.is_frame and (values := each.values(text)) is not None
            ]
            if messages.PLACEHOLDER.search(message) and taking:
                wrong += [(text, taking[0])] * (taking[0][1] != spoken(translation))
            wrong += [(text, other) for other, _, prose in taking if prose and other != own]
        assert not wrong and len(patterns) > 1_300


def test_faults_of_a_catalogue_are_seen():
    entries = catalogue.Catalog()
    entries.add("nothing says this", "甲")
    entries.add("saved in {folder}; try it: playmask {use}", "存在 {folder}")
    entries.add("all is well", "")
    entries.add("{path} does not exist.", "{path} 不存在。")
    wrong = catalogue.faults(entries, catalogue.texts_of_sources())
    assert [w.partition(" ha" if "has" in w else " is said")[0] for w in wrong] == [
        repr(each) for each in catalogue.entries(entries) if not each.startswith("{path}")
    ]
    entries.add("{file} does not exist.", "没有 {file}。")
    twice = catalogue.faults(entries, catalogue.texts_of_sources())[-1]
    assert twice == "'{file} does not exist.' has an entry already, '{path} does not exist.'"


def test_what_is_compiled_is_the_catalogue():
    for file in catalogue.FILES:
        compiled = catalogue.compiled(catalogue.read(file))
        assert file.with_suffix(".mo").read_bytes() == compiled, "run: python tools/catalogue.py"


@pytest.mark.parametrize("command", ["", "train", "train classify", "predict", "draw mask"])
def test_a_page_of_help_fits_80_columns(command):
    result = call(*command.split(), "--help", env=CHINESE)
    assert result.exit_code == 0 and result.stdout.startswith("用法: ")
    assert "选项:" in result.stdout and "显示这段说明。" in result.stdout
    assert max(map(columns, result.stdout.splitlines())) <= 80
    english = call(*command.split(), "--help").stdout
    assert not re.search(r"[\u4e00-\u9fff]{3}", english)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("训练分类器，保存。", ["训练分类", "器，保", "存。"]),
        ("用 adamw 训练", ["用 adamw", "训练"]),
        ("a text of words", ["a text", "of words"]),
        ("--skip-bad --x", ["--skip-bad", "--x"]),
    ],
)
def test_lines_end_between_characters_but_not_before_a_stop(text, lines):
    assert wrapped(text, 8) == lines


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("saved in runs/a; try it: playmask predict runs/a",
         "已存入 runs/a；试试：playmask predict runs/a"),
        ("data.tsv:3: The line is empty.", "data.tsv:3: 这一行是空的。"),
        ("data.tsv: There is no such file.", "data.tsv: 没有这个文件。"),
        ("interrupted; epoch 2 is saved in o; go on with --resume",
         "已中断；第 2 轮已存入 o；用 --resume 继续"),
        ("There is no task 'x'. Did you mean 'tag'?", "没有任务 'x'。是不是 'tag'？"),
        ("epoch 1 of 3: loss 0.5000; 10 s, 2.0 s of it compiling; 20 s left",
         "第 1 轮，共 3 轮：loss 0.5000；10 s，其中编译 2.0 s；剩余 20 s"),
        ("epoch 1 of 1: accuracy 0.6125, loss 0.6618; 7.7 s, 5.4 s of it compiling",
         "第 1 轮，共 1 轮：accuracy 0.6125, loss 0.6618；7.7 s，其中编译 5.4 s"),
        ("No such option: --jsn; see playmask predict --help.",
         "没有选项 --jsn；见 playmask predict --help。"),
        ("compiling 3 of 5 shapes", "编译第 3 种形状，共 5 种"),
        ("What decodes the tags: crf, memm.", "用什么解码标注：crf, memm。"),
        ("There is neither a file nor a family 'a.json'. Did you mean 'bert'?",
         "没有文件 'a.json'，也没有这个家族。是不是 'bert'？"),
        ("The form is unknown. It is needed in playmask/model/a.py, line 3 (f).",
         "The form is unknown.用在 playmask/model/a.py, line 3 (f)。"),
        ("a/x.0: There is no task in a/x.0: it has no task.json. Did you mean the built-in 'zh'?",
         "a/x.0: a/x.0 里没有任务：缺少 task.json。是不是自带的 'zh'？"),
        ("a.tsv:9: The file is gzipped; let its name end in .gz.",
         "a.tsv:9: 文件用 gzip 压缩过；文件名应以 .gz 结尾。"),
        ("m holds 9 tensors ('a', …); its configuration says model_type 'x'. It is no 'bert'.",
         "m 里有 9 个张量（'a'……）；配置写的是 model_type 'x'。它不是 'bert'。"),
        ("w is a damaged HDF5 file: its structures lie over each other.",
         "w 是损坏的 HDF5 文件：它的结构互相重叠。"),
        ("Take the format ONNX, 2.1 times as fast as playmask itself. Its outputs change; where no "
         "answer may, take OpenVINO, 1.5 times as fast.",
         "建议用 ONNX，速度是 playmask 自己的 2.1 倍。输出会有变化；答案一点也不能变时用 OpenVINO，"
         "速度是 1.5 倍。"),
        ("learning rate: 2e-05, 3 epochs", "学习率：2e-05，3 轮"),
        ("finish is keep or drop, not 'x'.", "finish 应为 keep 或 drop，不是 'x'。"),
        (
            "The number of columns is 1, not 2 as before (text, label).",
            "有 1 列，应为 2，与前面相同 (text, label)。",
        ),
        ("A and B each take the loss' place; choose one of them.",
         "A 和 B 都要代替损失；只能选一个。"),
        ("nobody ever said this", "nobody ever said this"),
        ("The model has no blocks of that kind; take one.",
         "The model has no blocks of that kind; take one."),
        ("fgm has no 'steps of it'. Known: epsilon.", "fgm 没有 'steps of it'。可选：epsilon。"),
        ("1,000 of 3,000 rows; 3.0 rows/s · 5 s left",
         "3,000 行中的 1,000 行；每秒 3.0 行 · 剩余 5 s"),
        ("model: new, 9 parameters; texts of at most 64",
         "模型：新建的模型，9 个参数；文本最多 64 个 token"),
        ("a.tsv: 1 bad line skipped (a.tsv:3: The line is empty.)",
         "a.tsv: 1 行有错，已跳过（a.tsv:3: 这一行是空的。）"),
        ("{a} saved", "{a} saved"),
        (": " * 300, ": " * 300),
        ("", ""),
    ],
)  # fmt: skip
def test_values_stand_where_the_translation_has_them(text, translation, chinese):
    assert translated(text) == translation


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("saved in runs on epoch 5; try it: playmask predict runs on epoch 5", "runs on epoch 5"),
        ("data: 3 examples for training; labels turn on 5, turn off 5", "turn on 5, turn off 5"),
        ("/root/x: Permission denied.", "/root/x: Permission denied."),
        ("'I went on holiday; epoch 5' is no label", "'I went on holiday; epoch 5' is no label"),
    ],
)
def test_names_and_texts_of_users_are_left_as_they_are(text, own, chinese):
    assert own in translated(text)


def test_errors_are_chinese_and_what_machines_read_is_not():
    assert "是不是 'regress'？" in complaint(call("train", "regres", "x", env=CHINESE))
    assert (
        complaint(call("inspect", env=CHINESE))
        == "缺少 argument 'PATH'；见 playmask inspect --help。"
    )
    lists = [
        call("families", "--json", env={"PLAYMASK_LANG": each}).stdout for each in ("zh", "en")
    ]
    assert lists[0] == lists[1] and json.loads(lists[0])[0]["family"]
    table = call("families", env=CHINESE).stdout
    assert "家族" in table and "公开模型的任务" in table and "bert" in table
