"""Reviews of a wanted sentiment: a language model whose norms depend on the label.

    python examples/from_bert4keras/task_conditional_language_model.py MODEL TRAIN

MODEL is an encoder of the BERT kind. TRAIN holds texts and labels, as data/samples/reviews.tsv.
Five texts of each label are sampled (top-p) and printed.

Upstream embeds the label in 128 numbers that the conditional layer norm reads; here the label is
one-hot, which is the same with one matrix less. It cuts long reviews at punctuation and learns
all parts; here the first 128 tokens of each review are learnt. The command:
`playmask train language-model TRAIN --condition label --max-length 128 --learning-rate 1e-5`.
"""

import sys

import playmask
from playmask.data.readers import read_examples

EPOCHS, LENGTH = 20, 128
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train = sys.argv[1:]
reviews = read_examples(train)
labels = sorted({review.label for review in reviews})
task = playmask.LanguageModel.new(model, max_length=LENGTH, condition="label", labels=labels)
task.fit(reviews, epochs=EPOCHS, learning_rate=RATE)
search = playmask.Sample(5, top_p=0.95)
for label in labels:
    texts = task.generate(label=label, best=5, search=search, max_tokens=LENGTH - 1)
    print(*(f"{label}\t{text}" for text in texts), sep="\n")
