"""Real processes, killed at every file operation of a commit: as `disk.states` says it is."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crashes.disk import COUNTS, content, states
from playmask.files.commits import committing, recover

CHILD = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from crashes.disk import before_each
from crashes.test_kills import commit

left = {number}
def die(name):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

with before_each(die):
    commit(Path({directory!r}), "new")
"""


def commit(directory, text):
    """Replace some files, add one in a folder below, and take one away."""
    with committing(directory, [f"only-{'new' if text == 'old' else 'old'}"]) as staging:
        (staging / "below").mkdir()
        for name in ("a", "b", f"only-{text}", "below/c"):
            (staging / name).write_text(text * 1000)


def kill(directory, number):
    """Run a commit in a process that dies before its operation of that number; whether it did."""
    code = CHILD.format(path=sys.path, number=number, directory=str(directory))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    COUNTS["processes killed"] += ended.returncode != 0
    return ended.returncode != 0


def shape(directory):
    """The names and sizes of all that is in a directory; of what is staged, the names."""
    out = []
    for path in Path(directory).rglob("*"):
        first, *rest = path.relative_to(directory).parts
        name = "/".join(["staging" if first.startswith(".playmask-staging") else first, *rest])
        counted = path.is_file() and not name.startswith("staging")
        out.append((name, path.stat().st_size if counted else -1))
    return tuple(sorted(out))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("step", [15, pytest.param(1, marks=pytest.mark.whole)])
def test_killed_processes_leave_what_the_copies_show(step, tmp_path):
    directory = tmp_path / "it"
    commit(directory, "old")
    old = content(directory)
    with states(directory, tmp_path / "states") as copies:
        commit(directory, "new")
    new, shapes = content(directory), {shape(copy) for copy in copies}
    outcomes = []
    for number in range(2, 1000, step):
        place = tmp_path / f"{number}"
        commit(place, "old")
        died = kill(place, number)
        assert shape(place) in shapes
        recover(place)
        outcomes.append((old, new).index(content(place)))
        commit(place, "new")
        assert shape(place) == shape(directory)
        if not died:
            break
    assert outcomes == sorted(outcomes) and {*outcomes} == {0, 1}


@pytest.mark.skipif(os.name != "posix", reason="flock")
def test_commits_of_several_processes_at_once(tmp_path):
    """Each is whole, none takes another's staging for a dead one's, nothing stays behind."""
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = {path!r}\n"
        "from crashes.test_kills import commit\n"
        "for i in range(40): commit(Path({directory!r}), {text!r})\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c",
             code.format(path=sys.path, directory=str(tmp_path / "it"), text=text)],
            stderr=subprocess.PIPE,
        )
        for text in ("old", "new")
    ]  # fmt: skip
    while any(child.poll() is None for child in children):
        with contextlib.suppress(FileNotFoundError):
            recover(tmp_path / "it")
    said = [child.communicate()[1].decode() for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    wholes = []
    for text in ("old", "new"):
        commit(tmp_path / text, text)
        wholes.append(content(tmp_path / text))
    assert content(tmp_path / "it") in wholes and shape(tmp_path / "it") in map(
        shape, (tmp_path / "old", tmp_path / "new")
    )


def test_what_a_hostile_commit_may_not_remove(tmp_path):
    """Files outside its directory, by whatever name."""
    (tmp_path / "mine").write_text("mine")
    folder = tmp_path / "downloaded" / ".playmask-commit"
    folder.mkdir(parents=True)
    (tmp_path / "downloaded" / "link").symlink_to(tmp_path)
    names = ["../mine", str(tmp_path / "mine"), "link/mine", 5, "below/../../mine"]
    (folder / ".removals.json").write_text(json.dumps(names))
    recover(tmp_path / "downloaded")
    assert (tmp_path / "mine").read_text() == "mine" and not folder.exists()
