"""Talking heads: heads that are mixed around the softmax."""

from dataclasses import replace

from playmask.experiments.plan import Changes, Claim, Experiment, Published, Sizes
from playmask.experiments.tasks import language, translation
from playmask.model.parts import TalkingHeads

MORE = (1, 2, 4)


def variants(sizes: Sizes) -> dict[str, Changes]:
    """More and more heads of a fixed width, silent and talking; and each mixing alone."""

    def heads(factor: int, mixer: TalkingHeads | None = None) -> Changes:
        more = {} if factor == 1 else {"attention_heads": sizes.heads * factor}
        return more if mixer is None else {**more, "talking_heads": mixer}

    changes: dict[str, Changes] = {}
    for factor in MORE:
        changes[f"{factor}x heads"] = heads(factor)
        changes[f"{factor}x heads talking"] = heads(factor, TalkingHeads())
    return changes | {
        "4x heads talking scores": heads(4, TalkingHeads(after=False)),
        "4x heads talking weights": heads(4, TalkingHeads(before=False)),
    }


PAPER = "Shazeer et al. 2020, arXiv 2003.02436"

EXPERIMENT = Experiment(
    "talking_heads",
    "Talking heads: more heads, if they are mixed",
    f"{PAPER}; kexue.fm 7325",
    (
        Claim(
            "Talking heads are better than silent ones.",
            "language", "perplexity", "1x heads talking", "1x heads",
        ),
        Claim(
            "With mixing, more heads of the same width help …",
            "language", "perplexity", "4x heads talking", "1x heads talking",
        ),
        Claim(
            "… where without they do not.",
            "language", "perplexity", "4x heads", "1x heads", "no better",
        ),
        Claim(
            "Mixing the weights as well is of little importance (the post).",
            "language", "perplexity", "4x heads talking scores", "4x heads talking", "equal",
        ),
        Claim(
            "In translation too, talking heads are better.",
            "translation", "bleu", "1x heads talking", "1x heads",
        ),
    ),
    (
        language.TASK,
        replace(translation.BY_MASK, variants=("1x heads", "1x heads talking")),
    ),
    variants,
    published=(
        Published(
            "language", "T5 base, ln perplexity", PAPER, True,
            {
                "12 heads of 64": 1.678, "6 talking heads of 128": 1.659,
                "12 talking heads of 64": 1.641, "24 talking heads of 32": 1.624,
                "48 talking heads of 16": 1.603,
            },
        ),
    ),
    notes=("1x heads are as many as the scale says; the width that they share stays.",),
)  # fmt: skip
