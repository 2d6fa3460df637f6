"""Long texts in 119 classes, learnt with a gradient penalty.

    python examples/from_bert4keras/task_iflytek_gradient_penalty.py MODEL TRAIN VALID

The files are those of task_iflytek_adversarial_training.py, which also writes answers for CLUE.

Upstream writes the loss anew, since its Keras cannot differentiate the sparse one twice; here it
is differentiated as it is. The penalty is the same: the gradient is that of the embeddings of all
tokens of the batch. Its 50 epochs are 5 here, at a rate that falls to 0. The command:
`playmask train classify TRAIN --validation VALID --adversarial penalty:1`.
"""

import sys

import playmask

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid = sys.argv[1:]
task = playmask.TextClassifier.new(model, [str(number) for number in range(119)])
task.fit(train, valid, epochs=5, learning_rate=RATE, adversarial="penalty:1")
print(task.evaluate(valid))
