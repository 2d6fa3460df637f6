"""Attention maps: who looks at whom in a text, as a value that draws itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.checkpoints.tokenizer_beside import why_no_tokenizer
from playmask.errors import ConfigError, InputError
from playmask.inspection import draw
from playmask.inspection.draw.terminal import cut, fitted, shade, width_of
from playmask.model.transformer import Transformer

MANY = 10**6  # keys, of which parts that condense leave fewer
WIDEST, MATRIX = 8, 60  # columns: of a token, and tokens that a shaded matrix may have

Numbers = int | Iterable[int] | None


@dataclass(frozen=True)
class AttentionMaps:
    """What each token of a text looks at, in each head of each layer.

    tokens: of the text; layers, heads: the numbers of those that are here, heads for each layer;
    keys: for each layer the S things that are looked at: the tokens, with "+0", "+1", … for what
    stands before them, or "~0", "~1", … where a text is condensed; weights: (N, T, S) for each
    layer, after everything, so that they need not sum to 1 where heads are mixed.
    `str` draws for the terminal: the most attended key of each token, or shaded cells for a single
    head over a short text.
    """

    tokens: tuple[str, ...]
    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    keys: tuple[tuple[str, ...], ...]
    weights: tuple[np.ndarray, ...]

    def pick(self, layers: Numbers = None, heads: Numbers = None) -> "AttentionMaps":
        """Take some layers, and some heads of each; None = all.

        Raises: ConfigError for one that is not there
        """
        places = _places("layer", layers, self.layers)
        taken = [_places("head", heads, self.heads[place]) for place in places]
        return replace(
            self,
            layers=tuple(self.layers[place] for place in places),
            heads=tuple(
                tuple(self.heads[place][i] for i in inside)
                for place, inside in zip(places, taken, strict=True)
            ),
            keys=tuple(self.keys[place] for place in places),
            weights=tuple(
                self.weights[place][inside] for place, inside in zip(places, taken, strict=True)
            ),
        )

    def draw(self, path: str | Path, *, title: str | None = None) -> None:
        """Draw all maps as PNG or SVG, a row of panels for each layer.

        Raises: InputError if layers have different keys, or the picture cannot be written
        """
        if len(set(self.keys)) > 1:
            sizes = " or ".join(map(str, sorted({len(keys) for keys in self.keys})))
            raise InputError(
                f"The layers have different keys, {sizes} of them, which do not fit into one "
                "picture; draw them one at a time (layers=…)."
            )
        names = [
            f"layer {layer} · head {head}"
            for layer, heads in zip(self.layers, self.heads, strict=True)
            for head in heads
        ]
        title = names[0] if title is None and len(names) == 1 else title
        draw.attention_picture(
            list(self.weights), self.tokens, self.keys[0], path, names=names, title=title
        )

    def __str__(self) -> str:
        alone = len(self.layers) == 1 and len(self.heads[0]) == 1
        if alone and self.weights[0].shape[-1] <= MATRIX:
            return _matrix(self)
        blocks = [_table(self, place) for place in range(len(self.layers))]
        return "\n\n".join(blocks)


def draw_attention(
    model: Transformer,
    text: str,
    path: str | Path | None = None,
    *,
    pair: str | None = None,
    layers: Numbers = None,
    heads: Numbers = None,
) -> AttentionMaps:
    """Draw the attention weights of a Transformer over a text: heat maps in a .png or .svg.

    Without a path nothing is written; what is returned prints itself in a terminal.

    Raises:  ConfigError for a model without a tokenizer, or a layer or head that is not there;
             InputError if the picture cannot be written

    Example:
        >>> maps = draw_attention(model, "味道不错", "maps.svg", layers=1)
        >>> maps.tokens, maps.weights[0].shape
        (('[CLS]', '味', '道', '不', '错', '[SEP]'), (2, 6, 6))

    """
    maps = attention_maps(model, text, pair).pick(layers, heads)
    if path is not None:
        maps.draw(path)
    return maps


def attention_maps(model: Transformer, text: str, pair: str | None = None) -> AttentionMaps:
    """Run a Transformer over a text, or a pair, and take all its attention weights.

    Of an encoder-decoder it is the encoder's.
    Raises: ConfigError if the model has no tokenizer; InputError if the text is too long
    """
    if model.tokenizer is None:
        raise ConfigError(
            f"The model has no tokenizer ({why_no_tokenizer(model)}). Give it one: "
            "model.tokenizer = playmask.Tokenizer.load(…)."
        )
    if not isinstance(text, str):
        raise InputError(f"Attention is drawn of one text, a str, not of {text!r:.60}.")
    encoding = model.tokenizer.encode(text, pair)
    if not encoding.ids:
        raise InputError("The text has no tokens; there is nothing to draw.")
    row = {"tokens": encoding.ids, "segments": encoding.segments}
    return maps_of_row(model, row, tuple(model.tokenizer.tokens(encoding.ids)))


def maps_of_row(
    model: Transformer, row: Mapping[str, Sequence[int]], tokens: tuple[str, ...]
) -> AttentionMaps:
    """Run a Transformer over one row of inputs, and take all its attention weights.

    Shapes: row, of which `tokens` and `segments` are read, (T,) each; tokens, the T names of those
    """
    names = ["tokens", "segments"]
    if model.architecture.segments == "tokens":  # then 0 and 1 are tokens too
        names.remove("segments")
    arrays: dict[str, Any] = {name: np.array([row[name]], "int32") for name in names if name in row}
    arrays["valid"] = np.ones((1, len(tokens)), bool)
    outputs = model(arrays, attention=True)
    weights = [keras.ops.convert_to_numpy(layer)[0] for layer in outputs["attention"]]
    layers = zip(model.blocks.stored_as, weights, strict=True)
    return AttentionMaps(
        tokens,
        tuple(range(len(weights))),
        tuple(tuple(range(len(layer))) for layer in weights),
        tuple(
            _keys(tokens, layer.shape[-1], model.blocks.stored[index].attention.parts)
            for index, layer in layers
        ),
        tuple(layer.astype("float32") for layer in weights),
    )


def _keys(tokens: tuple[str, ...], count: int, parts: Sequence[Any]) -> tuple[str, ...]:
    """Name what a layer looks at."""
    if any(part.slots(MANY) < MANY for part in parts):
        return tuple(f"~{i}" for i in range(count))
    return (*(f"+{i}" for i in range(count - len(tokens))), *tokens)


def _places(what: str, numbers: Numbers, there: Sequence[int]) -> list[int]:
    """Indices of the numbers of layers or heads; None = of all."""
    if numbers is None:
        return list(range(len(there)))
    chosen = list(numbers) if isinstance(numbers, Iterable) else [numbers]
    for number in chosen:
        if number not in there:
            raise ConfigError(
                f"There is no {what} {number!r}; there are {there[0]} to {there[-1]}."
                if there
                else f"There is no {what} {number!r}."
            )
    return [there.index(number) for number in chosen]


def _table(maps: AttentionMaps, place: int) -> str:
    """A line for each token, a column for each head: the key it looks at most, and how much."""
    weights, keys = maps.weights[place], maps.keys[place]
    top = _top(weights)
    wide = min(max(map(width_of, keys)), WIDEST)
    names = [f"head {head}" for head in maps.heads[place]]
    column = max(wide + 1, max(map(len, names)))
    title = f"layer {maps.layers[place]}"
    side = max(wide, len(title))
    lines = [[fitted(title, side), *(fitted(name, column) for name in names)]]
    for token, row in zip(maps.tokens, np.swapaxes(weights, 0, 1), strict=True):
        most = row.argmax(axis=1)
        cells = (
            shade(head[key] / top) + fitted(keys[key], wide)
            for head, key in zip(row, most, strict=True)
        )
        lines.append([fitted(fitted(token, wide), side), *(fitted(cell, column) for cell in cells)])
    return "\n".join("  ".join(line).rstrip() for line in [*lines, [_legend(top)]])


def _matrix(maps: AttentionMaps) -> str:
    """A shaded cell, two columns wide, for each token and each of its keys."""
    [[weights]], keys = maps.weights, maps.keys[0]
    top = _top(weights)
    wide = min(max(map(width_of, maps.tokens)), WIDEST)
    lines = [f"layer {maps.layers[0]} · head {maps.heads[0][0]}"]
    heads = (fitted(cut(key.strip("▁Ġ#[] ") or key, 2), 2) for key in keys)
    lines.append(" " * (wide + 1) + "".join(heads))
    for token, row in zip(maps.tokens, weights, strict=True):
        lines.append(fitted(token, wide) + " " + "".join(_cell(w / top) for w in row))
    return "\n".join(line.rstrip() for line in [*lines, _legend(top)])


def _top(weights: np.ndarray) -> float:
    return float(np.max(np.abs(weights), initial=0, where=np.isfinite(weights))) or 1.0


def _cell(share: float) -> str:
    """Two columns; a weight below zero has a minus, almost none is a point that guides the eye."""
    if shade(abs(share)) == " ":
        return " ·"
    return f"-{shade(-share)}" if share < 0 else 2 * shade(share)


def _legend(top: float) -> str:
    return "  ".join(f"{shade(part)} {part * top:.2g}" for part in (1.0, 0.75, 0.5, 0.25))
