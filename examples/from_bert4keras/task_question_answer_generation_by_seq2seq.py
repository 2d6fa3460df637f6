"""Questions and answers about passages, both made by one sequence-to-sequence model.

    python examples/from_bert4keras/task_question_answer_generation_by_seq2seq.py
        MODEL TRAIN TEST OUT

MODEL is an encoder of the BERT kind. TRAIN and TEST are of SQuAD's form, as
data/samples/reading.json; of TEST the passages alone are read. OUT, a .jsonl, gets a line for each
pair, which `playmask train read` learns from.

The model learns two things: the answer from a passage, and the question from an answer and its
passage. For a new passage the answer is sampled (top-p), and the likeliest question is written.
Upstream writes both as one target, the answer first. Its answers may be any text, those here are
spans of the passage.
"""

import sys
from pathlib import Path

import playmask
from playmask.data.passages import read_passages
from playmask.files import write_lines

EPOCHS = 20
RATE = 1e-5  # of BERT base; 1e-4 of zh-small
WITH_ANSWER = "答案：{}。{}"

model, train, test, out = sys.argv[1:]
learnt = [q for q in read_passages(train, skip_bad=True) if q.answers]
passages = [*dict.fromkeys(q.text for q in read_passages(test, located=False))]
pairs = [(q.text, q.answers[0]) for q in learnt]
pairs += [(WITH_ANSWER.format(q.answers[0], q.text), q.question) for q in learnt]
task = playmask.Seq2Seq.new(model, max_source=300, max_target=64)
task.fit(pairs, epochs=EPOCHS, learning_rate=RATE, batch_size=16)
span = playmask.Copy(also=(task.tokenizer.sep,), fragment=True)
answers = task.predict(passages, search=playmask.Sample(top_p=0.95), constrain=span, min_tokens=1)
sources = [WITH_ANSWER.format(*pair) for pair in zip(answers, passages, strict=True)]
questions = task.predict(sources)
made = zip(questions, passages, answers, strict=True)
write_lines(
    Path(out), ({"question": q, "text": p, "answers": [a]} for q, p, a in made if q and a in p)
)
