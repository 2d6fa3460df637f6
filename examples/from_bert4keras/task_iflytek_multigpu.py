"""Long texts in 119 classes, learnt on all devices of the machine.

    python examples/from_bert4keras/task_iflytek_multigpu.py MODEL TRAIN VALID

The files are those of task_iflytek_adversarial_training.py, which also writes answers for CLUE.

Upstream needs tf.keras, a MirroredStrategy, the data as a tf.data.Dataset with types and shapes,
and the weights loaded last. Here one line comes before the model is made; the rest is as on one
device. To try it on a CPU: XLA_FLAGS=--xla_force_host_platform_device_count=4. The command:
`playmask train classify TRAIN --validation VALID --devices all`.
"""

import sys

import playmask

RATE = 2e-5  # of BERT base; 1e-4 of zh-small

model, train, valid = sys.argv[1:]
playmask.distribute("all")
task = playmask.TextClassifier.new(model, [str(number) for number in range(119)])
task.fit(train, valid, epochs=5, learning_rate=RATE)
print(task.evaluate(valid))
