"""A classifier of fewer blocks than its teacher has, by BERT-of-Theseus.

    python examples/from_bert4keras/task_iflytek_bert_of_theseus.py MODEL TRAIN VALID BLOCKS

The files are those of task_iflytek_adversarial_training.py; BLOCKS is how many stay, such as 3 of
12.

Upstream builds both models layer by layer and trains three of them one after another: 5 epochs
the predecessor, 10 the mixture with the probability ½, 5 the successor alone. Here the last two
are one training, in which the probability rises from ½ to 1 over two thirds, as the paper's. The
successor begins as every fourth block of the trained teacher, upstream's as the first three of
BERT. The command:
`playmask train classify TRAIN --validation VALID --teacher DIR --theseus 3,until=0.67`.
"""

import sys

import playmask

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid, blocks = sys.argv[1:]
teacher = playmask.TextClassifier.new(model, [str(number) for number in range(119)])
teacher.fit(train, valid, epochs=5, learning_rate=RATE)
print("teacher", teacher.evaluate(valid))
task = playmask.keep_blocks(teacher, int(blocks))
task.fit(
    train, valid, teacher=teacher, theseus=f"{blocks},until=0.67", epochs=15, learning_rate=RATE
)
print(f"{blocks} blocks", task.evaluate(valid))
