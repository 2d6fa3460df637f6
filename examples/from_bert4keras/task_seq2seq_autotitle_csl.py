"""Titles of articles (CSL), by one encoder that reads and writes (UniLM), with BLEU and ROUGE.

    python examples/from_bert4keras/task_seq2seq_autotitle_csl.py MODEL TRAIN TEST

MODEL is an encoder of the BERT kind. TRAIN and TEST are tables of abstracts and titles, as
data/samples/seq2seq.tsv. The scores, in per cent, need pip install 'playmask[examples]'.

Upstream writes all titles after every epoch and keeps that of the best BLEU; here the last epoch
is measured. Its BLEU is a mean over titles, smoothed; here it is that of the whole test, by
sacrebleu. Both, and ROUGE, count characters.
"""

import sys
from types import SimpleNamespace

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu

import playmask

EPOCHS = 20
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train, test = sys.argv[1:]
task = playmask.Seq2Seq.new(model, max_source=224, max_target=32)
task.fit(train, epochs=EPOCHS, learning_rate=RATE, batch_size=16)
articles, titles = zip(*(example[:2] for example in task.read(test)), strict=True)
written = task.predict([*articles])
print("bleu", corpus_bleu(written, [titles], tokenize="char").score)
kinds = ["rouge1", "rouge2", "rougeL"]
rouge = RougeScorer(kinds, tokenizer=SimpleNamespace(tokenize=list))
scores = [rouge.score(*pair) for pair in zip(titles, written, strict=True)]
for kind in kinds:
    print(kind, 100 * sum(score[kind].fmeasure for score in scores) / len(scores))
