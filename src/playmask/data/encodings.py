"""Which encoding a text file has, by its bytes: UTF-8, UTF-16 or GB 18030 (with GBK)."""

import codecs
from collections.abc import Sequence
from functools import lru_cache

UTF_8, GB = "utf-8", "gb18030"
TITLES = {
    GB: "GB 18030 (GBK)",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 (little-endian, without a byte order mark)",
    "utf-16-be": "UTF-16 (big-endian, without a byte order mark)",
}
"""The encodings that are read beside UTF-8, by the names that Python has for them."""

EVERYDAY = 0.6  # share of a text's characters that are Latin, or in everyday use in Chinese
LATIN = frozenset(map(chr, (*range(9, 14), *range(32, 127))))


def encoding_of(head: bytes) -> str:
    """The encoding of a file, by its first bytes; UTF-8 where it is none of the others.

    Korean in EUC-KR has the bytes of Chinese in GB 2312, and is taken for it.
    Units: bytes; some thousand tell well, and the last character may be cut
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _is_utf8(head):
        return UTF_8
    if b"\0" in head:
        return next((each for each in ("utf-16-le", "utf-16-be") if _is_wide(head, each)), UTF_8)
    return GB if _is_gb(head) else UTF_8


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8 throughout, as text has it."""
    try:
        return "\0" not in codecs.getincrementaldecoder(UTF_8)().decode(head)
    except UnicodeDecodeError:
        return False


def _decoded(head: bytes, encoding: str) -> str:
    """The text of the beginning of a file, with marks for what has none."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(head)


def _is_wide(head: bytes, encoding: str) -> bool:
    """Whether bytes that no mark begins are UTF-16 all the same."""
    return _is_everyday(_decoded(head, encoding))


def _is_gb(head: bytes) -> bool:
    """Whether bytes are more damaged as UTF-8 than not, and Chinese in GB 18030."""
    wide = [each for each in _decoded(head, UTF_8) if not each.isascii()]
    if 2 * wide.count("\ufffd") <= len(wide):
        return False
    return _is_everyday([each for each in _decoded(head, GB) if not each.isascii()])


def _is_everyday(text: Sequence[str]) -> bool:
    """Whether characters are those that texts have."""
    return sum(each in LATIN or each in _characters() for each in text) >= EVERYDAY * len(text)


@lru_cache(maxsize=1)
def _characters() -> frozenset[str]:
    """GB 2312's marks and letters, and the 3,755 characters of its first level."""
    rows = (*range(0xA1, 0xA4), *range(0xB0, 0xD8))
    codes = (bytes((row, cell)) for row in rows for cell in range(0xA1, 0xFF))
    return frozenset("".join(code.decode("gb2312", "ignore") for code in codes))
