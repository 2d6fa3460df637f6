"""The shell completes commands, tasks and options; help is whole at 80 columns."""

import os
import re
import subprocess
import sys

import pytest

from cli.commands import call, help_texts


def completed(line, shell="bash", **variables):
    """What a shell is given for the last word of a line, by the protocol of typer."""
    words = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_PLAYMASK_COMPLETE": f"complete_{shell}",
    }
    run = subprocess.run(
        [sys.executable, "-m", "playmask"],
        env={**os.environ, **words, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not run.stderr
    return run.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("playmask pre", ["predict", "pretrain"]),
        ("playmask train re", ["regress", "relations", "read", "read-copying", "rerank"]),
        ("playmask train classify a.tsv --pool", ["--pooling"]),
    ],
)
def test_bash(line, words):
    assert completed(line).split() == words


@pytest.mark.parametrize(
    ("line", "language", "shown"),
    [
        ("playmask tune classify --learning-r", "en",
         '"--learning-rate":"Learning rate per step; 1e-3 with --new.'),
        ("playmask tune classify --learning-r", "zh", '"--learning-rate":"每步的学习率；'),
        ("playmask inspe", "zh", '"inspect":"说出 checkpoint 是什么。'),
        ("playmask draw ma", "zh", '"mask":"画出谁能看到谁：每个 query 一行'),
    ],
)  # fmt: skip
def test_zsh_has_the_whole_help_beside_in_the_readers_language(line, language, shown):
    assert shown in completed(line, "zsh", PLAYMASK_LANG=language)


def test_it_is_installed_for_the_shell_that_asks(tmp_path):
    program = f"'{sys.executable}' -m playmask --install-completion; true"
    environment = {**os.environ, "HOME": str(tmp_path)}
    run = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True)
    assert "bash completion installed" in run.stdout, run.stderr
    script = tmp_path / ".bash_completions" / "playmask.sh"
    assert "_PLAYMASK_COMPLETE=complete_bash" in script.read_text("utf-8")
    assert str(script) in (tmp_path / ".bashrc").read_text("utf-8")


@pytest.mark.parametrize("command", ["", "train", "pretrain", "tune", "draw"])
def test_what_commands_do_is_said_whole_at_80_columns(command):
    result = call(*command.split(), "--help", env={"COLUMNS": "80"})
    assert result.exit_code == 0 and "..." not in result.stdout.partition("Commands:")[2]
    assert max(map(len, result.stdout.splitlines())) <= 80
    listed = result.stdout.partition("Commands:\n")[2]
    entries = re.split(r"\n  (?=\S)", listed.strip())
    assert len(entries) > 1 and all(entry.rstrip().endswith((".", "…")) for entry in entries)


def test_help_is_whole_sentences():
    """But for the headings of groups; none begins in the middle, as "Of the task."."""
    headings = {"Devices", "With --new", "Search", "Masking", "Loss of sentence vectors"}
    texts = {re.sub(r"  \[[^]]*\]$", "", each.strip()) for each in help_texts()} - {""}
    options = {each for each in texts if not re.fullmatch(r"[A-Z][\w ]+", each)} - headings
    assert len(options) > 300
    fragments = ("Of ", "Such as ", "Per ", "Their ")
    wrong = [t for t in options if not t.endswith((".", "…")) or t.startswith(fragments)]
    assert not wrong, "\n".join(sorted(wrong))
