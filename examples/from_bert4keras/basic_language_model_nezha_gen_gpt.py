"""Articles that go on from a few words, by NEZHA-GEN, a GPT with NEZHA's relative positions.

    python examples/from_bert4keras/basic_language_model_nezha_gen_gpt.py MODEL

MODEL is the folder of the published checkpoint (https://github.com/bojone/chinese-gen).

Upstream says `application="lm"` and runs the model over the whole text for each token. Here
`LanguageModel.new` loads a path with the causal mask, keys and values are cached, and all three
texts are written at once. A text begins with [CLS] and has no [SEP] behind it, in both.
"""

import sys

import playmask

PROMPTS = ["周末的早上", "说起家乡的味道", "望远镜"]

task = playmask.LanguageModel.new(sys.argv[1], max_length=512)
end, nucleus = task.tokenizer.token_to_id("。"), playmask.Sample(top_p=0.95)
for text in task.generate(PROMPTS, max_tokens=256, min_tokens=128, search=nucleus, end=end):
    print(text)
