"""Reading and writing the configuration files that come with checkpoints."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from playmask.errors import ConfigError, PlaymaskError, nearest
from playmask.families.values import check_value
from playmask.model.architecture import Architecture
from playmask.model.norms import Around, Norm
from playmask.model.parts.by_block import choices, each

Fields = dict[str, Any]


def same(value: Any) -> Any:
    """Leave a value as it is."""
    return value


def number(name: str) -> Callable[[Any], Any]:
    """A function that reads one number of a part; None where the part has no such number."""
    return lambda part: getattr(part, name, None)


@dataclass(frozen=True)
class Key:
    """A configuration key and the field it sets.

    A field is the architecture's, or one that the family's `from_fields` understands; dialect: the
    one in whose files the key is written (None = in all); it is read in all.
    """

    theirs: str
    ours: str
    read: Callable[[Any], Any] = same
    write: Callable[[Any], Any] = same
    dialect: str | None = None


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


def read_activation(name: Any) -> Any:
    """Our name of an activation; a plain "gelu" means erf; a list stays a list, of ours."""
    if isinstance(name, list):
        return [read_activation(item) for item in name]
    if name not in _ACTIVATIONS:
        raise ConfigError(f"hidden_act {name!r} is not known.{nearest(str(name), _ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def read_tanh(name: Any) -> Any:
    """Our name of an activation, in families where a plain "gelu" means the tanh form."""
    if isinstance(name, list):
        return [read_tanh(item) for item in name]
    return "gelu_tanh" if name == "gelu" else read_activation(name)


def write_activation(name: Any) -> Any:
    """The configuration's name of an activation."""
    if isinstance(name, list):
        return [write_activation(item) for item in name]
    return next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == name)


def write_silu(name: Any) -> Any:
    """The name that newer configurations have: "silu" for what others call "swish"."""
    return "silu" if name == "swish" else write_activation(name)


def write_tanh(name: Any) -> Any:
    """The name that `read_tanh` reads; a plain "gelu" is what bert4keras' files say."""
    if isinstance(name, list):
        return [write_tanh(item) for item in name]
    return "gelu" if name == "gelu_tanh" else write_activation(name)


HARMLESS = frozenset(
    """architectures model_type transformers_version torch_dtype dtype _name_or_path name_or_path
    use_cache output_past output_attentions output_hidden_states gradient_checkpointing
    return_dict bos_token_id eos_token_id sep_token_id cls_token_id
    mask_token_id unk_token_id decoder_start_token_id is_encoder_decoder add_cross_attention
    cross_attention_hidden_size classifier_dropout classifier_dropout_prob
    summary_type summary_use_proj
    summary_activation summary_first_dropout summary_proj_to_labels summary_last_dropout
    directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers
    pooler_size_per_head pooler_type id2label label2id num_labels _num_labels problem_type
    finetuning_task
    task_specific_params chunk_size_feed_forward pruned_heads torchscript use_bfloat16
    tokenizer_class tokenizer_type vocab_file language auto_map ln_type max_length min_length
    do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
    typical_p repetition_penalty length_penalty no_repeat_ngram_size bad_words_ids
    encoder_no_repeat_ngram_size exponential_decay_length_penalty suppress_tokens
    begin_suppress_tokens tf_legacy_loss num_return_sequences output_scores return_dict_in_generate
    forced_bos_token_id forced_eos_token_id remove_invalid_values prefix tie_encoder_decoder
    predict_special_tokens xla_device pad_token eos_token layer_type
    unpad_inputs use_memory_efficient_attention pretraining_tp reference_compile
    deterministic_flash_attn sparse_prediction sparse_pred_ignore_index repad_logits_with_grad
    attn_implementation _attn_implementation
    _attn_implementation_autoset _num_labels sentence_transformers
    sbert_ce_default_activation_function""".split()
)
"""Keys that say nothing about the computation of any family."""


