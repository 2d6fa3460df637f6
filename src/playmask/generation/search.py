"""Search: which tokens go on. Every search is lanes of one row; beams exchange theirs.

Each is a frozen value with three hooks: `begin` makes what it keeps, `choose` takes the next
tokens, `results` reads the texts off what the loop left. Numbers that callers like to turn go
into each call (`numbers`), so that those of one `program` share what was compiled.
"""

from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from playmask.errors import ConfigError
from playmask.model.array_operations import Tensor, operations_of
from playmask.model.recipes import recipe
from playmask.model.rng import uniform

FORBIDDEN = -1e9  # the logarithm of the chance of what may not come
NOT_FINITE = (
    "The model's logits are NaN. Its weights are damaged, as after a training that diverged, or "
    "numbers leave the range of its dtype; float32 has the largest."
)
LOST = FORBIDDEN / 2  # a score below this belongs to nobody
COLDEST = 1e-20  # what float32 holds of differences of logarithms divided by it is finite

Own = dict[str, Tensor]


class Choosing(NamedTuple):
    """What a search chooses from, and what it knows.

    logs (B, K, V): log-probabilities of the next token; scores (B, K): those of the lanes so far;
    texts (B, K, N): -1 where nothing is chosen yet; ended (B, K) bool; done (B,) bool;
    step (): how many tokens are chosen; ends (E,): the tokens that end a text; seeds (B,): of rows;
    numbers: the search's `numbers`; own: what `begin` made
    """

    logs: Tensor
    scores: Tensor
    texts: Tensor
    ended: Tensor
    done: Tensor
    step: Tensor
    ends: Tensor
    seeds: Tensor
    numbers: Own
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


class Ending(Protocol):
    """What a search reads its results from: the fields of the loop's state, as NumPy's arrays."""

    @property
    def step(self) -> Tensor:
        """Tokens chosen so far: ()."""

    @property
    def texts(self) -> Tensor:
        """All chosen tokens, -1 where there is none: (B, K, N)."""

    @property
    def scores(self) -> Tensor:
        """The lanes' scores: (B, K)."""

    @property
    def done(self) -> Tensor:
        """Which prompts are done: bool (B,)."""

    @property
    def own(self) -> Own:
        """What the search keeps besides."""


class Search:
    """How to choose; `lanes` texts of a prompt grow at once."""

    @property
    def lanes(self) -> int:
        """How many texts of a prompt grow at once."""
        return 1

    @property
    def program(self) -> "Search":
        """What a loop is compiled for: the search with its `numbers` at any value."""
        return self

    def numbers(self) -> Own:
        """The numbers () of the search that `choose` gets with each call, by name."""
        return {}

    def begin(self, texts: Tensor) -> Own:
        """What the search keeps besides the texts (B, K, N), of which all are -1 at first."""
        return {}

    def choose(self, c: Choosing) -> Chosen:
        """Take the next tokens."""
        raise NotImplementedError

    def results(self, state: Ending) -> tuple[np.ndarray, np.ndarray]:
        """Texts (B, R, N), -1 behind their end, and scores (B, R), the best first."""
        return np.asarray(state.texts), np.asarray(state.scores)


def is_end(tokens: Tensor, ends: Tensor) -> Tensor:
    """Whether each token ends a text."""
    ops = operations_of(tokens, ends)
    return ops.any(ops.expand_dims(tokens, -1) == ends, axis=-1)


def _each_its_own(c: Choosing, tokens: Tensor) -> Chosen:
    """Every lane goes on with its token; one that ended, or that nothing may follow, stands still.

    A score is the sum of the log-probabilities before temperature and filters.
    """
    ops = operations_of(c.logs, c.texts)
    chosen_logs = ops.take_along_axis(c.logs, ops.expand_dims(tokens, -1), axis=-1)[..., 0]
    still = ops.logical_or(c.ended, chosen_logs < LOST)
    column = ops.expand_dims(ops.where(still, -1, tokens), -1)
    ended = ops.logical_or(still, is_end(tokens, c.ends))
    return Chosen(
        ops.where(still, 0, tokens),
        None,
        ops.slice_update(c.texts, [0, 0, c.step], column),
        ops.where(still, c.scores, c.scores + chosen_logs),
        ended,
        ops.logical_or(c.done, ops.all(ended, axis=1)),
        c.own,
    )


@recipe
class Greedy(Search):
    """Greedy search: always the likeliest token; of equal ones the lowest id.

    Example:
        >>> model = playmask.load(path, mask="lm")
        >>> options = {"max_tokens": 4, "end": None}
        >>> greedy = playmask.generate(model, [[1, 2]], search=Greedy(), **options)
        >>> greedy == playmask.generate(model, [[1, 2]], search=playmask.Sample(top_k=1), **options)
        True

    """

    def choose(self, c: Choosing) -> Chosen:
        """Take a token for each lane."""
        ops = operations_of(c.logs)
        return _each_its_own(c, ops.cast(ops.argmax(c.logs, axis=-1), "int32"))


