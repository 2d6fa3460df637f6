"""The competitions' scores, against sets worked by hand."""

import pytest

from playmask.metrics.events import Argument, character_f1, duee_scores
from playmask.metrics.reading import (
    CMRC,
    DUREADER,
    SQUAD,
    bag_f1,
    longest_common_run,
    reading_scores,
    token_f1,
)
from playmask.metrics.relations import Triple, duie_scores
from playmask.metrics.sets import scores_of, set_scores


def test_sets():
    found = [{1, 2, 3}, set(), {4}]
    wanted = [{1, 2}, {5}, {4}]
    assert set_scores(found, wanted) == pytest.approx((3 / 4, 3 / 4, 3 / 4))
    assert set_scores([[1, 1, 2]], [[1]]) == pytest.approx((1 / 2, 1, 2 / 3))
    assert set_scores([], []) == set_scores([[]], [[]]) == (0, 0, 0)
    assert scores_of(0, 4, 0) == (0, 0, 0)


def test_mentions_count_where_place_and_label_are_just_so():
    """Strict F1 of spans over two texts, worked by hand: 2 of 5 found are right, 2 of 4 wanted."""
    wanted = [[(0, 2, "NAME"), (3, 7, "ORG"), (5, 7, "LOC")], [(1, 4, "ORG")]]
    found = [
        [(0, 2, "NAME"), (3, 6, "ORG"), (3, 7, "LOC")],  # right; an end too soon; another label
        [(1, 4, "ORG"), (0, 2, "NAME")],  # right; right in the other text only
    ]
    assert set_scores(found, wanted) == pytest.approx((2 / 5, 2 / 4, 4 / 9))


@pytest.mark.parametrize(
    "one, other, longest",
    [("abcde", "xbcdy", 3), ("abcabd", "abd", 3), ("axbxc", "abc", 1), ("", "a", 0), ("b", "a", 0)],
)
def test_common_runs_are_of_neighbours(one, other, longest):
    assert longest_common_run(one, other) == longest_common_run(other, one) == longest


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("6-12周左右", ["6-12", "周", "左", "右"]),
        ("《Harry Potter》，是", ["harry potter", "是"]),
        ("a=b", ["a", "=", "b"]),
        ("3.5%!?", ["3.5%!?"]),
        ("‘好’", ["‘", "好"]),
        ("……好", ["……", "好"]),
    ],
)
def test_tokens_of_dureader(text, tokens):
    assert DUREADER.tokens(text) == tokens


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("1963年", ["1963", "年"]),
        ("Hello, World好", ["hello", ",", "world", "好"]),
        (" 《史记》 ", ["史", "记"]),
        ("3.5亿", ["3.5", "亿"]),
        ("6,476人, 50％", ["6,476", "人", ",", "50％"]),
        ("Don't stop", ["do", "n't", "stop"]),
    ],
)
def test_tokens_of_cmrc(text, tokens):
    assert CMRC.tokens(text) == tokens


def test_answers_by_hand():
    wanted = {
        "1": ["6-12周左右", "6-12周"],
        "2": ["北京"],
        "3": ["《红楼梦》"],
        "4": ["没有"],
    }
    answers = {"1": "6-12周", "2": "在北京市", "3": "红楼梦", "5": "多"}
    # 1: the same as the second; 2: 2 of 4 and 2 of 2, F1 4 / 6; 3: the same; 4: skipped
    found = reading_scores(answers, wanted, DUREADER)
    assert found == pytest.approx(((1 + 2 / 3 + 1) / 4, 0.5, 4, 1))
    assert reading_scores({}, {}, CMRC) == (0, 0, 0, 0)
    assert token_f1([], ["a"]) == 0


def test_answers_of_squad_by_hand():
    wanted = {"1": ["the Norman, people"], "2": [""], "3": ["in 1963"], "4": [""]}
    answers = {"1": "Norman  people!", "2": "", "3": "1963, in a town", "4": "a town"}
    # 1: the same without article and comma; 2: none, as wanted; 3: 2 of 3 and 2 of 2: 4 / 5
    found = reading_scores(answers, wanted, SQUAD)
    assert found == pytest.approx(((1 + 1 + 4 / 5) / 4, 0.5, 4, 0))
    assert SQUAD.tokens("An apple's  core") == ["apples", "core"]
    assert bag_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 / 5)
    assert bag_f1([], []) == 1 and bag_f1([], ["a"]) == bag_f1(["a"], []) == 0


def test_triples_by_hand():
    film = {"@value": "花无缺", "inWork": "小鱼儿与花无缺"}
    wanted = [
        [Triple("小鱼儿与花无缺", "导演", {"@value": "王晶"}), Triple("谢霆锋", "饰演", film)],
        [Triple("Tom", "国籍", {"@value": "USA"})],
    ]
    found = [
        [
            Triple("《小鱼儿与花无缺》", "导演", {"@value": "王晶"}),  # right: 《》 do not count
            Triple("谢霆锋", "饰演", {"@value": "花无缺"}),  # wrong: a slot is missing
            Triple("小鱼儿与花无缺", "导演", {"@value": "王晶"}),  # the first once more
        ],
        [Triple("tom", "国籍", {"@value": "usa"}), Triple("tom", "籍贯", {"@value": "usa"})],
    ]
    assert duie_scores(found, wanted) == pytest.approx((2 / 4, 2 / 3, 4 / 7))


def test_arguments_by_hand():
    wanted = [
        [
            Argument("裁员", "裁员方", "雀巢", ("雀巢公司",)),
            Argument("裁员", "人数", "4000人"),
            Argument("会见", "时间", "昨天"),
        ]
    ]
    found = [
        [
            Argument("裁员", "裁员方", "雀巢公司"),  # an alias: 1
            Argument("裁员", "人数", "4000"),  # 4 of 4 and 4 of 5: 8 / 9
            Argument("裁员", "时间", "昨天"),  # another event: 0
            Argument("会见", "时间", "今天"),  # 1 of 2 and 1 of 2: 1 / 2
        ]
    ]
    score = 1 + 8 / 9 + 1 / 2
    assert duee_scores(found, wanted) == pytest.approx((score / 4, score / 3, 2 * score / 7))
    assert duee_scores([[]], wanted) == (0, 0, 0)


def test_characters_in_common():
    assert character_f1("AAb", "aab") == 1 and character_f1("ab", "ba") == 1
    assert character_f1("aab", "ab") == pytest.approx(4 / 5) and character_f1("", "") == 0
