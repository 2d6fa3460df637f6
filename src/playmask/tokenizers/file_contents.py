"""Contents of a tokenizer's files: bytes, lines and JSON, or one sentence about what lies there."""

import json
import sys
from pathlib import Path

from playmask.errors import CheckpointError, ConfigError, DataError
from playmask.files import STAND_IN, JsonObject, refuse_stand_in

BOM = b"\xef\xbb\xbf"


def read_content(path: Path) -> bytes:
    """Read a file, refusing a pointer of Git LFS or a web page in its place.

    Raises: ConfigError if it cannot be read, DataError if it only stands in for the file
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        refuse_stand_in(path, content[:STAND_IN])
    except CheckpointError as error:
        raise DataError(str(error)) from None
    return content


def read_text_lines(path: Path) -> list[str]:
    r"""Read the lines of a UTF-8 file that end in \n, \r\n, or all in \r, as those of old Macs do.

    Raises: DataError naming the line that is not UTF-8, or has both sorts of ends
    """
    content = read_content(path).removeprefix(BOM)
    end = b"\n" if b"\n" in content else b"\r"
    lines = []
    for number, row in enumerate(content.split(end), start=1):
        try:
            line = row.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError:
            raise DataError(
                f"{path}, line {number}: {row!r:.60} is not UTF-8; save the file as UTF-8."
            ) from None
        if "\r" in line:
            raise DataError(
                f"{path}, line {number}: {line!r:.60} has a carriage return inside, which ends a "
                "line for some programs; end every line in the same way."
            )
        lines.append(line)
    return lines


def read_json_object(path: Path) -> JsonObject:
    """Read a file that is one JSON object.

    Raises: DataError naming file and line if it is something else
    """
    content = read_content(path).removeprefix(BOM)
    try:
        value = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None
    except RecursionError:
        raise DataError(f"{path} is JSON of too many levels, one inside the other.") from None
    except ValueError:  # Python reads no integer of more digits
        limit = sys.get_int_max_str_digits()
        raise DataError(f"{path} holds a number of more than {limit} digits.") from None
    if b"\\ud" in content.lower():
        _refuse_half_characters(path, value)
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}; it must be a JSON object.")
    return value


def _refuse_half_characters(path: Path, value: object) -> None:
    """Refuse text that is written as half a surrogate pair, which no file can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        place = error.object[max(error.start - 20, 0) : error.end + 20]
        raise DataError(f"{path} has half a surrogate pair, in {place!r}.") from None
