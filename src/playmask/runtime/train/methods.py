"""Methods of training by name: what `--adversarial fgm:0.5` stands for.

A specification is `name:value,key=value`: a name of the table, then what its constructor takes, in
its order or by name. Where a field has one method only the name is left out: `--r-drop 4`.
"""

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import NoneType
from typing import Any, get_args, get_type_hints

from playmask.errors import ConfigError, nearest

METHODS: Mapping[str, str | Mapping[str, str]] = {
    "optimizer": "playmask.runtime.train.optimizers.named:Named",
    "schedule": {
        "linear": "playmask.runtime.train.schedules:Linear",
        "cosine": "playmask.runtime.train.schedules:Cosine",
        "constant": "playmask.runtime.train.schedules:Constant",
        "piecewise": "playmask.runtime.train.schedules:Piecewise",
    },
    "lookahead": "playmask.runtime.train.steps.lookahead:Lookahead",
    "unfreeze": "playmask.runtime.train.steps.unfreezing:GradualUnfreezing",
    "ema": "playmask.runtime.train.steps.ema:MovingAverage",
    "swa": "playmask.runtime.train.steps.swa:WeightAveraging",
    "adversarial": {
        "fgm": "playmask.runtime.train.steps.fgm:FastGradientMethod",
        "pgd": "playmask.runtime.train.steps.pgd:ProjectedGradientDescent",
        "awp": "playmask.runtime.train.steps.awp:WeightPerturbation",
        "penalty": "playmask.runtime.train.steps.penalty:GradientPenalty",
        "vat": "playmask.runtime.train.steps.vat:VirtualAdversarialTraining",
    },
    "r_drop": "playmask.runtime.train.steps.r_drop:RDrop",
    "mixup": "playmask.runtime.train.steps.mixup:Mixup",
    "temporal_ensembling": "playmask.runtime.train.steps.temporal:TemporalEnsembling",
    "distil": "playmask.runtime.train.steps.distil:Distillation",
    "theseus": "playmask.runtime.train.steps.theseus:Theseus",
    "lora": "playmask.runtime.train.steps.lora:LowRankAdaptation",
}
"""By the field of TrainingOptions: the method's class, or its class by the name of each method."""


def method_of(field: str, specification: str) -> Any:
    """Make the method that a field of TrainingOptions names.

    Raises: ConfigError for a name, a value or a key that the method has not
    """
    table = METHODS[field]
    if isinstance(table, str):
        return _made(field, table, specification)
    name, _, values = specification.partition(":")
    if name not in table:
        raise ConfigError(f"There is no {field} {name!r:.60}.{nearest(name, table)}")
    return _made(f"{field} {name}", table[name], values)


def specification(value: Any) -> Any:
    """What stands for a value in options: a number's text, what Keras writes of an optimizer."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(value, "g")
    if hasattr(value, "get_config"):
        module = import_module("playmask.runtime.train.optimizers.named")
        return module.specification_of(value)
    return value


def _made(title: str, place: str, values: str) -> Any:
    """An object of the class at `module:Class`, from the values of a specification."""
    module, _, name = place.partition(":")
    cls = getattr(import_module(module), name)
    if hasattr(cls, "of_specification"):  # a class that reads its values by rules of its own
        return cls.of_specification(title, values)
    parameters = [*inspect.signature(cls).parameters]
    hints = get_type_hints(cls.__init__)
    fields: dict[str, Any] = {}
    for number, part in enumerate(filter(None, values.split(","))):
        key, equals, value = part.strip().partition("=")
        if not equals:
            if number >= len(parameters):
                raise ConfigError(f"{title} takes {_listed(parameters)}; {values!r:.60} came.")
            key, value = parameters[number], key
        key = key.strip()
        if key not in parameters:
            raise ConfigError(f"{title} has no {key!r:.60}.{nearest(key, parameters)}")
        if key in fields:
            raise ConfigError(f"{title}: {key} came twice in {values!r:.60}.")
        fields[key] = _value(f"{title}: {key}", hints.get(key, str), value.strip())
    missing = [
        key
        for key, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty and key not in fields
    ]
    if missing:
        raise ConfigError(f"{title} needs {_listed(missing)}, as in {missing[0]}=…")
    return cls(**fields)


def _value(title: str, hint: Any, text: str) -> Any:
    """What a text says, as the type of the argument that it is for."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if text == "none" and NoneType in get_args(hint):
        return None
    if kinds[0] is bool:
        if text not in ("true", "false"):
            raise ConfigError(f"{title} is true or false, not {text!r:.60}.")
        return text == "true"
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            continue
    raise ConfigError(f"{title} is {text!r:.60}; {kinds[0].__name__} is due.")


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def methods_of(options: Any) -> Iterator[Any]:
    """The methods that training options name, in the order of the table."""
    for field in METHODS:
        specification = getattr(options, field)
        if specification is not None:
            yield method_of(field, specification)
