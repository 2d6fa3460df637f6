"""What all errors share."""

import inspect

import pytest

from playmask import errors
from playmask.errors import SENTENCE, PlaymaskError

KINDS = [
    each
    for each in vars(errors).values()
    if inspect.isclass(each) and issubclass(each, PlaymaskError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_that_quotes_too_much_is_cut_in_the_middle(kind):
    assert str(kind("short")) == "short"
    assert str(kind("x" * SENTENCE)) == "x" * SENTENCE
    cut = str(kind(f"file.json:3: There is no 'a{'x' * 10**6}'. Did you mean 'b'?"))
    assert len(cut) == SENTENCE and " … " in cut
    assert cut.startswith("file.json:3: There is no 'ax") and cut.endswith("x'. Did you mean 'b'?")
