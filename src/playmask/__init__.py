"""playmask: every classic pretrained Transformer on Keras 3, with an attention you can take apart.

Names are imported when they are first used, so that `playmask --help` needs no Keras.
"""

import os
import sys
from importlib import import_module
from typing import Any

if "keras" not in sys.modules:
    # Before Keras is imported: a fresh Keras would pick TensorFlow and remember it.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    # What JAX compiles is kept between runs: seconds for each shape, the first time only.
    _cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.join(_cache, "playmask", "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

__version__ = "0.1.0"

_HOME = {
    "Alibi": "parts",
    "Architecture": "architectures",
    "Around": "norms",
    "Automaton": "generation",
    "Beams": "generation",
    "Both": "masks",
    "Buckets": "parts",
    "ByBlock": "parts",
    "Condition": "norms",
    "ContextAttention": "parts",
    "Copy": "generation",
    "CopyingReader": "tasks",
    "Custom": "masks",
    "Decoder": "architectures",
    "DenseSynthesizer": "parts",
    "Dot": "parts",
    "DynamicConvolution": "parts",
    "Either": "masks",
    "Encoding": "tokenizers",
    "Explanation": "explain",
    "EventExtractor": "tasks",
    "FactorizedDense": "parts",
    "FactorizedRandom": "parts",
    "Gated": "parts",
    "Glu": "parts",
    "Greedy": "generation",
    "Hierarchical": "parts",
    "LanguageModel": "tasks",
    "Learned": "parts",
    "LightConvolution": "parts",
    "Linformer": "parts",
    "MaskFill": "tasks",
    "MeshDense": "parts",
    "Mixture": "parts",
    "Never": "generation",
    "Nezha": "parts",
    "NoRepeat": "generation",
    "Norm": "norms",
    "Ordered": "masks",
    "PlaymaskError": "errors",
    "Predictor": "predictor",
    "PseudoSelf": "parts",
    "RandomSynthesizer": "parts",
    "ReadingComprehension": "tasks",
    "RelationExtractor": "tasks",
    "RepetitionPenalty": "generation",
    "ResidualScores": "parts",
    "Rotary": "parts",
    "SameText": "masks",
    "Sample": "generation",
    "SentenceEncoder": "tasks",
    "SentenceIndex": "tasks",
    "SentencePair": "tasks",
    "Separate": "parts",
    "Seq2Seq": "tasks",
    "SequenceTagger": "tasks",
    "Sinusoidal": "parts",
    "Sites": "masks",
    "SpanTagger": "tasks",
    "Steering": "steering",
    "Strict": "masks",
    "Synthesizer": "parts",
    "TalkingHeads": "parts",
    "TextClassifier": "tasks",
    "TokenMixing": "parts",
    "Tokenizer": "tokenizers",
    "Transformer": "transformer",
    "VocabularyHead": "architectures",
    "Window": "masks",
    "architecture": "checkpoints",
    "arithmetic": "generation",
    "build": "checkpoints",
    "count": "counting",
    "fill": "generation",
    "generate": "generation",
    "gibbs": "generation",
    "integrated_gradients": "explain",
    "load": "checkpoints",
    "load_task": "tasks",
    "mix": "parts",
    "register_mask": "masks",
    "register_order": "masks",
    "save": "checkpoints",
    "slide": "generation",
    "steered": "steering",
    "stream": "generation",
    "two_streams": "inputs",
}
"""The public names, and the module each lives in."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'playmask' has no attribute {name!r}")
    value = getattr(import_module(f"playmask.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
