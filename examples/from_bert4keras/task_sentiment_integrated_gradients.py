"""Which characters of a review speak for its sentiment, by integrated gradients.

    python examples/from_bert4keras/task_sentiment_integrated_gradients.py SAVED TEXT PICTURE

SAVED is what task_sentiment_albert.py has saved, or any other classifier's folder; PICTURE ends
in .png, .svg or .html.

Upstream overwrites the token table 20 times, from all zeros on, and shows the size of each
token's mean gradient times its embedding, between 0 and 1. Here the line begins at [MASK], points
are added until the scores add up to what the text brought, and each has a sign: for the answer or
against it. The command: `playmask explain SAVED TEXT --out PICTURE`.
"""

import sys

import playmask

saved, text, picture = sys.argv[1:]
explanation = playmask.integrated_gradients(playmask.load_task(saved), text)
print(explanation.title)
for piece, score in explanation.pieces():
    print(piece, "not read" if score is None else f"{score:+.3f}")
explanation.draw(picture)
