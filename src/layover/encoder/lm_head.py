"""The masked-language-modelling head in the checkpoint of a pretrained encoder."""

from __future__ import annotations

from safetensors import SafetensorError, safe_open
from torch import Tensor

from layover.encoder.files import weight_files
from layover.errors import ModelError

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
"""Our name -> the names in the RoBERTa and BERT families, older names last."""


def read_lm_head(source: str, revision: str | None) -> dict[str, Tensor]:
    """Return the weights of a checkpoint's head by our names, empty if it has none; the tied decoder is not included.

    Raises:
        ModelError: the weights cannot be read.
    """
    weights: dict[str, Tensor] = {}
    for file in weight_files(source, revision):
        try:
            with safe_open(file, framework="pt") as stream:
                present = set(stream.keys())
                for ours, names in NAMES.items():
                    name = next((name for name in names if name in present), None)
                    if name is not None:
                        weights[ours] = stream.get_tensor(name).float()
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{file}: it is not a readable safetensors file ({error})") from error
    return weights
