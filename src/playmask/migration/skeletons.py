"""The beginning of a new script for each task, with what can be read off the old one."""

import ast
import json
from collections.abc import Mapping
from string import Template
from typing import NamedTuple

from playmask.migration.names import entry_by_name
from playmask.migration.scripts import imported
from playmask.migration.uses import Uses


class Skeleton(NamedTuple):
    """A task's name in both languages, its page, and its script as a template."""

    titles: Mapping[str, str]
    page: str
    code: str


def _of(english: str, chinese: str, page: str, code: str) -> Skeleton:
    return Skeleton({"en": english, "zh": chinese}, page, code.strip("\n"))


FIT = 'fit("$train", "$valid", epochs=$epochs, batch_size=$batch_size, $fit'
SAVE = '\ntask.save("runs/new")\n'


def _trained(new: str, more: str, train: str, end: str) -> str:
    """A task that is made, trained on a file, and asked."""
    fit = Template(FIT).safe_substitute(train=f"train.{train}", valid=f"valid.{train}")
    return f"task = playmask.{new}(path, {more})\ntask.{fit})\n{end}{SAVE}"


LABELS = '["label 1", "label 2"]'
CUT = "max_length=$max_length"
ANSWER = 'print(task.predict(("问题", "篇章")).text)'
SKELETONS: Mapping[str, Skeleton] = {
    "classify": _of(
        "classification", "文本分类", "classification.md",
        _trained("TextClassifier.new", f"{LABELS}, {CUT}", "tsv", 'print(task.predict("…").label)'),
    ),
    "classify-pairs": _of(
        "classification of pairs", "句对分类", "classification.md",
        _trained("TextClassifier.new", f"{LABELS}, pairs=True, {CUT}", "tsv",
                 'print(task.predict(("…", "…")).label)'),
    ),
    "classify-multiple": _of(
        "classification with several labels a text", "多标签分类", "classification.md",
        _trained("TextClassifier.new", f"{LABELS}, multiple=True, {CUT}", "jsonl",
                 'print(task.predict("…"))'),
    ),
    "regress": _of(
        "regression", "回归", "classification.md",
        _trained("TextRegressor.new", CUT, "tsv", 'print(task.predict("…"))'),
    ),
    "tag": _of(
        "sequence labelling", "序列标注", "extraction.md",
        _trained("SequenceTagger.new", f'{LABELS}, tagger="crf", {CUT}', "bio",
                 'print([(m.start, m.end, m.label) for m in task.predict("…")])'),
    ),
    "spans": _of(
        "nested mentions by GlobalPointer", "GlobalPointer 嵌套实体识别", "extraction.md",
        _trained("SpanTagger.new", f'{LABELS}, pointer="global", {CUT}', "jsonl",
                 'print([(m.start, m.end, m.label) for m in task.predict("…")])'),
    ),
    "relations": _of(
        "relation extraction by GPLinker", "GPLinker 关系抽取", "extraction.md",
        _trained("RelationExtractor.new", f'{LABELS}, method="gplinker", {CUT}', "json",
                 'print(task.predict("…"))'),
    ),
    "relations-casrel": _of(
        "relation extraction by CasRel", "CasRel 关系抽取", "extraction.md",
        _trained("RelationExtractor.new", f'{LABELS}, method="casrel", {CUT}', "json",
                 'print(task.predict("…"))'),
    ),
    "read": _of(
        "reading comprehension", "阅读理解", "extraction.md",
        _trained("ReadingComprehension.new", "max_answer=30", "json", ANSWER),
    ),
    "read-filling": _of(
        "reading comprehension by masked tokens", "MLM 阅读理解", "extraction.md",
        _trained("ReadingComprehension.new", 'method="mask-fill", max_answer=30', "json",
                 ANSWER),
    ),
    "read-copying": _of(
        "reading comprehension that writes the answer", "seq2seq 阅读理解", "extraction.md",
        _trained("CopyingReader.new", "max_answer=30", "json", ANSWER),
    ),
    "seq2seq": _of(
        "sequence to sequence", "seq2seq 生成", "generation.md",
        _trained("Seq2Seq.new", "max_source=$max_length, max_target=64", "tsv",
                 'print(task.predict("…", search=playmask.Beams(3)))'),
    ),
    "language-model": _of(
        "a language model", "语言模型", "generation.md",
        _trained("LanguageModel.new", CUT, "txt",
                 'print(task.generate("…", search=playmask.Sample(top_p=0.95)))'),
    ),
    "language-model-condition": _of(
        "a language model on a condition", "条件语言模型", "generation.md",
        _trained("LanguageModel.new", f'condition="label", labels={LABELS}, {CUT}', "tsv",
                 'print(task.generate(label="label 1", search=playmask.Sample(top_p=0.95)))'),
    ),
    "captions": _of(
        "captions of images", "看图说话", "captions.md",
        _trained("ImageCaptioner.new", f'"MobileNetV2", {CUT}', "jsonl",
                 'print(task.predict("1.png", search=playmask.Beams(3)))'),
    ),
    "mask-fill": _of(
        "filling gaps by a masked language model", "MLM 填空", "generation.md",
        """
model = playmask.load(path, heads="mlm")
tokenizer = model.tokenizer
ids = tokenizer.encode("科学技术是第一生产力").ids
ids[3] = ids[4] = tokenizer.mask
print(tokenizer.decode(playmask.fill(model, [ids]).tokens[0]))
""",
    ),
    "gibbs": _of(
        "Gibbs sampling by a masked language model", "MLM 的 Gibbs 采样", "generation.md",
        """
model = playmask.load(path, heads="mlm")
tokenizer = model.tokenizer
rows = [tokenizer.encode("科学技术是第一生产力。").ids]
for texts in playmask.gibbs(model, rows, steps=10000, every=1000):
    print(tokenizer.decode(texts[0]))
""",
    ),
    "similar": _of(
        "vectors of sentences", "句向量", "similarity.md",
        _trained("SentenceEncoder.new", CUT, "tsv", 'print(task.encode(["…", "…"]).shape)'),
    ),
    "serve": _of(
        "serving", "上线服务", "serving.md",
        """
task = playmask.load_task("runs/task")  # then, in a shell: playmask serve runs/task --port 8000
print(task.predict("…"))
""",
    ),
    "explain": _of(
        "explanation of answers", "解释预测结果", "seeing.md",
        """
task = playmask.load_task("runs/task")
print(playmask.integrated_gradients(task, "…"))
""",
    ),
    "pretrain": _of(
        "pretraining", "预训练", "pretraining.md",
        """
# in a shell: playmask pretrain mlm texts.txt --out runs/pretrained --model PATH
model = playmask.load("runs/pretrained", heads="mlm")
""",
    ),
    "vocabulary": _of(
        "a vocabulary with further tokens", "扩充词表", "tokenizers.md",
        """
tokenizer = playmask.Tokenizer.load(path)
ids = tokenizer.encode("beijing", special=False).ids
model = playmask.load(path, compound_tokens={"Beijing": ids})
encoding = model.tokenizer.encode("Welcome to Beijing.")
print(model.tokenizer.tokens(encoding.ids))
""",
    ),
    "features": _of(
        "hidden states of texts", "提取特征", "own_model.md",
        """
model = playmask.load(path, heads=())
encoding = model.tokenizer.encode("语言模型")
run = playmask.Predictor(model)
(row,) = run([{"tokens": encoding.ids, "segments": encoding.segments}])
print(row["hidden"].shape)
""",
    ),
}  # fmt: skip
"""Tasks by the names that clues have for them."""

