"""Relations by pointers: first to subjects, then to the objects of each (CasRel).

    python examples/from_bert4keras/task_relation_extraction.py MODEL TRAIN TEST OUT

MODEL is an encoder of the BERT kind. TRAIN and TEST are of DuIE's form, as
data/samples/relations.jsonl. OUT gets the relations found in TEST, as DuIE 2.0 takes them;
precision, recall and F1 of triples, 0 to 1, are printed. The best epoch by F1 is kept.

Upstream reads the predicates from DuIE's schema; here they are those that occur in TRAIN. It
learns only the first place where a name stands, here all of them are learnt. Its conditional norm
stands in the place of BERT's last one (`bare="all"`); here it follows that, which any encoder
has. Its average of the weights needs thousands of steps, this one warms up. The command:
`playmask train relations TRAIN --validation TEST --method casrel --ema 0.999 --multiplier 10
--learning-rate 1e-5`.
"""

import sys
from pathlib import Path

from playmask.tasks import RelationExtractor
from playmask.tasks.extraction.settings import RelationSettings

EPOCHS = 20
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train, test, out = sys.argv[1:]
settings = RelationSettings(method="casrel")
learnt = RelationExtractor.parse(settings, train)
task = RelationExtractor.new(model, RelationExtractor.learn(settings, learnt))
task.fit(learnt, test, epochs=EPOCHS, learning_rate=RATE, ema=0.999, multiplier=10)
texts = task.read_references(test)
found = task.answer(texts)
print(task.measure(texts, found))
task.submission(Path(out), texts, found)
