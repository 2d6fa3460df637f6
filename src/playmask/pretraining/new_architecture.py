"""The architecture of a new model, from a file that describes one, or a family's name."""

from pathlib import Path

from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.files import read_json
from playmask.model.architecture import Architecture
from playmask.tokenizers import Tokenizer


def architecture_from(source: str | Path, tokenizer: Tokenizer) -> Architecture:
    """The architecture of an architecture.json, a config.json, or a family's usual size.

    Padding is the tokenizer's; a family's usual size has as many tokens as it.
    Raises: ConfigError for a name that is neither; CheckpointError for another file
    """
    path = Path(source)
    if not path.is_file():
        if str(source) not in FAMILIES:
            raise ConfigError(
                f"There is neither a file nor a family {str(source)!r}."
                f"{nearest(str(source), FAMILIES)}"
            )
        base = FAMILIES[str(source)].base
        return base.change(vocabulary=len(tokenizer), pad=tokenizer.pad)
    return _described(path).change(pad=tokenizer.pad)


def _described(path: Path) -> Architecture:
    config = read_json(path)
    if "architecture" in config:
        return Architecture.from_json(config["architecture"])
    if config.get("is") == "Architecture":
        return Architecture.from_json(config)
    kind = config.get("model_type")
    families = [family for family in FAMILIES.values() if kind in family.model_types]
    if not families:
        raise CheckpointError(
            f"{path} describes no architecture: its model_type is {kind!r}, and it holds no "
            "'architecture'."
        )
    marked = [family for family in families if family.marks & {*config}]
    return (marked or families)[0].configuration.read(config)
