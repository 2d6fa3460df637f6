"""The claims of papers and posts, tested on real texts; one file an experiment.

An experiment is data (`plan`); `runner` runs its trials and keeps their results; `report` writes
them up. What the experiments share is in `corpora`, `objectives`, `training`, `models`
and `tasks`.
"""

from playmask.experiments import (
    captions,
    conditional,
    craft,
    key_size,
    laboratory,
    masks,
    synthesizer,
    talking_heads,
    unshare,
)
from playmask.experiments.plan import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        synthesizer,
        key_size,
        talking_heads,
        unshare,
        conditional,
        masks,
        craft,
        captions,
        laboratory,
    )
}
"""Every experiment by its name."""
