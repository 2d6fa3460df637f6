"""A novel goes on: a language model without a condition, begun from an encoder.

    python examples/from_bert4keras/task_language_model.py MODEL NOVEL PROMPT

MODEL is an encoder of the BERT kind. NOVEL is a text file in UTF-8, such as
data/samples/language_model.txt; its lines are joined, and cut at full stops into passages of up to
253 characters. Three continuations of PROMPT are sampled (top-p) and printed.

Upstream reads a folder of novels in GBK and lets passages overlap, so that one begins at every
sentence; here each sentence is learnt once an epoch. Of a sentence that is longer than a passage
its end is learnt, where upstream leaves it out.
"""

import re
import sys
from pathlib import Path

import playmask

EPOCHS, LENGTH = 10, 256
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, novel, prompt = sys.argv[1:]
text = "".join(Path(novel).read_text(encoding="utf-8").split())
passages = re.findall(rf".{{1,{LENGTH - 4}}}。", text)
task = playmask.LanguageModel.new(model, max_length=LENGTH)
task.fit(passages, epochs=EPOCHS, learning_rate=RATE, batch_size=16)
search = playmask.Sample(3, top_p=0.95)
print(*task.generate(prompt, best=3, search=search, max_tokens=128), sep="\n")
