"""A load that fails for another reason leaves nobody behind who reads its files."""

import threading

import pytest

import playmask
from comparing import tiny
from playmask.errors import PlaymaskError
from playmask.files import checksums


def test_a_load_that_fails_waits_for_who_reads_its_weights(tmp_path, monkeypatch):
    playmask.save(tiny(), tmp_path)
    reads, free, of = threading.Event(), threading.Event(), checksums.Part.of

    def slow(path):
        if path.suffix == ".safetensors":
            reads.set()
            free.wait(10)
        return of(path)

    monkeypatch.setattr(checksums.Part, "of", slow)
    threading.Timer(0.3, free.set).start()
    with pytest.raises(PlaymaskError):
        playmask.load(tmp_path, depth=-1)
    with pytest.raises(PlaymaskError):
        playmask.load(tmp_path, heads=["none"])
    assert reads.is_set() and free.is_set()
    assert not [t for t in threading.enumerate() if t.name == "playmask-checksums"]
