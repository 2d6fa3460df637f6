"""Pictures of trainings: one run with its rate and gradients, or several beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from playmask.inspection.draw.panels import Curve, Panel, panels_picture

History = Mapping[str, Sequence[float]]
Steps = Mapping[str, npt.ArrayLike]
"""By name, what steps have measured; "epochs" says where each stands, as a number of epochs."""
AXES = (
    "Horizontally: epochs, steps between them as parts of one; vertically: what the panel's title "
    "names. A loss between epochs is the mean since the point before it."
)
COMPARED = (
    "Horizontally: epochs; vertically: what the panel's title names. A curve for each training."
)
OPTIMIZER = {
    "learning_rate": ("learning rate", "of a step"),
    "gradient_norm": ("gradient norm, before clipping", "Euclidean norm"),
}
"""The titles of the panels that tell of the optimizer, and what their vertical axis is."""


def training_curve(
    history: History,
    path: str | Path,
    *,
    steps: Steps | None = None,
    title: str | None = None,
) -> None:
    """Draw a training: loss, measures, learning rate and gradient norm over the epochs.

    The legend gives the last values.
    history: of each epoch, with "val_…" as validation; steps: what is known between them
    Raises:  InputError if there is nothing to draw or the picture cannot be written
    """
    panels_picture([*panels_of(history, steps or {})], path, title=title, caption=AXES)


def panels_of(history: History, steps: Steps) -> Iterator[Panel]:
    """The panels of a training: losses, shares, other measures, and what tells of the optimizer."""
    names = dict.fromkeys(name.removeprefix("val_") for name in history if len(history[name]))
    measures = [name for name in names if name not in OPTIMIZER]
    losses = [name for name in measures if "loss" in name]
    shares = [n for n in measures if n not in losses and _is_share(history, n)]
    others = [[n] for n in measures if n not in (*losses, *shares)]
    for group in (losses, shares, *others):
        curves = [
            curve._replace(label=curve.label if len(group) < 2 else f"{name}, {curve.label}")
            for number, name in enumerate(group)
            for curve in _both(history, steps, name, 2 * number)
        ]
        up = "mean of the examples" if group is losses else "share, 0 to 1" * (group is shares)
        yield Panel(", ".join(group), "epoch", up, curves)
    for name, (title, up) in OPTIMIZER.items():
        x, y = _series(history, steps, name)
        yield Panel(title, "epoch", up, [Curve("", x, y)] if len(y) else [])


def _is_share(history: History, name: str) -> bool:
    values = [*history.get(name, ()), *history.get(f"val_{name}", ())]
    return bool(np.all(np.abs(np.nan_to_num(values)) <= 1))


def _both(history: History, steps: Steps, name: str, number: int) -> Iterator[Curve]:
    """A measure in training, and on validation."""
    validated = f"val_{name}" in history
    if name in history:
        x, y = _series(history, steps if name == "loss" else {}, name)
        label = f"training {history[name][-1]:.4g}"
        yield Curve(label, x, y, number, faint=validated)
    if validated:
        values = np.asarray(history[f"val_{name}"], float)
        label = f"validation {values[-1]:.4g}"
        yield Curve(label, np.arange(1, len(values) + 1), values, number + 1)


def _series(
    history: History, steps: Steps, name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A series by steps where these are known, else by epochs."""
    if name in steps:
        return np.asarray(steps["epochs"], float), np.asarray(steps[name], float)
    values = np.asarray(history.get(name, ()), float)
    return np.arange(1.0, len(values) + 1), values


def compared_curves(
    runs: Mapping[str, History],
    measures: Sequence[str],
    path: str | Path,
    *,
    title: str | None = None,
) -> None:
    """Draw some measures of several trainings over the epochs, a panel for each measure.

    measures: names of the histories, such as "val_loss"
    Raises:  InputError if there is nothing to draw or the picture cannot be written
    """
    panels = [
        Panel(
            measure.replace("val_", "validation "),
            "epoch",
            "",
            [
                Curve(name, np.arange(1, len(history[measure]) + 1), history[measure], number)
                for number, (name, history) in enumerate(runs.items())
                if len(history.get(measure, ()))
            ],
        )
        for measure in measures
    ]
    panels_picture(panels, path, title=title, caption=COMPARED, shared=True)
