"""Search: which tokens go on. Every search is lanes of one row; beams exchange theirs.

Each is a frozen value with three hooks: `begin` makes what it keeps, `choose` takes the next
tokens, `results` reads the texts off what the loop left.
"""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.recipes import recipe
from playmask.model.rng import uniform

FORBIDDEN = -1e9  # the logarithm of the chance of what may not come
LOST = FORBIDDEN / 2  # a score below this belongs to nobody

Own = dict[str, Tensor]


class Choosing(NamedTuple):
    """What a search chooses from, and what it knows.

    logs (B, K, V): log-probabilities of the next token; scores (B, K): those of the lanes so far;
    texts (B, K, N): -1 where nothing is chosen yet; ended (B, K) bool; done (B,) bool;
    step (): how many tokens are chosen; ends (E,): the tokens that end a text; seeds (B,): of rows;
    own: what `begin` made
    """

    logs: Tensor
    scores: Tensor
    texts: Tensor
    ended: Tensor
    done: Tensor
    step: Tensor
    ends: Tensor
    seeds: Tensor
    own: Own


class Chosen(NamedTuple):
    """The next tokens (B, K), whose lanes they go on from (None: each its own), and the rest."""

    tokens: Tensor
    parents: Tensor | None
    texts: Tensor
    scores: Tensor
    ended: Tensor
    done: Tensor
    own: Own


