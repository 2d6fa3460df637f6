"""Whether two questions mean the same (LCQMC).

    python examples/from_bert4keras/task_sentence_similarity_lcqmc.py MODEL TRAIN VALID TEST

A line has two questions and 1 or 0, between tabs (any format of docs/classification.md does).

Upstream trains 20 epochs at one rate, and measures the test data after each; here 5 at a rate
that falls to 0, and the test data are measured once. The two questions stand in one row, as
there; the vector that is classified is the mean and the maximum of all tokens', there the
pooler's. The command: `playmask train classify TRAIN --validation VALID`.
"""

import sys

import playmask

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid, test = sys.argv[1:]
task = playmask.TextClassifier.new(model, ["0", "1"])
task.fit(train, valid, epochs=5, batch_size=64, learning_rate=RATE)
print(task.evaluate(test))
