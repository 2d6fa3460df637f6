"""The compiled normalisation rules of SentencePiece: whether they lead where they may.

The libraries that apply them follow offsets unchecked, out of their bounds if a file says so.
Source: sentencepiece's `precompiled_charsmap`: the size of a trie, the trie as a double array
(Darts-clone), and the texts that its leaves name
"""

import numpy as np

_LEAF = np.uint32(1 << 31)
_ENTRIES = 255  # a node's children stand in one block of 256


def check_charsmap(blob: bytes) -> None:
    """Refuse rules whose trie leads out of itself, or to what is no text.

    Raises: ValueError
    """
    if not blob:
        return
    size = int.from_bytes(blob[:4], "little")
    if size % 4 or not size or 4 + size >= len(blob) or blob[-1]:
        raise ValueError(f"its normalisation rules are cut off at byte {len(blob)}")
    units = np.frombuffer(blob[4 : 4 + size], "<u4")
    texts = np.frombuffer(blob[4 + size :], np.uint8)
    leaves = (units & _LEAF).astype(bool)
    inner = units[~leaves].astype("int64")
    nodes = np.flatnonzero(~leaves) ^ ((inner >> 10) << ((inner & 512) >> 6))
    starts = np.concatenate([[True], texts[:-1] == 0])
    values = units[leaves] & ~_LEAF
    outside = len(nodes) and int(nodes.max() | _ENTRIES) >= len(units)
    if outside or (values >= len(texts)).any() or not starts[values].all():
        raise ValueError("its normalisation rules lead out of themselves")
    blob[4 + size :].decode("utf-8")
