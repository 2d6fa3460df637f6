"""Beam search: the n likeliest texts grow at once, and what becomes of those that end."""

import numpy as np

from playmask.errors import ConfigError
from playmask.generation.search import (
    FORBIDDEN,
    LOST,
    Choosing,
    Chosen,
    Ending,
    Own,
    Search,
    check_count,
    is_end,
)
from playmask.model.array_operations import Tensor, operations_of
from playmask.model.recipes import recipe


@recipe
class Beams(Search):
    """Beam search: keep the n likeliest texts at each step.

    finish="keep": a text that ends leaves its lane to the next likely one and waits among the n
    best ended ones, which are compared by score / tokens ** length_penalty (the end counts as one
    of the tokens). A prompt is done when n have ended and no growing text, ended now, would beat
    the worst of them; what still grows at max_tokens is compared too. All n are returned.
    finish="drop": bert4keras' rule. When the likeliest text ends, it is the answer; others that end
    are dropped, and the beam is narrower from then on. One text is returned.
    Raises:  ConfigError for an unknown finish, or one that has no length penalty
    Source:  Hugging Face transformers' beam search; bert4keras 0.11.5 `AutoRegressiveDecoder`

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> texts = playmask.generate(model, [[1, 2]], max_tokens=3, search=Beams(2), end=None)
        >>> len(texts.tokens[0]), texts.scores[0][0] >= texts.scores[0][1]
        (2, True)

    """

    n: int
    length_penalty: float = 0.0
    finish: str = "keep"

    def __post_init__(self) -> None:
        check_count("n", self.n)
        if self.finish not in FINISHES:
            raise ConfigError(f"finish is {' or '.join(FINISHES)}, not {self.finish!r}.")
        if self.finish == "drop" and self.length_penalty:
            raise ConfigError("finish='drop' compares sums; length_penalty goes with 'keep'.")

    @property
    def lanes(self) -> int:
        """How many texts of a prompt grow at once."""
        return self.n

    def begin(self, texts: Tensor) -> Own:
        """What the finish keeps besides the lanes."""
        return FINISHES[self.finish].begin(self, texts)

    def choose(self, c: Choosing) -> Chosen:
        """Take the n likeliest continuations of all lanes."""
        # All lanes hold the prompt at first, so that only one of them counts.
        ops = operations_of(c.logs)
        first = ops.where(ops.arange(self.n) == 0, 0.0, FORBIDDEN)
        first = ops.cast(first, "float32")
        scores = ops.where(c.step == 0, ops.expand_dims(first, 0), c.scores)
        return FINISHES[self.finish].choose(self, c._replace(scores=scores))

    def results(self, state: Ending) -> tuple[np.ndarray, np.ndarray]:
        """Texts and scores, the best first."""
        return FINISHES[self.finish].results(self, state)

    def ranked(self, scores: Tensor, tokens: Tensor) -> Tensor:
        """Scores as ended texts of so many tokens are compared."""
        if not self.length_penalty:
            return scores
        return scores / tokens**self.length_penalty


class Keep:
    """Ended texts wait in a pool of the n best."""

    @staticmethod
    def begin(search: Beams, texts: Tensor) -> Own:
        """An empty store of ended texts."""
        scores = operations_of(texts).full(texts.shape[:2], FORBIDDEN, "float32")
        return {"scores": scores, "texts": texts}

    @staticmethod
    def choose(search: Beams, c: Choosing) -> Chosen:
        """Take the likeliest continuations; those that end leave their lanes."""
        ops, n, pool = operations_of(c.logs), search.n, c.own
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
    def results(search: Beams, state: Ending) -> tuple[np.ndarray, np.ndarray]:
        """The n best of ended and growing texts."""
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
    def begin(search: Beams, texts: Tensor) -> Own:
        """An empty store of ended texts."""
        ops, rows = operations_of(texts), (texts.shape[0], 1)
        return {
            "width": ops.full(rows, search.n, "int32"),
            "score": ops.full(rows, FORBIDDEN, "float32"),
            "text": texts[:, :1],
        }

    @staticmethod
    def choose(search: Beams, c: Choosing) -> Chosen:
        """Take the likeliest continuations; those that end leave their lanes."""
        ops = operations_of(c.logs)
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
    def results(search: Beams, state: Ending) -> tuple[np.ndarray, np.ndarray]:
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


FINISHES: dict[str, type[Keep] | type[Drop]] = {"keep": Keep, "drop": Drop}
"""What becomes of a beam's text that ends."""


def likeliest(scores: Tensor, logs: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best next tokens of all lanes: scores (B, K), logs (B, K, V) -> (B, count) each.

    Returns their scores, lanes and tokens, the best first; of equal ones the lower lane, then the
    lower id. Each lane's best are taken first, so that little is sorted.
    """
    ops, each = operations_of(logs), min(count, logs.shape[-1])
    best, tokens = ops.top_k(logs, each)
    total = ops.expand_dims(scores, -1) + best
    batch = ops.shape(total)[0]
    flat = ops.reshape(total, (batch, -1))
    top, places = ops.top_k(flat, min(count, flat.shape[-1]))
    places = ops.cast(places, "int32")
    tokens = ops.reshape(ops.cast(tokens, "int32"), (batch, -1))
    return top, places // each, ops.take_along_axis(tokens, places, axis=1)
