"""A text as it is written, token by token, with the beams beside it."""

from collections.abc import Iterator
from typing import NamedTuple

from playmask.errors import ConfigError, InputError
from playmask.generation import Beams
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.generator import Generator
from playmask.generation.prompts import Prompts, taken
from playmask.play.played import PlayedTask
from playmask.server.served import COMPLETE
from playmask.tasks.writing.writer import Writer, Written, plain_options


class Progress(NamedTuple):
    """A number of tokens that were chosen, and the texts so far, the best first."""

    tokens: int
    lanes: list[Written]


def steps(played: PlayedTask, text: str, *, beams: int, max_tokens: int) -> Iterator[Progress]:
    """Write on from a text, and say after each token what the beams hold.

    Raises: ConfigError for a task that writes nothing; InputError where there is no room
    """
    if COMPLETE not in played.abilities:
        raise ConfigError(f"A task {played.served.kind!r} writes no texts.")
    writer: Writer = played.task.writer
    written = writer.prompting.prompts([text])
    [row] = written.rows
    room = writer.prompting.room([row])
    if room < 1:
        raise InputError("The text leaves no room to write; a shorter one does.")
    options = plain_options(writer.model, writer.tokenizer, written.options)
    generator = Generator.of(writer.model)
    prompts = Prompts.of(generator.facts, [row], segments=None, start=None, seed=0)
    decoding = DecodingOptions(
        min(max_tokens, room),
        search=Beams(beams),
        end=options.get("end", "sep"),
        constrain=options["constrain"],
    )
    session = generator(prompts, decoding, taken({"condition": options.get("condition")}, [0]))

    def now() -> Progress:
        [texts] = session.texts()
        lanes = [Written(writer.prompting.decode(row, ids), score) for ids, score in texts]
        return Progress(int(session.state.step), lanes)

    yield now()
    while not session.done:
        session.advance(1)
        yield now()
