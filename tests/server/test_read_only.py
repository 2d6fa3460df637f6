"""Where nothing can be written: neither the home directory, nor a cache, nor the tasks' folders."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import playmask
from playmask.data.examples import Example
from tasks.every_task import MAKE

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="one backend is enough")
TESTS = Path(__file__).parents[1]
STORED = TESTS / "export" / "stored" / "classify"
NOWHERE = "/proc/none"  # where not even root makes a folder
TEXTS = ["零一二三", "六七八九"]
VARIABLES = ("JAX_COMPILATION_CACHE_DIR", "MPLCONFIGDIR", "KERAS_HOME", "ORT_DISABLE_TELEMETRY")
"""Which would name places to write into, or keep from it."""

SCRIPT = """
import asyncio, errno, json, os, sys
from pathlib import Path

folder, name, texts = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.chmod", "os.truncate", "os.link", "os.symlink")


def refuse(event, arguments):  # as a file system does that is mounted to be read: root, too
    writes = event in WRITES or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes and str(arguments[0]).startswith(str(folder)):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), arguments[0])


sys.addaudithook(refuse)
from playmask.server.task_served import load_served
from server.asking import asked


async def answers():
    async with asked(load_served(name, folder / name)) as client:
        return (await client.post("/predict", json={"texts": texts})).json()["answers"]


print(json.dumps(asyncio.run(answers())))
(folder / name / "file").write_text("")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A task that was exported and one that was saved, in a folder that nobody may write into."""
    folder = tmp_path_factory.mktemp("tasks")
    shutil.copytree(STORED, folder / "exported")
    MAKE["classify"]().save(folder / "saved")
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)


@pytest.mark.parametrize("name", ["exported", "saved"])
def test_a_task_is_served_where_nothing_can_be_written(folder, name):
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), NOWHERE)
    paths = os.pathsep.join((str(Path(playmask.__file__).parents[1]), str(TESTS)))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), name, *TEXTS],
        capture_output=True,
        text=True,
        env={**kept, **nowhere, "PYTHONPATH": paths},
    )
    errors = done.stderr.splitlines()
    assert "Read-only file system" in errors[-1] or "Permission denied" in errors[-1], done.stderr
    task = playmask.load_task(folder / name)
    for text, own in zip(TEXTS, json.loads(done.stdout), strict=True):
        right = task.answer_json(Example(text), task.predict(text))
        assert own["label"] == right["label"]
        assert own["probabilities"] == pytest.approx(right["probabilities"], abs=2e-5)
    before = errors[: errors.index("Traceback (most recent call last):")]
    said = [line for line in before if line and not line.startswith("{")]  # besides the log
    assert all("atplotlib" in line for line in said)  # which Keras imports
    assert name == "saved" or not said
