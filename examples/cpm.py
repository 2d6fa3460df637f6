"""Go on from a Chinese text with CPM-LM, 2.6 billion parameters.

The checkpoint: CPM-Generate as transformers publishes it (`TsinghuaAI/CPM-Generate`), or the
original of Megatron. Its tokenizer cuts words by jieba: pip install 'playmask[words]'.
"""

from pathlib import Path
from typing import Annotated

import typer

import playmask
from playmask.tasks import LanguageModel
from playmask.tokenizers import Tokenizer

FEW_SHOTS = "美国的首都是华盛顿\n法国的首都是巴黎\n日本的首都是东京\n中国的首都是"


def main(
    checkpoint: Annotated[Path, typer.Argument(help="The folder of the checkpoint.")],
    prompt: str = FEW_SHOTS,
    max_tokens: int = 16,
    beams: Annotated[int, typer.Option(help="0 draws with the nucleus 0.9 instead.")] = 1,
    dtype: str = "float32",
    seed: int = 0,
) -> None:
    """Write on to the end of the line."""
    tokenizer = Tokenizer.load(checkpoint, words="jieba")
    model = playmask.load(checkpoint, heads="mlm", dtype=dtype)
    longest = model.architecture.limit or 1024
    # Its texts begin without a token of their own.
    task = LanguageModel.new(model, tokenizer=tokenizer, max_length=longest, begin=())
    search = playmask.Beams(beams) if beams else playmask.Sample(top_p=0.9)
    line_break = tokenizer.encode("\n", special=False).ids[-1]
    written = task.predict(prompt, max_tokens=max_tokens, search=search, seed=seed, end=line_break)
    print(prompt + written.rstrip("\n"))


if __name__ == "__main__":
    typer.run(main)
