"""Added tokens: those that stand beside a vocabulary, and where texts have them.

tokenizer.json, tokenizer_config.json (`added_tokens_decoder`), added_tokens.json and
special_tokens_map.json each may name them; what they say is put together here.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from playmask.errors import ConfigError, DataError, nearest
from playmask.files import JsonObject, write_json
from playmask.files.commits import destination
from playmask.tokenizers.file_contents import read_json_object
from playmask.tokenizers.pieces import UNREACHABLE, Pieces

NOTES = "playmask"  # our entry in `model`: the one place where `tokenizers` takes unknown keys
BESIDE, MAP, CONFIG = "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"
DECODER = "added_tokens_decoder"
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
HOLES = 10_000  # ids without a token that any vocabulary may have; more, if it has more tokens
ROLE_KEYS = {f"{role}_token": role for role in ("pad", "unk", "cls", "sep", "mask")}
_END_KEYS = ("bos_token", "eos_token")
_FURTHER = ("additional_special_tokens", "extra_special_tokens")


class AddedToken(NamedTuple):
    """A token beside the vocabulary, found in texts before they are cut into words.

    single_word:    only where no letter or digit stands before or after it
    lstrip, rstrip: it takes the white space before or after it along
    normalized:     it is looked for in the normalised text
    special:        no text reaches it, unless it is a marker
    Source:         `AddedToken` of the library `tokenizers`
    """

    content: str
    id: int
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True

    @property
    def flags(self) -> dict[str, bool]:
        """All but its text and its id."""
        return {flag: getattr(self, flag) for flag in FLAGS}

    def json(self) -> JsonObject:
        """Describe it as in the `added_tokens` of tokenizer.json."""
        return {"id": self.id, "content": self.content, **self.flags}


class Declared(NamedTuple):
    """What the files beside a vocabulary say of special tokens.

    tokens: added tokens, each with the file that names it
    roles:  role -> token
    extra:  special tokens without a role, each with the file that names it
    """

    tokens: list[tuple[AddedToken, str]]
    roles: dict[str, str]
    extra: dict[str, str]


def parse(rows: object, source: object) -> list[AddedToken]:
    """Read the `added_tokens` of a tokenizer.json.

    Raises: DataError naming the entry that is none
    """
    if not isinstance(rows, list | None):
        raise DataError(f"{source}: added_tokens is {rows!r:.60}; it must be a list.")
    return [_token(row, None, f"{source}: added_tokens[{n}]") for n, row in enumerate(rows or [])]


def of(content: JsonObject) -> tuple[AddedToken, ...]:
    """Return the added tokens of a tokenizer.json that was checked."""
    return tuple(AddedToken(**row) for row in content.get("added_tokens") or ())


def reachable(tokens: Iterable[AddedToken], notes: JsonObject) -> tuple[AddedToken, ...]:
    """Return those that texts may have: the plain ones, and the special ones that are markers."""
    markers = frozenset(notes.get("markers") or ())
    return tuple(token for token in tokens if not token.special or token.content in markers)


def ids_of(model: JsonObject) -> Mapping[str, int]:
    """Return the vocabulary of a tokenizer.json's model, token -> id."""
    vocab = model["vocab"]
    if isinstance(vocab, dict):
        return vocab
    return vocab.ids if isinstance(vocab, Pieces) else {row[0]: n for n, row in enumerate(vocab)}


def with_markers(content: JsonObject, markers: Sequence[str], source: object) -> JsonObject:
    """Let texts have these tokens, which are special or hidden in the vocabulary.

    Raises: ConfigError naming the one that is not in the vocabulary
    """
    ids = dict(ids_of(content["model"])) | {token.content: token.id for token in of(content)}
    if isinstance(markers, str) or not all(isinstance(text, str) for text in markers):
        raise ConfigError(f"markers is {markers!r:.60}; give a list of tokens, such as ['[E1]'].")
    for text in markers:
        if text not in ids or UNREACHABLE in text:
            raise ConfigError(
                f"{source} has no token {text!r:.60} for markers.{nearest(text, ids)[:200]}"
            )
    rows = {token.content: token for token in of(content)}
    rows |= {text: AddedToken(text, ids[text]) for text in markers if text not in rows}
    notes = content["model"].get(NOTES) or {}
    return content | {
        "added_tokens": [t.json() for t in sorted(rows.values(), key=lambda token: token.id)],
        "model": content["model"] | {NOTES: notes | {"markers": [*dict.fromkeys(markers)]}},
    }


