"""The pictures of docs/pictures.md: each shows what the library's own functions answered."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

import playmask
from documentation.svg import WIDE, box, numbered, path, picture, text
from playmask.model import cache as kv_cache
from playmask.model import parts
from playmask.model.dense import Dense
from playmask.model.inputs import sites_of
from playmask.model.masks import NEVER, Mask, Ordered, SameText, Sites, Strict, Window, order_of
from playmask.model.parts.part import Part

ROOT = Path(__file__).parents[2]
CELL = 16


class Panel(NamedTuple):
    """A mask on a toy text; `ranks` are the orders of a permutation, `padded` sites are no keys."""

    title: str
    mask: Mask = Ordered()
    order: str = "lm"
    segments: Sequence[int] = (0,) * 7
    texts: Sequence[int] = (0,) * 7
    ranks: Sequence[int] = ()
    padded: int = 0

    def seen(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Who sees whom, bool (T, S), and the orders of queries and of keys."""
        row = ops.convert_to_tensor([self.segments], "int32")
        order = ops.convert_to_tensor([self.ranks]) if self.ranks else order_of(self.order, row)
        length = len(self.segments)
        real = np.arange(length)[None] < length - self.padded
        place = ops.convert_to_tensor(np.arange(length, dtype="int32")[None])
        queries = Sites(order, place, ops.convert_to_tensor([self.texts], "int32"))
        keys = queries._replace(order=ops.where(real, order, NEVER))
        visible, asked, held = map(
            ops.convert_to_numpy, (self.mask(queries, keys), queries.order, keys.order)
        )
        return visible[0], asked[0], held[0]


ORDERS = (
    Panel("full", order="full"),
    Panel("lm", order="lm"),
    Panel("unilm", order="unilm", segments=(0, 0, 0, 0, 1, 1, 1)),
    Panel("turns", order="turns", segments=(0, 0, 1, 1, 0, 0, 1)),
    Panel("permutation", ranks=(2, 0, 3, 1, 6, 4, 5)),
    Panel("full, 2 × [PAD]", order="full", padded=2),
)
"""One predicate, six rows of integers."""

COMBINED = (
    Panel("lm: Ordered() & Window(3)", Ordered() & Window(3)),
    Panel("full: Ordered() & Window(3)", Ordered() & Window(3), "full"),
    Panel("lm: Ordered() & SameText()", Ordered() & SameText(), texts=(0, 0, 0, 1, 1, 2, 2)),
    Panel("Strict()", Strict(), ranks=(2, 0, 3, 1, 6, 4, 5)),
)
"""Masks of several predicates."""


