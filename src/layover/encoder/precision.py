"""In which numbers an encoder computes, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from layover.errors import ModelError
from layover.numerics import Precision, Quantisation, cannot_be_quantised, computes_in, quantisation_of

LARGEST_ERROR = 1e-6
"""Of a product of matrices, relative, in float32: rounding gives 2e-7 to 4e-7, rounding to bfloat16 2e-3."""


def dtype_of(precision: Precision, *, whole: bool) -> torch.dtype:
    """Return what the encoder's weights are loaded as: bfloat16 where that is asked for, unless all of them train.

    Raises:
        ModelError: all of them train, and the precision leaves too little of them for that.
    """
    if reason := cannot_be_quantised(precision, whole=whole):
        raise ModelError(f"precision {precision} does not go with a module that is the whole encoder: {reason}")
    return torch.bfloat16 if computes_in(precision) == "bf16" and not whole else torch.float32


def is_mixed(precision: Precision, dtype: torch.dtype, quantisation: Quantisation | None) -> bool:
    """Return whether an encoder with weights of a type runs under autocast.

    Args:
        precision: What is asked for.
        dtype: Of the encoder's weights.
        quantisation: How its linear maps are stored.

    Raises:
        ModelError: the encoder was loaded for another precision.
    """
    if quantisation != (asked := quantisation_of(precision)):
        raise ModelError(
            f"precision {precision}: the encoder was loaded with {quantisation or 'no'} quantisation; load it with "
            f"{asked or 'none'}"
        )
    if dtype != torch.float32 and computes_in(precision) == "fp32":
        raise ModelError(f"precision {precision}: the encoder was loaded in {dtype}; load it in float32")
    return dtype == torch.float32 and computes_in(precision) == "bf16"


def autocast(device: torch.device, *, mixed: bool) -> torch.autocast:
    """Return the context in which an encoder and a head run; see `is_mixed`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed)


@contextmanager
def computing(precision: Precision, device: torch.device) -> Iterator[None]:
    """Have matrix products computed as the precision says for a while.

    Raises:
        ModelError: this machine cannot.
    """
    if precision != "fp32-onednn":
        yield
        return
    if device.type != "cpu":
        raise ModelError(f"precision fp32-onednn is a way of CPUs, and the device is {device}; use fp32 or bf16")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        error = _product_error()
        if error > LARGEST_ERROR:
            raise ModelError(
                f"precision fp32-onednn: on this CPU it is no float32, products are off by {error:.1g} (fp32: 3e-07); "
                "use fp32, or bf16 with its name on it"
            )
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@lru_cache(maxsize=1)
def _product_error() -> float:
    """Return the relative error of a product of the size of XLM-R base's, as it is set now."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(64, 768, generator=generator), torch.randn(768, 3072, generator=generator)
    exact = left.double() @ right.double()
    return float(((left @ right).double() - exact).norm() / exact.norm())
