"""In which numbers an encoder computes; it decides results, and so stands in the identity of what it touches."""

from __future__ import annotations

from typing import Literal

Precision = Literal["fp32", "fp32-onednn", "bf16"]
"""`fp32`: float32 throughout. `fp32-onednn`: matrix products on a CPU by oneDNN's other path, which is faster on some
machines and refused where it would round to bfloat16. `bf16`: frozen weights and activations in bfloat16, modules,
heads, losses and optimiser in float32; where all weights train these stay float32, under autocast."""
