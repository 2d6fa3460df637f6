"""A token may stand for no characters, as SentencePiece's "▁": nothing is found in it alone."""

from io import BytesIO
from itertools import product

import numpy as np
import pytest
import sentencepiece

import playmask
from comparing import TINY
from playmask.data.annotated import Annotated
from playmask.data.events import Report
from playmask.data.relations import Related

TEXT = "天今k"  # ▁ 天 今 k


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder, written = tmp_path_factory.mktemp("model"), BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["今天km", "今m天k"] * 20),
        model_writer=written,
        minloglevel=2,
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
    )
    (folder / "spiece.model").write_bytes(written.getvalue())
    tokenizer = playmask.Tokenizer.load(folder)
    assert (0, 0) in tokenizer.encode(TEXT, special=False).offsets
    return tokenizer


def everything(task):
    """Outputs that say of every token that it is something, and of all that they are linked."""
    (window,) = task.windows([TEXT])
    tokens = range(window.head, window.head + window.total)
    if hasattr(task.method, "tags") or hasattr(task.method, "tagging"):
        tags = getattr(task.method, "tagging", task.method).tags
        logits = np.zeros((len(window.encoding), len(tags.tags)), "float32")
        logits[:, 1] = 30.0
        return {"logits": logits}
    labels = range(2)
    spans = np.array([(label, i, i) for label, i in product(labels, tokens)])
    links = np.array([(0, i, j) for i, j in product(tokens, tokens)])
    outputs = {}
    for name, rows in (("", spans), ("spans ", spans), ("heads ", links), ("tails ", links)):
        outputs |= {f"{name}{key}": rows[:, i] for i, key in enumerate(("label", "first", "last"))}
        outputs[f"{name}score"] = np.full(len(rows), 4.0)
    return outputs


@pytest.mark.parametrize(
    ("name", "labels", "example", "options"),
    [
        ("SequenceTagger", ["A"], Annotated(TEXT), {"tagger": "softmax"}),
        ("SpanTagger", ["A", "B"], Annotated(TEXT), {}),
        ("RelationExtractor", ["A", "B"], Related(TEXT), {}),
        ("EventExtractor", ["A@x", "A@trigger"], Report(TEXT), {}),
        ("EventExtractor", ["A@x"], Report(TEXT), {"method": "tags", "tagger": "softmax"}),
    ],
)
def test_nothing_is_found_in_no_characters(words, name, labels, example, options):
    body = playmask.build(TINY.change(vocabulary=len(words), pad=words.pad))
    task = getattr(playmask, name).new(body, labels, tokenizer=words, max_length=16, **options)
    outputs = everything(task)
    task.predictor = lambda rows: [outputs for _ in rows]
    assert task.predict(TEXT)
    assert task.evaluate([example])["precision"] == 0
