"""The optimizer of a training, from its options."""

import keras

from playmask.errors import ConfigError
from playmask.runtime.train.methods import method_of
from playmask.runtime.train.optimizers.named import Rate, make_optimizer
from playmask.runtime.train.optimizers.per_weight import Rules
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.rates import rates_of, tables_of
from playmask.runtime.train.schedules import Constant

OWN = ("learning_rate", "schedule", "warm_up", "weight_decay", "clip")
"""Options that an optimizer which came as an object says by itself."""


def optimizer_for(
    network: keras.Model, options: TrainingOptions, steps: int
) -> keras.optimizers.Optimizer:
    """The optimizer that options name, with its schedule over so many steps.

    Raises: ConfigError for options that do not go together, or not with the network's weights
    """
    named = method_of("optimizer", options.optimizer)
    schedule = method_of("schedule", options.schedule)
    defaults = TrainingOptions()
    if named.whole:
        _refuse(options, defaults, OWN, "the optimizer came as an object, which says it")
    if not schedule.warms_up:
        _refuse(options, defaults, ("warm_up",), "the points of a piecewise schedule say it")
    free = issubclass(named.cls, keras.optimizers.ScheduleFreeAdamW) and not named.whole
    if free and not isinstance(schedule, Constant):
        raise ConfigError(
            "schedule_free_adamw averages where others let the rate fall; give "
            "schedule='constant' with it."
        )
    rules = Rules(
        rates_of(
            network,
            multiplier=options.multiplier,
            layer_decay=options.layer_decay,
            rates=options.rates or "",
        ),
        tables_of(network) if options.lazy_embeddings else frozenset(),
    )
    rate = Rate(
        schedule.build(options.learning_rate, steps, options.warm_up),
        options.weight_decay,
        options.clip,
    )
    return make_optimizer(network, rate, options.optimizer, rules)


def _refuse(
    options: TrainingOptions, defaults: TrainingOptions, names: tuple[str, ...], reason: str
) -> None:
    for name in names:
        if getattr(options, name) != getattr(defaults, name):
            raise ConfigError(f"{name} is {getattr(options, name)!r}, but {reason}; leave it out.")