@dataclass(frozen=True)
class Configuration:
    """How a family's configuration files are read and written.

    keys: what they may hold; required: fields, or choices of fields, that must be there;
    from_fields: fields -> Architecture; to_fields: (architecture, dialect) -> the fields to write;
    constants: what else each dialect's files say.
    """

    family: str
    keys: tuple[Key, ...]
    required: tuple[str | tuple[str, ...], ...]
    from_fields: Callable[[Fields], Architecture]
    to_fields: Callable[[Architecture, str], Fields]
    constants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def read(
        self, config: Mapping[str, Any], ignore: Iterable[str] = (), *, tied: bool | None = None
    ) -> Architecture:
        """Translate a configuration into an architecture.

        tied: whether the vocabulary head is the token table, where the tensors have decided it
        Raises: ConfigError for an unknown key, with the nearest known one, and for missing ones
        """
        table = {key.theirs: key for key in self.keys}
        fields = {}
        for name, value in config.items():
            if name in table:
                check_value(name, table[name].ours, value)
                fields[table[name].ours] = table[name].read(value)
            elif name not in HARMLESS and name not in ignore:
                raise ConfigError(
                    f"The configuration has a key {name!r} that the family {self.family!r} does "
                    f"not know.{nearest(name, table)} Pass ignore=[{name!r}] if it does not matter."
                )
        present = {name for name, value in fields.items() if value is not None}
        missing = [names for names in map(_either, self.required) if not names & present]
        if missing:
            theirs = [
                " or ".join(repr(key.theirs) for key in self.keys if key.ours in names)
                for names in missing
            ]
            raise ConfigError(f"The configuration lacks {', '.join(theirs)}.")
        return self._architecture(fields if tied is None else {**fields, "tied": tied})

    def _architecture(self, fields: Fields) -> Architecture:
        """The architecture that fields describe, each of which is of its kind."""
        try:
            return self.from_fields(fields)
        except PlaymaskError:
            raise
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ConfigError(
                f"The configuration's values do not go together ({error})."
            ) from error

    def write(self, architecture: Architecture, dialect: str) -> dict[str, Any]:
        """Translate an architecture into a dialect's configuration."""
        fields = self.to_fields(architecture, dialect)
        config = {
            key.theirs: key.write(fields[key.ours])
            for key in self.keys
            if key.ours in fields and key.dialect in (None, dialect)
        }
        # A position part of another kind has no such number; `save` sees that it was lost.
        said = {k: v for k, v in config.items() if v is not None or k == "pad_token_id"}
        return {**self.constants.get(dialect, {}), **said}


def _either(names: str | tuple[str, ...]) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def refuse_others(fields: Fields, usual: Mapping[str, Any], family: str) -> None:
    """Take keys out of fields that have one value in all published files.

    Raises: ConfigError for another value
    """
    for name, value in usual.items():
        if fields.pop(name, value) != value:
            raise ConfigError(f"{name} other than {value} is not {family}'s, and is not loaded.")


def fields_of(architecture: Architecture, keys: Iterable[Key]) -> Fields:
    """The fields of an architecture that keys name; those that are None are left out."""
    fields = {key.ours: getattr(architecture, key.ours, None) for key in keys}
    return {name: value for name, value in fields.items() if value is not None}


def with_epsilon(architecture: Architecture, epsilon: float) -> Architecture:
    """The architecture with one epsilon in all its norms."""

    def norm(old: Norm | None) -> Norm | None:
        return None if old is None else replace(old, epsilon=epsilon)

    def around(old: Around) -> Around:
        return Around(norm(old.before), norm(old.after))

    a, decoder = architecture, architecture.decoder
    if decoder is not None:
        decoder = replace(decoder, embedding_norm=norm(decoder.embedding_norm))
    return a.change(
        decoder=decoder,
        embedding_norm=norm(a.embedding_norm),
        attention_norm=each(around, a.attention_norm),
        feedforward_norm=each(around, a.feedforward_norm),
        final_norm=norm(a.final_norm),
        query_key_norm=norm(a.query_key_norm),
        vocabulary_head=replace(a.vocabulary_head, norm=norm(a.vocabulary_head.norm)),
    )


def epsilon_of(architecture: Architecture) -> float:
    """The epsilon of the blocks' norms."""
    a = architecture
    around = (*choices(a.attention_norm), *choices(a.feedforward_norm))
    norms = (norm for pair in around for norm in (pair.after, pair.before) if norm is not None)
    return next(norms, Norm()).epsilon
