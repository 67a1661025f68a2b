"""The config of a pretrained encoder: the values of `config.json` that its computation depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from layover.errors import ModelError
from layover.families import family_of, model_types

Size = Annotated[int, Field(ge=1, lt=2**31)]


class EncoderConfig(BaseModel):
    """The sizes of a BERT-family encoder and its constants; the names are those of transformers.

    Values that old configs do not name have the defaults of transformers; sizes have no default.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    model_type: str
    vocab_size: Size
    hidden_size: Size
    num_hidden_layers: Size
    num_attention_heads: Size
    intermediate_size: Size
    max_position_embeddings: Size
    type_vocab_size: Size = 2
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None
    is_decoder: bool = False
    position_embedding_type: Literal["absolute"] = "absolute"


def read_config(file: Path) -> EncoderConfig:
    """Return the config of a file.

    Raises:
        ModelError: the file is not the config of an encoder, or its type is not supported.
    """
    values = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ModelError(f"{file.name}: the content is not a JSON object")
    if "model_type" not in values:
        raise ModelError(f"{file.name}: model_type is missing; it is one of: {', '.join(model_types())}")
    family = family_of(str(values["model_type"]))
    try:
        config = EncoderConfig.model_validate({"pad_token_id": family.padding, **values})
    except ValidationError as error:
        raise ModelError(f"{file.name}: {_first(error)}") from None
    if config.hidden_size % config.num_attention_heads:
        raise ModelError(
            f"{file.name}: hidden_size {config.hidden_size} does not divide into {config.num_attention_heads} "
            "attention heads"
        )
    padding, tokens = config.pad_token_id, config.vocab_size
    if padding is not None and not -tokens <= padding < tokens:
        raise ModelError(f"{file.name}: pad_token_id is {padding}, but vocab_size is {tokens}: there is no such token")
    return config


def _first(error: ValidationError) -> str:
    """Return the first problem: `vocab_size is missing`."""
    problem: Any = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{name} is missing"
    return f"{name} is {problem['input']!r}: {problem['msg']}"
