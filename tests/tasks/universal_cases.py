"""UIE's checkpoints, in the names of its conversions, and what stands in for a trained model."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from families.oracles import ORACLES
from playmask.checkpoints import safetensors
from tasks.published_cases import config_in, tensors_in

ENCODER = ORACLES / "transformers" / "ernie"
HEAD = ("linear_start", "linear_end")


def uie_folder(folder: Path, **config: Any) -> Path:
    """The original program's encoder with two random linear layers, as uie_pytorch writes it."""
    random = np.random.default_rng(0)
    tensors = {f"encoder.{name}": array for name, array in tensors_in(ENCODER).items()}
    for name in HEAD:
        tensors[f"{name}.weight"] = random.normal(size=(1, 32)).astype("float32")
        tensors[f"{name}.bias"] = random.normal(size=(1,)).astype("float32")
    folder.mkdir(exist_ok=True)
    safetensors.write(folder / "model.safetensors", tensors)
    whole = {**config_in(ENCODER), "architectures": ["UIE"], **config}
    said = {name: value for name, value in whole.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


class Oracle:
    """In the place of a predictor: it marks what answers each prompt, as a trained model would.

    answers: by prompts, what stands in the text or in the prompt; every character is a token
    """

    def __init__(self, task: Any, answers: dict[str, list[str]]) -> None:
        self.task, self.answers = task, answers
        self.calls: list[list[str]] = []

    def __call__(self, rows: list[Any]) -> list[dict[str, np.ndarray]]:
        """The logits of each row, which are padded."""
        self.calls.append([])
        return [{"logits": self.logits(row["tokens"])} for row in rows]

    def logits(self, tokens: list[int]) -> np.ndarray:
        """High logits at the ends of what answers the row's prompt."""
        stop = tokens.index(self.task.tokenizer.sep)
        characters = [self.task.tokenizer.decode([token]) for token in tokens]
        prompt = "".join(characters[1:stop])
        self.calls[-1].append(prompt)
        logits = np.full((len(tokens) + 3, 2), -4.0, "float32")
        for answer in self.answers.get(prompt, ()):
            for first in range(1, len(tokens) - len(answer)):
                last = first + len(answer) - 1
                if "".join(characters[first : last + 1]) == answer:
                    logits[first, 0] = logits[last, 1] = 4.0
        return logits
