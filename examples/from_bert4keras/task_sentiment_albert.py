"""Sentiment of reviews, by ALBERT.

    python examples/from_bert4keras/task_sentiment_albert.py MODEL TRAIN VALID TEST SAVED

MODEL is a folder of albert_zh, or any other; a line of the files has a review and 1 or 0, between
tabs (sentiment.train.data is read as it is; other formats: docs/classification.md). SAVED is a
new folder, which task_sentiment_integrated_gradients.py explains answers of.

Upstream writes `model="albert"`; here the family is recognised. Its rate rises for 1,000 steps
and falls for 1,000, whatever there are; here the moments are parts of the training, so that they
suit any data. The command:
`playmask train classify TRAIN --validation VALID --schedule piecewise:0=0,0.2=1,0.4=0.1
--learning-rate 1e-4`.
"""

import sys

import playmask

model, train, valid, test, saved = sys.argv[1:]
task = playmask.TextClassifier.new(model, ["0", "1"])
schedule = "piecewise:0=0,0.2=1,0.4=0.1"
task.fit(train, valid, epochs=10, learning_rate=1e-4, schedule=schedule)
print(task.evaluate(test))
task.save(saved)
