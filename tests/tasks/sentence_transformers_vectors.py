"""Runs in an environment of sentence-transformers: the vectors that it makes of texts.

Arguments: a file of JSON, a list of texts, and folders of encoders. Each gets vectors.npz: of the
texts, and of those behind each of the encoder's prompts.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
for folder in sys.argv[2:]:
    encoder = SentenceTransformer(folder, device="cpu")
    vectors = {name: encoder.encode(texts, prompt_name=name) for name in encoder.prompts}
    plain = encoder.encode(texts)
    numbers = {
        "own:plain": plain,
        "own:length": np.array(encoder.max_seq_length),
        "own:similarity": encoder.similarity(plain[:1], plain[1:2]).numpy(),
    }
    np.savez(Path(folder) / "vectors.npz", **vectors, **numbers)
