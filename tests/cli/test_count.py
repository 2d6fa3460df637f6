"""`playmask count`: the table, JSON, and what it refuses."""

import json
import re

from cli.commands import call

CHECKPOINT = "tests/oracles/bert4keras/bert_pool_nsp_mlm"


def test_the_table_adds_up():
    result = call("count", CHECKPOINT, "--length", "16", "--batch", "2", "--heads", "pool,mlm")
    assert result.exit_code == 0, result.stderr
    assert "2 × 16 tokens" in result.stdout and "blocks/*/attention × 2" in result.stdout
    assert "100.0 %" in result.stdout.rstrip().splitlines()[-1]


def test_no_two_columns_have_one_name():
    head = call("count", CHECKPOINT, "--length", "16").stdout.splitlines()[2]
    names = [name for name in re.split("  +", head.strip()) if name]
    assert len(names) == len(set(names)) == 6 and "activations in training" in names


def test_json_and_blocks():
    result = call("count", CHECKPOINT, "--length", "16", "--json")
    found = json.loads(result.stdout)
    assert found["parameters"] == sum(line["parameters"] for line in found["lines"])
    assert found["training_multiply_adds"] == 3 * found["multiply_adds"] > 0
    listed = call("count", CHECKPOINT, "--length", "16", "--blocks").stdout
    assert "blocks/1/feedforward" in listed and "blocks/*" not in listed


def test_a_text_too_long_is_refused_with_both_numbers():
    result = call("count", CHECKPOINT, "--length", "4096")
    assert result.exit_code == 2 and "4096" in result.stderr and "from 1 to" in result.stderr
