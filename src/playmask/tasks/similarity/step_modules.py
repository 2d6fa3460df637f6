"""The modules that sentence-transformers has after its pooling, and the steps that they are."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from playmask.errors import CheckpointError, nearest
from playmask.tasks.similarity.vector_steps import (
    Projection,
    UnitLength,
    VectorDropout,
    VectorNorm,
    VectorStep,
)

Config = dict[str, Any]
VECTOR = "sentence_embedding"  # what sentence-transformers calls the vector that modules change
PATHS = dict.fromkeys(("module_input_name", "module_output_name"), VECTOR)
ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.SiLU": "swish",
    "torch.nn.modules.linear.Identity": "linear",
}
"""The classes of PyTorch that a Dense module names, and our names."""


class StepModule(NamedTuple):
    """A module: the recipe it is, how its configuration is read and written, and its tensors.

    keys: of the configuration, with what they say where they are missing, None where they may not;
    tensors: name -> the end of our weight's path, and whether it is transposed
    """

    recipe: type[VectorStep]
    keys: Mapping[str, Any]
    read: Callable[[Config], VectorStep]
    write: Callable[[Any, int], Config]
    tensors: Mapping[str, tuple[str, bool]] = {}


def _projection(config: Config) -> Projection:
    name = config["activation_function"]
    if name not in ACTIVATIONS:
        raise CheckpointError(f"its activation is {name!r:.80}.{nearest(str(name), ACTIVATIONS)}")
    size, bias, residual = (config[key] for key in ("out_features", "bias", "use_residual"))
    return Projection(size, ACTIVATIONS[name], bias=bias, residual=residual)


def _dense(step: Projection, size: int) -> Config:
    names = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    if step.activation not in names:
        raise CheckpointError(f"sentence-transformers has no activation {step.activation!r}.")
    residual = {"use_residual": True} if step.residual else {}
    return {
        "in_features": size,
        "out_features": step.size,
        "bias": step.bias,
        "activation_function": names[step.activation],
        **residual,
    }


STEPS: dict[str, StepModule] = {
    "Normalize": StepModule(UnitLength, PATHS, lambda config: UnitLength(), lambda *_: {}),
    "Dense": StepModule(
        Projection,
        {
            "in_features": None,
            "out_features": None,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
            "use_residual": False,
            **PATHS,
        },
        _projection,
        _dense,
        {
            "linear.weight": ("dense/kernel", True),
            "linear.bias": ("dense/bias", False),
            "residual.weight": ("residual/kernel", True),
        },
    ),
    "LayerNorm": StepModule(
        VectorNorm,
        {"dimension": None},
        lambda config: VectorNorm(),
        lambda step, size: {"dimension": size},
        {"norm.weight": ("gamma", False), "norm.bias": ("beta", False)},
    ),
    "Dropout": StepModule(
        VectorDropout,
        {"dropout": 0.2},
        lambda config: VectorDropout(config["dropout"]),
        lambda step, size: {"dropout": step.rate},
    ),
}
"""The modules after pooling by the name of their class."""

MODULES = {module.recipe: name for name, module in STEPS.items()}
"""The name of the module that each step is."""


def step_of(name: str, config: Config) -> VectorStep:
    """The step that a module's configuration describes.

    Raises: CheckpointError, the end of a sentence, for a key or a value that playmask does not know
    """
    module = STEPS[name]
    odd = next((key for key in config if key not in module.keys), None)
    if odd is not None:
        raise CheckpointError(f"it has the key {odd!r:.60}.{nearest(odd, module.keys)}")
    lacking = next((k for k, v in module.keys.items() if v is None and k not in config), None)
    if lacking is not None:
        raise CheckpointError(f"it lacks the key {lacking!r}.")
    values = {**module.keys, **config}
    for key, value in values.items():
        if not _fits(value, module.keys[key]):
            raise CheckpointError(f"it sets {key} to {value!r:.60}.")
    if any(values.get(key, VECTOR) != VECTOR for key in PATHS):
        raise CheckpointError(f"it changes {values['module_input_name']!r:.60}, not {VECTOR!r}.")
    return module.read(values)


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the type that a key's are; those without a default are sizes."""
    if default is None:
        return type(value) is int and value > 0
    return isinstance(value, type(default)) or (type(default) is float and type(value) is int)
