"""The texts that experiments learn from: found in a folder that the user names, or made up."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.lines import numbered, read_lines
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.experiments import invented
from playmask.tasks.similarity.pairs import read_scored

VARIABLE = "PLAYMASK_DATA"
HELD_OUT = 20
PROJECT = Path(__file__).parents[3] / "data"  # the texts that come along in a clone of the project


class Corpus(NamedTuple):
    """Examples to learn from and others to be measured on; source: where they come from."""

    source: str
    train: list[Any]
    test: list[Any]


class _Known(NamedTuple):
    folders: tuple[str, ...]  # the names it goes by
    files: tuple[str, ...]  # to learn from, to be measured on (or one, for both); perhaps gzipped
    read: Callable[[Path], list[Any]] | None
    invent: Callable[[int, int], list[Any]]
    counts: tuple[int, int] = (2000, 200)  # of what is made up, to learn from and to be measured on


def load(name: str, data: Path | None, *, invent: bool = False) -> Corpus:
    """Read a corpus from a folder: that given, that of PLAYMASK_DATA, or the project's own.

    invent: make texts up where there is no such folder (not where one was given); what has no
    folder anywhere is always made up
    Raises: DataError naming the folders that were looked at
    """
    known = CORPORA[name]
    for folder in _folders(known, data):
        files = [_file(folder, file) for file in known.files]
        if known.read and all(files):
            return Corpus(folder.name, *_parts([known.read(file) for file in files if file]))
    if (invent and data is None) or not known.folders:
        train, test = (known.invent(count, seed) for seed, count in enumerate(known.counts))
        return Corpus("made up", train, test)
    looked = ", ".join(str(folder) for folder in _folders(known, data))
    raise DataError(
        f"The data set {known.folders[0]} is not in {looked}; name the folder that holds its "
        f"folder with --data or in {VARIABLE}."
    )


def _parts(files: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """What is learnt from and what is measured on: of one file every HELD_OUT-th example."""
    if len(files) == 1:
        (every,) = files
        held = every[::HELD_OUT]
        del every[::HELD_OUT]
        return every, held
    train, test = files
    return train, test


def _folders(known: _Known, data: Path | None) -> list[Path]:
    named = data or os.environ.get(VARIABLE)
    if named and not Path(named).is_dir():
        raise DataError(f"{named} is no folder; name the folder of the data sets.")
    places = [Path(named)] if named else []
    places += [] if data else [PROJECT]
    return [place / folder for place in places for folder in known.folders]


def _file(folder: Path, name: str) -> Path | None:
    """A file, plain or gzipped."""
    paths = (path for path in (folder / name, folder / f"{name}.gz") if path.is_file())
    return next(paths, None)


def _lines(path: Path) -> list[str]:
    def report(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    return [line for _, line in numbered(read_lines(path), report)]


def _documents(path: Path) -> list[str]:
    """Documents of several lines, between empty ones."""
    return [each for each in "\n".join(_lines(path)).split("\n\n") if each.strip()]


def _pairs(path: Path) -> list[tuple[str, str]]:
    """English lines, and the German ones in the file beside it."""
    other = _file(path.parent, path.name.removesuffix(".gz").removesuffix(".en") + ".de")
    if other is None:
        raise DataError(f"{path} has no file of the same name in German (.de) beside it.")
    english, german = _lines(path), _lines(other)
    if len(english) != len(german):
        raise DataError(f"{path} has {len(english)} lines, {other} {len(german)}.")
    return list(zip(english, german, strict=True))


def _scored(path: Path) -> list[Any]:
    """Pairs of sentences with the score of their similarity."""
    return read_scored(path, columns=None, skip_bad=False)


def _articles(path: Path) -> list[tuple[str, str]]:
    """Abstract and title of each article."""
    articles = []
    for number, line in enumerate(_lines(path), 1):
        try:
            article = json.loads(line)
            articles.append((article["abstract"], article["title"]))
        except (ValueError, KeyError, TypeError):
            reason = "A JSON object with abstract and title is expected."
            raise DataError(f"{path}:{number}: {reason}") from None
    return articles


def _shapes(count: int, seed: int) -> list[Any]:
    """Drawn images with their captions."""
    from playmask.experiments.shapes import captioned

    return captioned(count, seed)


CORPORA: dict[str, _Known] = {
    "translation": _Known(
        ("multi30k_en_de",), ("train.en", "test_2016_flickr.en"), _pairs, invented.translations
    ),
    "language": _Known(
        ("wikitext2",), ("wiki.train.tokens", "wiki.test.tokens"), _lines, invented.lines
    ),
    "documents": _Known(("zh_corpus",), ("encyclopedia.txt",), _documents, invented.documents),
    "reviews": _Known(
        ("sentiment_zh", "reviews_zh"),
        ("train.tsv", "test_clean.tsv"),
        read_examples,
        invented.reviews,
    ),
    "titles": _Known(("csl",), ("title_dev.json", "title_test.json"), _articles, invented.articles),
    "categories": _Known(
        ("csl",), ("category_train.tsv", "category_test.tsv"), read_examples, invented.categories
    ),
    "questions": _Known(("afqmc",), ("train.tsv", "dev.tsv"), read_examples, invented.questions),
    "sentences": _Known(("stsb_zh",), ("train.tsv", "test.tsv"), _scored, invented.sentences),
    "shapes": _Known((), (), None, _shapes, (4000, 1000)),
}
"""The corpora by name. Of CSL's titles no training set is at hand, so one learns from dev."""
