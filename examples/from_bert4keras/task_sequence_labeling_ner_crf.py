"""Names of persons, places and organisations by a CRF.

    python examples/from_bert4keras/task_sequence_labeling_ner_crf.py MODEL TRAIN VALID TEST

The files are the China People's Daily corpus, a character and its tag on each line; their names
must end in .bio (other formats: docs/extraction.md#mentions). Labels are those of TRAIN.

Upstream lets the transitions of the CRF learn 1,000 times as fast (`crf_lr_multiplier`); here all
that is put on the model learns 10 times as fast. Texts beyond 256 tokens are cut there, and read
in windows here. The command: `playmask train tag TRAIN --validation VALID --multiplier 10`.
"""

import sys

import playmask
from playmask.data.mentions import read_mentions

RATE = 2e-5  # of BERT base; 2e-4 of zh-small

model, train, valid, test = sys.argv[1:]
rows = read_mentions(train)
labels = sorted({mention.label for row in rows for mention in row.mentions})
task = playmask.SequenceTagger.new(model, labels, max_length=256)
task.fit(rows, valid, epochs=10, learning_rate=RATE, multiplier=10)
print(task.evaluate(test))
for row in rows[:3]:
    print([(row.text[found.start : found.end], found.label) for found in task.predict(row.text)])
