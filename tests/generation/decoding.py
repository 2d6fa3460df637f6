"""Decoders in plain Python that read the whole text anew for each token, without a cache."""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

from comparing import TINY, filled, log_softmax
from families.small import model_of
from laboratory import CONTEXT, FOLLOWING
from playmask.model.masks import Ordered, Window
from playmask.model.parts import Nezha, Rotary
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled

ROWS, LENGTH = 4, 20  # what is read at a time: the most beams, and the positions there are
VOCABULARY = 40
LOWEST = -1e9  # what may not come
ENDS = (3, 4, 5, 6, 7, 8)

Text = tuple[int, ...]
Next = Callable[[Sequence[Text]], np.ndarray]  # the log-probabilities behind each text
Found = list[tuple[float, Text]]
Prompt = dict[str, Any]


def bert(**changes: Any) -> Transformer:
    """A small BERT that goes on from a text, of one block where nothing is said."""
    return filled(TINY.change(**{"order": "lm", "depth": 1, **changes}), ("mlm",))


KINDS: dict[str, Callable[[], Transformer]] = {
    "plain": lambda: bert(width=16, attention_heads=1, feedforward=False),
    "bert": lambda: bert(depth=2),
    "gpt": lambda: model_of("gpt2"),
    "unilm": lambda: bert(order="unilm"),
    "turns": lambda: bert(order="turns"),
    "roformer": lambda: bert(position=Rotary()),
    "nezha": lambda: bert(position=Nezha(clip=3)),
    "t5": lambda: model_of("t5"),
    "albert": lambda: bert(depth=2, sharing="all", embedding_size=12),
    "condition": lambda: bert(condition_size=CONTEXT),
    "window": lambda: bert(mask=Ordered() & Window(3)),
    "pseudo_self": lambda: bert(**FOLLOWING["pseudo_self"]),
    "context": lambda: bert(**FOLLOWING["context"]),
    "synthesizer": lambda: bert(**FOLLOWING["random+dense"]),
    "convolution": lambda: bert(**FOLLOWING["light"]),
    "residual": lambda: bert(depth=2, **FOLLOWING["residual"]),
}
"""Models that go on from a text, each by what is special about it."""


@cache
def model_for(kind: str) -> Transformer:
    """A model of a kind; made once."""
    return KINDS[kind]()


@cache
def reader_for(kind: str) -> "Reader":
    """The reader of a kind's model."""
    return Reader(model_for(kind))


def prompts_for(kind: str, lengths: Sequence[int], seed: int = 3) -> list[Prompt]:
    """Random prompts for a kind of model, with what it needs besides tokens."""
    random, made = np.random.default_rng(seed), []
    for length in lengths:
        prompt: Prompt = {"tokens": random.integers(1, VOCABULARY, length).tolist()}
        extra = random.normal(size=(2, CONTEXT)).astype("float32")
        if kind == "turns":
            prompt["segments"] = [int(i % 4 > 1) for i in range(length)]
        if kind == "condition":
            prompt["condition"] = extra[0]
        if kind in ("pseudo_self", "context"):
            prompt["context"] = extra
        made.append(prompt)
    return made


