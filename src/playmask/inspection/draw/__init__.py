"""Pictures of masks, attention, training and explanations, with Chinese on every machine.

PNG and SVG by matplotlib; pages by hand; for the terminal, cells made of characters.
"""

from playmask.inspection.draw.attributions import attribution_picture
from playmask.inspection.draw.captions import caption_picture
from playmask.inspection.draw.confusions import confusion_picture, confusion_text
from playmask.inspection.draw.matrices import attention_picture, mask_picture
from playmask.inspection.draw.page import attribution_page
from playmask.inspection.draw.runs import training_curve
from playmask.lazy import find_submodules

__all__ = [
    "attention_picture",
    "attribution_page",
    "attribution_picture",
    "caption_picture",
    "confusion_picture",
    "confusion_text",
    "mask_picture",
    "training_curve",
]

find_submodules(__name__)
