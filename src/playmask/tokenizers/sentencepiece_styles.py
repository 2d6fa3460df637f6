"""The special tokens of the families whose tokenizer is a SentencePiece model."""

from itertools import repeat
from operator import contains

from playmask.tokenizers.algorithm import Style
from playmask.tokenizers.pieces import CONTROL, Piece, Pieces
from playmask.tokenizers.sentencepiece_model import Model

WORD_SPACE, WORD_LINE = "\u2582", "\u2583"  # what CPM writes for " " and "\n" inside a text
SENTINELS = tuple(f"<extra_id_{number}>" for number in reversed(range(100)))
PLAIN = {"pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}

ALBERT = Style(
    PLAIN | {"cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    needed=("pad", "unk", "cls", "sep"),
    frame=(("cls",), ("sep",), ("sep",)),
)
CPM = Style(
    PLAIN | {"cls": "<cls>", "sep": "<sep>"},
    needed=("pad", "unk", "cls", "sep"),
    has=(WORD_SPACE,),
)
XLNET = Style(
    PLAIN | {"cls": "<cls>", "sep": "<sep>"},
    needed=("pad", "unk", "cls", "sep"),
    frame=((), ("sep",), ("sep", "cls")),
)
XLM_ROBERTA = Style(
    PLAIN | {"cls": "<s>", "sep": "</s>"},
    needed=("pad", "unk", "cls", "sep"),
    frame=(("cls",), ("sep", "sep"), ("sep",)),
    second=0,
    has=("<mask>",),
)
T5 = Style(
    PLAIN | {"sep": "</s>"},
    needed=("pad", "unk", "sep"),
    frame=((), ("sep",), ("sep",)),
    second=0,
    lacks=("<s>",),
)
STYLES = (ALBERT, CPM, XLNET, XLM_ROBERTA, T5, Style(PLAIN | {"sep": "</s>"}, needed=("unk",)))
_MARKS = frozenset(
    token for style in STYLES for token in (*style.special.values(), *style.has, *style.lacks)
)


def with_extra_ids(model: Model, style: Style, count: int | None) -> Model:
    """Add T5's extra ids above the pieces: they are rows of the embedding, not of the file.

    count: None means all, unless the pieces have them, as those of mT5
    """
    if count is None:
        names = model.pieces.names
        extra = style is T5 and not any(map(contains, names, repeat(SENTINELS[-1])))
        count = len(SENTINELS) if extra else 0
    chosen = SENTINELS[len(SENTINELS) - count :]
    further = Pieces.of(Piece(name, 0.0, CONTROL) for name in chosen)
    return model._replace(pieces=model.pieces + further) if chosen else model


def style_of(model: Model) -> Style:
    """Find the family of models that a `.model` file belongs to."""
    present = dict.fromkeys(_MARKS.intersection(model.pieces.names), 0)
    return next(style for style in STYLES if style is STYLES[-1] or style.fits(present.get))
