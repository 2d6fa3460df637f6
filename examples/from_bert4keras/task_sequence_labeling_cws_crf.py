"""Chinese word segmentation by a CRF.

    python examples/from_bert4keras/task_sequence_labeling_cws_crf.py MODEL TRAIN TEST WORDS

TRAIN is pku_training.utf8 of SIGHAN's bakeoff 2005, words between spaces (other formats:
docs/extraction.md#mentions); TEST has a text on each line, and WORDS is written for its script
`score`.

Upstream keeps a random order in a file, for a tenth that is left out to validate; here the seed
does. It measures there whether words occur at all, here F1 counts their places. Lines beyond 256
tokens are cut there, and read in windows here. There the CRF learns as fast as the model
(`crf_lr_multiplier` is 1), here all that is put on the model 10 times as fast. The command:
`playmask train tag TRAIN --validation HELD --scheme bmes --multiplier 10 --learning-rate 1e-5`.
"""

import random
import sys
from itertools import pairwise
from pathlib import Path

import playmask
from playmask.data.mentions import read_mentions

RATE = 1e-5  # of BERT base; 2e-4 of zh-small

model, train, test, words = sys.argv[1:]
rows = [*read_mentions(train)]
random.Random(0).shuffle(rows)
held = len(rows) // 10
task = playmask.SequenceTagger.new(model, ["word"], scheme="bmes", max_length=256)
history = task.fit(rows[held:], rows[:held], epochs=10, learning_rate=RATE, multiplier=10)
print("F1", max(history["val_f1"]))
texts = Path(test).read_text("utf-8-sig").rstrip("\n").split("\n")
with open(words, "w", encoding="utf-8") as file:
    for text, found in zip(texts, task.predict(texts), strict=True):
        cuts = sorted({0, len(text)}.union(*((word.start, word.end) for word in found)))
        print(" ".join(text[a:b] for a, b in pairwise(cuts)), file=file)