@recipe
class Sample(Search):
    """Ancestral sampling: draw n texts of each prompt, by temperature, top k, top p and min p.

    temperature: divides the log-probabilities, as 1e-20 where it is below, at which only the
    likeliest is drawn, and as 1e20 where it is above; then of what is left only the top_k likeliest
    tokens, the likeliest whose chances together reach top_p (the one that crosses it is kept), and
    those at least min_p times as likely as the likeliest; equal chances are kept together.
    Raises:  ConfigError for a value that is out of its range
    Source:  Fan et al. 2018 (top k); Holtzman et al. 2019 (top p); Nguyen et al. 2024 (min p)

    Example:
        >>> logs = np.log([[[0.5, 0.3, 0.2]]])
        >>> (ops.convert_to_numpy(Sample(top_p=0.7).filtered(logs)) > -1e8).tolist()
        [[[True, True, False]]]

    """

    n: int = 1
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        check_count("n", self.n)
        if self.top_k is not None:
            check_count("top_k", self.top_k)
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
        """How many texts of a prompt grow at once."""
        return self.n

    @property
    def program(self) -> "Sample":
        """The same at any temperature, top p and min p, where there is one."""
        top_p = None if self.top_p is None or self.top_p == 1 else 0.5
        min_p = None if self.min_p is None else 0.5
        return replace(self, temperature=1.0, top_p=top_p, min_p=min_p)

    def numbers(self) -> Own:
        """The temperature, the share of the likeliest, and the least in logarithms."""
        temperature = min(max(self.temperature, COLDEST), 1 / COLDEST)
        values = {"temperature": temperature, "top_p": self.top_p or 1.0}
        values["log_min_p"] = float(np.log(self.min_p)) if self.min_p else FORBIDDEN
        return {name: np.float32(value) for name, value in values.items()}

    def choose(self, c: Choosing) -> Chosen:
        """Take a token for each lane."""
        ops, (lanes, vocabulary) = operations_of(c.logs), c.logs.shape[1:]
        logs = self.filtered(self.tempered(c.logs, c.numbers), c.numbers)
        lane = ops.arange(lanes, dtype="int32")
        draw = uniform(ops.expand_dims(c.seeds, -1), lane, c.step, size=vocabulary)
        gumbel = -ops.log(-ops.log1p(-draw))
        return _each_its_own(c, ops.cast(ops.argmax(logs + gumbel, axis=-1), "int32"))

    def tempered(self, logs: Tensor, numbers: Own | None = None) -> Tensor:
        """Divide log-probabilities by the temperature, the likeliest at 0: (…, V) -> (…, V).

        What may not come stays out at any temperature; numbers: as of `filtered`
        """
        ops, numbers = operations_of(logs), self.numbers() if numbers is None else numbers
        behind = logs - ops.max(logs, axis=-1, keepdims=True)  # so that the likeliest stays in
        heated = ops.maximum(behind / numbers["temperature"], LOST)
        return ops.where(logs > LOST, heated, FORBIDDEN)

    def filtered(self, logs: Tensor, numbers: Own | None = None) -> Tensor:
        """Forbid the tokens that are not among the likeliest: (…, V) -> (…, V).

        numbers: those of a call of this program; default: the search's own
        """
        ops, numbers = operations_of(logs), self.numbers() if numbers is None else numbers
        if self.top_k is not None and self.top_k < logs.shape[-1]:
            least = ops.top_k(logs, self.top_k)[0][..., -1:]
            logs = ops.where(logs >= least, logs, FORBIDDEN)
        if self.top_p is not None and self.top_p < 1:
            logs = ops.where(_within(logs, numbers["top_p"]), logs, FORBIDDEN)
        if self.min_p is not None:
            least = ops.max(logs, axis=-1, keepdims=True) + numbers["log_min_p"]
            logs = ops.where(logs >= least, logs, FORBIDDEN)
        return logs


def _within(logs: Tensor, share: Tensor) -> Tensor:
    """Which tokens the likeliest are that together reach a share: bool (…, V).

    The chance of the last of them is found by bisection, which sums where a sort would sort: the
    highest bound so that those above it still reach the share.
    """
    ops = operations_of(logs)
    chances = ops.softmax(logs, axis=-1)
    high = ops.max(chances, axis=-1, keepdims=True)
    low = ops.zeros_like(high)
    for _ in range(32):
        middle = (low + high) / 2
        heap = ops.sum(ops.where(chances >= middle, chances, 0.0), axis=-1, keepdims=True)
        enough = heap >= share
        low, high = ops.where(enough, middle, low), ops.where(enough, high, middle)
    return chances >= low


def check_count(name: str, number: Any) -> None:
    """Refuse what is no whole number from 1."""
    if type(number) is not int or number < 1:
        raise ConfigError(f"{name} is a whole number from 1, not {number!r}.")
