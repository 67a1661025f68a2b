"""The head that an encoder was pretrained with: what a checkpoint for masked language modelling holds beside it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers.utils.hub import cached_file

from layover.errors import ModelError

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"

NAMES = {
    "dense.weight": ("lm_head.dense.weight", "cls.predictions.transform.dense.weight"),
    "dense.bias": ("lm_head.dense.bias", "cls.predictions.transform.dense.bias"),
    "layer_norm.weight": (
        "lm_head.layer_norm.weight",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.gamma",
    ),
    "layer_norm.bias": (
        "lm_head.layer_norm.bias",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.transform.LayerNorm.beta",
    ),
    "bias": ("lm_head.bias", "lm_head.decoder.bias", "cls.predictions.bias", "cls.predictions.decoder.bias"),
}
"""Our name -> the names of RoBERTa's and of BERT's family, older ones last."""


def read_lm_head(source: str, revision: str | None) -> dict[str, Tensor]:
    """Return the head of a checkpoint by our names, empty when it has none; the tied decoder is not part of it.

    Raises:
        ModelError: the weights cannot be read.
    """
    found: dict[str, Tensor] = {}
    for file in _files(source, revision):
        try:
            with safe_open(file, framework="pt") as stream:
                there = set(stream.keys())
                for ours, theirs in NAMES.items():
                    name = next((name for name in theirs if name in there), None)
                    if name is not None:
                        found[ours] = stream.get_tensor(name).float()
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{file}: not a readable safetensors file ({error})") from error
    return found


def _files(source: str, revision: str | None) -> list[Path]:
    """Return the weight files of a directory or of a hub model, which an encoder was loaded from before."""
    whole = _file(source, revision, WEIGHTS)
    if whole is not None:
        return [whole]
    index = _file(source, revision, SHARDS)
    names = [] if index is None else sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    files = [file for name in names if (file := _file(source, revision, name)) is not None]
    if not files or len(files) < len(names):
        raise ModelError(f"{source}: neither {WEIGHTS} nor all files that {SHARDS} names")
    return files


def _file(source: str, revision: str | None, name: str) -> Path | None:
    try:
        found = cached_file(source, name, revision=revision)
    except OSError:  # also what it raises for a file that is not there
        return None
    return None if found is None else Path(found)
