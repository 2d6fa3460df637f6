"""Logs for TensorBoard, which needs no package to write: records of protocol buffers.

Source: tensorflow/core/util/event.proto, summary.proto, and the framing of TFRecord
"""

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from playmask.files import make_directory, writing
from playmask.protobuf import BYTES, FIXED32, FIXED64, VARINT, field

START = 1  # SessionLog.SessionStatus
MASK = 0xA282EAD8


class TensorBoardLog:
    """Scalars for `tensorboard --logdir`: one file of events for each start of a training.

    Of a training that goes on, TensorBoard drops what earlier files say of later steps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: BinaryIO | None = None

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin a file; those of a training before go, unless this one goes on with it."""
        make_directory(self.folder)
        if not step:
            for old in self.folder.glob("events.out.tfevents.*.playmask"):
                old.unlink()
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        with writing(self.folder):
            count = len([*self.folder.glob("events.out.tfevents.*.playmask")])
            self.file = (self.folder / f"{name}.{count}.playmask").open("xb")
        self._write(field(3, BYTES, b"brain.Event:2"))
        if step:
            started = field(1, VARINT, START)
            self._write(field(2, VARINT, step + 1) + field(7, BYTES, started))

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars named "step/…"."""
        self._write(summary(step, {f"step/{name}": value for name, value in values.items()}))

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars named "epoch/…", at the step that an epoch ends with."""
        self._write(summary(step, {f"epoch/{name}": value for name, value in values.items()}))

    def _write(self, event: bytes) -> None:
        with writing(self.folder):
            assert self.file is not None
            time_now = field(1, FIXED64, struct.pack("<d", time.time()))
            self.file.write(record(time_now + event))
            self.file.flush()

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


def summary(step: int, values: Mapping[str, float]) -> bytes:
    """An event's step and its scalars."""
    scalars = b"".join(
        field(1, BYTES, field(1, BYTES, name.encode()) + field(2, FIXED32, struct.pack("<f", each)))
        for name, each in values.items()
    )
    return field(2, VARINT, step) + field(5, BYTES, scalars)


def record(data: bytes) -> bytes:
    """Data in the framing of TFRecord: its length and itself, each with a masked CRC-32C."""
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)
