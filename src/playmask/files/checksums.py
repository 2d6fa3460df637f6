"""The manifest of a saved directory: sizes and checksums of its parts, which a load verifies."""

import contextlib
import ctypes
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

import google_crc32c
import numpy as np

from playmask.errors import CheckpointError, brief

CHECKSUMS, FORMAT = "checksums.json", 1
CHUNK = 1 << 20  # bytes read at once where a file cannot be mapped as a whole


def _library() -> Callable[[int, int, int], int] | None:
    """The function below google_crc32c, which takes a map of a whole file and holds no lock.

    google_crc32c's own lets other threads run for `bytes` only, each time for a chunk of a file; a
    load that runs beside it would wait for it, and it for the load, at every one of them.
    """
    try:
        extend = ctypes.CDLL(import_module("google_crc32c._crc32c").__file__).crc32c_extend
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    extend.restype = ctypes.c_uint32
    extend.argtypes = (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t)
    return cast(Callable[[int, int, int], int], extend)


EXTEND = _library()


class Part(NamedTuple):
    """A file's size in bytes and its CRC-32C, as eight hexadecimal digits."""

    size: int
    crc32c: str

    @classmethod
    def of(cls, path: Path) -> "Part":
        """Read a file; other threads run meanwhile."""
        size = path.stat().st_size
        if EXTEND is not None and size:
            content = np.memmap(path, np.uint8, "r")
            return cls(content.nbytes, f"{EXTEND(0, content.ctypes.data, content.nbytes):08x}")
        size, crc = 0, 0
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                size, crc = size + len(chunk), google_crc32c.extend(crc, chunk)
        return cls(size, f"{crc:08x}")


class Manifest(NamedTuple):
    """What a directory says of its files, by name; nothing where it has no checksums.json."""

    directory: Path
    parts: Mapping[str, Part]

    def among(self, patterns: Iterable[str]) -> list[str]:
        """The names of its files that match any of some patterns, as "*.json"."""
        return [name for name in self.parts if any(fnmatchcase(name, p) for p in patterns)]

    def verify(self, names: Iterable[str]) -> None:
        """Compare files with what the manifest says; names that it does not list are passed over.

        Raises: CheckpointError for one that is missing, or of another size or checksum
        """
        for name in (name for name in names if name in self.parts):
            path, right = self.directory / name, self.parts[name]
            if not path.is_file():
                raise self._refusal(f"{path} is missing, which {CHECKSUMS} beside it lists")
            size = path.stat().st_size
            if size != right.size:
                raise self._refusal(f"{path} has {size} bytes, {CHECKSUMS} says {right.size}")
            crc = Part.of(path).crc32c
            if crc != right.crc32c:
                raise self._refusal(
                    f"{path} has the checksum {crc}, {CHECKSUMS} says {right.crc32c}"
                )

    @contextlib.contextmanager
    def verifying(self, names: Iterable[str]) -> Iterator[None]:
        """Verify in a thread, beside the work inside, whose end waits for the verdict.

        Whatever ends the work, nobody reads the files afterwards: they may be cut short then, which
        ends a process that has them mapped.
        """
        verdict: Future[None] = Future()

        def run() -> None:
            try:
                verdict.set_result(self.verify(names))
            except BaseException as error:
                verdict.set_exception(error)

        thread = threading.Thread(target=run, daemon=True, name="playmask-checksums")
        thread.start()
        try:
            yield
        finally:
            thread.join()
        verdict.result()

    def _refusal(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{reason}: it is damaged, or of another save than the files beside it. Copy or save "
            f"all of them again; if it was changed on purpose, delete {self.directory / CHECKSUMS}."
        )


def manifest_text(parts: Mapping[str, Part]) -> str:
    """The content of checksums.json, which has a checksum too."""
    files = {name: part._asdict() for name, part in sorted(parts.items())}
    content = {"format": FORMAT, "files": files, "crc32c": _own_checksum(files)}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_manifest(directory: Path, damaged: Mapping[str, Part] | None = None) -> Manifest:
    """Read a directory's checksums.json; one that another program wrote says nothing.

    damaged: what a damaged one is taken for, instead of an error
    Raises: CheckpointError where it is damaged, or of a newer format
    """
    file = directory / CHECKSUMS
    try:
        text = file.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return Manifest(directory, {})
    except (OSError, ValueError) as error:
        return _damaged(file, str(error), damaged)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _damaged(file, str(error), damaged)
    if not isinstance(content, dict) or not {"format", "files", "crc32c"} <= content.keys():
        return Manifest(directory, {})
    if content["format"] != FORMAT:
        return _damaged(file, f"its format is {brief(content['format'])}, not {FORMAT}", damaged)
    try:
        if content["crc32c"] != _own_checksum(content["files"]):
            return _damaged(file, "its own checksum does not fit", damaged)
        parts = {name: Part(int(p["size"]), p["crc32c"]) for name, p in content["files"].items()}
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
    ) as error:  # fmt: skip
        return _damaged(file, f"{type(error).__name__}: {error}", damaged)
    return Manifest(directory, parts)


def _damaged(file: Path, reason: str, instead: Mapping[str, Part] | None) -> Manifest:
    if instead is not None:
        return Manifest(file.parent, instead)
    raise CheckpointError(
        f"{file} is damaged ({reason}), so nothing beside it can be verified; copy or save all "
        "again, or delete it if the files beside it are right."
    )


def _own_checksum(files: Any) -> str:
    text = json.dumps(files, ensure_ascii=False, sort_keys=True)
    return f"{google_crc32c.value(text.encode('utf-8', 'surrogatepass')):08x}"
