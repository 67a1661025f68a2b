"""The data types in which an encoder computes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from layover.errors import ModelError
from layover.numerics import Precision, Quantisation, cannot_be_quantised, computes_in, quantisation_of

LARGEST_ERROR = 1e-6
"""The largest relative error of a matrix product in float32: rounding causes 2e-7 to 4e-7, bfloat16 causes 2e-3."""


def dtype_of(precision: Precision, *, whole: bool) -> torch.dtype:
    """Return the data type of the encoder's weights: bfloat16 if the precision says so, unless all weights train.

    Raises:
        ModelError: all weights train, but the precision quantises them.
    """
    if reason := cannot_be_quantised(precision, whole=whole):
        raise ModelError(f"precision {precision} does not work with a module that is the whole encoder: {reason}")
    return torch.bfloat16 if computes_in(precision) == "bf16" and not whole else torch.float32


def is_mixed(precision: Precision, dtype: torch.dtype, quantisation: Quantisation | None) -> bool:
    """Return whether an encoder runs under autocast.

    Args:
        precision: The requested precision.
        dtype: The data type of the encoder's weights.
        quantisation: The storage of its linear maps.

    Raises:
        ModelError: the encoder was loaded for another precision.
    """
    if quantisation != (requested := quantisation_of(precision)):
        raise ModelError(
            f"precision {precision}: the encoder was loaded with {quantisation or 'no'} quantisation; load it with "
            f"{requested or 'none'}"
        )
    if dtype != torch.float32 and computes_in(precision) == "fp32":
        raise ModelError(f"precision {precision}: the encoder was loaded in {dtype}; load it in float32")
    return dtype == torch.float32 and computes_in(precision) == "bf16"


def autocast(device: torch.device, *, mixed: bool) -> torch.autocast:
    """Return the context in which an encoder and a head run; see `is_mixed`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed)


@contextmanager
def computing(precision: Precision, device: torch.device) -> Iterator[None]:
    """Set the precision of matrix products inside the context.

    Raises:
        ModelError: this machine does not support the precision.
    """
    if precision != "fp32-onednn":
        yield
        return
    if device.type != "cpu":
        raise ModelError(f"precision fp32-onednn works on CPUs only, but the device is {device}; use fp32 or bf16")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        error = _product_error()
        if error > LARGEST_ERROR:
            raise ModelError(
                f"precision fp32-onednn: this CPU does not compute in float32, the relative error of products is "
                f"{error:.1g} (fp32: 3e-07); use fp32 or bf16"
            )
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@lru_cache(maxsize=1)
def _product_error() -> float:
    """Return the relative error of a matrix product of XLM-R base's size, with the current settings of torch."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(64, 768, generator=generator), torch.randn(768, 3072, generator=generator)
    exact = left.double() @ right.double()
    return float(((left @ right).double() - exact).norm() / exact.norm())