VALUES = {"max_length": "128", "batch_size": "32", "epochs": "3", "learning_rate": "2e-5"}
VARIABLES = {
    "maxlen": "max_length",
    "max_len": "max_length",
    "max_length": "max_length",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "learning_rate": "learning_rate",
}
PATHS = ("checkpoint_path", "config_path")


def script_of(skeleton: Skeleton, tree: ast.Module, uses: Uses, remark: str) -> str:
    """Write the skeleton of a new script.

    remark: what stands first, as a comment
    """
    values = VALUES | _values(tree)
    options = [f"learning_rate={values.pop('learning_rate')}"]
    imports = {each.line for each in imported(tree)}
    entries = [entry_by_name()[use.name] for use in uses.known if use.line not in imports]
    options += dict.fromkeys(entry.fit for entry in entries if entry.fit)
    values["fit"] = ", ".join(_last_of_each(options))
    code = Template(skeleton.code).substitute(values).rstrip("\n")
    path = f"path = {json.dumps(_folder(tree), ensure_ascii=False)}\n" if "path" in code else ""
    return f"# {remark}\nimport playmask\n\n{path}{code}\n"


def _last_of_each(options: list[str]) -> list[str]:
    """Options of which each name is there once, as it came last."""
    return [*{each.partition("=")[0]: each for each in options}.values()]


def _values(tree: ast.Module) -> dict[str, str]:
    """The numbers that a script sets, by the names that skeletons have for them."""
    values: dict[str, str] = {}
    for node in ast.walk(tree):
        pairs: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs = [(node.targets[0].id, node.value)]
        elif isinstance(node, ast.Call):
            pairs = [(word.arg, word.value) for word in node.keywords if word.arg in VARIABLES]
            if getattr(node.func, "id", "").startswith("Adam") and node.args:
                pairs.append(("learning_rate", node.args[0]))
        for name, value in pairs:
            number = value.value if isinstance(value, ast.Constant) else None
            if name in VARIABLES and isinstance(number, (int, float)) and number:
                values.setdefault(VARIABLES[name], repr(number))
    return values


def _folder(tree: ast.Module) -> str:
    """The folder of the checkpoint that a script loads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in PATHS:
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            if isinstance(value, str) and "/" in value:
                return value.rpartition("/")[0]
    return "path/to/checkpoint"
