"""Few-shot prompts for CPM-LM: it goes on as the lines before did.

    python examples/from_bert4keras/basic_language_model_cpm_lm.py MODEL

MODEL is CPM-LM (2.6 billion parameters), from TsinghuaAI/CPM-Generate or its TensorFlow
conversion; its tokenizer cuts words by jieba: pip install 'playmask[words]'.

Upstream cuts words, writes spaces and line ends as signs, decodes, and puts them back, each by
hand; `words="jieba"` does all four. It runs the model over the whole text for each token; here
keys and values are cached, and all prompts are written at once. `examples/cpm.py` has options for
the same.
"""

import sys

import playmask

PROMPTS = [
    "法国的首都是巴黎\n英国的首都是伦敦\n日本的首都是东京\n中国的首都是",
    "马 horse\n牛 cow\n羊 sheep\n鸟 ",
    "上个月，李明开了一家书店 李明\n昨晚，王芳赢了比赛 王芳\n今年春天，张伟搬到了成都 ",
]

tokenizer = playmask.Tokenizer.load(sys.argv[1], words="jieba")
model = playmask.load(sys.argv[1], heads="mlm")
task = playmask.LanguageModel.new(model, tokenizer=tokenizer, max_length=256, begin=())
end = tokenizer.encode("\n", special=False).ids[-1]  # a line's end is its own token
texts = task.predict(PROMPTS, max_tokens=16, search=playmask.Sample(top_p=0.95), end=end)
for prompt, text in zip(PROMPTS, texts, strict=True):
    print(prompt + text.rstrip("\n"))
