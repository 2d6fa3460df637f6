"""What tasks need Keras for, each name imported when it is first used.

To answer, a task needs its tokenizer and something that runs its network; only what builds, trains,
saves or explains a network is found here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playmask.tasks.explaining import among_few as among_few
    from playmask.tasks.explaining import score_of as score_of
    from playmask.tasks.explaining import slopes_of as slopes_of
    from playmask.tasks.exporting import export as export
    from playmask.tasks.loading_networks import load_with_network as load_with_network
    from playmask.tasks.network import open_model as open_model
    from playmask.tasks.objective import Objective as Objective
    from playmask.tasks.objective import accuracy as accuracy
    from playmask.tasks.objective import binary_crossentropy as binary_crossentropy
    from playmask.tasks.objective import crossentropy as crossentropy
    from playmask.tasks.objective import squared_error as squared_error
    from playmask.tasks.pickling import reduced as reduced
    from playmask.tasks.publishing import save_as as save_as
    from playmask.tasks.saving import assign_weights as assign_weights
    from playmask.tasks.saving import load_reader as load_reader
    from playmask.tasks.saving import save_weights as save_weights
    from playmask.tasks.teaching import taught as taught
    from playmask.tasks.training import batches_of as batches_of
    from playmask.tasks.training import fit_task as fit_task

_HOME = {
    "explaining": ("among_few", "score_of", "slopes_of"),
    "exporting": ("export",),
    "loading_networks": ("load_with_network",),
    "network": ("open_model",),
    "objective": (
        "Objective",
        "accuracy",
        "binary_crossentropy",
        "crossentropy",
        "squared_error",
    ),
    "pickling": ("reduced",),
    "publishing": ("save_as",),
    "saving": ("assign_weights", "load_reader", "save_weights"),
    "teaching": ("taught",),
    "training": ("batches_of", "fit_task"),
}
"""The names of each module beside this one."""


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            value = getattr(import_module(f"playmask.tasks.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
