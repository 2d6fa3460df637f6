"""The site: both languages say the same, all pages are in the navigation, the first ones run."""

import re
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cli.commands import call, start
from documents import ROOT, blocks, fenced, prose

DOCS, SAMPLES = ROOT / "docs", ROOT / "data" / "samples"
OUTSIDE = ("data/samples", "examples", "examples/from_bert4keras", "recipes/zh_small")
CHINESE = [*sorted(DOCS.rglob("*.zh.md")), *(ROOT / each / "README.zh.md" for each in OUTSIDE)]
SITE = (ROOT / "mkdocs.yml").read_text("utf-8")
NAVIGATION = re.findall(r"^ +- ([\w./-]+\.md)$", SITE.partition("\nnav:\n")[2], re.MULTILINE)


def shape(page: Path) -> dict[str, list]:
    """What both languages of a page have alike: headings, code, tables, places of links."""
    text = prose(page)
    return {
        "code": blocks(page),
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)],
        "columns": [line.count("|") for line in re.findall(r"^\|.*$", text, re.MULTILINE)],
        "links": sorted(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)),
        "names": re.findall(r"^::: (.*)$", text, re.MULTILINE),
    }


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: str(page.relative_to(ROOT)))
def test_both_languages_have_the_same_shape(page):
    assert shape(page) == shape(page.with_name(page.name.replace(".zh.md", ".md")))


def test_every_page_is_in_the_navigation():
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    english = {page for page in pages if not page.endswith(".zh.md")}
    outside = {page for page in NAVIGATION if not (DOCS / page).is_file()}
    assert len(NAVIGATION) == len(set(NAVIGATION)) and {*NAVIGATION} - outside == english
    hook = (ROOT / "tools" / "documentation" / "pages.py").read_text("utf-8")
    named = set(re.findall(r'^    "([\w./]+\.md)",$', hook, re.MULTILINE))
    assert outside == {page for page in named if not page.endswith(".zh.md")}


def test_every_public_name_is_on_one_page_of_the_reference():
    import playmask

    pages = [page for page in (DOCS / "api").glob("*.md") if ".zh" not in page.name]
    names = re.findall(r"^::: playmask\.(\w+)$", "\n".join(map(prose, pages)), re.MULTILINE)
    assert sorted(names) == playmask.__all__


def test_every_sample_is_named_in_both_languages():
    files = {file.name for file in SAMPLES.iterdir() if not file.name.startswith("README")}
    for page in SAMPLES.glob("README*.md"):
        assert set(re.findall(r"`([\w.]+\.\w+)`", prose(page))) & files == files


ELSEWHERE = ("make demo", ". .venv/bin/activate")
"""What no test of a page runs: it installs, and trains for minutes."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of a test's own, with the project's data and tiny models."""
    for name in ("data", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ready(url: str, server: subprocess.Popen) -> None:
    """Wait until a server has compiled what it needs."""
    for _ in range(600):
        assert server.poll() is None, server.stderr.read()
        try:
            return urllib.request.urlopen(f"{url}/ready").close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} was not ready.")


def run_page(page: Path, servers: list[subprocess.Popen]) -> list[str]:
    """Run all of a page's code in order, as it stands; what its lines and its Python printed."""
    printed: list[str] = []
    names: dict = {"print": lambda *values: printed.append(" ".join(map(str, values)))}
    for language, code in fenced(page):
        if language == "python":
            exec(compile(code, page.name, "exec"), names)
        for line in code.splitlines() if language == "sh" else ():
            words = shlex.split(line)
            if words[:2] == ["playmask", "serve"]:
                servers.append(start(*words[1:], stdout=subprocess.DEVNULL))
                ready(f"http://127.0.0.1:{words[words.index('--port') + 1]}", servers[-1])
            elif words[0] == "playmask":
                result = call(*words[1:])
                assert result.exit_code == 0, f"{line}\n{result.output}{result.stderr}"
                printed.append(result.stdout)
            elif line not in ELSEWHERE:
                printed.append(
                    subprocess.run(words, check=True, capture_output=True, text=True).stdout
                )
    return printed


@pytest.fixture
def servers():
    """Servers that a page starts, ended with the test."""
    running: list[subprocess.Popen] = []
    yield running
    for server in running:
        server.terminate()
        _, logged = server.communicate(timeout=60)
        assert server.returncode == 0, logged


def test_the_first_five_minutes_run(folder, servers):
    _, scores, answer, answers, label, served = run_page(DOCS / "start.md", servers)
    assert "by class" in scores and "examples       12" in scores
    assert '"label": "好评"' in answer and label == "好评"
    assert answers.count('"label":') == 12
    assert '"label":' in served and "好评" in served


def test_what_one_has_becomes_what_one_wants(folder, servers):
    printed = "\n".join(run_page(DOCS / "i_have_i_want.md", servers))
    assert "差评" in printed and "退货" in printed
    made = {path.name for path in (folder / "runs").iterdir()}
    assert made >= {
        "excel",
        "found.html",
        "from_bert4keras",
        "new.py",
        "huggingface",
        "onnx",
        "field",
        "answers",
    }
