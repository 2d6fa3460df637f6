"""Key size against number of heads: heads that are too small cannot say enough."""

from dataclasses import replace

from playmask.experiments.plan import Changes, Claim, Experiment, Published, Sizes
from playmask.experiments.tasks import language, translation

SHARES = {  # of the scale's heads, and of their key size
    "usual": (1.0, 1.0),
    "half heads": (0.5, 2.0),
    "2x heads": (2.0, 0.5),
    "4x heads": (4.0, 0.25),
    "2x heads full keys": (2.0, 1.0),
    "4x heads full keys": (4.0, 1.0),
    "2x keys": (1.0, 2.0),
}


def variants(sizes: Sizes) -> dict[str, Changes]:
    """Heads and their key size, at equally many parameters.

    Values stay at D / N, as the post has it. What larger queries and keys take, 2·D a unit, is
    taken from the feed-forward layer, whose units cost as much.
    """
    usual = sizes.width // sizes.heads
    changes: dict[str, Changes] = {}
    for name, (more, larger) in SHARES.items():
        heads, size = int(sizes.heads * more), int(usual * larger)
        further = heads * size - sizes.width
        changes[name] = {
            **({"attention_heads": heads} if heads != sizes.heads else {}),
            **({"key_size": size, "inner": sizes.inner - further} if further else {}),
        }
    return changes


PAPER = "Bhojanapalli et al. 2020, arXiv 2002.07028"
POST = "README of ZhuiyiTechnology/pretrained-models"

EXPERIMENT = Experiment(
    "key_size",
    "Key size: more heads, or larger ones?",
    f"{PAPER}; kexue.fm 7325",
    (
        Claim(
            "More heads of a smaller size are worse, once they are too small.",
            "language", "perplexity", "4x heads", "usual", "worse",
        ),
        Claim(
            "More heads help, if each keeps its size.",
            "language", "perplexity", "4x heads full keys", "4x heads",
        ),
        Claim(
            "Larger keys are worth more than the parameters they take elsewhere.",
            "language", "perplexity", "2x keys", "usual",
        ),
        Claim(
            "The same in translation.",
            "translation", "bleu", "2x keys", "usual",
        ),
    ),
    (language.TASK, replace(translation.BY_MASK, variants=("usual", "2x keys"))),
    variants,
    published=(
        Published(
            "language", "SQuAD F1, width 1024 shared by all heads", PAPER, True,
            {"8 heads of 128": 90.89, "16 heads of 64": 90.61, "32 heads of 32": 90.45},
        ),
        Published(
            "language", "SQuAD F1, width 512 and heads of 128 (parameters)", PAPER, True,
            {
                "8 heads (168M)": 89.60, "12 heads (193M)": 90.25, "16 heads (218M)": 90.43,
                "32 heads (319M)": 90.95,
            },
        ),
        Published(
            "language", "IFLYTEK, accuracy", POST, False,
            {
                "small, keys of 32": 57.66, "small, keys of 128": 57.93,
                "tiny, keys of 26": 57.43, "tiny, keys of 104": 57.51,
            },
        ),
        Published(
            "language", "LIC2019 extraction, F1", POST, False,
            {
                "small, keys of 32": 78.09, "small, keys of 128": 78.35,
                "tiny, keys of 26": 76.65, "tiny, keys of 104": 76.93,
            },
        ),
        Published(
            "language", "SogouQA, (EM + F1) / 2", POST, False,
            {
                "small, keys of 32": 70.35, "small, keys of 128": 71.27,
                "tiny, keys of 26": 67.85, "tiny, keys of 104": 68.37,
            },
        ),
    ),
    notes=(
        "\"Usual\" are the heads of the scale, whose size is the width divided by their number.",
        "The paper enlarges values with keys; here, as in the post, only queries and keys.",
    ),
)  # fmt: skip