class Search:
    """How to choose; `lanes` texts of a prompt grow at once."""

    @property
    def lanes(self) -> int:
        return 1

    def begin(self, batch: int, steps: int) -> Own:
        """What the search keeps besides the texts."""
        return {}

    def choose(self, c: Choosing) -> Chosen:
        """Take the next tokens."""
        raise NotImplementedError

    def results(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        """Texts (B, R, N), -1 behind their end, and scores (B, R), the best first."""
        return np.asarray(state.texts), np.asarray(state.scores)


def is_end(tokens: Tensor, ends: Tensor) -> Tensor:
    """Whether each token ends a text."""
    return ops.any(ops.expand_dims(tokens, -1) == ends, axis=-1)


def _each_its_own(c: Choosing, tokens: Tensor) -> Chosen:
    """Every lane goes on with its token; one that ended, or that nothing may follow, stands still.

    A score is the sum of the log-probabilities before temperature and filters.
    """
    told = ops.take_along_axis(c.logs, ops.expand_dims(tokens, -1), axis=-1)[..., 0]
    still = ops.logical_or(c.ended, told < LOST)
    column = ops.expand_dims(ops.where(still, -1, tokens), -1)
    ended = ops.logical_or(still, is_end(tokens, c.ends))
    return Chosen(
        ops.where(still, 0, tokens),
        None,
        ops.slice_update(c.texts, [0, 0, c.step], column),
        ops.where(still, c.scores, c.scores + told),
        ended,
        ops.logical_or(c.done, ops.all(ended, axis=1)),
        c.own,
    )


@recipe
class Greedy(Search):
    """Always the likeliest token; of equal ones the lowest id."""

    def choose(self, c: Choosing) -> Chosen:
        return _each_its_own(c, ops.cast(ops.argmax(c.logs, axis=-1), "int32"))


@recipe
class Sample(Search):
    """Draw n texts of each prompt.

    temperature: divides the log-probabilities; then of what is left only the top_k likeliest
    tokens, the likeliest whose chances together reach top_p (the one that crosses it is kept), and
    those at least min_p times as likely as the likeliest; equal chances are kept together.
    Source:  Fan et al. 2018 (top k); Holtzman et al. 2019 (top p); Nguyen et al. 2024 (min p)
    """

    n: int = 1
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        _check_count("n", self.n)
        if self.top_k is not None:
            _check_count("top_k", self.top_k)
        if not self.temperature > 0:
            raise ConfigError(
                f"temperature is above 0, not {self.temperature!r}; Greedy() is what 0 would mean."
            )
        for name in ("top_p", "min_p"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise ConfigError(f"{name} is above 0 and at most 1, not {share!r}.")

    @property
    def lanes(self) -> int:
        return self.n

    def choose(self, c: Choosing) -> Chosen:
        lanes, vocabulary = c.logs.shape[1:]
        # What may not come stays out at any temperature.
        logs = ops.where(c.logs > LOST, c.logs / self.temperature, FORBIDDEN)
        logs = self.filtered(logs)
        lane = ops.arange(lanes, dtype="int32")
        draw = uniform(ops.expand_dims(c.seeds, -1), lane, c.step, size=vocabulary)
        gumbel = -ops.log(-ops.log1p(-draw))
        return _each_its_own(c, ops.cast(ops.argmax(logs + gumbel, axis=-1), "int32"))

    def filtered(self, logs: Tensor) -> Tensor:
        """Forbid the tokens that are not among the likeliest: (…, V) -> (…, V)."""
        if self.top_k is not None and self.top_k < logs.shape[-1]:
            least = ops.top_k(logs, self.top_k)[0][..., -1:]
            logs = ops.where(logs >= least, logs, FORBIDDEN)
        if self.top_p is not None and self.top_p < 1:
            logs = ops.where(_within(logs, self.top_p), logs, FORBIDDEN)
        if self.min_p is not None:
            least = ops.max(logs, axis=-1, keepdims=True) + float(np.log(self.min_p))
            logs = ops.where(logs >= least, logs, FORBIDDEN)
        return logs


def _within(logs: Tensor, share: float) -> Tensor:
    """Which tokens the likeliest are that together reach a share: bool (…, V).

    The chance of the last of them is found by bisection, which sums where a sort would sort: the
    highest bound so that those above it still reach the share.
    """
    chances = ops.softmax(logs, axis=-1)
    high = ops.max(chances, axis=-1, keepdims=True)
    low = ops.zeros_like(high)
    for _ in range(32):
        middle = (low + high) / 2
        heap = ops.sum(ops.where(chances >= middle, chances, 0.0), axis=-1, keepdims=True)
        enough = heap >= share
        low, high = ops.where(enough, middle, low), ops.where(enough, high, middle)
    return chances >= low


@recipe
class Beams(Search):
    """Keep the n likeliest texts at each step.

    finish="keep": a text that ends leaves its lane to the next likely one and waits among the n
    best ended ones, which are compared by score / tokens ** length_penalty (the end counts as one
    of the tokens). A prompt is done when n have ended and no growing text, ended now, would beat
    the worst of them; what still grows at max_tokens is compared too. All n are returned.
    finish="drop": bert4keras' rule. When the likeliest text ends, it is the answer; others that end
    are dropped, and the beam is narrower from then on. One text is returned.
    Source:  Hugging Face transformers' beam search; bert4keras 0.11.5 `AutoRegressiveDecoder`
    """

    n: int
    length_penalty: float = 0.0
    finish: str = "keep"

    def __post_init__(self) -> None:
        _check_count("n", self.n)
        if self.finish not in FINISHES:
            raise ConfigError(f"finish is {' or '.join(FINISHES)}, not {self.finish!r}.")
        if self.finish == "drop" and self.length_penalty:
            raise ConfigError("finish='drop' compares sums; length_penalty goes with 'keep'.")

    @property
    def lanes(self) -> int:
        return self.n

    def begin(self, batch: int, steps: int) -> Own:
        return FINISHES[self.finish].begin(self, batch, steps)

    def choose(self, c: Choosing) -> Chosen:
        # All lanes hold the prompt at first, so that only one of them counts.
        first = ops.where(ops.arange(self.n) == 0, 0.0, FORBIDDEN)
        scores = ops.where(c.step == 0, ops.expand_dims(first, 0), c.scores)
        return FINISHES[self.finish].choose(self, c._replace(scores=scores))

    def results(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        return FINISHES[self.finish].results(self, state)

    def ranked(self, scores: Tensor, tokens: Tensor) -> Tensor:
        """Scores as ended texts of so many tokens are compared."""
        if not self.length_penalty:
            return scores
        return scores / tokens**self.length_penalty


class Keep:
    """Ended texts wait in a pool of the n best."""

    @staticmethod
    def begin(search: Beams, batch: int, steps: int) -> Own:
        return {
            "scores": ops.full((batch, search.n), FORBIDDEN, "float32"),
            "texts": ops.full((batch, search.n, steps), -1, "int32"),
        }

    @staticmethod
    def choose(search: Beams, c: Choosing) -> Chosen:
        n, pool = search.n, c.own
        scores, lanes, tokens = likeliest(c.scores, c.logs, 2 * n)
        ending = is_end(tokens, c.ends)
        texts = ops.take_along_axis(c.texts, ops.expand_dims(lanes, -1), axis=1)
        texts = ops.slice_update(texts, [0, 0, c.step], ops.expand_dims(tokens, -1))
        length = ops.cast(c.step + 1, "float32")
        # Only an end among the n likeliest goes on being one of them.
        ranks = ops.arange(ops.shape(tokens)[1])
        fresh = ops.logical_and(ending, ops.logical_and(ranks < n, scores > LOST))
        fresh = ops.logical_and(fresh, ops.logical_not(c.done)[:, None])
        ended = ops.where(fresh, search.ranked(scores, length), FORBIDDEN)
        ranked, places = ops.top_k(ops.concatenate([pool["scores"], ended], axis=1), n)
        both = ops.concatenate([pool["texts"], texts], axis=1)
        pool = {
            "scores": ranked,
            "texts": ops.take_along_axis(both, ops.cast(places, "int32")[..., None], axis=1),
        }
        growing, places = ops.top_k(ops.where(ending, FORBIDDEN, scores), n)
        places = ops.cast(places, "int32")
        best, worst = search.ranked(growing[:, 0], length), ranked[:, -1]
        full = ops.logical_and(worst > LOST, best <= worst)
        return Chosen(
            ops.take_along_axis(tokens, places, axis=1),
            ops.take_along_axis(lanes, places, axis=1),
            ops.take_along_axis(texts, places[..., None], axis=1),
            growing,
            ops.zeros_like(c.ended),
            ops.logical_or(c.done, ops.logical_or(full, growing[:, 0] < LOST)),
            pool,
        )

    @staticmethod
    def results(search: Beams, state: Any) -> tuple[np.ndarray, np.ndarray]:
        pool = {name: np.asarray(value) for name, value in state.own.items()}
        growing = np.asarray(search.ranked(np.asarray(state.scores), float(state.step)))
        left = np.asarray(state.done)[:, None] | (np.asarray(state.scores) < LOST)
        scores = np.concatenate([pool["scores"], np.where(left, FORBIDDEN, growing)], axis=1)
        texts = np.concatenate([pool["texts"], np.asarray(state.texts)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : search.n]
        return (
            np.take_along_axis(texts, order[..., None], axis=1),
            np.take_along_axis(scores, order, axis=1),
        )


class Drop:
    """Ended texts that are not the likeliest are lost."""

    @staticmethod
    def begin(search: Beams, batch: int, steps: int) -> Own:
        return {
            "width": ops.full((batch, 1), search.n, "int32"),
            "score": ops.full((batch, 1), FORBIDDEN, "float32"),
            "text": ops.full((batch, 1, steps), -1, "int32"),
        }

    @staticmethod
    def choose(search: Beams, c: Choosing) -> Chosen:
        scores, lanes, tokens = likeliest(c.scores, c.logs, search.n)
        texts = ops.take_along_axis(c.texts, ops.expand_dims(lanes, -1), axis=1)
        texts = ops.slice_update(texts, [0, 0, c.step], ops.expand_dims(tokens, -1))
        width = c.own["width"]
        scores = ops.where(ops.arange(search.n)[None] < width, scores, FORBIDDEN)
        ending, alive = is_end(tokens, c.ends), scores > LOST
        going = ops.logical_not(c.done)[:, None]
        lost = ops.sum(ops.cast(ops.logical_and(ending, alive), "int32"), 1, keepdims=True)
        return Chosen(
            tokens,
            lanes,
            texts,
            ops.where(ending, FORBIDDEN, scores),
            ops.zeros_like(c.ended),
            ops.logical_or(c.done, ops.logical_or(ending[:, 0], ops.logical_not(alive[:, 0]))),
            {
                "width": ops.maximum(width - lost, 1),
                # The likeliest text; one that ended stays, since its row is done.
                "score": ops.where(going, scores[:, :1], c.own["score"]),
                "text": ops.where(going[..., None], texts[:, :1], c.own["text"]),
            },
        )

    @staticmethod
    def results(search: Beams, state: Any) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest text at the last step, ended or not."""
        done = np.asarray(state.done)[:, None]
        best = np.argmax(np.asarray(state.scores), axis=1)[:, None]
        scores = np.take_along_axis(np.asarray(state.scores), best, axis=1)
        texts = np.take_along_axis(np.asarray(state.texts), best[..., None], axis=1)
        own = {name: np.asarray(value) for name, value in state.own.items()}
        return (
            np.where(done[..., None], own["text"], texts),
            np.where(done, own["score"], scores),
        )


FINISHES: dict[str, Any] = {"keep": Keep, "drop": Drop}
"""What becomes of a beam's text that ends."""


def likeliest(scores: Tensor, logs: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best next tokens of all lanes: scores (B, K), logs (B, K, V) -> (B, count) each.

    Returns their scores, lanes and tokens, the best first; of equal ones the lower lane, then the
    lower id. Each lane's best are taken first, so that little is sorted.
    """
    each = min(count, logs.shape[-1])
    best, tokens = ops.top_k(logs, each)
    total = ops.expand_dims(scores, -1) + best
    batch = ops.shape(total)[0]
    flat = ops.reshape(total, (batch, -1))
    top, places = ops.top_k(flat, min(count, flat.shape[-1]))
    places = ops.cast(places, "int32")
    tokens = ops.reshape(ops.cast(tokens, "int32"), (batch, -1))
    return top, places // each, ops.take_along_axis(tokens, places, axis=1)


def _check_count(name: str, number: Any) -> None:
    if type(number) is not int or number < 1:
        raise ConfigError(f"{name} is a whole number from 1, not {number!r}.")
