"""English to German: by one stack with the UniLM mask, or by an encoder and a decoder."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from playmask.errors import ConfigError
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import fresh, learn, outcome
from playmask.experiments.objectives import Objective, Rows, Texts, answers, targets
from playmask.experiments.plan import Desk, Outcome, Sizes, Task, Trial, sized
from playmask.experiments.training import Course
from playmask.generation import generate
from playmask.model.architecture import Decoder
from playmask.model.transformer import Transformer
from playmask.runtime.padding import pad as padded
from playmask.tokenizers import Tokenizer

Pairs = Sequence[tuple[str, str]]
Ids = Sequence[list[int]]


class Form(NamedTuple):
    """How pairs become a model's texts.

    changes: of the architecture; rows: of token ids [CLS] source [SEP] and [CLS] target [SEP], at
    most `half` of each; decoded: whether a decoder writes the target, from its [CLS]
    """

    changes: Callable[[Sizes], dict[str, Any]]
    rows: Callable[[Ids, Ids, int, int], Rows]
    objective: Callable[[int, int], Objective]
    decoded: bool


def _one_text(sources: Ids, targets: Ids, half: int, pad: int) -> Rows:
    """[CLS] source [SEP] target [SEP], the target in a segment of its own."""
    both = list(zip(sources, targets, strict=True))
    segments = [[0] * len(source) + [1] * (len(target) - 1) for source, target in both]
    return {
        "tokens": padded([source + target[1:] for source, target in both], 2 * half, pad),
        "segments": padded(segments, 2 * half),
    }


def _two_texts(sources: Ids, targets: Ids, half: int, pad: int) -> Rows:
    return {"tokens": padded(sources, half, pad), "target": padded(targets, half + 1, pad)}


def _pad(tokenizer: Tokenizer) -> int:
    return tokenizer.pad or 0


FORMS = {
    "mask": Form(lambda sizes: {"mask": "unilm"}, _one_text, targets, decoded=False),
    "decoder": Form(
        lambda sizes: {"decoder": Decoder(sizes.depth)},
        _two_texts,
        lambda pad, longest: answers(pad),
        decoded=True,
    ),
}
"""The two architectures that translate."""


def prepare(form: Form, corpus: Corpus, sizes: Sizes) -> Texts:
    """Pairs as texts of a form; extra: all test pairs as they are."""
    measure()  # tells that it is not installed before anything is trained
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    texts = [text for pair in train for text in pair]
    tokenizer = Tokenizer.from_texts(texts, size=sizes.vocabulary, lowercase=False)
    half = sizes.length // 2
    rows, held = (rows_for(form, pairs, tokenizer, half) for pairs in (train, test))
    facts = {
        "learnt from": f"{len(rows['tokens']):,} pairs",
        "loss of": f"{len(held['tokens']):,} pairs",
        "translated": f"{len(test):,} texts",
    }
    return Texts(tokenizer, rows, held, facts, test)


def run(form: Form, trial: Trial, desk: Desk) -> Outcome:
    """Learn to translate, then translate all test texts."""
    texts, sizes = desk.texts, trial.sizes
    model = fresh(trial, texts.tokenizer, position="rotary", **form.changes(sizes))
    learned = learn(
        trial,
        model,
        texts,
        form.objective(texts.pad, sizes.length // 2),
        desk.watch,
        answers=len(texts.tokenizer),
        course=Course(**sizes.more),
    )
    desk.watch.step("translating", 0.0)
    sources, references = ([*each] for each in zip(*texts.extra, strict=True))
    generated = translations(model, form, sources, texts.tokenizer, sizes)
    metrics = {"bleu": measure()(generated, [references]).score}
    return outcome(model, learned, metrics, source=sources[0], translation=generated[0])


def rows_for(form: Form, pairs: Pairs, tokenizer: Tokenizer, half: int) -> Rows:
    """Pairs to learn from; those of which one text is longer than half are left out."""
    both = zip(*(tokenizer.encode(list(texts)) for texts in zip(*pairs, strict=True)), strict=True)
    short = [(a.ids, b.ids) for a, b in both if len(a) <= half and len(b) <= half]
    return form.rows([a for a, _ in short], [b for _, b in short], half, _pad(tokenizer))


def translations(
    model: Transformer, form: Form, texts: list[str], tokenizer: Tokenizer, sizes: Sizes
) -> list[str]:
    """Translate greedily; sources are cut to half of the length, and so are translations."""
    half = sizes.length // 2
    generated = generate(
        model,
        [encoding.ids for encoding in tokenizer.encode(texts, max_length=half)],
        max_tokens=half,
        end=tokenizer.sep,
        start=tokenizer.cls if form.decoded else None,
        batch_size=128,
    )
    return [tokenizer.decode(ids) for [ids] in generated.tokens]


def measure() -> Callable[..., Any]:
    """BLEU as sacrebleu computes it: of cased texts, split by its tokenizer 13a.

    Raises: ConfigError where sacrebleu is not installed
    """
    try:
        import sacrebleu
    except ImportError:
        raise ConfigError(
            "BLEU is measured by sacrebleu, which is not installed: "
            "pip install 'playmask[experiments]'."
        ) from None
    return sacrebleu.corpus_bleu


SIZES = {
    "smoke": sized("smoke", vocabulary=400, length=48, steps=100, batch=32, rate=5e-3,
                   train=600, test=40),
    "default": sized("default", vocabulary=4000, length=56, steps=2100, batch=64, rate=3e-3,
                     more={"precision": "bfloat16", "smoothing": 0.1}),
    "gpu": sized("gpu", vocabulary=8000, length=96, steps=8000, batch=128, rate=5e-4),
}  # fmt: skip


def _task(name: str, form: Form, title: str) -> Task:
    return Task(
        name,
        f"English to German (multi30k): {title}, greedy, test 2016",
        "translation",
        ("bleu", "loss"),
        SIZES,
        partial(prepare, form),
        partial(run, form),
    )


BY_MASK = _task("translation", FORMS["mask"], "one stack with the UniLM mask")
BY_DECODER = _task("encoder-decoder", FORMS["decoder"], "an encoder and a decoder")
