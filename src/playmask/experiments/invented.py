"""Made-up texts for where no data set is at hand: small grammars, drawn at random.

They are easy on purpose, but no word alone gives the answer away: a model has to look at others.
"""

import random
from collections.abc import Callable
from typing import Any

from playmask.data.examples import Example

NOUNS = dict(
    dog="hund", cat="katze", man="mann", child="kind", house="haus", boat="boot", tree="baum",
    ball="ball", hat="hut", street="strasse", bridge="brücke", horse="pferd",
)  # fmt: skip
ADJECTIVES = dict(big="gross", small="klein", red="rot", old="alt", young="jung", black="schwarz")
VERBS = dict(sees="sieht", holds="hält", follows="folgt", paints="malt", finds="findet")
THINGS = "书 酒店 手机 菜 电影 衣服 键盘 房间 耳机 鞋子".split()
PRAISE = "很好 喜欢 满意 推荐 漂亮 舒服".split()
BLAME = "很差 失望 后悔 退货 难看 破损".split()
TOPICS = {
    "农学": "水稻 小麦 土壤 果树".split(),
    "医学": "高血压 糖尿病 疫苗 肺炎".split(),
    "工学": "轴承 锅炉 桥梁 电机".split(),
    "历史": "唐代 宋代 明代 清代".split(),
}
METHODS = "统计 模型 实验 综述 调查 仿真".split()


def _drawn(one: Callable[[random.Random], Any]) -> Callable[[int, int], list[Any]]:
    """Turn what draws one example into what draws a number of them from a seed."""

    def draw(count: int, seed: int) -> list[Any]:
        source = random.Random(seed)
        return [one(source) for _ in range(count)]

    return draw


def _translation(draw: random.Random) -> tuple[str, str]:
    """A sentence, and the same with other words and the verb at its end."""

    def phrase() -> list[str]:
        return [draw.choice([*ADJECTIVES]), draw.choice([*NOUNS])]

    who, verb, whom = phrase(), draw.choice([*VERBS]), phrase()
    words = NOUNS | ADJECTIVES | VERBS
    german = ["der", *who, "den", *whom, verb]
    return (
        " ".join(["the", *who, verb, "the", *whom]),
        " ".join(words.get(word, word) for word in german),
    )


def _review(draw: random.Random) -> Example:
    """A review whose sentiment is that of its last words; a 不 turns it round."""
    thing, good, turned = draw.choice(THINGS), draw.random() < 0.5, draw.random() < 0.25
    said = draw.choice(PRAISE if good != turned else BLAME)
    place = draw.choice(["这家", "那个", "新买的", "朋友送的"])
    return Example(f"{place}{thing}{'不' if turned else ''}{said}", None, str(int(good)))


def _article(draw: random.Random) -> tuple[str, str, str]:
    """Abstract, title and category of an article."""
    category = draw.choice([*TOPICS])
    topic, method = draw.choice(TOPICS[category]), draw.choice(METHODS)
    abstract = f"本文用{method}的方法研究{topic}，结果表明{topic}的问题可以解决。"
    return abstract, f"{topic}的{method}研究", category


def _category(draw: random.Random) -> Example:
    """A title, and the category of its article."""
    _, title, category = _article(draw)
    return Example(title, None, category)


def _question(draw: random.Random) -> Example:
    """Two titles, and whether their articles are of one category."""
    (_, one, first), (_, other, second) = _article(draw), _article(draw)
    if draw.random() < 0.4:
        other, second = one, first
    return Example(one, other, str(int(first == second)))


def _sentence(draw: random.Random) -> Example:
    """Two titles, and how much they share: their topic, their method."""
    example = _question(draw)
    same = len({*example.text} & {*str(example.pair)}) / len({*example.text})
    return Example(example.text, example.pair, round(5 * same, 1))


translations = _drawn(_translation)
lines = _drawn(lambda draw: " . ".join(_translation(draw)[0] for _ in range(4)) + " .")
reviews = _drawn(_review)
documents = _drawn(lambda draw: "\n".join(_article(draw)[:2]))
articles = _drawn(lambda draw: _article(draw)[:2])
categories = _drawn(_category)
questions = _drawn(_question)
sentences = _drawn(_sentence)
