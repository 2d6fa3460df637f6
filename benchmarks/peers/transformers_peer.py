"""Hugging Face transformers on PyTorch."""

import torch
import transformers
from worker import serve

KINDS = {
    "gpt2": transformers.GPT2LMHeadModel,
    "t5": transformers.T5ForConditionalGeneration,
}
MODELS = {}


def prepare(case):
    """Generate as the case says."""
    path, kind, new = case["path"], case["kind"], case["new"]
    if path not in MODELS:
        MODELS[path] = KINDS[kind].from_pretrained(path).eval()
    model, prompts = MODELS[path], case["prompts"]
    length = max(map(len, prompts))
    left = kind == "gpt2"  # a decoder alone wants its padding in front
    rows = [[0] * (length - len(p)) + p if left else p + [0] * (length - len(p)) for p in prompts]
    valid = [
        [0] * (length - len(p)) + [1] * len(p) if left else [1] * len(p) + [0] * (length - len(p))
        for p in prompts
    ]
    tokens, valid = torch.tensor(rows), torch.tensor(valid)

    def run():
        with torch.inference_mode():
            made = model.generate(
                input_ids=tokens,
                attention_mask=valid,
                do_sample=False,
                num_beams=case["beams"],
                max_new_tokens=new,
                min_new_tokens=new,
                eos_token_id=None,
                pad_token_id=0,
            )
        return made[:, -new:].tolist()

    return run


serve(prepare)
