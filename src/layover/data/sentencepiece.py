"""XLM-R's `sentencepiece.bpe.model` as a fast tokenizer, without transformers.

transformers 4 and 5 convert this file into different tokenizers; Layover's tokenizer must not depend on the installed
version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, StrictInt, TypeAdapter, ValidationError
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from layover.errors import ModelError, printable

Read = TypeVar("Read")


def load_xlmr(path: Path) -> Tokenizer:
    """Return the tokenizer of an XLM-R sentencepiece file, with the same ids, pipeline and template as on the hub.

    Source: fairseq's vocabulary (`<s> <pad> </s> <unk>`, the pieces from the fourth on, `<mask>`); the pipeline of
    `tokenizer.json` of FacebookAI/xlm-roberta-base.

    Raises:
        ModelError: the file is not a sentencepiece unigram model.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ModelError(f"{path}: not a sentencepiece model ({error})") from error
    if model.trainer_spec.model_type != model.trainer_spec.UNIGRAM:
        raise ModelError(f"{path}: not a unigram model, so not of XLM-R; save the tokenizer as tokenizer.json")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece.piece, piece.score) for piece in model.pieces[3:]]
    vocabulary += [("<mask>", 0.0)]
    try:
        tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
        tokenizer.normalizer = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(f"{path}: not a sentencepiece model of XLM-R ({error})") from error
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    tokenizer.decoder = decoders.Metaspace("▁", "always")
    special = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


ADVICE = "save the tokenizer as tokenizer.json, with save_pretrained of a fast tokenizer"


class _Token(BaseModel):
    """A token as transformers writes it."""

    content: str
    special: bool = False
    normalized: bool | None = None
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False

    def added(self) -> AddedToken:
        """Return the token as an object of the tokenizers library."""
        normalized = not self.special if self.normalized is None else self.normalized
        return AddedToken(
            self.content,
            normalized=normalized,
            special=self.special,
            single_word=self.single_word,
            lstrip=self.lstrip,
            rstrip=self.rstrip,
        )


Written = str | _Token


class _TokenFile(BaseModel):
    """The tokens in `tokenizer_config.json` or `special_tokens_map.json`."""

    bos_token: Written | None = None
    cls_token: Written | None = None
    eos_token: Written | None = None
    sep_token: Written | None = None
    pad_token: Written | None = None
    unk_token: Written | None = None
    mask_token: Written | None = None
    added_tokens_decoder: dict[int, _Token] | None = None
    additional_special_tokens: list[Written] | dict[str, Written] | None = None
    extra_special_tokens: list[Written] | dict[str, Written] | None = None
    """Name of `additional_special_tokens` in transformers 5."""

    def roles(self) -> dict[str, str]:
        """Return role -> content of the special tokens in the file."""
        named = {role: getattr(self, role) for role in ROLES}
        tokens = {role: token for role, token in named.items() if token is not None}
        return {role: token if isinstance(token, str) else token.content for role, token in tokens.items()}

    def listed(self) -> list[AddedToken]:
        """Return the special tokens that XLM-R itself does not have."""
        extra = self.additional_special_tokens or self.extra_special_tokens or []
        tokens = extra.values() if isinstance(extra, dict) else extra
        return [(_Token(content=token, special=True) if isinstance(token, str) else token).added() for token in tokens]


ROLES = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
"""Role -> XLM-R's special token."""

_TOKEN_FILE = TypeAdapter(_TokenFile)
_PLACES = TypeAdapter(dict[str, StrictInt])
"""Content of `added_tokens.json`: token -> id."""


def with_added(tokenizer: Tokenizer, directory: Path) -> Tokenizer:
    """Return the tokenizer with the added tokens that the other files of its directory list.

    The files are `tokenizer_config.json` (`added_tokens_decoder`), `added_tokens.json` and `special_tokens_map.json`.

    Raises:
        ModelError: a file is not readable, an added token cannot get its id, or XLM-R's special tokens have other
            names.
    """
    config = _read(directory / "tokenizer_config.json", _TOKEN_FILE)
    special = _read(directory / "special_tokens_map.json", _TOKEN_FILE)
    for file, values in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
        for role, token in values.roles().items():
            if token != ROLES[role]:
                raise ModelError(f"{directory / file}: {role} is {token!r}, but XLM-R's is {ROLES[role]!r}; {ADVICE}")
    places = _read(directory / "added_tokens.json", _PLACES)
    placed = {place: AddedToken(content, normalized=True) for content, place in places.items()}
    placed |= {place: entry.added() for place, entry in (config.added_tokens_decoder or {}).items()}
    known = {str(added.content) for added in placed.values()}
    for place in sorted(placed):
        _add(tokenizer, placed[place], place, directory)
    for added in (*config.listed(), *special.listed()):
        if str(added.content) not in known:
            _add(tokenizer, added, None, directory)
    return tokenizer


def _add(tokenizer: Tokenizer, token: AddedToken, place: int | None, directory: Path) -> None:
    """Add a token with the next id if the tokenizer does not have it; XLM-R's own tokens stay unchanged."""
    content = str(token.content)
    if tokenizer.token_to_id(content) is None:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    actual = tokenizer.token_to_id(content)
    if place is not None and actual != place:
        raise ModelError(
            f"{directory}: the added token {content!r} must have the id {place}, but gets {actual}; {ADVICE}"
        )


def _read(file: Path, expected: TypeAdapter[Read]) -> Read:
    """Return the validated content of a JSON file; a missing file counts as an empty object.

    Raises:
        ModelError: the file cannot be read, or its content does not have the expected form.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        json.dumps(values, ensure_ascii=False).encode()  # half of a surrogate pair is not text
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelError(f"{file}: the content must be a JSON object")
    try:
        return expected.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{file}: {printable(where)}: {first['msg']}; {ADVICE}") from None
