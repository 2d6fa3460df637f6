"""The tags of published taggers: their schemes, and what each marks."""

import pytest

from playmask.data.formats.tag_columns import tags_to_mentions
from playmask.errors import ConfigError
from playmask.tasks.extraction.tag_sets import Mark, read_tags, tag_set


@pytest.mark.parametrize(
    ("tags", "scheme", "labels"),
    [
        (["O", "B-PER", "I-PER", "B-LOC"], "bio", ("PER", "LOC")),
        (["[PAD]", "O", "B_PER", "I_PER"], "bio", ("PER",)),
        (["B-P", "E-P", "I-P", "O", "S-P"], "bioes", ("P",)),
        (["X", "B-P", "M-P", "E-P", "S-P", "O"], "bmes", ("P",)),
        (["O", "B-P", "I-P", "L-P", "U-P"], "bilou", ("P",)),
        (["O", "I-PER"], "io", ("PER",)),
        (["B", "I"], "bio", ("word",)),
        (["O", "PER", "LOC"], "io", ("PER", "LOC")),
        (["A", "Caa", "D", "X", "[CLS]"], "io", ("A", "Caa", "D", "X")),
    ],
)
def test_the_scheme_is_read_off_the_tags(tags, scheme, labels):
    read = read_tags(tags)
    assert (read.tags, read.scheme, read.labels) == (tuple(tags), scheme, labels)


def test_mentions_there_and_back():
    read = read_tags(["[PAD]", "S-a", "O", "B-a", "E-a", "I-a", "B-b", "E-b"])
    assert read.outside == 0 and read.of_mention(3, "a") == [3, 5, 4]
    spelled = [read.spelled(i) for i in (2, *read.of_mention(3, "a"), *read.of_mention(1, "a"), 0)]
    assert [mention[:3] for mention in tags_to_mentions(spelled)] == [(1, 4, "a"), (4, 5, "a")]
    with pytest.raises(ConfigError, match="There is no tag S-b, which a mention of 1 tokens has"):
        read.of_mention(1, "b")
    assert read_tags(["B", "I"]).outside == -1


def test_tags_of_no_scheme_are_refused():
    with pytest.raises(ConfigError, match=r"the letters \['B', 'I', 'M'\], which are of none"):
        read_tags(["O", "B-a", "M-a", "I-a"])
    with pytest.raises(ConfigError, match="none of the schemes"):
        read_tags(["O"])


def test_the_tags_of_labels():
    made = tag_set(["PER"], "bmes")
    assert made.tags == ("O", "B-PER", "M-PER", "E-PER", "S-PER") and made.outside == 0
    assert made.marks[2] == Mark("M", "PER") and read_tags(made.tags) == made
