"""Files of sentences: texts, pairs, scores, and negatives as programs write them."""

import pytest

from playmask.data.examples import Example
from playmask.data.sentences import Contrasted, read_sentences
from playmask.errors import DataError


def read(tmp_path, name: str, text: str, **options):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return read_sentences(file, **options)


def test_tables_and_lines(tmp_path):
    assert read(tmp_path, "a.txt", "一\n二\n") == [Example("一"), Example("二")]
    assert read(tmp_path, "a.tsv", "一\t壹\n") == [Example("一", "壹")]
    assert read(tmp_path, "b.tsv", "一\t壹\t5\n") == [Example("一", "壹", "5")]
    named = "anchor\tpositive\tnegative_1\tnegative_2\n一\t壹\t贰\t叁\n二\t贰\t叁\t\n"
    assert read(tmp_path, "c.tsv", named) == [
        Contrasted("一", "壹", None, ("贰", "叁")),
        Contrasted("二", "贰", None, ("叁",)),
    ]
    said = read(tmp_path, "d.tsv", "一\t壹\t贰\n", columns=["text", "pair", "negative"])
    assert said == [Contrasted("一", "壹", None, ("贰",))]


def test_objects(tmp_path):
    """FlagEmbedding's lists, of which each positive makes an example, at its line."""
    lines = (
        '{"query": "一", "pos": ["壹", "1"], "neg": ["贰"]}\n'
        '{"text": "二", "pair": "贰", "label": 3}\n{"text": "三"}\n'
    )
    examples = read(tmp_path, "a.jsonl", lines)
    assert examples == [
        Contrasted("一", "壹", None, ("贰",)),
        Contrasted("一", "1", None, ("贰",)),
        Example("二", "贰", "3"),
        Example("三"),
    ]
    assert examples.places == [1, 1, 2, 3]
    with pytest.raises(DataError, match=r"b\.jsonl:1: There are negatives but no pair"):
        read(tmp_path, "b.jsonl", '{"text": "一", "neg": ["贰"]}\n')
    with pytest.raises(DataError, match=r"c\.jsonl:1: The negative is 5"):
        read(tmp_path, "c.jsonl", '{"text": "一", "pos": ["壹"], "neg": [5]}\n')
