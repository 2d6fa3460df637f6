"""Calls as other programs want them, and what they are called here.

One table for all functions: what bert4keras and transformers call an argument, and the call that is
right. Fields of an architecture have one of their own, `model/old_names.py`.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from playmask.errors import ConfigError, PlaymaskError, nearest

Function = TypeVar("Function", bound=Callable[..., Any])

HABITS: Mapping[str, Mapping[str | int, str]] = {
    "Tokenizer": {
        0: "Tokenizer takes what a tokenizer.json holds; a file is read by "
        "Tokenizer.load({0!r:.200})",
        "do_lower_case": "write Tokenizer.load({0!r}, lowercase={do_lower_case!r})",
        "token_dict": "a vocabulary is read by Tokenizer.load({token_dict!r})",
        "vocab_file": "a vocabulary is read by Tokenizer.load({vocab_file!r})",
        "pre_tokenize": "write Tokenizer.load({0!r}, words='jieba')",
    },
    "Tokenizer.load": {
        "do_lower_case": "write Tokenizer.load({0!r}, lowercase={do_lower_case!r})",
        "pre_tokenize": "write Tokenizer.load({0!r}, words='jieba')",
        "simplified": "keep the tokens that playmask.tokenizers.simplified(tokenizer) lists: "
        "tokenizer.keep(…), and the same list as keep_tokens= of load",
        "startswith": "write playmask.tokenizers.simplified(tokenizer, first={startswith!r:.200})",
        "additional_special_tokens": "write markers={additional_special_tokens!r}",
    },
    "Tokenizer.encode": {
        2: "encode takes a text and its pair, the rest by name: encode(text, max_length={2!r})",
        "maxlen": "write encode(text, max_length={maxlen!r})",
        "first_text": "the text is the first argument: encode({first_text!r})",
        "second_text": "write encode(text, {second_text!r})",
        "text_pair": "write encode(text, {text_pair!r})",
        "truncate_from": "write encode(text, max_length=…, truncate={truncate_from!r})",
        "truncation": "max_length alone cuts; truncate= says where",
        "add_special_tokens": "write encode(text, special={add_special_tokens!r})",
        "padding": "rows are padded where they are batched: playmask.Predictor",
        "return_tensors": "encode gives lists; numpy.asarray(encoding.ids) is an array",
    },
    "A Tokenizer": {
        "tokenize": "write tokenizer.tokens(tokenizer.encode(text).ids)",
        "rematch": "Encoding.offsets are the spans of the tokens",
        "id_to_token": "write tokenizer.tokens([id])[0]",
        "ids_to_tokens": "write tokenizer.tokens(ids)",
        "convert_ids_to_tokens": "write tokenizer.tokens(ids)",
        "convert_tokens_to_ids": "write tokenizer.token_to_id(token)",
        "tokens_to_ids": "write tokenizer.token_to_id(token)",
        "add_tokens": "write tokenizer.extend(tokens), which makes another one",
        "from_pretrained": "write Tokenizer.load(path)",
        "vocab_size": "write len(tokenizer)",
        "_vocab_size": "write len(tokenizer)",
        "_token_pad_id": "write tokenizer.pad",
        "_token_start_id": "write tokenizer.cls",
        "_token_end_id": "write tokenizer.sep",
        "_token_mask_id": "write tokenizer.mask",
    },
    "Encoding": {
        0: "An Encoding is no pair of lists; write token_ids, segment_ids = encoding.ids, "
        "encoding.segments",
    },
    "load": {
        0: "{0!r:.200} is a configuration; load takes the directory that holds it and the "
        "weights: load({folder!r:.200})",
        1: "load takes the path of the weights, and of the configuration only where it does not "
        "lie beside them: load({1!r:.200}, config={0!r:.200})",
        "config_path": "write load(path, config={config_path!r:.200}), or load(path) where it lies "
        "beside the weights",
        "checkpoint_path": "give the weights' path: load({checkpoint_path!r:.200})",
        "return_keras_model": "what load returns is a Keras model",
    },
    "playmask": {
        "build_transformer_model": "a checkpoint's directory is loaded by playmask.load(path)",
        "AutoModel": "a checkpoint's directory is loaded by playmask.load(path)",
        "AutoTokenizer": "a tokenizer is loaded by playmask.Tokenizer.load(path)",
        "BertTokenizer": "a tokenizer is loaded by playmask.Tokenizer.load(path)",
        "SpTokenizer": "a tokenizer is loaded by playmask.Tokenizer.load(path)",
        "load_vocab": "a vocabulary is read by playmask.Tokenizer.load(path), and pruned by "
        "tokenizer.keep(playmask.tokenizers.simplified(tokenizer))",
        "AutoRegressiveDecoder": "texts are written by playmask.generate(model, prompts, "
        "search=playmask.Beams(3))",
        "DataGenerator": "task.fit makes batches of a file or of examples by itself; alone they "
        "are playmask.runtime.batches",
        "sequence_padding": "rows are padded where they are batched: playmask.Predictor, and "
        "playmask.runtime.padding",
        "to_array": "numpy.asarray makes an array of a list",
        "set_gelu": "the configuration says which gelu; load(path, activation='gelu_tanh') takes "
        "another one",
        "multilabel_categorical_crossentropy": "write playmask.multilabel_crossentropy",
        "sparse_multilabel_categorical_crossentropy": "write "
        "playmask.sparse_multilabel_crossentropy",
        "extend_with_piecewise_linear_lr": "write task.fit(…, warm_up=0.1)",
        "extend_with_weight_decay": "write task.fit(…, weight_decay=0.01)",
    },
}
"""Function -> argument that it has not, by name or place -> what is right: after its name, or as a
sentence of its own."""


class UnknownName(PlaymaskError, AttributeError):
    """An attribute that only another program's object of that name has."""


def unknown(owner: str, name: str) -> UnknownName:
    """Make the error for an attribute that does not exist, with the one that is right."""
    return UnknownName(hint(owner, **{name: None}) or f"{owner} has no {name!r}.")


def hint(function: str, *arguments: Any, **options: Any) -> str:
    """Say what is right where a call is another program's, empty where it is nobody's."""
    keys: list[str | int] = [*options, *reversed(range(len(arguments)))]
    for key in keys:
        template = HABITS[function].get(key)
        if template is not None:
            folder = str(Path(str(arguments[0])).parent) if arguments else "path"
            right = template.format(*(arguments or ("path",)), folder=folder, **options)
            return f"{function} has no {key!r}; {right}." if isinstance(key, str) else f"{right}."
    return ""


def hinting(name: str) -> Callable[[Function], Function]:
    """Let a function or method answer arguments that it has not with what is right.

    name: in the table
    Raises: ConfigError in place of the TypeError
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def hinted(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            except TypeError:
                message = _mistake(name, function, arguments, options)
                if not message:
                    raise
            raise ConfigError(message)

        return cast(Function, hinted)

    return decorate


def _mistake(
    name: str, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> str:
    """Say what is wrong with a call, empty where its arguments are those of the function."""
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **options)
    except TypeError:
        own = signature.parameters
        strange = {key: value for key, value in options.items() if key not in own}
        if next(iter(own), "") in ("self", "cls"):
            arguments = arguments[1:]
        message = hint(name, *arguments, **strange)
        if message or not strange:
            return message
        unknown = next(iter(strange))
        return f"{name} has no argument {unknown!r}.{nearest(unknown, [*own])}"
    return ""
