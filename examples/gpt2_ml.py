"""Go on from a Chinese text with GPT2_ML, 1.5 billion parameters.

The checkpoint: https://github.com/imcaspar/gpt2-ml, unpacked, with a `vocab.txt` beside it. In
bfloat16 it takes 3 GB of memory instead of 6.
"""

from pathlib import Path
from typing import Annotated

import typer

import playmask
from playmask.tasks import LanguageModel


def main(
    checkpoint: Annotated[Path, typer.Argument(help="The folder of the checkpoint.")],
    prompt: str = "今天天气不错",
    max_tokens: int = 100,
    dtype: str = "float32",
    seed: int = 0,
) -> None:
    """Write on to the end of a sentence, as bert4keras' example does: nucleus of 0.95."""
    model = playmask.load(checkpoint, heads="mlm", dtype=dtype)
    # Its texts begin without a token of their own.
    task = LanguageModel.new(model, max_length=model.architecture.limit or 1024, begin=())
    full_stop = task.tokenizer.token_to_id("。")
    search = playmask.Sample(top_p=0.95)
    print(prompt, end="", flush=True)
    for piece in task.writer.stream(
        prompt, max_tokens=max_tokens, search=search, seed=seed, end=full_stop
    ):
        print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    typer.run(main)
