"""Writes the texts that zh-small is made of: documents, single sentences, and some English.

    python recipes/zh_small/sentences.py DATA OUT

DATA holds the folders zh_corpus and wikitext2. OUT/corpus is what the model learns from: documents
as they are, and each of their sentences, shuffled, as a document of its own, since sentences are
what is compared; OUT/short.txt holds some short ones; OUT/tokens.txt is whose tokens stay.
"""

import argparse
import gzip
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

SENTENCE = re.compile(r"[^。！？]+[。！？]?")
SHORTEST, LONGEST = 6, 120  # characters
SHORT, SHORT_ONES = 40, 15_360  # characters, and sentences whose vectors are learnt
ENGLISH = 4000  # lines of wikitext-2, 200,000 words
JOINED = (" @-@ ", "-"), (" @,@ ", ","), ("<unk>", "")  # how wikitext writes them


def sentences_of(folder: Path) -> Iterator[str]:
    """The sentences of a folder's documents that are neither scraps nor very long."""
    for file in sorted(folder.glob("*.txt.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                for sentence in SENTENCE.findall(line):
                    if SHORTEST <= len(sentence.strip()) <= LONGEST:
                        yield sentence.strip()


def english(file: Path) -> Iterator[str]:
    """Some lines of wikitext-2, whose tokens everyday English needs."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(ENGLISH), lines, strict=False):
            for written, usual in JOINED:
                line = line.replace(written, usual)
            yield line.strip()


def main() -> None:
    """Write the texts, all of them or none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    source = arguments.data / "zh_corpus"
    staging = arguments.out.with_name(f"{arguments.out.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    corpus = staging / "corpus"
    corpus.mkdir(parents=True)
    sentences = [*sentences_of(source)]
    random.Random(0).shuffle(sentences)
    for file in source.glob("*.txt.gz"):
        (corpus / file.name).symlink_to(file.resolve())
    with gzip.open(corpus / "sentences.txt.gz", "wt", encoding="utf-8", compresslevel=3) as out:
        out.writelines(f"{sentence}\n\n" for sentence in sentences)
    lines = [*sentences, *english(arguments.data / "wikitext2" / "wiki.train.tokens.gz")]
    (staging / "tokens.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    short = [each for each in sentences if len(each) <= SHORT][:SHORT_ONES]
    (staging / "short.txt").write_text("".join(f"{line}\n" for line in short), "utf-8")
    staging.rename(arguments.out)
    print(f"{len(sentences):,} sentences of {sum(map(len, sentences)):,} characters")


if __name__ == "__main__":
    main()
