"""Explanations for the terminal and as JSON."""

from typing import Any

from playmask.cli.output import console, print_styled, print_table, print_text
from playmask.inspection.draw.attributions import strongest
from playmask.inspection.draw.colours import INK, PAPER, QUIET, tint
from playmask.inspection.explain import Explanation

CELLS = 21  # of the scale
COLOURFUL = ("truecolor", "256")  # consoles that can mix colours; 16 of them are not enough
DIGITS = 6


def print_explanation(explanation: Explanation) -> None:
    """Print the texts on coloured backgrounds; where there is no colour, as a table."""
    from rich.text import Text

    output = console()
    texts = [explanation.pieces(source) for source in range(len(explanation.texts))]
    if output.color_system not in COLOURFUL or output.no_color:
        rows = [(piece, _number(s)) for pieces in texts for piece, s in pieces if piece.strip()]
        print_table(explanation.title, rows, numbers=True)
    else:
        top = strongest(texts)
        print_styled(Text(explanation.title, style="bold"))
        for pieces in texts:
            parts = [(piece, _style(score, top)) for piece, score in pieces]
            print_styled(Text(), Text.assemble(*parts))
        cells = [(" ", f"on {tint(2 * i / (CELLS - 1) - 1)}") for i in range(CELLS)]
        print_styled(Text(), Text.assemble(f"against {-top:.3g} ", *cells, f" {top:+.3g} for"))
    for line in explanation.notes:
        print_text(line)


def _number(score: float | None) -> str:
    return "not read" if score is None else f"{score:+.4f}"


def _style(score: float | None, top: float) -> str:
    """On paper, whatever the terminal's own background is: else nothing would be as bright."""
    return f"{QUIET} on {PAPER}" if score is None else f"{INK} on {tint(score / top)}"


def to_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON values; spans are of the text or the pair."""
    sources = ("text", "pair")
    e = explanation
    rows = zip(e.tokens, e.sources, e.spans, e.scores, strict=True)
    return {
        **dict(zip(sources, explanation.texts, strict=False)),
        "answer": explanation.answer,
        "value": round(explanation.value, DIGITS),
        "unit": explanation.unit,
        **({} if e.probability is None else {"probability": round(e.probability, DIGITS)}),
        "alternatives": {name: round(score, DIGITS) for name, score in e.alternatives.items()},
        "baseline": explanation.baseline,
        "baseline_value": round(explanation.baseline_value, DIGITS),
        "steps": explanation.steps,
        "gap": round(explanation.gap, DIGITS),
        "relative_gap": round(explanation.relative_gap, DIGITS),
        "tokens": [
            {
                "token": token,
                "of": "special" if source < 0 else sources[source],
                "span": span,
                "score": round(score, DIGITS),
            }
            for token, source, span, score in rows
        ],
    }
