"""Settings of the task that writes captions of images."""

from typing import ClassVar, Literal

from playmask.model.recipes import option, recipe
from playmask.tasks.settings import CUT, TaskSettings

SMALL, FUNCTIONAL = "small", "functional"
"""Image models of no file: the one that comes along, and one that was given as a model."""
PIXELS, FEATURES = "pixels", "features"
"""The inputs that an image comes as: uint8 (B, S, S, 3), or what the image network made of it."""
AT_ONCE = 32  # images that an image network reads at a time, outside of trainings


@recipe
class CaptionSettings(TaskSettings):
    """Settings of an ImageCaptioner.

    image_model: where the image network comes from; conditioning: "norms" lets the conditional
    norms of every block depend on the image's mean features, "attention" lets every block look at
    the grid of features; frozen: the image network is not trained, and its features are computed
    once before a training; image_size: pixels of a side; image_network: the network as Keras' JSON;
    features: C, how many numbers a place of its output has. The last three are the network's own.
    """

    task: ClassVar[str] = "caption"
    summary: ClassVar[str] = "Train a model that writes captions of images."
    data: ClassVar[str] = (
        "Images and captions: a .jsonl of objects with image and caption, or a folder of images "
        "that holds captions.jsonl."
    )
    usage: ClassVar[str] = "predict {out} IMAGE"

    image_model: str = option(
        default=SMALL,
        text="The image network: small, a name of keras.applications, or a .keras file.",
    )
    conditioning: Literal["norms", "attention", "both"] = option(
        default="norms",
        text="What is conditioned, norms by the mean of the features or attention to their grid.",
    )
    frozen: bool = option(
        default=False, text="Leave the image network as it is; its features are computed once."
    )
    max_length: int = option(default=64, text=CUT, minimum=4)
    image_size: int | None = option(
        default=None,
        text="Pixels of a side that images are scaled to. Default: 64 (small), 224, or the file's.",
        minimum=8,
    )
    image_network: str | None = option(default=None)
    features: int | None = option(default=None)

    @property
    def conditions(self) -> bool:
        """Whether norms depend on the image."""
        return self.conditioning != "attention"

    @property
    def attends(self) -> bool:
        """Whether every block looks at the grid of features."""
        return self.conditioning != "norms"
