"""Titles of news, by one encoder that reads and writes (UniLM).

    python examples/from_bert4keras/task_seq2seq_autotitle.py MODEL TRAIN TEST

MODEL is an encoder of the BERT kind. TRAIN and TEST are tables of texts and titles, as
data/samples/seq2seq.tsv; TEST may lack the titles. The title of each text of TEST is printed.

Upstream reads THUCNews, a file a text, whose first line is the title, and writes one title at a
time, running the model over the whole text for each token; here keys and values are cached, and
all titles are written at once. Upstream keeps the epoch of the lowest loss in training, here it
is the last one. The command:
`playmask train seq2seq TRAIN --max-source 224 --max-target 32 --learning-rate 1e-5`.
"""

import sys
from pathlib import Path

import playmask

EPOCHS = 10
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train, test = sys.argv[1:]
task = playmask.Seq2Seq.new(model, max_source=224, max_target=32)
task.fit(train, epochs=EPOCHS, learning_rate=RATE, batch_size=16)
texts = [example.text for example in task.read_inputs(Path(test))]
print(*task.predict(texts), sep="\n")
