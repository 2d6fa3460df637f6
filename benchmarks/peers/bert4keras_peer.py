"""bert4keras 0.11.5: the whole text again at each step, as in its examples."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from bert4keras.models import build_transformer_model
from bert4keras.snippets import AutoRegressiveDecoder
from worker import serve

MODELS = {}


class Decoder(AutoRegressiveDecoder):
    """Beam search over a UniLM."""

    @AutoRegressiveDecoder.wraps(default_rtype="probas")
    def predict(self, inputs, output_ids, states):
        """The chances of the next token."""
        tokens, segments = inputs
        tokens = np.concatenate([tokens, output_ids], 1)
        segments = np.concatenate([segments, np.ones_like(output_ids)], 1)
        return self.last_token(self.model).predict([tokens, segments])


def prepare(case):
    """Generate as the case says."""
    path = case["path"]
    if path not in MODELS:
        MODELS[path] = build_transformer_model(
            path + "/bert_config.json", path + "/bert_model.ckpt", application="unilm"
        )
    decoder = Decoder(start_id=None, end_id=-1, maxlen=case["new"])
    decoder.model = MODELS[path]

    def run():
        rows = []
        for prompt in case["prompts"]:
            rows.append(decoder.beam_search([prompt, [0] * len(prompt)], case["beams"]))
        return rows

    return run


serve(prepare)
