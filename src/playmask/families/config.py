"""Reading and writing the configuration files that come with checkpoints."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from playmask.errors import ConfigError, nearest


def same(value: Any) -> Any:
    """Leave a value as it is."""
    return value


@dataclass(frozen=True)
class Key:
    """A configuration key and the architecture's field it sets."""

    theirs: str
    ours: str
    read: Callable[[Any], Any] = same
    write: Callable[[Any], Any] = same


_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "swish": "swish",
    "silu": "swish",
    "tanh": "tanh",
    "linear": "linear",
}


def read_activation(name: str) -> str:
    """Our name of an activation; a plain "gelu" means erf."""
    if name not in _ACTIVATIONS:
        raise ConfigError(f"hidden_act {name!r} is not known.{nearest(str(name), _ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def write_activation(name: str) -> str:
    """The configuration's name of an activation."""
    return next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == name)


HARMLESS = frozenset(
    """architectures model_type transformers_version torch_dtype dtype _name_or_path name_or_path
    use_cache output_past output_attentions output_hidden_states gradient_checkpointing
    return_dict tie_word_embeddings bos_token_id eos_token_id sep_token_id cls_token_id
    mask_token_id unk_token_id decoder_start_token_id is_encoder_decoder add_cross_attention
    cross_attention_hidden_size classifier_dropout summary_type summary_use_proj
    summary_activation summary_first_dropout summary_proj_to_labels summary_last_dropout
    directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers
    pooler_size_per_head pooler_type id2label label2id num_labels problem_type finetuning_task
    task_specific_params chunk_size_feed_forward pruned_heads torchscript use_bfloat16
    tokenizer_class vocab_file language auto_map ln_type max_length min_length
    pad_token eos_token layer_type attn_implementation _attn_implementation
    _attn_implementation_autoset""".split()
)
"""Keys that say nothing about the computation of any family."""


def read_keys(
    config: Mapping[str, Any], keys: Iterable[Key], *, family: str, ignore: Iterable[str] = ()
) -> dict[str, Any]:
    """Translate a configuration into fields of an architecture.

    Raises: ConfigError for an unknown key, naming the nearest known one
    """
    table = {key.theirs: key for key in keys}
    fields = {}
    for name, value in config.items():
        if name in table:
            fields[table[name].ours] = table[name].read(value)
        elif name not in HARMLESS and name not in ignore:
            raise ConfigError(
                f"The configuration has a key {name!r} that the family {family!r} does not know."
                f"{nearest(name, table)} Pass ignore=[{name!r}] if it does not matter."
            )
    return fields


def need(fields: Mapping[str, Any], keys: Iterable[Key], required: Iterable[str]) -> None:
    """Raise ConfigError where required fields were not set, by the configuration's own names."""
    missing = [key.theirs for key in keys if key.ours in set(required) - set(fields)]
    if missing:
        raise ConfigError(f"The configuration lacks {', '.join(map(repr, missing))}.")


def write_keys(fields: Mapping[str, Any], keys: Iterable[Key]) -> dict[str, Any]:
    """Translate fields back into a configuration; fields that are None are left out."""
    return {
        key.theirs: key.write(fields[key.ours])
        for key in keys
        if fields.get(key.ours) is not None or key.ours == "pad"
    }
