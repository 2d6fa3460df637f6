"""playmask: every classic pretrained Transformer on Keras 3, with an attention you can take apart.

Names are imported when they are first used, so that `playmask --help` needs no Keras.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from playmask.cache_folder import private_cache
from playmask.garbage import searched_later
from playmask.habits import HABITS, unknown
from playmask.keras_import import lighten
from playmask.lazy import submodule

if "keras" not in sys.modules:
    # Before Keras is imported: a fresh Keras would pick TensorFlow and remember it.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    # What JAX compiles is kept between runs: seconds for each shape, the first time only.
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and (_cache := private_cache("jax")):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = _cache
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    lighten()

__version__ = "0.1.0"

_HOME = {
    "Alibi": "model.parts",
    "Architecture": "model.architecture",
    "Around": "model.norms",
    "Automaton": "generation",
    "Beams": "generation",
    "Both": "model.masks",
    "Buckets": "model.parts",
    "ByBlock": "model.parts",
    "ClassCrossentropy": "labelling.class_losses",
    "Condition": "model.norms",
    "ConditionalRandomField": "labelling.taggers",
    "ContextAttention": "model.parts",
    "Copy": "generation",
    "CopyingReader": "tasks",
    "Custom": "model.masks",
    "Decoder": "model.architecture",
    "DenseSynthesizer": "model.parts",
    "Disentangled": "model.parts",
    "Distillation": "runtime.train.steps.distil",
    "Dot": "model.parts",
    "DynamicConvolution": "model.parts",
    "EfficientGlobalPointer": "labelling.pointers",
    "Either": "model.masks",
    "Encoding": "tokenizers",
    "Ensemble": "tasks",
    "EventExtractor": "tasks",
    "Explanation": "inspection.explain",
    "FactorizedDense": "model.parts",
    "FactorizedRandom": "model.parts",
    "FastGradientMethod": "runtime.train.steps.fgm",
    "GradientPenalty": "runtime.train.steps.penalty",
    "Mixup": "runtime.train.steps.mixup",
    "ProjectedGradientDescent": "runtime.train.steps.pgd",
    "RDrop": "runtime.train.steps.r_drop",
    "TemporalEnsembling": "runtime.train.steps.temporal",
    "VirtualAdversarialTraining": "runtime.train.steps.vat",
    "WeightPerturbation": "runtime.train.steps.awp",
    "Gated": "model.parts",
    "GlobalPointer": "labelling.pointers",
    "Glu": "model.parts",
    "GradualUnfreezing": "runtime.train.steps.unfreezing",
    "Greedy": "generation",
    "Head": "model.heads",
    "ImageCaptioner": "tasks",
    "Int8": "tasks.quantizing",
    "Hierarchical": "model.parts",
    "Joined": "model.parts",
    "LanguageModel": "tasks",
    "Learned": "model.parts",
    "LightConvolution": "model.parts",
    "Linformer": "model.parts",
    "Lookahead": "runtime.train.steps.lookahead",
    "LowRankAdaptation": "runtime.train.steps.lora",
    "MarginalSpanCrossentropy": "labelling.spans",
    "MaskFill": "tasks",
    "MaximumEntropyMarkovModel": "labelling.taggers",
    "MeshDense": "model.parts",
    "Mixture": "model.parts",
    "MovingAverage": "runtime.train.steps.ema",
    "MultilabelCrossentropy": "labelling.losses",
    "Never": "generation",
    "Nezha": "model.parts",
    "NoRepeat": "generation",
    "Norm": "model.norms",
    "Ordered": "model.masks",
    "PatternClassifier": "tasks",
    "PlaymaskError": "errors",
    "Predictor": "runtime.predictor",
    "Pretraining": "pretraining.training",
    "PseudoSelf": "model.parts",
    "RandomSynthesizer": "model.parts",
    "ReadingComprehension": "tasks",
    "RelationExtractor": "tasks",
    "RepetitionPenalty": "generation",
    "Reranker": "tasks",
    "ResidualScores": "model.parts",
    "Rotary": "model.parts",
    "RunLog": "runtime.train.watching.run_log",
    "SameText": "model.masks",
    "Sample": "generation",
    "SentenceEncoder": "tasks",
    "SentenceIndex": "tasks",
    "SentencePair": "tasks",
    "Separate": "model.parts",
    "Seq2Seq": "tasks",
    "SequenceTagger": "tasks",
    "Sinusoidal": "model.parts",
    "Sites": "model.masks",
    "SpanPointer": "labelling.spans",
    "SpanTagger": "tasks",
    "SparseMultilabelCrossentropy": "labelling.losses",
    "Steering": "generation.steering",
    "StepHook": "runtime.train.hooks",
    "Strict": "model.masks",
    "Synthesizer": "model.parts",
    "TagCrossentropy": "labelling.tag_sequences",
    "TalkingHeads": "model.parts",
    "TextClassifier": "tasks",
    "TextRegressor": "tasks",
    "Tiger": "runtime.train.optimizers.tiger",
    "Theseus": "runtime.train.steps.theseus",
    "TokenMixing": "model.parts",
    "Tokenizer": "tokenizers",
    "TrainingOptions": "runtime.train.options",
    "Transformer": "model.transformer",
    "TransformerXl": "model.parts",
    "UniversalExtractor": "tasks",
    "ViterbiDecoder": "labelling.tag_sequences",
    "VocabularyHead": "model.architecture",
    "WeightAveraging": "runtime.train.steps.swa",
    "Weighted": "data.examples",
    "Window": "model.masks",
    "architecture": "checkpoints",
    "arithmetic": "generation",
    "build": "checkpoints",
    "bulk_predict": "tasks.bulk",
    "class_crossentropy": "labelling.class_losses",
    "count": "inspection.cost",
    "cross_validate": "tasks",
    "distribute": "runtime.devices",
    "draw_attention": "inspection.attention_maps",
    "draw_captions": "inspection.captions",
    "export": "tasks.exporting",
    "fill": "generation",
    "generate": "generation",
    "gibbs": "generation",
    "integrated_gradients": "inspection.explain",
    "keep_blocks": "tasks.shorter",
    "keep_tokens": "tasks.shorter",
    "load": "checkpoints",
    "load_adapters": "tasks.adapters",
    "load_exported": "tasks.exported",
    "load_generator": "onnx.decoded_graph",
    "load_task": "tasks",
    "mine_negatives": "tasks",
    "mix": "model.parts",
    "multilabel_crossentropy": "labelling.losses",
    "register_head": "model.heads",
    "register_mask": "model.masks",
    "register_order": "model.masks",
    "remove_adapters": "tasks.adapters",
    "save": "checkpoints",
    "save_adapters": "tasks.adapters",
    "show": "inspection.notebook",
    "slide": "generation",
    "sparse_multilabel_crossentropy": "labelling.losses",
    "steered": "generation.steering",
    "stream": "generation",
    "two_streams": "model.inputs",
}
"""The public names, and the module each lives in."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        try:
            with searched_later():
                value = getattr(import_module(f"playmask.{_HOME[name]}"), name)
        except ModuleNotFoundError as error:
            raise _without_backend(error) from error
        globals()[name] = value
        return value
    if name in HABITS["playmask"]:
        raise unknown("playmask", name)
    return submodule("playmask", name)


def _show_in_notebooks() -> None:
    """Where IPython runs, let it draw the values of playmask as HTML."""
    if "IPython" in sys.modules and find_spec("playmask.inspection"):
        import_module("playmask.inspection.notebook").register()


def _without_backend(error: ModuleNotFoundError) -> ImportError:
    """What to do where Keras was set to a backend that is not installed; else the error itself."""
    from playmask.errors import BackendError

    if error.name not in ("tensorflow", "torch", "jax"):
        return error
    return BackendError(
        f"Keras is set to {error.name}, which is not installed: import playmask before Keras, "
        "which then runs on JAX, or set KERAS_BACKEND=jax before Python starts."
    )


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


_show_in_notebooks()
