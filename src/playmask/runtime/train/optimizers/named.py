"""Optimizers by specification: a name of Keras' or playmask's, or what Keras wrote of an object."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import keras

from playmask.errors import ConfigError, nearest
from playmask.runtime.train.optimizers.per_weight import EQUAL, Rules, per_weight
from playmask.runtime.train.optimizers.schedule_free import ScheduleFreeAdamW
from playmask.runtime.train.optimizers.tiger import Tiger

NOT_DECAYED = frozenset({"bias", "gamma", "beta"})
"""Names of the weights that weight decay leaves alone: biases and norms."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {"adamw": {"epsilon": 1e-6}}
"""What differs from Keras' defaults: BERT's epsilon."""

ELSEWHERE: Mapping[str, str] = {
    "learning_rate": "the option learning_rate",
    "weight_decay": "the option weight_decay",
    "global_clipnorm": "the option clip",
    "use_ema": "the option ema",
    "ema_momentum": "the option ema",
    "ema_overwrite_frequency": "the option ema",
    "gradient_accumulation_steps": "the option accumulate",
    "loss_scale_factor": "the option precision",
}
"""Arguments of all optimizers, and what says them here."""

OURS = {"ScheduleFreeAdamW": ScheduleFreeAdamW, "Tiger": Tiger}
"""Optimizers that Keras lacks, or computes otherwise."""

HOLDERS = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
"""Classes of Keras' that hold other optimizers, or none."""


class Named(NamedTuple):
    """The class of an optimizer and its arguments.

    whole: it came as an object, which says its rate, decay and clipping itself
    """

    cls: type[keras.optimizers.Optimizer]
    arguments: Mapping[str, Any]
    whole: bool = False

    @classmethod
    def of_specification(cls, title: str, text: str) -> "Named":
        """Read `lion:beta_2=0.98`, or what `specification_of` wrote.

        Raises: ConfigError for a name, a key or a value that there is not
        """
        if text.lstrip().startswith("{"):
            return _deserialized(title, text)
        name, _, values = text.partition(":")
        key = name.strip().lower().replace("_", "")
        if key not in named():
            known = [_snake(each) for each in named().values()]
            raise ConfigError(f"There is no {title} {name!r:.60}.{nearest(name, known)}")
        arguments = dict(_arguments(f"{title} {name.strip()}", named()[key], values))
        return cls(named()[key], {**DEFAULTS.get(key, {}), **arguments})


class Rate(NamedTuple):
    """What the options of a training say to every optimizer."""

    rate: Any  # a number, or a schedule
    weight_decay: float = 0.01
    clip: float | None = 1.0


def make_optimizer(
    network: keras.Model, rate: Rate, optimizer: str = "adamw", rules: Rules = EQUAL
) -> keras.optimizers.Optimizer:
    """The optimizer of a specification, for a network's weights.

    Weight decay is decoupled and leaves biases and norms alone. One that came as an object has the
    rate, the decay and the clipping of that object.
    Raises: ConfigError for a name, a key or a value that there is not
    Source: AdamW, Loshchilov & Hutter 2019; the exceptions are BERT's
    """
    cls, arguments, whole = Named.of_specification("optimizer", optimizer)
    options = {} if whole else _of_training(cls, rate)
    try:
        result = per_weight(cls).from_config({**options, **arguments})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer {optimizer!r:.60}: {error}") from error
    result.rules = rules
    result.exclude_from_weight_decay(
        var_list=[v for v in network.trainable_variables if v.name in NOT_DECAYED]
    )
    return result


@cache
def named() -> dict[str, type[keras.optimizers.Optimizer]]:
    """The optimizers there are, by their names in small letters: Keras' own and playmask's."""
    keras_own = {
        name: cls for name, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and issubclass(cls, keras.optimizers.Optimizer)
        and name not in HOLDERS
    }  # fmt: skip
    return {name.lower(): cls for name, cls in {**keras_own, **OURS}.items()}


def specification_of(optimizer: keras.optimizers.Optimizer) -> str:
    """A specification that makes an optimizer like an object, new: Keras' own serialisation.

    Raises: ConfigError for one that holds others, that leaves weights of its own choice out of the
            decay, or that Keras cannot write as JSON
    """
    cls = type(optimizer).__name__
    if getattr(optimizer, "inner_optimizer", None) or getattr(optimizer, "optimizers", None):
        raise ConfigError(
            f"{cls} holds other optimizers; give one. Rates of single weights are said with "
            "rates='pattern=multiplier', half precision where the model is loaded."
        )
    if getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(
        optimizer, "_exclude_from_weight_decay_pattern", None
    ):
        raise ConfigError(
            f"The {cls} leaves weights of its own choice out of the decay, which Keras does not "
            "write down; here biases and norms are left out."
        )
    try:
        return json.dumps(keras.optimizers.serialize(optimizer))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Keras cannot write down this {cls}: {error}") from error


def _of_training(cls: type[keras.optimizers.Optimizer], rate: Rate) -> dict[str, Any]:
    """The arguments that the options of a training say; Muon decays by two."""
    decays = [key for key in inspect.signature(cls).parameters if key.endswith("weight_decay")]
    return {
        "learning_rate": rate.rate,
        "global_clipnorm": rate.clip,
        **dict.fromkeys(decays, rate.weight_decay),
    }


def _arguments(
    title: str, cls: type[keras.optimizers.Optimizer], text: str
) -> Iterator[tuple[str, Any]]:
    """The arguments in `key=value,key=value`, as their defaults' types."""
    parameters = inspect.signature(cls).parameters
    known = {
        key: parameter.default for key, parameter in parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD and key != "name"
    }  # fmt: skip
    came: set[str] = set()
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = map(str.strip, part.partition("="))
        if key in ELSEWHERE:
            raise ConfigError(f"{title}: {key} is said by {ELSEWHERE[key]}; leave it out here.")
        if not equals or key not in known or key in came:
            raise ConfigError(
                f"{title}: {part!r:.60} is no new key=value."
                f"{nearest(key, known.keys() - ELSEWHERE.keys() - came)}"
            )
        came.add(key)
        yield key, _value(f"{title}: {key}", value, known[key])


def _value(title: str, text: str, default: Any) -> Any:
    try:
        value = json.loads(text.lower())
    except ValueError:
        value = text
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if isinstance(value, bool) != isinstance(default, bool) or (
        number and not isinstance(value, (int, float))
    ):
        raise ConfigError(f"{title} is {text!r:.60}; {default!r} is the default.")
    return float(value) if isinstance(default, float) else value


def _deserialized(title: str, text: str) -> Named:
    try:
        optimizer = keras.optimizers.deserialize(json.loads(text))
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise TypeError(f"it is a {type(optimizer).__name__}")
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"Keras cannot make the {title} that {text!r:.60} says: {error}. A class of one's own "
            "is registered first, by keras.saving.register_keras_serializable."
        ) from error
    return Named(type(optimizer), optimizer.get_config(), whole=True)


def _snake(cls: type) -> str:
    """A class' name as an option says it: schedule_free_adamw."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
