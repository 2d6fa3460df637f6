"""Completions by a saved task that writes: in batches, or streamed and ended when nobody waits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from playmask.generation import Greedy, Sample, Search
from playmask.generation.generator import Generator
from playmask.runtime.padding import buckets
from playmask.server.served import CHARACTER, Completion, Decoding, Fields, Prompt
from playmask.server.stops import held_back, until_stop
from playmask.tasks.writing.writer import Prompting, PromptRows, Writer


class Cancelled(Exception):
    """Nobody waits for a text any more."""


class Watched:
    """A task's prompting that counts the tokens of texts, and ends when nobody waits."""

    def __init__(self, writer: Writer, stopped: Callable[[], bool] = lambda: False) -> None:
        self.prompting: Prompting = writer.prompting
        self.stopped = stopped
        self.prompt_counts: list[int] = []
        self.counts: list[int] = []
        self.ended: list[bool] = []
        self._ends: frozenset[int] = frozenset()
        self._model = writer.model

    @property
    def continues(self) -> bool:
        """Whether what is written goes on from the text of the prompt."""
        return self.prompting.continues

    def prompts(self, texts: Sequence[str], condition: Any = None) -> PromptRows:
        """What is gone on from, for each text."""
        prompts = self.prompting.prompts(texts, condition)
        self.prompt_counts = [len(row) for row in prompts.rows]
        self._ends = frozenset(Generator.of(self._model).ends(prompts.options.get("end", "sep")))
        return prompts

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """How many new tokens there may be, where nobody says it."""
        return self.prompting.room(rows)

    def decode(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """What the new tokens behind a row say."""
        if self.stopped():
            raise Cancelled
        self.counts.append(len(tokens))
        self.ended.append(bool(tokens) and tokens[-1] in self._ends)
        return self.prompting.decode(row, tokens)

    def last(self) -> tuple[int, int]:
        """The tokens of a prompt, and those of its text so far."""
        return self.prompt_counts[0], self.counts[-1] if self.counts else 0


class ServedWriter:
    """What writes completions; longest: the tokens of a prompt that are warmed for."""

    def __init__(self, writer: Writer, longest: int) -> None:
        self.writer, self.longest = writer, longest

    def room(self, prompt: str) -> int:
        """How many tokens are written where nobody says."""
        prompting = self.writer.prompting
        return prompting.room(prompting.prompts([prompt]).rows)

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """The text that follows each prompt."""
        watched = Watched(self.writer)
        texts = [prompt.text for prompt in prompts]
        written = self._with(watched).write(texts, **self._options(prompts, decoding))
        completions = []
        for i, (prompt, [one]) in enumerate(zip(prompts, written, strict=True)):
            text, cut = until_stop(one.text, prompt.stop)
            finish = "stop" if cut or watched.ended[i] else "length"
            counts = watched.prompt_counts[i], watched.counts[i]
            completions.append(Completion(text, *counts, finish))
        return completions

    def stream(
        self, prompt: Prompt, decoding: Decoding, stopped: Callable[[], bool]
    ) -> Iterator[Completion]:
        """The same of one prompt, piece by piece."""
        watched = Watched(self.writer, stopped)
        pieces = self._with(watched).stream(prompt.text, **self._options([prompt], decoding))
        text, sent, cut = "", 0, False
        try:
            for piece in pieces:
                text, cut = until_stop(text + piece, prompt.stop)
                if cut:
                    break
                safe = len(text) - held_back(text, prompt.stop)
                if safe > sent:
                    yield Completion(text[sent:safe], *watched.last(), None)
                    sent = safe
        except Cancelled:
            return
        finish = "stop" if cut or watched.ended[-1:] == [True] else "length"
        yield Completion(text[sent:], *watched.last(), finish)

    def warm(self) -> None:
        """Write from a prompt of each length, the likeliest tokens, as many as there is room for.

        What differs from that is compiled when it first comes.
        """
        frame = len(self.writer.prompting.prompts([CHARACTER]).rows[0]) - 1
        for length in buckets(self.longest):
            prompt = Prompt(CHARACTER * max(1, min(length, self.longest - 1) - frame))
            self.write([prompt], Decoding(self.room(prompt.text)))

    def _with(self, prompting: Prompting) -> Writer:
        return Writer(self.writer.model, self.writer.tokenizer, prompting)

    def _options(self, prompts: Sequence[Prompt], decoding: Decoding) -> Fields:
        seeds = [prompt.seed for prompt in prompts]
        return {"max_tokens": decoding.max_tokens, "search": _search(decoding), "seed": seeds}


def _search(decoding: Decoding) -> Search:
    """The search that a request asks for; the likeliest token where the temperature is 0."""
    if decoding.temperature == 0:
        return Greedy()
    return Sample(temperature=decoding.temperature, top_p=decoding.top_p)