def arguments(prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Prompts as `generate` takes them."""
    return {name: [prompt[name] for prompt in prompts] for name in prompts[0]}


class Reader:
    """Says what follows texts: a model's whole forward pass over a few padded rows."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.run = Compiled(model, lambda inputs: model(inputs, training=False)["logits"])

    def __call__(self, prompt: Prompt, texts: Sequence[Text]) -> np.ndarray:
        """The log-probabilities of the next token behind each text: float64 (texts, V)."""
        both = self.model.architecture.decoder is not None
        rows = [list(text) for text in texts] + [[]] * (ROWS - len(texts))
        first = [0] if both else prompt["tokens"]
        tokens, valid = _filled([first + row for row in rows])
        inputs = {"tokens": tokens, "valid": valid}
        if both:
            inputs = {f"target_{name}": value for name, value in inputs.items()}
            inputs["tokens"], inputs["valid"] = _filled([prompt["tokens"]] * ROWS)
        elif self.model.architecture.segments != "tokens":
            told = prompt.get("segments", [0] * len(first))
            mark = 1 if self.model.architecture.order in ("unilm", "turns") else told[-1]
            inputs["segments"] = _filled([told + [mark] * len(row) for row in rows])[0]
        for name in ("condition", "context"):
            if name in prompt:
                inputs[name] = np.stack([prompt[name]] * ROWS)
        logs = log_softmax(self.run(inputs))
        return np.stack([logs[i, len(first) + len(text) - 1] for i, text in enumerate(texts)])

    def behind(self, prompt: Prompt) -> Next:
        """The same of one prompt."""
        return lambda texts: self(prompt, texts)

    def score(self, prompt: Prompt, text: Sequence[int]) -> float:
        """The log-probability of a text behind a prompt, each token read anew."""
        told = [self(prompt, [tuple(text[:i])])[0, token] for i, token in enumerate(text)]
        return float(sum(told))


def _filled(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.zeros((len(rows), LENGTH), "int32")
    for place, row in zip(tokens, rows, strict=True):
        place[: len(row)] = row
    return tokens, np.arange(LENGTH) < np.array([*map(len, rows)])[:, None]


def barred(logs: Next, ends: Collection[int], least: int) -> Next:
    """No end among the first `least` tokens."""

    def weighed(texts: Sequence[Text]) -> np.ndarray:
        told = logs(texts).copy()
        for row, text in zip(told, texts, strict=True):
            if len(text) < least:
                row[list(ends)] = LOWEST
        return told

    return weighed


def greedy(logs: Next, most: int, ends: Collection[int] = (), least: int = 0) -> Found:
    """Always the likeliest token."""
    logs, text, score = barred(logs, ends, least), (), 0.0
    while len(text) < most and not (text and text[-1] in ends):
        told = logs([text])[0]
        token = int(np.argmax(told))
        if told[token] <= LOWEST / 2:
            break
        text, score = (*text, token), score + told[token]
    return [(score, text)]


def mixed(x: Any) -> np.ndarray:
    """The mixer of `noise.py` in numpy's uint32."""
    x = np.asarray(x, "uint32")
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def uniform(*seeds: int, size: int) -> np.ndarray:
    """Numbers from 0 to 1 that several seeds stand for, one seed after the other."""
    state = np.zeros((), "uint32")
    with np.errstate(over="ignore"):
        for seed in seeds:
            state = mixed(mixed(np.uint32(seed % 2**32) + np.uint32(0x9E3779B9)) + state)
        drawn = mixed(state + mixed(np.arange(size)))
    return ((drawn >> 1).astype("float32") + np.float32(0.5)) * np.float32(2.0**-31)


def likely(
    logs: np.ndarray, k: int | None = None, p: float | None = None, m: float | None = None
) -> np.ndarray:
    """Which tokens of a row top_k, top_p and min_p leave, by sorting them."""
    order = np.argsort(-logs, kind="stable")
    kept = np.ones(len(logs), bool)
    if k is not None:
        kept[order[k:]] = False
    if p is not None and p < 1:
        chances = np.where(kept, np.exp(logs - logs.max()), 0)
        reached = np.cumsum(chances[order]) / chances.sum()
        kept[order[int(np.argmax(reached >= p)) + 1 :]] = False
    if m is not None:
        kept &= logs >= logs.max() + np.log(m)
    return kept


def sampling(
    logs: Next,
    n: int,
    most: int,
    ends: Collection[int] = (),
    *,
    seed: int,
    heat: float = 1.0,
    **filters: Any,
) -> Found:
    """Draw n texts by adding Gumbel noise, made from (seed, lane, step)."""
    found: Found = []
    for lane in range(n):
        text, score = (), 0.0
        while len(text) < most and not (text and text[-1] in ends):
            told = logs([text])[0]
            noise = -np.log(-np.log1p(-uniform(seed, lane, len(text), size=len(told))))
            noisy = np.where(likely(told / heat, **filters), told / heat + noise, -np.inf)
            token = int(np.argmax(noisy))
            if told[token] <= LOWEST / 2:
                break
            text, score = (*text, token), score + told[token]
        found.append((score, text))
    return found


def candidates(logs: Next, growing: Found, count: int) -> list[tuple[float, Text, int]]:
    """The best continuations of growing texts, each with its last token."""
    told = logs([text for _, text in growing])
    found = [
        (score + told[lane, token], lane, token)
        for lane, (score, _) in enumerate(growing)
        for token in range(told.shape[1])
    ]
    found = sorted(found, key=lambda one: (-one[0], one[1:]))[:count]
    return [(s, (*growing[lane][1], token), token) for s, lane, token in found if s > LOWEST / 2]


def keeping(
    logs: Next, n: int, most: int, ends: Collection[int] = (), least: int = 0, penalty: float = 0.0
) -> Found:
    """Beam search in which ended texts wait for the others."""
    logs, growing, ended = barred(logs, ends, least), [(0.0, ())], []
    for step in range(1, most + 1):
        going: Found = []
        for rank, (score, text, token) in enumerate(candidates(logs, growing, 2 * n)):
            if token not in ends:
                going.append((score, text))
            elif rank < n:
                ended.append((score / step**penalty, text))
        growing, ended = going[:n], sorted(ended, key=lambda one: -one[0])[:n]
        full = len(ended) == n and growing and growing[0][0] / step**penalty <= ended[-1][0]
        if full or not growing:
            return ended
    left = [(score / most**penalty, text) for score, text in growing]
    return sorted([*ended, *left], key=lambda one: -one[0])[:n]


def dropping(logs: Next, n: int, most: int, ends: Collection[int] = (), least: int = 0) -> Found:
    """Beam search that is over when the likeliest text ends; others that end are lost."""
    logs, growing, width = barred(logs, ends, least), [(0.0, ())], n
    for _ in range(most):
        found = candidates(logs, growing, width)
        if not found or found[0][2] in ends:
            return [one[:2] for one in found[:1]]
        growing = [one[:2] for one in found if one[2] not in ends]
        width = max(1, width - (len(found) - len(growing)))
    return growing[:1]


def assert_found(made: Any, wanted: Sequence[Found]) -> None:
    """What `generate` made against what a decoder found for each prompt."""
    for texts, scores, found in zip(made.tokens, made.scores, wanted, strict=True):
        assert [tuple(text) for text in texts] == [text for _, text in found]
        np.testing.assert_allclose(scores, [score for score, _ in found], rtol=1e-5, atol=1e-5)
