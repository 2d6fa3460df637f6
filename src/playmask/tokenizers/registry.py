"""The registry of tokenization algorithms, and which one a tokenizer.json is of."""

from collections.abc import Callable

from playmask.errors import ConfigError, DataError, InputError, PlaymaskError
from playmask.files import JsonObject, PathLike
from playmask.tokenizers import added_tokens
from playmask.tokenizers.added_token_splitter import distinct
from playmask.tokenizers.added_tokens import NOTES, AddedToken
from playmask.tokenizers.algorithm import ROLES, Algorithm, Style, TokenizerEngine
from playmask.tokenizers.bpe import BYTE_BPE, LETTER_BPE
from playmask.tokenizers.content_checks import CheckedContent, checked
from playmask.tokenizers.engine import is_of_library
from playmask.tokenizers.metaspace import METASPACE
from playmask.tokenizers.sentencepiece import SENTENCEPIECE
from playmask.tokenizers.word_segmentation import check_segmenter
from playmask.tokenizers.wordpiece import WORDPIECE

ALGORITHMS = (WORDPIECE, SENTENCEPIECE, BYTE_BPE, LETTER_BPE, METASPACE)  # the first that claims it


def parts_of(content: JsonObject, source: PathLike) -> tuple[Algorithm, TokenizerEngine, Style]:
    """Make the engine for the content of a tokenizer.json, whose special tokens no text reaches.

    Raises: DataError if it is of an unknown algorithm, or damaged
    """
    content = checked(content, source)
    if content["model"]["type"] == "Unigram":
        content = _declaring(content)
    algorithm, engine = _engine(content, source)
    style = style_of(algorithm, engine, source)
    exposed = _exposed(engine, style)
    if exposed:
        rows = [token.json() for token in (*engine.added, *exposed)]
        algorithm, engine = _engine(content | {"added_tokens": rows}, source)
    return algorithm, engine, style


def _declaring(content: JsonObject) -> JsonObject:
    """Declare special tokens that a Unigram model's file does not say are special.

    Texts reach all of its tokens, as they are written, and an engine made anew takes its time.
    """
    model, added = content["model"], added_tokens.of(content)
    notes = model.get(NOTES) or {}
    if "sentencepiece" in notes:  # whose library finds no control piece in a text
        return content
    ids = {**added_tokens.ids_of(model), **{token.content: token.id for token in added}}
    style = _style_of(METASPACE, ids.get, notes)
    known = {token.content for token in added}
    special = (token for role, token in style.special.items() if role != "unk")
    rows = [AddedToken(t, ids[t]).json() for t in special if t in ids and t not in known]
    declared = sorted([*content["added_tokens"], *rows], key=lambda row: row["id"])
    return CheckedContent({**content, "added_tokens": declared}) if rows else content


def _exposed(engine: TokenizerEngine, style: Style) -> list[AddedToken]:
    """Find the special tokens that texts reach, since the file does not say that they are."""
    ids = {token: engine.find(token) for role, token in style.special.items() if role != "unk"}
    known = {token.content for token in engine.added}
    plain = [AddedToken(t, n) for t, n in ids.items() if n is not None and t not in known]
    if not plain:
        return []
    try:
        rows = engine.tokenize([token.content for token in plain])
    except InputError:  # a text that is no token of its own
        return []
    return [token for token, row in zip(plain, rows, strict=True) if token.id in row.ids]


def _engine(content: JsonObject, source: PathLike) -> tuple[Algorithm, TokenizerEngine]:
    words = (content["model"].get(NOTES) or {}).get("words")
    try:
        algorithm = next(algorithm for algorithm in ALGORITHMS if algorithm.claims(content))
        if words:
            if not algorithm.words:
                able = " and ".join(algorithm.name for algorithm in ALGORITHMS if algorithm.words)
                raise ConfigError(
                    f"{source} is {algorithm.name}; words={words!r} is for {able} files only."
                )
            check_segmenter(words)
        tokens = distinct(added_tokens.of(content), content.get("normalizer"))
        content = content | {"added_tokens": [token.json() for token in tokens]}
        return algorithm, algorithm.engine(content, algorithm)
    except PlaymaskError:
        raise
    except BaseException as error:  # the engines raise bare Exception, and panic with another
        if is_of_library(error):
            raise DataError(f"{source} is not a valid tokenizer.json: {error!r:.200}.") from error
        raise


def style_of(algorithm: Algorithm, engine: TokenizerEngine, source: PathLike) -> Style:
    """Find the family's special tokens by those that the vocabulary has, or that files declare.

    A declared token counts where the vocabulary has it, and no other role is its.
    Raises: DataError naming those that are missing
    """
    style = _style_of(algorithm, engine.find, engine.notes)
    needed = (style.special[role] for role in style.needed)
    missing = [token for token in needed if engine.find(token) is None]
    if missing:
        raise DataError(
            f"{source} has {len(engine.vocabulary)} tokens but not {', '.join(missing)}; "
            "add a line for each."
        )
    return style


def _style_of(algorithm: Algorithm, find: Callable[[str], int | None], notes: JsonObject) -> Style:
    """The first style whose special tokens are there, with those that files declare."""
    style = next((style for style in algorithm.styles if style.fits(find)), algorithm.styles[-1])
    others = {token: role for role, token in style.special.items()}
    declared = {
        role: token
        for role, token in (notes.get("roles") or {}).items()
        if role in ROLES and find(token) is not None and others.get(token, role) == role
    }
    return style._replace(special=style.special | declared)
