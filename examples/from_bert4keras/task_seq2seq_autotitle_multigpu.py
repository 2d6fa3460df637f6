"""Titles of news, as task_seq2seq_autotitle.py has them, learnt on all devices of a machine.

    python examples/from_bert4keras/task_seq2seq_autotitle_multigpu.py MODEL TRAIN TEST

MODEL, TRAIN and TEST are those of task_seq2seq_autotitle.py. Each device learns from its part of a
batch, on JAX; XLA_FLAGS=--xla_force_host_platform_device_count=4 makes four of one CPU, to try it.

Upstream needs TensorFlow's Keras, a strategy's scope, a data set of single rows, and the weights
loaded last. Here one line comes before the model, and nothing else changes. Several machines:
`playmask.distribute(coordinator=…)`, docs/training/devices.md.
"""

import sys
from pathlib import Path

import playmask

EPOCHS = 10
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train, test = sys.argv[1:]
playmask.distribute("all")
task = playmask.Seq2Seq.new(model, max_source=224, max_target=32)
task.fit(train, epochs=EPOCHS, learning_rate=RATE, batch_size=64)
texts = [example.text for example in task.read_inputs(Path(test))]
print(*task.predict(texts), sep="\n")
