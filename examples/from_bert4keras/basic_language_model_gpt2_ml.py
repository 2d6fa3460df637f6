"""Articles that go on from a few words, by GPT2_ML.

    python examples/from_bert4keras/basic_language_model_gpt2_ml.py MODEL

MODEL is GPT2_ML (1.5 billion parameters, https://github.com/imcaspar/gpt2-ml), with its
vocab.txt.

Upstream runs the model over the whole text for each token, and begins without a special token, as
here (`begin=()`). Here keys and values are cached, and all three texts are written at once.
`playmask.load(…, dtype="bfloat16")` halves the memory; `examples/gpt2_ml.py` has it as an option.
"""

import sys

import playmask

PROMPTS = ["周末的早上", "说起家乡的味道", "望远镜"]

model = playmask.load(sys.argv[1], heads="mlm")
task = playmask.LanguageModel.new(model, max_length=512, begin=())
end, nucleus = task.tokenizer.token_to_id("。"), playmask.Sample(top_p=0.95)
for text in task.generate(PROMPTS, max_tokens=256, min_tokens=128, search=nucleus, end=end):
    print(text)