def renumbered(tokens: Iterable[AddedToken], ids: Sequence[int]) -> list[JsonObject]:
    """Describe the tokens among these ids, the i-th of which becomes id i."""
    new = {old: place for place, old in enumerate(ids)}
    kept_tokens = (token._replace(id=new[token.id]) for token in tokens if token.id in new)
    return [token.json() for token in kept_tokens]


def read_beside(directory: Path) -> Declared:
    """Read what the files beside a vocabulary say of added and special tokens.

    Raises: DataError naming the file and the entry that cannot be
    """
    files = {name: directory / name for name in (CONFIG, MAP, BESIDE)}
    objects = {n: read_json_object(file) for n, file in files.items() if file.is_file()}
    roles: dict[str, str] = {}
    extra: dict[str, str] = {}
    for name in (CONFIG, MAP):
        source, row = files[name], objects.get(name, {})
        for key in (*ROLE_KEYS, *_END_KEYS):
            if row.get(key) not in (None, ""):
                token = _content(row[key], f"{source}: {key}")
                if key in ROLE_KEYS:
                    _warn_of_two_roles(roles.get(ROLE_KEYS[key], token), token, key, source)
                    roles[ROLE_KEYS[key]] = token
                else:
                    extra.setdefault(token, "")
        for key in _FURTHER:
            entries = row.get(key) or []
            if isinstance(entries, dict):  # name -> token, of transformers 5
                entries = list(entries.values())
            if not isinstance(entries, list):
                raise DataError(f"{source}: {key} is {entries!r:.60}; it must be a list.")
            places = enumerate(entries)
            extra |= {_content(one, f"{source}: {key}[{n}]"): str(source) for n, one in places}
    special = {*roles.values(), *extra}
    decoder = objects.get(CONFIG, {}).get(DECODER) or {}
    where = f"{files[CONFIG]}: {DECODER}"
    if not isinstance(decoder, dict):
        raise DataError(f"{where} is {decoder!r:.60}; it must be an object.")
    tokens = [(_token(row, n, f"{where}[{n!r:.20}]"), where) for n, row in decoder.items()]
    for text, number in objects.get(BESIDE, {}).items():
        plain = {"content": text, "special": text in special, "normalized": text not in special}
        tokens.append((_token(plain, number, f"{files[BESIDE]}: {text!r:.60}"), str(files[BESIDE])))
    return Declared(tokens, roles, extra)


def _warn_of_two_roles(before: str, token: str, key: str, source: Path) -> None:
    """Warn of a role that two files give to different tokens."""
    if before != token:
        warnings.warn(
            f"{source} says {key} is {token!r:.60}, {CONFIG} beside it says {before!r:.60}; the "
            "first is heeded.",
            stacklevel=3,
        )


def _content(value: object, where: str) -> str:
    """Return the text of a token that is named by itself, or described as an object."""
    text = value.get("content") if isinstance(value, dict) else value
    if not isinstance(text, str) or not text:
        raise DataError(f"{where} is {value!r:.60}; it must be the text of a token.")
    return text


def _token(row: object, number: object, where: str) -> AddedToken:
    """Read one entry; its id stands in it, or is `number`."""
    if not isinstance(row, dict):
        raise DataError(f"{where} is {row!r:.60}; it must be an object with content and id.")
    text = row.get("content")
    if not isinstance(text, str) or not text or UNREACHABLE in text or not encodes(text):
        raise DataError(f"{where} has the content {text!r:.60}; it must be a text of characters.")
    number = row.get("id") if number is None else number
    if isinstance(number, str) and number.isdecimal() and len(number) < 10:
        number = int(number)
    if type(number) is not int or not 0 <= number < 2**31:
        raise DataError(f"{where} has the id {number!r:.60}, which is not a row of an embedding.")
    flags = {flag: row.get(flag, False) for flag in FLAGS}
    odd = next((flag for flag, value in flags.items() if not isinstance(value, bool)), None)
    if odd is not None:
        raise DataError(f"{where} has {odd} {flags[odd]!r:.60}; it must be true or false.")
    return AddedToken(text, number, **flags)


