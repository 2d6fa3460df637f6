"""Several devices: what comes of a training on four emulated ones is what comes of it on one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from cli.commands import call
from families.small import small
from playmask.errors import ConfigError
from playmask.families import FAMILIES
from playmask.model.layout import TENSOR_PARALLEL, axis_of
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank

SCRIPT = Path(__file__).with_name("on_devices.py")


@pytest.fixture(scope="module")
def results():
    output = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, env=os.environ, timeout=300
    )
    assert output.returncode == 0, output.stderr[-3000:]
    return json.loads(output.stdout.splitlines()[-1])


@pytest.mark.parametrize("spread", ["data parallel", "model parallel", "gone on with"])
def test_several_devices_learn_what_one_learns(results, spread):
    """Of 18 rows and of 6, which four devices do not divide, with dropout; begun by them, too."""
    for name in ("losses", "weights", "predictions"):
        np.testing.assert_allclose(results[spread][name], results["one"][name], atol=1e-5)


def test_weights_and_moments_are_split_in_model_parallel_alone(results):
    assert not results["data parallel"]["split"] and not results["gone on with"]["split"]
    assert results["gone on with"]["shards"] == ["epochs-1.orbax"]
    split = results["model parallel"]["split"]
    assert "transformer/blocks/0/attention/query/kernel" in split
    assert any(path.endswith("blocks_0_feedforward_outer_kernel_momentum") for path in split)
    assert not any("norm" in path for path in split)


def test_devices_that_share_the_heads_write_what_one_writes(results):
    """Each holds the keys of its own heads, 2 of 4, of all 8 slots; the axes stay apart."""
    one, two = results["generated"]
    assert two["texts"] == one["texts"] and len({str(text) for [text] in one["texts"]}) == 3
    assert one["keys"] == [[4, 8, 6]] and two["keys"] == [[1, 2, 8, 6]] * 2


def test_a_large_table_is_loaded(results):
    assert results["table"]


def test_what_there_is_not_is_refused(results):
    expected = ("devices=5: JAX has 4 here", "does not divide 4", "'queries/kernel' is the end of")
    for text, pattern in zip(results["refused"], expected, strict=True):
        assert re.search(pattern, text), text


def test_one_device_and_other_backends():
    if keras.backend.backend() != "jax":
        with pytest.raises(ConfigError, match="need JAX"):
            playmask.distribute(2)
    for options in ({"model_parallel": 2}, {"layout": {"kernel": 0}}):
        with pytest.raises(ConfigError):
            playmask.distribute(1, **options)
    assert keras.distribution.distribution() is None


def test_the_table_splits_what_is_large_in_every_family():
    """What stays whole is a norm, a bias of a sum, or a part's own; each pattern splits some."""
    matched = set()
    for name in FAMILIES:
        for weight in blank(lambda name=name: Transformer(small(name), ("mlm",))).weights:
            path = weight.path
            split = {p for p in TENSOR_PARALLEL if axis_of(path, (2, 2), {p: 0}, 1) is not None}
            assert len(split) <= 1, path
            dense = re.search(r"/(attention|cross|feedforward)/\w+/kernel$", path)
            assert split or not dense or "transformer_xl" in path, path
            matched |= split
    assert matched == {*TENSOR_PARALLEL}


def test_a_weight_that_is_not_divisible_is_whole():
    assert axis_of("blocks/0/attention/query/kernel", (16, 12), TENSOR_PARALLEL, 5) is None
    assert axis_of("blocks/0/attention/query/kernel", (16, 12), TENSOR_PARALLEL, 3) == 1
    assert axis_of("blocks/0/attention/output/kernel", (12, 16), TENSOR_PARALLEL, 3) == 0
    assert axis_of("blocks/0/attention/norm/scale", (12,), TENSOR_PARALLEL, 3) is None


def test_the_command_line_names_devices():
    for value, message in (("x", "--devices is a number of them, or all"), ("99", "devices=99")):
        result = call("train", "classify", "a.tsv", "--new", "--out", "o", "--devices", value)
        assert result.exit_code == 2 and message in result.stderr
