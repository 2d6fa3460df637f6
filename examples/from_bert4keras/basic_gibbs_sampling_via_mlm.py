"""Random sentences from a masked language model, by Gibbs sampling.

    python examples/from_bert4keras/basic_gibbs_sampling_via_mlm.py MODEL TEXT

MODEL has a vocabulary head (`mlm`), as zh-small; sampling begins with TEXT, which sets the
length.

Upstream runs the model once a step from Python, and keeps all 10,000 sentences. Here the steps
run inside one compiled program, which hands back every 100th sentence; the first 1,000 steps are
left out in both. Special tokens may not be drawn, which upstream lets happen.
"""

import random
import sys

import playmask

path, text = sys.argv[1:]
model = playmask.load(path, heads="mlm")
row = model.tokenizer.encode(text).ids
samples = playmask.gibbs(model, [row], steps=10_000, every=100)
for (sample,) in random.sample(samples[10:], 10):
    print(model.tokenizer.decode(sample))
