"""Long texts in 119 classes, learnt with adversarial training (FGM).

    python examples/from_bert4keras/task_iflytek_adversarial_training.py
        MODEL TRAIN VALID TEST ANSWERS

The files are those of IFLYTEK' as CLUE has it, an object with `sentence` and `label` on each line
(any format of docs/classification.md does); TEST has no labels, and ANSWERS is what CLUE takes.

Upstream changes Keras' training function and learns from the moved batch alone; here from the
batch and the moved one, as Miyato et al. have it. Both move the whole token table by one
gradient, `of=table`. Its 50 epochs are 5 here, at a rate that falls to 0. The command:
`playmask train classify TRAIN --validation VALID --adversarial fgm:0.5,of=table`.
"""

import json
import sys
from pathlib import Path

import playmask

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid, test, answers = sys.argv[1:]
task = playmask.TextClassifier.new(model, [str(number) for number in range(119)])
task.fit(train, valid, epochs=5, learning_rate=RATE, adversarial="fgm:0.5,of=table")
print(task.evaluate(valid))
rows = [json.loads(line) for line in Path(test).read_text("utf-8").strip().split("\n")]
labels = [answer.label for answer in task.predict([row["sentence"] for row in rows])]
lines = [{"id": str(row["id"]), "label": label} for row, label in zip(rows, labels, strict=True)]
Path(answers).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
