"""Pages and pictures that are made from the code are what it makes now, and their lines work."""

import re
from xml.etree import ElementTree

import pytest

from documentation import generate, part_pictures, parts
from documentation.parts_table import ELSEWHERE, GROUPS
from documents import ROOT

DOCS = ROOT / "docs"
PICTURES = sorted((DOCS / "assets" / "pictures").glob("*.svg"))
ENTRIES = [entry for group in GROUPS for entry in group.entries]
RECIPES = (DOCS / "recipes.md").read_text("utf-8")
CHOICES = re.findall(r"\| `(\w+=[^`]+)` \|", RECIPES)


def test_what_is_committed_is_what_the_code_makes():
    made = generate.files()
    stale = [name for name, new in made.items() if (DOCS / name).read_text("utf-8") != new]
    assert not stale, "make pictures"
    assert {f"assets/pictures/{path.name}" for path in PICTURES} == {
        name for name in made if name.endswith(".svg")
    }


def test_every_part_of_the_library_is_on_the_page_or_has_a_reason_not_to():
    named = [entry.name for entry in ENTRIES]
    assert sorted([*named, *ELSEWHERE]) == sorted(parts.choices())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_line_of_a_part_puts_it_in(entry):
    held = {type(each).__name__: each for each in parts.within(parts.changed(entry.change))}
    assert entry.name in held and part_pictures.steps_of(type(held[entry.name]))


@pytest.mark.parametrize("choice", CHOICES)
def test_the_choice_of_a_recipe_is_one(choice):
    assert parts.changed(choice) != parts.ONE or choice == 'sharing="none"'


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_fits_a_phone_and_both_schemes(path):
    text = path.read_text("utf-8")
    root = ElementTree.fromstring(text)
    assert float(root.attrib["width"]) <= 360 and len(text) < 25_000
    assert "prefers-color-scheme:dark" in text and root.find("{*}title").text
    wide, high = map(float, root.attrib["viewBox"].split()[2:])
    for mark in root.iter():
        if "x" in mark.attrib:
            x, y = float(mark.attrib["x"]), float(mark.attrib["y"])
            assert 0 <= x <= wide and 0 <= y <= high
