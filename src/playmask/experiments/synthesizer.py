"""Synthesizers: attention whose scores no query is compared with a key for."""

from dataclasses import replace

from playmask.experiments.plan import Changes, Claim, Experiment, Published, Sizes
from playmask.experiments.tasks import classification, language, translation
from playmask.model.parts import (
    Dot,
    DynamicConvolution,
    Learned,
    LightConvolution,
    Linformer,
    Part,
    Synthesizer,
    mix,
)


def variants(sizes: Sizes) -> dict[str, Changes]:
    """The attention of each; its tables are as long as the task's texts.

    A dense Synthesizer has no positions of its own, and no queries to rotate: it gets learned ones.
    """

    def synthesizer(kind: str) -> Part:
        return Synthesizer(kind, length=sizes.length)

    attention = {
        "dense": synthesizer("dense"),
        "random": synthesizer("random"),
        "fixed random": synthesizer("fixed"),
        "factorized dense": synthesizer("factorized_dense"),
        "factorized random": synthesizer("factorized_random"),
        "random + vanilla": mix(synthesizer("random"), Dot()),
        "dense + vanilla": mix(synthesizer("dense"), Dot()),
        "random + dense": mix(synthesizer("random"), synthesizer("dense")),
        "light convolution": LightConvolution(),
        "dynamic convolution": DynamicConvolution(),
        "Linformer": Linformer(size=sizes.length // 4, length=sizes.length),
    }
    learned = {"position": Learned(sizes.length)}
    changes = {
        name: {"attention": part, **(learned if name in DENSE else {})}
        for name, part in attention.items()
    }
    return {"vanilla": {}, "vanilla, learned positions": learned, **changes}


DENSE = ("dense", "factorized dense")


SYNTHESIZERS = (
    "vanilla",
    "vanilla, learned positions",
    "dense",
    "random",
    "fixed random",
    "factorized dense",
    "factorized random",
    "random + vanilla",
    "dense + vanilla",
    "random + dense",
)
CONVOLUTIONS = ("light convolution", "dynamic convolution")

TAY = "Tay et al. 2020, arXiv 2005.00743"
NARANG = "Narang et al. 2021, Table 1"

EXPERIMENT = Experiment(
    "synthesizer",
    "Synthesizer: is the dot product needed?",
    TAY,
    (
        Claim(
            "A random Synthesizer is competitive in translation.",
            "encoder-decoder", "bleu", "random", "vanilla", "no worse",
        ),
        Claim(
            "Even a fixed random one still translates, only worse.",
            "encoder-decoder", "bleu", "fixed random", "vanilla", "worse",
        ),
        Claim(
            "A mixture with the dot product beats the dot product, in translation …",
            "encoder-decoder", "bleu", "random + vanilla", "vanilla",
        ),
        Claim(
            "… and in language modelling.",
            "language", "perplexity", "dense + vanilla", "vanilla",
        ),
        Claim(
            "A random Synthesizer is faster than a dynamic convolution (by 60 %) …",
            "language", "steps_per_second", "random", "dynamic convolution",
        ),
        Claim(
            "… at a better perplexity (by 3.5 %).",
            "language", "perplexity", "random", "dynamic convolution",
        ),
        Claim(
            "Where texts are only encoded, factorized ones beat Linformer.",
            "classification", "accuracy", "factorized random", "Linformer",
        ),
    ),
    (
        replace(language.TASK, variants=SYNTHESIZERS + CONVOLUTIONS),
        replace(translation.BY_DECODER, variants=SYNTHESIZERS),
        classification.TASK,
    ),
    variants,
    published=(
        Published(
            "encoder-decoder", "newstest En–De, BLEU", TAY, True,
            {
                "vanilla": 27.67, "dense": 27.43, "random": 27.27, "fixed random": 23.89,
                "factorized dense": 27.32, "factorized random": 27.30, "random + vanilla": 28.47,
                "dense + vanilla": 27.57, "random + dense": 27.68,
            },
        ),
        Published(
            "encoder-decoder", "WMT En–De, BLEU", NARANG, False,
            {
                "vanilla": 26.62, "dense": 26.63, "random": 26.44, "factorized random": 26.42,
                "random + vanilla": 26.39, "dense + vanilla": 26.61, "light convolution": 24.73,
                "dynamic convolution": 17.03,
            },
        ),
        Published(
            "language", "LM1B, perplexity per word", TAY, True,
            {
                "vanilla": 38.21, "dense": 40.88, "random": 40.60, "fixed random": 50.52,
                "factorized dense": 41.20, "factorized random": 42.40, "random + vanilla": 40.05,
                "dense + vanilla": 37.27, "random + dense": 42.35,
            },
        ),
        Published(
            "language", "C4 spans, final loss", NARANG, False,
            {
                "vanilla": 1.838, "dense": 1.962, "random": 2.009, "factorized random": 1.968,
                "random + vanilla": 1.828, "dense + vanilla": 1.828, "light convolution": 1.989,
                "dynamic convolution": 2.047,
            },
        ),
        Published(
            "language", "there, steps/s", NARANG, False,
            {
                "vanilla": 3.50, "dense": 3.47, "random": 4.08, "factorized random": 3.94,
                "random + vanilla": 3.42, "dense + vanilla": 3.01, "light convolution": 4.07,
                "dynamic convolution": 2.65,
            },
        ),
        Published(
            "classification", "SuperGLUE", NARANG, False,
            {
                "vanilla": 71.66, "dense": 61.03, "random": 54.27, "factorized random": 62.78,
                "random + vanilla": 75.24, "dense + vanilla": 74.25, "light convolution": 63.07,
                "dynamic convolution": 58.30,
            },
        ),
    ),
    notes=(
        "Of Narang et al., the mixtures are the rows “plus alpha”.",
        "In `encoder-decoder`, as in the paper, only the attention of a text to itself is changed; "
        "a decoder's attention to the source stays a dot product.",
        "Convolutions are computed here as attention to a few neighbours, not by a kernel of their "
        "own, so their speed is that of this library.",
    ),
)  # fmt: skip
