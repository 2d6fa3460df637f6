"""Which task a script is about, by what it uses, defines and is called: a guess with reasons."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from playmask.migration.names import display
from playmask.migration.skeletons import SKELETONS, Skeleton
from playmask.migration.uses import Use, Uses


class Clue(NamedTuple):
    """What speaks for a task, and how much.

    source: "uses" (names of the table), "text" (definitions as `def x`, strings in quotes) or
    "file" (the script's name); pattern: of all of it
    """

    task: str
    source: str
    pattern: str
    weight: float


CLUES = (
    Clue("classify", "text", r"'(sparse_)?categorical_crossentropy'", 3),
    Clue("classify", "file", r"classif|sentiment|iflytek|tnews|adversarial|theseus|penalty", 2),
    Clue("classify", "text", r"'softmax'", 2),
    Clue("classify-pairs", "text", r"'(sparse_)?categorical_crossentropy'", 3),
    Clue("classify-pairs", "file", r"similarity|lcqmc|afqmc|bq_corpus|nli|matching", 3),
    Clue("classify-pairs", "uses", r"encode\(second_text=\)", 3),
    Clue("classify-multiple", "uses", r"backend\.multilabel_categorical_crossentropy", 4),
    Clue("regress", "text", r"'(mse|mae|mean_squared_error|mean_absolute_error)'", 3),
    Clue("tag", "uses", r"layers\.ConditionalRandomField|layers\.MaximumEntropyMarkovModel", 5),
    Clue("tag", "uses", r"snippets\.ViterbiDecoder", 2),
    Clue("tag", "file", r"sequence_label|(^|_)(ner|cws|pos|crf)(_|$)", 3),
    Clue("spans", "uses", r"layers\.(Efficient)?GlobalPointer", 4),
    Clue("relations", "file", r"relation|duie|gplinker|tplinker", 4),
    Clue("relations", "text", r"def extract_spoes|'spo_list'", 4),
    Clue("relations", "uses", r"layers\.(Efficient)?GlobalPointer", 2),
    Clue("relations-casrel", "file", r"relation|duie|casrel", 4),
    Clue("relations-casrel", "text", r"def extract_spoes|'spo_list'", 4),
    Clue("relations-casrel", "text", r"def extract_subject", 2),
    Clue("read", "file", r"reading|mrc|cmrc|squad|dureader", 5),
    Clue("read-filling", "file", r"reading|mrc|dureader", 5),
    Clue("read-filling", "uses", r"\(with_mlm=\)", 2),
    Clue("read-copying", "file", r"reading|mrc|dureader", 5),
    Clue("read-copying", "uses", r"snippets\.AutoRegressiveDecoder", 3),
    Clue("seq2seq", "text", r"'unilm'", 4),
    Clue("seq2seq", "text", r"'m?t5(\.[\d.]+)?'", 4),
    Clue("seq2seq", "file", r"seq2seq|title|summar|translat", 2),
    Clue("language-model", "text", r"'lm'", 4),
    Clue("language-model", "text", r"'gpt(2|2_ml)?'", 4),
    Clue("language-model", "file", r"(?<!masked_)language_model", 2),
    Clue("language-model-condition", "text", r"'lm'", 4),
    Clue("language-model-condition", "uses", r"\(layer_norm_cond=\)", 3),
    Clue("captions", "uses", r"\(layer_norm_cond=\)", 3),
    Clue("captions", "file", r"caption|image", 5),
    Clue("mask-fill", "uses", r"\(with_mlm=\)", 3),
    Clue("gibbs", "uses", r"\(with_mlm=\)", 3),
    Clue("gibbs", "file", r"gibbs", 3),
    Clue("similar", "uses", r"\(with_pool=\)", 1),
    Clue("similar", "text", r"def (cosent|simcse|compute_kernel_bias)", 5),
    Clue("similar", "file", r"simbert|cosent|simcse|whitening", 3),
    Clue("serve", "uses", r"snippets\.WebServing", 9),
    Clue("explain", "file", r"integrated_gradients|saliency|explain", 5),
    Clue("pretrain", "file", r"pretrain", 6),
    Clue("vocabulary", "uses", r"\(compound_tokens=\)", 4),
    Clue("features", "uses", r"models\.build_transformer_model", 1),
)
"""For a script all weights that speak for a task add up; of equal ones the first counts."""


class Reason(NamedTuple):
    """A clue that a script has, what fits it, and the line, 0 for the file's name."""

    source: str
    text: str
    line: int

    def sentence(self, language: str) -> str:
        """The reason as a part of a sentence."""
        return SAYINGS[language][self.source].format(text=self.text, line=self.line)


SAYINGS = {
    "en": {
        "uses": "it uses {text} in line {line}",
        "text": "it has {text} in line {line}",
        "file": "its name has {text!r}",
    },
    "zh": {
        "uses": "第 {line} 行用了 {text}",
        "text": "第 {line} 行有 {text}",
        "file": "文件名里有 {text!r}",
    },
}


class Guess(NamedTuple):
    """The task that most speaks for, and why."""

    skeleton: Skeleton
    reasons: tuple[Reason, ...]

    def sentence(self, language: str) -> str:
        """The guess in one sentence."""
        title = self.skeleton.titles[language]
        reasons = [each.sentence(language) for each in self.reasons]
        if language == "zh":
            return f"猜测：{title}，因为{'，'.join(reasons)}。"
        return f"guessed: {title}, since {' and '.join(reasons)}."


def guess(stem: str, uses: Uses, texts: list[Use]) -> Guess | None:
    """Guess the task of a script.

    stem: its file's name without the end; texts: its definitions and strings
    Returns: None where nothing speaks for any task
    """
    sources = {"uses": [*uses.known], "text": texts, "file": [Use(stem.lower(), 0)]}
    reasons: dict[str, dict[Reason, float]] = {}
    for clue in CLUES:
        for reason in _matches(clue, sources[clue.source]):
            reasons.setdefault(clue.task, {})[reason] = clue.weight
            break
    if not reasons:
        return None
    task = max(reasons, key=lambda each: sum(reasons[each].values()))
    ranked = sorted(reasons[task], key=lambda each: -reasons[task][each])
    return Guess(SKELETONS[task], tuple(ranked[:2]))


def _matches(clue: Clue, lines: list[Use]) -> Iterator[Reason]:
    """What of a script fits a clue, the first first."""
    for use in lines:
        match = re.search(clue.pattern, use.name)
        if match is not None:
            titles = {"uses": display([use.name])[0], "file": match[0].strip("_")}
            yield Reason(clue.source, titles.get(clue.source, use.name), use.line)
