"""Reading comprehension by a masked language model: masks before the question become the answer.

    python examples/from_bert4keras/task_reading_comprehension_by_mlm.py MODEL TRAIN TEST OUT

MODEL is an encoder of the BERT kind. TRAIN and TEST are of SQuAD's form, as
data/samples/reading.json. OUT gets the answers to TEST, {id: answer}; F1 and exact matches, 0 to 1,
are printed.

Upstream has questions with several passages each (WebQA, SogouQA), of which it reads the first
256 tokens, and takes each answer token by token among those that may follow in the passage. Here
a question has one passage, read whole in windows, and all spans are compared at once. The command:
`playmask train read TRAIN --method mask-fill --max-answer 32 --learning-rate 1e-5`.
"""

import sys
from pathlib import Path

import playmask

EPOCHS = 10
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, train, test, out = sys.argv[1:]
task = playmask.ReadingComprehension.new(model, method="mask-fill", max_answer=32)
task.fit(train, epochs=EPOCHS, learning_rate=RATE, skip_bad=True)
questions = task.read_references(test)
answers = task.answer(questions)
print(task.measure(questions, answers))
task.submission(Path(out), questions, answers)
