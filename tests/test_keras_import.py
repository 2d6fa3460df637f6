"""Keras is imported without what only some of its functions need, which work nevertheless."""

import gc
import os
import subprocess
import sys
import threading
from importlib import import_module
from types import ModuleType

import pytest

from playmask import keras_import
from playmask.garbage import searched_later
from playmask.keras_import import StandIn

KERAS = """
import gc, sys
import playmask
playmask.load
import keras, jax
import numpy as np
absent = {"matplotlib", "scipy", "requests", "unittest.mock", "jax.experimental.pallas"}
absent |= {"h5py", "psutil", "rich"}
assert not absent & {*sys.modules}, absent & {*sys.modules}
assert gc.isenabled() and not gc.get_freeze_count()

dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
lines = []
dense.summary(print_fn=lambda line, **_: lines.append(line))
assert "9" in "".join(lines) and "rich" in sys.modules
for name in ("net.h5", "net.keras"):
    dense.save(f"{sys.argv[2]}/{name}")
    again = keras.models.load_model(f"{sys.argv[2]}/{name}")
    assert np.array_equal(again.get_weights()[0], dense.get_weights()[0])
assert sys.modules["keras.src.saving.saving_lib"].psutil.virtual_memory().available > 0
assert sys.modules["keras.src.saving.file_editor"].rich.console.Console

from etils import epath
gallery = sys.modules["keras.src.visualization.plot_image_gallery"]
image = np.zeros((1, 4, 4, 3))
keras.visualization.plot_image_gallery(image, value_range=(0, 255), path=sys.argv[1])
import matplotlib.pyplot as plt
assert gallery.plt.Figure is plt.Figure and type(plt).__name__ == "module"
assert sys.modules["keras.src.visualization.plot_bounding_box_gallery"].patches.Patch

from jax.experimental import sparse
matrix = sparse.BCSR.fromdense(np.array([[2.0, 1.0], [0.0, 4.0]], "float32"))
x = sparse.linalg.spsolve(matrix.data, matrix.indices, matrix.indptr, np.ones(2, "float32"))
assert np.allclose(x, [0.375, 0.25])

attention = keras.src.backend.jax.nn
assert attention.splash_attention_mask.CausalMask((8, 8))[:, :].sum() == 36
assert callable(attention.splash_attention_kernel.make_splash_mha)
assert sys.modules["keras.src.callbacks.remote_monitor"].requests.post
with epath.testing.mock_epath(exists=lambda *_: True):
    assert epath.Path("/nowhere").exists()
"""


def test_keras_waits_for_what_only_calls_need(tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", KERAS, str(tmp_path / "gallery.png"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "gallery.png").read_bytes()[1:4] == b"PNG"


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """Two modules that import packages as Keras and JAX do, and the packages."""
    files = {
        "paint/__init__.py": "",
        "paint/brush.py": "import time\ntime.sleep(0.05)\nSIZE = 3\n",
        "paint/oil/__init__.py": "COLOUR = 'red'\n",
        "paint/oil/dry.py": "DAYS = 9\n",
        "paint/frame.py": "WOOD = 'oak'\n",
        "gallery.py": "try:\n    import paint.brush as brush\n"
        "except ImportError:\n    brush = None\n",
        "museum.py": "import paint\nimport paint.oil.dry\nimport paint.frame\n"
        "from paint import brush\nimport json\n"
        "def later():\n    from paint.brush import SIZE\n    return SIZE\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    keras_import.lighten()
    for name in ("gallery", "museum"):
        monkeypatch.setitem(keras_import.DEFERRED, name, "paint")
        monkeypatch.setitem(keras_import.LOADERS, name, keras_import._Deferring)
    before = {*sys.modules}
    yield import_module
    for name in {*sys.modules} - before:
        if name.partition(".")[0] in ("paint", "gallery", "museum"):
            del sys.modules[name]


def test_a_stand_in_becomes_the_module_at_its_first_use(drawing):
    gallery = drawing("gallery")
    assert type(gallery.brush) is StandIn and "paint" not in sys.modules
    assert gallery.brush.SIZE == 3
    with pytest.raises(AttributeError, match="'paint.brush' has no attribute 'COLOUR'"):
        gallery.brush.COLOUR  # noqa: B018
    assert type(sys.modules["paint.brush"]) is ModuleType


def test_both_forms_of_an_import_statement(drawing):
    museum = drawing("museum")
    assert type(museum.json) is ModuleType and "paint" not in sys.modules
    assert museum.paint.oil.dry.DAYS == 9
    assert museum.paint.oil.COLOUR == "red" and museum.brush.SIZE == 3
    assert museum.paint.frame.WOOD == "oak"


def test_what_a_function_imports_by_itself_is_no_stand_in(drawing):
    assert drawing("museum").later() == 3


def test_a_module_that_is_there_already_is_taken(drawing):
    brush = drawing("paint.brush")
    assert drawing("gallery").brush is brush


def test_a_module_that_is_missing_stays_missing(drawing, monkeypatch):
    monkeypatch.setitem(sys.modules, "paint", None)
    assert drawing("gallery").brush is None


def test_threads_get_the_same_module_whole(drawing):
    gallery, barrier, sizes = drawing("gallery"), threading.Barrier(8), []

    def use():
        barrier.wait()
        sizes.append(gallery.brush.SIZE)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [3] * 8


@pytest.fixture
def nothing_frozen():
    """What `conftest.py` puts aside is searched for garbage meanwhile."""
    gc.unfreeze()
    yield
    gc.freeze()


def test_garbage_is_searched_for_again(nothing_frozen):
    assert gc.isenabled()
    with searched_later():
        assert not gc.isenabled()
        with searched_later():
            pass
        assert not gc.isenabled(), "the inner one is not the one that stopped it"
    assert gc.isenabled() and not gc.get_freeze_count()


def test_garbage_that_a_program_put_aside_stays_there(nothing_frozen):
    gc.freeze()
    try:
        with searched_later():
            pass
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
    assert gc.isenabled()
