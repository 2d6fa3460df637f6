"""The craft of fine-tuning: the posts' methods against plain training, on a pretrained encoder."""

from playmask.experiments.plan import Changes, Claim, Experiment, Published, Sizes, sized
from playmask.experiments.tasks.fine_tuning import classifying, comparing

ROBUST = ("plain", "FGM", "R-Drop")
BESIDE = ("R-Drop + unlabelled", "VAT + unlabelled")
OTHERS = ("gradient penalty", "EMA", "Tiger", "half the blocks", "Theseus")


def variants(sizes: Sizes) -> dict[str, Changes]:
    """Each method at the strength that its post names; moves are small in a small new model."""
    half, move = max(1, sizes.depth // 2), sizes.more.get("move", 0.5)
    return {
        "plain": {},
        "FGM": {"adversarial": f"fgm:{move:g},of=table"},
        "gradient penalty": {"adversarial": "penalty:1"},
        "R-Drop": {"r_drop": 4},
        "R-Drop + unlabelled": {"r_drop": 4, "beside": True},
        "VAT + unlabelled": {"adversarial": f"vat:{2 * move:g}", "beside": True},
        "EMA": {"ema": 0.99},
        "Tiger": {"optimizer": "tiger", "learning_rate": sizes.rate / 4},
        "half the blocks": {"depth": half},
        "Theseus": {"theseus": half},
        "CoSENT": {"loss": "cosent"},
    }


def _scales(length: int, labelled: int, steps: int, rate: float = 4e-4) -> dict[str, Sizes]:
    """Small made-up texts; what a core learns in some minutes; a card's."""
    return {
        "smoke": sized("smoke", depth=2, vocabulary=1000, length=32, steps=150, batch=32, rate=2e-3,
                       train=1300, test=200, more={"labelled": 1000, "move": 0.05}),
        "default": sized("default", depth=4, vocabulary=0, length=length, steps=steps, batch=32,
                         rate=rate, test=1000, more={"labelled": labelled}),
        "gpu": sized("gpu", vocabulary=0, length=128, steps=3000, batch=32, rate=2e-5,
                     more={"labelled": 8000}),
    }  # fmt: skip


CATEGORIES = classifying(
    "categories", "CSL: the field of an article by its title, of 13", "categories",
    _scales(32, 1600, 150), (*ROBUST, *OTHERS),
)  # fmt: skip
REVIEWS = classifying(
    "reviews", "Chinese reviews, positive or negative, few of them labelled", "reviews",
    _scales(64, 320, 60), (*ROBUST, *BESIDE),
)  # fmt: skip
QUESTIONS = classifying(
    "questions", "AFQMC: do two questions of customers mean the same?", "questions",
    _scales(48, 1600, 150), ROBUST,
)  # fmt: skip
SENTENCES = comparing(
    "sentences", "STS-B in Chinese: how similar are two sentences, by their vectors?", "sentences",
    _scales(48, 1600, 150), ("plain", "CoSENT"),
)  # fmt: skip

POST = "kexue.fm 7234"

EXPERIMENT = Experiment(
    "craft",
    "The craft of fine-tuning",
    "kexue.fm 7234, 7466, 7575, 8496, 8847, 9512",
    (
        Claim("FGM raises accuracy (topics of titles).", "categories", "accuracy", "FGM", "plain"),
        Claim("FGM raises accuracy (sentiment).", "reviews", "accuracy", "FGM", "plain"),
        Claim("FGM raises accuracy (pairs).", "questions", "accuracy", "FGM", "plain"),
        Claim(
            "The gradient penalty raises accuracy.",
            "categories", "accuracy", "gradient penalty", "plain",
        ),
        Claim("R-Drop raises accuracy (topics of titles).",
              "categories", "accuracy", "R-Drop", "plain"),
        Claim("R-Drop raises accuracy (sentiment).", "reviews", "accuracy", "R-Drop", "plain"),
        Claim("R-Drop raises accuracy (pairs).", "questions", "accuracy", "R-Drop", "plain"),
        Claim(
            "With unlabelled texts, VAT is better than labels alone.",
            "reviews", "accuracy", "VAT + unlabelled", "plain",
        ),
        Claim(
            "With unlabelled texts, R-Drop is better than labels alone.",
            "reviews", "accuracy", "R-Drop + unlabelled", "plain",
        ),
        Claim("Averaged weights are better than the last.",
              "categories", "accuracy", "EMA", "plain"),
        Claim("Tiger is no worse than AdamW.",
              "categories", "accuracy", "Tiger", "plain", "no worse"),
        Claim(
            "Theseus is better than the first half of the blocks, fine-tuned.",
            "categories", "accuracy", "Theseus", "half the blocks",
        ),
        Claim("CoSENT orders pairs better than the contrast of similar ones.",
              "sentences", "spearman", "CoSENT", "plain"),
    ),
    (CATEGORIES, REVIEWS, QUESTIONS, SENTENCES),
    variants,
    published=(
        Published(
            "categories", "BERT, IFLYTEK, %", f"{POST}, 8496", False,
            {"plain": 60.29, "FGM": 62.46, "gradient penalty": 62.31, "R-Drop": 62.69},
        ),
        Published(
            "categories", "BERT, TNEWS, %", f"{POST}, 8496", False,
            {"plain": 56.58, "FGM": 57.66, "gradient penalty": 57.81, "R-Drop": 57.51},
        ),
        Published(
            "categories", "BERT, IFLYTEK, 3 blocks, %", "kexue.fm 7575", False,
            {"half the blocks": 57.96, "Theseus": 59.36},
        ),
        Published(
            "reviews", "BERT, sentiment, %", "kexue.fm 7466, 8496", False,
            {"plain": 89.34, "VAT + unlabelled": 90.37, "R-Drop + unlabelled": 90.14},
        ),
        Published(
            "sentences", "BERT, five sets, Spearman %", "kexue.fm 8847", False,
            {"plain": 61.74, "CoSENT": 68.19},
        ),
    ),
    notes=(
        "All start from the encoder that --model names, its first blocks and the tokens of the "
        "texts; without one, which smoke allows, from a small one of random weights.",
        "FGM moves the token table as the post does (of=table); R-Drop's factor is the paper's, "
        "twice that of Su's program.",
        "The rate of plain training was searched once, 1e-4 to 8e-4, and that of Tiger, 3e-5 to "
        "2e-4, on a seed that is not in the table; then they are fixed for all variants.",
        "What is learnt from is drawn by the seed, the same for all variants of a seed.",
        "Theseus learns from a task that was trained as plain; half the blocks is the beginning of "
        "its successor, trained for as many steps.",
        "Plain in `sentences` is the in-batch contrast of the pairs with the highest score, for as "
        "many steps; the post's is Sentence-BERT's classification.",
    ),
)  # fmt: skip
