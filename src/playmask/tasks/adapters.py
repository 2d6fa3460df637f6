"""Low-rank adapters of a task or a model, apart from its weights: saved, loaded, taken away."""

from pathlib import Path
from typing import Any, TypeVar

import keras

from playmask.checkpoints.adapter_files import (
    StoredAdapters,
    describe_adapters,
    kernels_hash,
    read_adapters,
    write_adapters,
)
from playmask.errors import CheckpointError, ConfigError
from playmask.files.commits import committing
from playmask.model.recipes import from_json, to_json
from playmask.model.transformer import Transformer
from playmask.runtime.access import reading, weights_of, writing
from playmask.runtime.adapters import dense_layers, detach, put
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks.saving import own_arrays
from playmask.tasks.task import Task

M = TypeVar("M", Transformer, Task[Any])


def save_adapters(model: Transformer | Task[Any], directory: str | Path) -> Path:
    """Save low-rank adapters alone, with what a task has put on its Transformer.

    They are a hundredth of the model or less; `load_adapters` puts them on the same base again.
    directory: gets adapters.safetensors and adapters.json
    Raises: ConfigError for a model without adapters; WriteError

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, lora="rank=2", verbose=0)
        >>> sorted(file.name for file in playmask.save_adapters(task, "adapters").iterdir())
        ['adapters.json', 'adapters.safetensors', 'checksums.json']

    """
    transformer, network, settings = _parts(model)
    if transformer.adapters is None:
        raise ConfigError("There are no adapters to save; fit(…, lora='rank=8') trains some.")
    own = {} if network is transformer else own_arrays(network)
    with reading(weights_of(network)), committing(directory) as staging:
        write_adapters(staging, transformer, own)
        describe_adapters(staging, transformer, settings)
    return Path(directory)


def load_adapters(model: M, directory: str | Path, *, any_base: bool = False) -> M:
    """Load low-rank adapters onto the model, or the task, that they were trained on.

    They are merged into the kernels, and the model is as fast as without them; those of int8
    cannot be merged into, and are added as they are. `remove_adapters` brings the base back.
    any_base: take a base of other values than the one they were trained on
    Raises: CheckpointError for adapters that are damaged, or of other layers; ConfigError for a
            model that has some already, for another task's, or for another base

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, lora="rank=2", verbose=0)
        >>> folder = playmask.save_adapters(task, "adapters")
        >>> fresh = TextClassifier.new(path, ["bad", "good"], max_length=16)
        >>> adapted = playmask.load_adapters(fresh, folder)
        >>> np.allclose(*[[*t.predict("味道").probabilities.values()] for t in (task, adapted)])
        True

    """
    stored, directory = read_adapters(Path(directory)), Path(directory)
    transformer, network, settings = _parts(model)
    if transformer.adapters is not None:
        raise ConfigError("The model has adapters already; remove_adapters takes them away.")
    _check_settings(settings, stored.settings, directory)
    _check(transformer, stored, directory, any_base)
    weights = all_weights(network) if network is not transformer else {}
    own = stored.own if weights else {}
    for name, array in own.items():
        if name not in weights or tuple(weights[name].shape) != array.shape:
            raise CheckpointError(f"{directory} holds {name} {array.shape}, which the task lacks.")
    with writing(network):
        put(transformer, stored.adapters)
        for name, array in own.items():
            weights[name].assign(array)
    if settings is not None and stored.settings is not None:
        model.settings = from_json(stored.settings)  # with what was learnt from examples
    return model


def remove_adapters(model: M) -> M:
    """Take low-rank adapters away: the Transformer is, bit for bit, what it was before them.

    What a task has put on it stays as it was trained.
    Raises: ConfigError for a model without adapters

    Example:
        >>> before = model.get_weights()
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, lora="rank=2", verbose=0)
        >>> after = playmask.remove_adapters(task).transformer.get_weights()
        >>> all(map(np.array_equal, before, after))
        True

    """
    transformer, network, _ = _parts(model)
    if transformer.adapters is None:
        raise ConfigError("The model has no adapters.")
    with writing(network):
        detach(transformer)
    return model


def _parts(model: Transformer | Task[Any]) -> tuple[Transformer, keras.Model, Any]:
    """A Transformer, the network around it, and the settings of a task as JSON, or None."""
    if isinstance(model, Transformer):
        return model, model, None
    return model.transformer, model.network, to_json(model.settings)


def _check_settings(settings: Any, stored: Any, directory: Path) -> None:
    """See that a task is set as the one that adapters come from; what it has not learnt is free."""
    known = {n: value for n, value in (settings or {}).items() if value not in (None, [])}
    other = [n for n, value in known.items() if stored is not None and stored.get(n) != value]
    if other:
        name = other[0]
        raise ConfigError(
            f"The adapters in {directory} were trained in a task whose {name} is "
            f"{stored.get(name)!r:.60}, not {known[name]!r:.60}."
        )


def _check(
    transformer: Transformer, stored: StoredAdapters, directory: Path, any_base: bool
) -> None:
    """See that a model has the layers that adapters are for, and is the base they were trained on.

    Raises: CheckpointError, ConfigError
    """
    layers = dense_layers(transformer)
    for path, (down, up) in stored.adapters.matrices.items():
        shapes = (down.shape[0], up.shape[1])
        if path not in layers or tuple(layers[path].kernel.shape) != shapes:
            raise CheckpointError(
                f"{directory} holds an adapter of {path} {shapes}, which the model has not."
            )
    if any_base or stored.base is None or transformer.quantized:
        return
    kernels = {p: keras.ops.convert_to_numpy(layers[p].kernel) for p in stored.adapters.matrices}
    if kernels_hash(kernels) != stored.base:
        raise ConfigError(
            f"The adapters in {directory} were trained on a model of other weights, and would do "
            "something else on this one; any_base=True puts them on it all the same."
        )
