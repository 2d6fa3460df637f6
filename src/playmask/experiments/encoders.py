"""The pretrained encoder that fine-tuning starts from: cut to what an experiment's texts need."""

from collections.abc import Iterable
from pathlib import Path

import playmask
from playmask.errors import ConfigError
from playmask.experiments.plan import Sizes
from playmask.files.commits import committing
from playmask.model.transformer import Transformer
from playmask.tokenizers import Tokenizer, prune


def shortened(encoder: Path, texts: Iterable[str], sizes: Sizes, folder: Path) -> Path:
    """Keep an encoder's first blocks and the tokens of some texts, in a folder made once.

    Its first blocks are as many as the sizes say.
    Raises: ConfigError where it has fewer
    """
    if (folder / "weights.safetensors").is_file():
        return folder
    tokenizer = Tokenizer.load(encoder)
    depth = playmask.architecture(encoder).depth
    if depth < sizes.depth:
        raise ConfigError(f"{encoder} has {depth} blocks; {sizes.depth} are due.")
    tokens = prune.occurring(tokenizer, texts)
    model: Transformer = playmask.load(encoder, keep_tokens=tokens, depth=sizes.depth)
    with committing(folder) as staging:
        playmask.save(model, staging)
    return folder


def random_encoder(texts: Iterable[str], sizes: Sizes, folder: Path) -> Path:
    """A small encoder of random weights with the tokens of some texts, in a folder made once."""
    if (folder / "weights.safetensors").is_file():
        return folder
    tokenizer = Tokenizer.from_texts(texts, size=sizes.vocabulary)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer),
        width=sizes.width,
        depth=sizes.depth,
        attention_heads=sizes.heads,
        inner=sizes.inner,
        pad=tokenizer.pad,
    )
    model: Transformer = playmask.build(architecture, ())
    model.tokenizer = tokenizer
    with committing(folder) as staging:
        playmask.save(model, staging)
    return folder