def encodes(text: str) -> bool:
    """Tell whether a text is one of characters, without halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def merge(
    vocabulary: Mapping[str, int],
    own: Iterable[AddedToken],
    declared: Declared,
    source: object,
) -> list[AddedToken]:
    """Put together what a vocabulary's file and those beside it say of added tokens.

    vocabulary: token -> id, of the file `source`; own: the added tokens that it has itself
    Raises: DataError naming both files where one token has two ids, or one id two tokens
    """
    rows = [*((token, str(source)) for token in own), *declared.tokens]
    used = {token.id for token, _ in rows if token.content not in vocabulary}
    own_rows = vocabulary.items() if used else ()
    names = {n: name.partition(UNREACHABLE)[0] for name, n in own_rows if n in used}
    tokens: dict[str, AddedToken] = {}
    sources: dict[str, str] = {}
    for token, where in rows:
        text, number = token.content, token.id
        before = tokens[text].id if text in tokens else vocabulary.get(text, number)
        if before != number:
            raise DataError(
                f"{where} gives {text!r:.60} the id {number}, {sources.get(text, source)} gives "
                f"it {before}; one of them is of another tokenizer."
            )
        if names.get(number) not in (None, "", text):
            other = names[number]
            raise DataError(
                f"{where} gives {text!r:.60} the id {number}, which {other!r:.60} has in "
                f"{sources.get(other, source)}; one of them is of another tokenizer."
            )
        if text in tokens:
            _compare(tokens[text], token, sources[text], where)
            continue
        names[number], tokens[text], sources[text] = text, token, where
    for text in (*declared.extra, *declared.roles.values()):
        if text in vocabulary and text not in tokens:
            tokens[text] = AddedToken(text, vocabulary[text])
    _warn_of_missing({t: f for t, f in declared.extra.items() if f and t not in tokens})
    outside = [token.id for token in tokens.values() if token.content not in vocabulary]
    highest = max([*outside, max(vocabulary.values(), default=-1)])
    check_holes(len(vocabulary) + len(outside), highest, source)
    return sorted(tokens.values(), key=lambda token: token.id)


def _warn_of_missing(missing: Mapping[str, str]) -> None:
    """Warn of special tokens that have no id, and so no row of the embedding."""
    if missing:
        warnings.warn(
            f"{next(iter(missing.values()))} names {', '.join(map(repr, [*missing][:5]))}, which "
            "no file gives an id: no text reaches it.",
            stacklevel=3,
        )


def _compare(heeded: AddedToken, other: AddedToken, source: str, where: str) -> None:
    """Warn of two descriptions of one token that find it in different places of texts."""
    silent = where.endswith(BESIDE)  # it says nothing but ids
    if silent or heeded.flags == other.flags or (heeded.special and other.special):
        return
    odd = next(flag for flag in reversed(FLAGS) if heeded.flags[flag] != other.flags[flag])
    warnings.warn(
        f"{source} says {odd}={heeded.flags[odd]} of {heeded.content!r}, {where} says "
        f"{other.flags[odd]}; the first is heeded.",
        stacklevel=3,
    )


def check_holes(tokens: int, highest: int, source: object) -> None:
    """Refuse ids far above the number of tokens: each id below them takes a row.

    Raises: DataError naming the highest id
    """
    if highest + 1 - tokens > max(HOLES, tokens):
        raise DataError(
            f"{source} and what lies beside it have {tokens} tokens, but the id {highest}; the "
            "ids of a vocabulary are the rows of its embedding."
        )


def rows_for(tokens: Iterable[AddedToken], names: Mapping[str, int]) -> dict[str, int]:
    """Name the rows of the tokens that a vocabulary lacks, so that no text reaches them there."""
    missing = (token for token in tokens if token.content not in names)
    return {token.content + UNREACHABLE: token.id for token in missing}


def own_size(outside: Iterable[int], size: int) -> int:
    """Count the rows below the added tokens that stand above all others, one after the other."""
    above = set(outside)
    while size - 1 in above:
        size -= 1
    return size


def write_beside(staging: Path, tokens: Sequence[AddedToken], *, always: bool) -> None:
    """Bring the files of added tokens beside a vocabulary in line with these.

    staging: where they are written, see `committing`
    always: whether to write them where there are none, for programs that read no tokenizer.json
    Raises: DataError if one that lies there is damaged
    """
    files = {name: destination(staging) / name for name in (BESIDE, CONFIG)}
    if (always and tokens) or files[BESIDE].is_file():
        write_json(staging / BESIDE, {token.content: token.id for token in tokens})
    config = read_json_object(files[CONFIG]) if files[CONFIG].is_file() else {}
    if (always and tokens) or DECODER in config:
        rows = {str(t.id): {"content": t.content, **t.flags} for t in tokens}
        write_json(staging / CONFIG, config | {DECODER: rows})
