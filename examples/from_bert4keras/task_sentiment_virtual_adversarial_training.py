"""Sentiment of reviews from one label in a hundred, with virtual adversarial training on the rest.

    python examples/from_bert4keras/task_sentiment_virtual_adversarial_training.py
        MODEL TRAIN VALID TEST

The files are those of task_sentiment_albert.py. Of TRAIN the first hundredth (32 examples at
least) keeps its labels, the others lose them.

Upstream trains two models on the same weights by turns, moves the whole token table, and takes
the first direction 10 long. Here both losses are of one step, each text is moved by itself, and
the first direction is 0.1 long. Its 3,000 steps are 30 epochs of the labelled texts here. The
command: `playmask train classify FEW --adversarial vat:1 --unlabelled REST`.
"""

import sys

import playmask
from playmask.data.readers import read_examples

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid, test = sys.argv[1:]
rows = read_examples(train)
few = max(len(rows) // 100, 32)
rest = [row.text for row in rows[few:]]
task = playmask.TextClassifier.new(model, ["0", "1"])
task.fit(rows[:few], valid, epochs=30, learning_rate=RATE, adversarial="vat:1", unlabelled=rest)
print(task.evaluate(test))
