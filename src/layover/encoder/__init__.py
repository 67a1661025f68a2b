"""The encoder: load it, freeze it, split it into frozen and trained layers, and attach modules."""

from __future__ import annotations

from layover.encoder.dropout import DropoutClock, RowDropout
from layover.encoder.encoder import Encoder
from layover.encoder.masks import noise, normal_noise
from layover.encoder.mixing_weights import MixingWeights
from layover.encoder.precision import autocast, computing, dtype_of, is_mixed
from layover.encoder.products import float32_products
from layover.encoder.transfer import to_device
from layover.encoder.weights import check_weights, generator_for, read_weights, write_weights

__all__ = [
    "DropoutClock",
    "Encoder",
    "MixingWeights",
    "RowDropout",
    "autocast",
    "check_weights",
    "computing",
    "dtype_of",
    "float32_products",
    "generator_for",
    "is_mixed",
    "noise",
    "normal_noise",
    "read_weights",
    "to_device",
    "write_weights",
]
