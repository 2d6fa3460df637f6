"""Titles of articles (CSL), by an encoder and a decoder (mT5) with the tokens that are needed.

    python examples/from_bert4keras/task_seq2seq_autotitle_csl_mt5.py MODEL TRAIN TEST

MODEL is a checkpoint of mT5's kind, as google/mt5-base. TRAIN and TEST are tables of abstracts and
titles, as data/samples/seq2seq.tsv. BLEU, in per cent, needs pip install 'playmask[examples]';
task_seq2seq_autotitle_csl.py has ROUGE besides.

Upstream loads a list of Chinese tokens that was made beforehand, and a SentencePiece model of
them; here the tokens that occur in TRAIN stay, of some 250,000. Those that TEST alone has are
read as smaller pieces. Upstream keeps the epoch of the best BLEU; here the last one is measured.
"""

import sys

from sacrebleu import corpus_bleu

import playmask

EPOCHS = 40

model, train, test = sys.argv[1:]
whole = playmask.Seq2Seq.new(model, max_source=256, max_target=32)
learnt = whole.read(train)
texts = (text for example in learnt for text in example[:2])
task = playmask.keep_tokens(whole, playmask.tokenizers.occurring(whole.tokenizer, texts))
task.fit(learnt, epochs=EPOCHS, batch_size=16, learning_rate=2e-4)
articles, titles = zip(*(example[:2] for example in task.read(test)), strict=True)
print("bleu", corpus_bleu(task.predict([*articles]), [titles], tokenize="char").score)