def panels(each: Sequence[Panel], title: str) -> str:
    """Masks two by two, with the orders of queries at the left and those of keys above."""
    marks, wide, high = [], WIDE / 2, 7 * CELL + 50
    for number, panel in enumerate(each):
        x, y = number % 2 * wide + 44, number // 2 * high + 44
        visible, queries, keys = panel.seen()
        marks.append(text(x - 24, y - 22, panel.title, "ink mono", size=11))
        marks.append(numbered(x, y, visible, CELL, _orders(queries), _orders(keys)))
    return picture(title, (len(each) + 1) // 2 * high + 10, marks)


def _orders(row: np.ndarray) -> list[str]:
    return ["–" if order == NEVER else str(order) for order in row.tolist()]


def orders() -> str:
    """Six masks that are one predicate."""
    return panels(ORDERS, "key.order <= query.order")


def combined() -> str:
    """Masks joined with & and |."""
    return panels(COMBINED, "Ordered, Window, SameText, Strict")


HOOKS = ("table", "rotate", "condense", "logits", "reach", "bias", "values")
STEPS: tuple[tuple[str, str, str], ...] = (
    ("table", "x = E[token] + table[position]", "(B, T, D)"),
    ("projections", "q, k, v = W x", "(B, N, T, H)"),
    ("rotate", "q, k = rotate(q, k)", "(B, N, T, H)"),
    ("condense", "k, v = condense(k, v)", "(B, N, S, H)"),
    ("logits", "s = Σ logits(q, k)", "(B, N, T, S)"),
    ("mixer", "s = mix(s)", "(B, N, T, S)"),
    ("bias", "s = s + bias", "(B, N, T, S)"),
    ("reach", "allowed = mask & reach", "(B, T, S)"),
    ("normalization", "w = softmax(s | allowed)", "(B, N, T, S)"),
    ("mixer", "w = mix(w)", "(B, N, T, S)"),
    ("values", "o = w v + values(w)", "(B, N, T, V)"),
    ("output", "y = W o", "(B, T, D)"),
)
"""An attention's walk: the hook, what it computes, the shape that comes out (architecture.md)."""


def recipes() -> dict[str, type]:
    """The parts that the library exports, by name: content and position parts, in its own order."""
    return {
        name: value
        for name in parts.__all__
        if isinstance(value := getattr(parts, name), type)
        and issubclass(value, Part)
        and value is not Part
    }


@cache
def hooks(recipe: type) -> set[str]:
    """The hooks that a part of this kind overrides, itself or by what its `make` returns."""
    part = EXAMPLES.get(recipe.__name__, recipe)()
    whole = part.make(host())
    made = {type(part), type(whole), type(whole.make(host()) if part.once else whole)}
    return {
        hook
        for hook in HOOKS
        if any(getattr(kind, hook) is not getattr(Part, hook) for kind in made)
    }


def host() -> SimpleNamespace:
    """An attention of two heads, for parts to be made for."""
    return SimpleNamespace(
        **dict.fromkeys(("width", "key_size", "value_size"), 8),
        **dict.fromkeys(("heads", "key_heads", "value_heads"), 2),
        cached_heads=(2, 2),
        initializer=keras.initializers.RandomNormal(),
        part_names=[],
        dtype_policy=keras.dtype_policies.DTypePolicy("float32"),
        projections={name: Dense(16, name=name) for name in ("query", "key", "value")},
        has_bias=lambda name: True,
    )


EXAMPLES: dict[str, Callable[[], Part]] = {
    "LightConvolution": lambda: parts.LightConvolution(2, 2),
    "DynamicConvolution": lambda: parts.DynamicConvolution(2, 2),
    "Joined": lambda: parts.Joined((parts.Learned(8), parts.Alibi())),
    "Mixture": lambda: parts.mix(parts.Dot(), parts.RandomSynthesizer(8)),
}
"""Parts that cannot be made of nothing."""

NO_HOOKS = ("Joined", "StoredNezha", "StoredRotary")
"""What an architecture reads apart, and tables that files hold in another part's place."""


def attention() -> str:
    """The walk of an attention, and which parts change each of its steps."""
    by_hook: dict[str, list[str]] = {
        "projections": ["Separate", "Glu", "Gated"],
        "mixer": ["TalkingHeads"],
        "normalization": list(parts.NORMALIZATIONS),
        "output": [],
    }
    for name, recipe in recipes().items():
        for hook in hooks(recipe) if name not in NO_HOOKS else ():
            by_hook.setdefault(hook, []).append(name)
    marks, y = [], 12.0
    for number, (hook, formula, shape) in enumerate(STEPS):
        lines = list(wrapped(by_hook[hook], 44))
        high = 24 + 15 * len(lines)
        if number:
            marks.append(path(f"M22,{y - 10:g}V{y:g}", arrow=True))
        marks.append(box(10, y, WIDE - 20, high, "paper", line="quiet"))
        marks.append(text(20, y + 17, formula, "ink mono"))
        marks.append(text(WIDE - 20, y + 17, shape, "quiet mono", at="end", size=11))
        for place, line in enumerate(lines):
            marks.append(text(20, y + 33 + 15 * place, line, "yes mono", size=11))
        y += high + 10
    return picture("attention", y + 2, marks)


def wrapped(words: Sequence[str], wide: int) -> Iterator[str]:
    """Names in lines of so many characters."""
    line = ""
    for word in words:
        if line and len(line) + 3 + len(word) > wide:
            yield line
            line = ""
        line = f"{line} · {word}" if line else word
    if line:
        yield line


SLOTS, PROMPTS = 8, ([2, 5, 6, 7, 3], [2, 5, 3, 0, 0])


def cache() -> str:
    """A cache of two prompts of different lengths, while two more tokens come."""
    causal = playmask.architecture("bert").change(mask="lm")
    held = kv_cache.empty(2, SLOTS, (), "float32")
    marks, y, at = [], 34.0, 0
    for tokens in (PROMPTS, [[4], [4]], [[6], [6]]):
        inputs = {"tokens": np.array(tokens), "cache": held, "at": np.array(at)}
        queries, keys = sites_of(inputs, causal)
        before, order, position, visible = map(
            ops.convert_to_numpy,
            (held["order"], keys.order, keys.position, causal.mask(queries, keys)[:, -1]),
        )
        marks.append(text(14, y - 12, f"at={at} · tokens {np.shape(tokens)}", "ink mono"))
        for row in range(2):
            marks += _slots(y, order[row], position[row], before[row] == NEVER, visible[row])
            y += 38
        held = {**held, **kv_cache.stored(keys)}
        y, at = y + 40, at + len(tokens[0])
    return picture("cache", y - 34, marks)


def _slots(
    y: float, order: np.ndarray, position: np.ndarray, fresh: np.ndarray, visible: np.ndarray
) -> Iterator[str]:
    """The slots of a row: order above, position below; filled where the last token may look."""
    wide = (WIDE - 28) / SLOTS
    for slot in range(SLOTS):
        x, empty = 14 + slot * wide, order[slot] == NEVER
        line = "faint" if empty else "new" if fresh[slot] else "yes"
        yield box(x, y, wide - 3, 33, "tint" if visible[slot] else "paper", line=line)
        label, kind = ("NEVER", "quiet") if empty else (str(order[slot]), line)
        yield text(
            x + wide / 2 - 1, y + 15, label, f"{kind} mono", at="middle", size=10 if empty else 13
        )
        if not empty:
            yield text(x + wide / 2 - 1, y + 28, position[slot], "quiet mono", at="middle", size=10)


SENTENCE, FOUND = "味道  很好！ＯＫ", (4, 6)


def offsets() -> str:
    """A text, its tokens with their places, and a mention that is cut out by its place."""
    folder = ROOT / "src" / "playmask" / "checkpoints" / "built_in" / "zh_small"
    tokenizer = playmask.Tokenizer.load(str(folder))
    encoding = tokenizer.encode(SENTENCE)
    wide, left = 32.0, 14.0
    marks = [text(left, 22, "text", "quiet mono", size=11)]
    for place, sign in enumerate(SENTENCE):
        inside = FOUND[0] <= place < FOUND[1]
        line = "new" if inside else "faint"
        marks.append(box(left + place * wide, 42, wide - 3, 28, "paper", line=line))
        shown = "␣" if sign == " " else sign
        marks.append(text(left + (place + 0.45) * wide, 61, shown, at="middle", size=15))
        marks.append(text(left + place * wide, 38, place, "quiet mono", at="middle", size=10))
    end = left + len(SENTENCE) * wide
    marks.append(text(end, 38, len(SENTENCE), "quiet mono", at="middle", size=10))
    marks.append(text(left, 150, "tokens, offsets", "quiet mono", size=11))
    step = (WIDE - 2 * left) / len(encoding.ids)
    pieces = zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True)
    for number, (token, (start, end)) in enumerate(pieces):
        x = left + number * step
        inside = start < end and FOUND[0] <= start and end <= FOUND[1]
        kind = "new" if inside else "yes" if start < end else "faint"
        if start < end:
            steps = f"M{x + step / 2:g},112L{left + start * wide:g},72M{x + step / 2:g},112"
            marks.append(path(f"{steps}L{left + end * wide - 3:g},72", kind))
        marks.append(box(x, 112, step - 3, 24, "paper", line=kind))
        marks.append(text(x + step / 2 - 1, 128, token, "ink mono", at="middle", size=11))
        place = f"{start}:{end}" if start < end else "–"
        marks.append(text(x + step / 2 - 1, 166, place, "quiet mono", at="middle", size=11))
    cut = f"text[{FOUND[0]}:{FOUND[1]}] == {SENTENCE[slice(*FOUND)]!r}"
    marks.append(text(WIDE / 2, 196, cut, "new mono", at="middle"))
    return picture("offsets", 210, marks)


PICTURES: dict[str, Callable[[], str]] = {
    "orders": orders,
    "combined": combined,
    "attention": attention,
    "cache": cache,
    "offsets": offsets,
}
"""The pictures by the names of their files."""
