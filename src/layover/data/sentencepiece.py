"""XLM-R's `sentencepiece.bpe.model` as a fast tokenizer, without transformers.

transformers 4 and 5 convert this file into differently built tokenizers; a tokenizer of ours must not depend on
which one is installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from layover.errors import ModelError


def load_xlmr(path: Path) -> Tokenizer:
    """Return the tokenizer of an XLM-R sentencepiece file: ids, pipeline and template as on the hub.

    Source: fairseq's vocabulary (`<s> <pad> </s> <unk>`, the pieces from the fourth on, `<mask>`); the
    pipeline is that of `tokenizer.json` of FacebookAI/xlm-roberta-base.

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
        raise ModelError(f"{path}: not a unigram model, so not XLM-R's; save the tokenizer as tokenizer.json")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece.piece, piece.score) for piece in model.pieces[3:]]
    vocabulary += [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    tokenizer.decoder = decoders.Metaspace("▁", "always")
    special = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


ROLES = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
"""What XLM-R calls its special tokens."""
ADVICE = "save the tokenizer as tokenizer.json, with save_pretrained of a fast tokenizer"


def with_added(tokenizer: Tokenizer, directory: Path) -> Tokenizer:
    """Return the tokenizer with the tokens that were added to it, as the files beside its pieces tell.

    These are `tokenizer_config.json` (`added_tokens_decoder`), `added_tokens.json` and `special_tokens_map.json`.

    Raises:
        ModelError: a file is not readable, an added token cannot have the id that it names, or XLM-R's special tokens
            are renamed.
    """
    config, special = _object(directory / "tokenizer_config.json"), _object(directory / "special_tokens_map.json")
    for file, values in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
        for role, usual in ROLES.items():
            found = _content(values[role]) if values.get(role) is not None else usual
            if found != usual:
                raise ModelError(f"{directory / file}: {role} is {found!r}, and XLM-R's is {usual!r}; {ADVICE}")
    placed: dict[int, AddedToken] = {}
    for token, place in _object(directory / "added_tokens.json").items():
        placed[int(place)] = AddedToken(token, normalized=True)
    for place, values in (config.get("added_tokens_decoder") or {}).items():
        placed[int(place)] = _added(values)
    more = [*_listed(config), *_listed(special)]
    known = {str(token.content) for token in placed.values()}
    for place in sorted(placed):
        _add(tokenizer, placed[place], place, directory)
    for token in more:
        if str(token.content) not in known:
            _add(tokenizer, token, None, directory)
    return tokenizer


def _listed(values: Mapping[str, Any]) -> list[AddedToken]:
    """Return the special tokens beyond XLM-R's own; transformers 5 has a new name for their list."""
    found = values.get("additional_special_tokens") or values.get("extra_special_tokens") or []
    each = found.values() if isinstance(found, Mapping) else found
    return [_added(one if isinstance(one, Mapping) else {"content": one, "special": True}) for one in each]


def _added(values: Mapping[str, Any]) -> AddedToken:
    special = bool(values.get("special", False))
    flags = {name: bool(values.get(name, False)) for name in ("single_word", "lstrip", "rstrip")}
    return AddedToken(
        values["content"], normalized=bool(values.get("normalized", not special)), special=special, **flags
    )


def _content(value: Any) -> Any:
    return value["content"] if isinstance(value, Mapping) else value


def _add(tokenizer: Tokenizer, token: AddedToken, place: int | None, directory: Path) -> None:
    """Add a token as the next one, if it is not there; XLM-R's own keep what they are."""
    content = str(token.content)
    if tokenizer.token_to_id(content) is None:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    found = tokenizer.token_to_id(content)
    if place is not None and found != place:
        raise ModelError(f"{directory}: the added token {content!r} has the id {place}, but gets {found}; {ADVICE}")


def _object(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one where there is no file."""
    if not file.is_file():
        return {}
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelError(f"{file}: a JSON object was expected")
    return values
