"""The pages and pictures that are made from the code: `make pictures`.

python -m documentation.generate, with `tools` on the path.
"""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

from documentation import chart, family_pictures, part_pictures, parts, pictures

DOCS = Path(__file__).parents[2] / "docs"


def files() -> dict[str, str]:
    """All of them, by their paths below `docs/`."""
    folder = parts.FOLDER
    return {
        "parts.md": parts.page("en"),
        "parts.zh.md": parts.page("zh"),
        **{f"{folder}/{name}.svg": make() for name, make in pictures.PICTURES.items()},
        **{f"{folder}/{name}.svg": each for name, each in parts.walks().items()},
        **{f"{folder}/part-{name}.svg": make() for name, make in part_pictures.PICTURES.items()},
        **{f"{folder}/{name}.svg": make() for name, make in chart.PICTURES.items()},
        **{f"{folder}/{name}.svg": make() for name, make in family_pictures.PICTURES.items()},
    }


if __name__ == "__main__":
    for name, content in files().items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(content, encoding="utf-8")
