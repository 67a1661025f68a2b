"""The data types in which an encoder computes on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import torch

from layover.devices import DeviceFacts, examine, refuses
from layover.encoder.products import Products, float32_products
from layover.errors import ModelError
from layover.numerics import Precision, Quantisation, cannot_be_quantised, computes_in, quantisation_of

if TYPE_CHECKING:
    from layover.devices import Kind

LARGEST_ERROR = {"cpu": 1e-6}
"""The largest relative error of a matrix product in float32: rounding causes 2e-7 to 4e-7, bfloat16 causes 2e-3."""

LARGEST_ERROR_OF_GPU = 1e-5
"""GPUs sum in other orders; an error of theirs has not been measured. TF32 causes at least 2e-4."""

TF32_ERRORS = (1e-5, 1.5e-3)
"""The relative error of a product whose factors have 10 stored bits: 2.9e-4 if they are rounded, 7.7e-4 if cut."""

PRODUCTS: Mapping[Precision, Products] = {"fp32-onednn": "medium", "tf32": "high"}
"""The arithmetic of float32 products; `highest` for all other precisions."""

ENVIRONMENT = "remove the environment variable that asks for other products, such as DNNL_DEFAULT_FPMATH_MODE"
"""Advice for a device whose plain products are not those of float32; only the environment can ask for others."""


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
    """Set the arithmetic of float32 products for a precision; settings of the host program have no effect.

    A product on the device is compared with float64 once per process.

    Raises:
        ModelError: this machine does not support the precision, or the error of a product does not fit it.
    """
    if reason := refuses(precision, _facts(precision, device)):
        raise ModelError(f"precision {precision}: {reason}")
    setting = PRODUCTS.get(precision, "highest")
    with float32_products(setting):
        _check(precision, _product_error(device, setting), device)
        yield


def _facts(precision: Precision, device: torch.device) -> DeviceFacts:
    """Return what decides whether a precision works; the card itself is asked for TF32 alone."""
    if precision == "tf32" and device.type == "cuda":
        return examine(device.type)
    return DeviceFacts(cast("Kind", device.type), device.type, 1, str(torch.__version__))


def _check(precision: Precision, error: float, device: torch.device) -> None:
    """Compare the relative error of a product with the errors of a precision."""
    if precision == "tf32":
        least, most = TF32_ERRORS
        if error < least:
            raise ModelError(
                f"precision tf32: {device} computes products in float32 (their relative error is {error:.1g}): a "
                "setting of this machine switches TF32 off; remove it, or use fp32"
            )
        if error <= most:
            return
    elif error <= LARGEST_ERROR.get(device.type, LARGEST_ERROR_OF_GPU):
        return
    named = "this CPU" if device.type == "cpu" else str(device)
    arithmetic = "TF32" if precision == "tf32" else "float32"
    advice = "use fp32 or bf16" if precision in PRODUCTS else ENVIRONMENT
    raise ModelError(
        f"precision {precision}: {named} does not compute in {arithmetic}, the relative error of products is "
        f"{error:.1g} (fp32: 3e-07); {advice}"
    )


@lru_cache
def _product_error(device: torch.device, setting: Products) -> float:  # noqa: ARG001  the setting is part of the key
    """Return the relative error of a matrix product of XLM-R base's width, with the current settings of torch."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(64, 768, generator=generator), torch.randn(768, 768, generator=generator)
    exact = left.double() @ right.double()
    with torch.autocast(device.type, enabled=False):
        product = (left.to(device) @ right.to(device)).cpu()
    return float((product.double() - exact).norm() / exact.norm())
