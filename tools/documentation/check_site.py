"""What the built site promises: both languages, Chinese words in the search, nothing from outside.

python tools/documentation/check_site.py build/site
"""

import json
import re
import sys
from pathlib import Path

import jieba

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s>]*"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon|dns-prefetch))[^>]*"""
    r"""\bhref=["']?(?:https?:)?//[^\s>]*"""
)
STYLED = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//[^)"']*""")
WORD = re.compile("[一-鿿]{2,}")
BREAK = "\u200b"  # the search's separator of Chinese words


def from_outside(site: Path) -> list[str]:
    """Files that a page of the site would load from another host, by the pages and styles."""
    patterns = {".html": LOADED, ".css": STYLED}
    found = []
    for file in sorted(site.rglob("*")):
        if pattern := patterns.get(file.suffix):
            found += [f"{file}: {each}" for each in pattern.findall(file.read_text("utf-8"))]
    return found


def one_language_only(site: Path) -> list[str]:
    """Pages that one of both languages lacks."""
    pages = {page.relative_to(site).as_posix() for page in site.rglob("index.html")}
    english = {page.removeprefix("en/") for page in pages if page.startswith("en/")}
    return sorted(english ^ {page for page in pages if not page.startswith("en/")})


def unsearchable(site: Path) -> list[str]:
    """Chinese titles in whose entries of the search not every word stands by itself."""
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    separator = re.compile(index["config"]["separator"])
    titles = [entry["title"] for entry in index["docs"] if WORD.search(entry["title"])]
    missing = [] if titles else ["no Chinese title"]
    for title in titles:
        plain = title.replace(BREAK, "")
        words = {word for run in WORD.findall(plain) for word in jieba.cut(run)}
        if not words <= set(separator.split(title)):
            missing.append(plain)
    return missing


CHECKS = (from_outside, one_language_only, unsearchable)


def main(site: Path) -> int:
    """Say what is wrong, and how much."""
    jieba.setLogLevel("ERROR")
    faults = [f"{check.__name__}: {fault}" for check in CHECKS for fault in check(site)]
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return len(faults) > 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
