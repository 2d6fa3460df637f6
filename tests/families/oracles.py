"""The original programs' cases: how each is loaded here, and which outputs are compared."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import playmask
from comparing import error, log_softmax, numpy_of
from playmask.model.norms import Condition
from playmask.model.transformer import weights_by_name

ORACLES = Path(__file__).parents[1] / "oracles"
CLOSE = 2e-5  # of the largest value
INPUTS = {
    "Input-Token": "tokens",
    "Input-Segment": "segments",
    "Encoder-Input-Token": "tokens",
    "Decoder-Input-Token": "target_tokens",
    "Input-Condition": "condition",
    "input_ids": "tokens",
    "token_type_ids": "segments",
    "task_type_ids": "tasks",
    "attention_mask": "valid",
    "decoder_input_ids": "target_tokens",
}


class Case(NamedTuple):
    """One case: what is loaded, with which options, and our output for each of theirs.

    An output that ends in ":probabilities" is compared as log-probabilities.
    """

    path: Path
    options: dict[str, Any]
    outputs: dict[str, str]

    @property
    def arrays(self) -> Any:
        return np.load(self.path / "case.npz")

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        found = {
            INPUTS[name[3:]]: self.arrays[name] for name in self.arrays if name.startswith("in:")
        }
        whole = {"valid": "bool", "condition": "float32"}
        return {name: array.astype(whole.get(name, "int32")) for name, array in found.items()}

    def load(self, **changes: Any) -> Any:
        model = playmask.load(self.path, **{**self.options, **changes})
        for theirs, ours in self.weights.items():
            weights_by_name(model)[ours].assign(self.arrays[f"extra:{theirs}"])
        return model

    @property
    def weights(self) -> dict[str, str]:
        """Theirs that no checkpoint names, and ours: the projections of conditional norms."""
        theirs = [name[6:] for name in self.arrays if name.startswith("extra:")]
        ours = [
            f"{place}/{layer}/kernel"
            for place in CONDITIONAL
            for layer in ("hidden", "shifts", "scales")
        ]
        return dict(zip(theirs, ours, strict=True)) if theirs else {}

    def errors(self, model: Any, inputs: dict[str, Any] | None = None) -> dict[str, float]:
        """How far each output is from the original's, in parts of its largest value."""
        out = model(self.inputs if inputs is None else inputs)
        found = {}
        for theirs, ours in self.outputs.items():
            name, _, kind = ours.partition(":")
            wanted = self.arrays[f"out:{theirs}"]
            if kind:
                found[theirs] = error(log_softmax(out[name]), np.log(wanted))
            else:
                found[theirs] = error(*self._visible(numpy_of(out[name]), wanted))
        return found

    def _visible(self, *outputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Outputs where the text is no padding, of which the later program's say nothing."""
        valid = self.inputs.get("valid")
        if self.path.parent.name != "transformers5" or valid is None:
            return outputs
        return tuple(x[valid] if x.shape[:2] == valid.shape else x for x in outputs)


def _cases(
    program: str, table: dict[str, tuple[dict[str, Any], dict[str, str]]]
) -> dict[str, Case]:
    return {
        f"{program}/{name}": Case(ORACLES / program / name, *row) for name, row in table.items()
    }


CONDITION = Condition(10, hidden=12, activation="swish")
CONDITIONAL = (
    "embeddings/norm",
    *(
        f"blocks/{block}/{place}_norm/after"
        for block in (0, 1)
        for place in ("attention", "feedforward")
    ),
    "mlm/norm",
)
LIKE = {"like": "bert4keras"}
MLM, LOGITS = {"heads": ["mlm"]}, {"0": "logits"}
PROBABILITIES = {"0": "logits:probabilities"}
HIDDEN = {"0": "hidden"}

BERT4KERAS = {
    "bert_encoder": ({}, HIDDEN),
    "bert_pool_nsp_mlm": ({"heads": ["nsp", "mlm"]}, {"0": "nsp:probabilities", "1": "logits"}),
    "bert_key_size": (MLM, LOGITS),
    "bert_lm": ({"mask": "lm"}, PROBABILITIES),
    "bert_unilm": ({"mask": "unilm"}, PROBABILITIES),
    "bert_conditional": ({"mask": "lm", "condition": CONDITION}, PROBABILITIES),
    "bert_hierarchical": ({"position": "hierarchical"}, HIDDEN),
    # its blocks have Keras' epsilon 1e-7, where the checkpoints were trained with 1e-12
    "albert": ({"heads": ["pool", "mlm"], **LIKE}, {"0": "pooled", "1": "logits"}),
    "albert_unshared": ({"sharing": "none"}, HIDDEN),
    "nezha": ({**MLM, **LIKE}, LOGITS),
    "nezha_unilm": ({"mask": "unilm", **LIKE}, PROBABILITIES),
    "roformer": ({**MLM, **LIKE}, LOGITS),  # its head has 1e-12, as BERT's
    "roformer_v2": (MLM, LOGITS),
    "electra": ({}, HIDDEN),
    # gelu by the error function, where these models mean the tanh form; GPT's epsilon 1e-12
    "gpt": (LIKE, PROBABILITIES),
    "gpt2": (LIKE, PROBABILITIES),
    "gpt2_ml": ({}, PROBABILITIES),
    # the decoder's position bias in the cross-attention, logits scaled in every version, gelu
    "t5_1_0": (LIKE, LOGITS),
    "t5_1_0_encoder": ({"decoder": None}, HIDDEN),
    "t5_1_1": (LIKE, LOGITS),
    "mt5_1_1": (LIKE, LOGITS),
}

LAST = {"hidden_states:last": "hidden"}
BOTH = {
    "logits": "logits",
    "decoder_hidden_states:last": "hidden",
    "encoder_last_hidden_state": "memory",
}
WITH_LOGITS = {"logits": "logits", **LAST}

TRANSFORMERS = {
    "bert_mlm": (
        {"heads": ["mlm", "nsp"]},
        {"prediction_logits": "logits", "seq_relationship_logits": "nsp", **LAST},
    ),
    "bert_classifier": ({}, LAST),
    "bert_tanh_gelu": ({"heads": ["pool"]}, {"pooler_output": "pooled", **LAST}),
    "albert_mlm": (MLM, WITH_LOGITS),
    "electra_discriminator": ({"heads": ["discriminator"]}, {"logits": "discriminator", **LAST}),
    "electra_generator": (MLM, WITH_LOGITS),
    "ernie": ({"heads": ["pool"]}, {"pooler_output": "pooled", **LAST}),
    "roberta_mlm": (MLM, WITH_LOGITS),
    "roformer_mlm": (MLM, WITH_LOGITS),
    "openai_gpt_lm": ({}, WITH_LOGITS),
    "gpt2_lm": ({}, WITH_LOGITS),
    "t5_v1_0": ({}, BOTH),
    "t5_v1_1": ({}, BOTH),
    "mt5": ({}, BOTH),
}

TRANSFORMERS5 = {
    "deberta_v2_mlm": (MLM, WITH_LOGITS),
    "deberta_v3_shared": ({}, {"last_hidden_state": "hidden"}),
    "distilbert_mlm": (MLM, WITH_LOGITS),
    "mpnet": ({"heads": ["pool"]}, {"last_hidden_state": "hidden", "pooler_output": "pooled"}),
    "megatron_bert_mlm": (MLM, WITH_LOGITS),
    "xlm_roberta_mlm": (MLM, WITH_LOGITS),
    "xlnet_lm": (MLM, WITH_LOGITS),
    "bart": ({}, BOTH),
    "mbart": ({}, BOTH),
    "pegasus": ({}, BOTH),
    "cpt": (
        {},
        {
            "logits": "logits",
            "decoder_hidden_states:last": "hidden",
            "encoder_hidden_states:read": "memory",
        },
    ),
    "modernbert_mlm": (MLM, WITH_LOGITS),
    "gte": ({}, LAST),
    "nomic_bert": ({}, LAST),
    "llama_lm": ({}, WITH_LOGITS),
    "qwen2_lm": ({}, WITH_LOGITS),
    "qwen3_lm": ({}, WITH_LOGITS),
    "qwen3_embedding": ({"heads": []}, LAST),
}

CASES = {
    **_cases("bert4keras", BERT4KERAS),
    **_cases("transformers", TRANSFORMERS),
    **_cases("transformers5", TRANSFORMERS5),
}
