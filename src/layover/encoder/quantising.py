"""Frozen linear maps that are stored in 4 or 8 bits.

`nf4`: each block of 64 weights of a map, row by row, has a scale (its largest magnitude), and each weight is the
nearest of the 16 values of NormalFloat (Dettmers et al. 2023, arXiv:2305.14314, without double quantisation).
`int8`: each row has a scale, its largest magnitude / 127, like the weights of LLM.int8 (Dettmers et al. 2022,
arXiv:2208.07339).

A map is quantised once, on the CPU and from the weights of the checkpoint. Products use the data type of the input: a
matrix of this type is computed for each product, forward and backward, and is not kept between them.

The modules of bitsandbytes are not used. `Linear8bitLt` also rounds activations, except in columns that depend on all
tokens of a batch; on a CPU it does not round them in training. `Linear4bit` on a CPU computes differently in prediction
and in training, and changes the memory layout of its weights at the first prediction. Here both modes are equal, and
the output of a token depends on that token only.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.errors import ModelError
from layover.numerics import Quantisation

BLOCK = 64
"""The number of weights that share a scale in NF4."""


class Quantised(nn.Module):
    """A frozen linear map, `y = W x + b`, whose W is stored in 4 or 8 bits.

    It is not an `nn.Linear`, so that no code changes the weight by mistake: `weight` is a copy.

    Args:
        inputs: The number of input features.
        outputs: The number of output features.
        quantisation: The storage of W.
        dtype: The data type of the bias.
        device: The device; `meta` if the weights are loaded later.
    """

    def __init__(
        self, inputs: int, outputs: int, quantisation: Quantisation, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.quantisation = inputs, outputs, quantisation
        sizes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "codes": ((outputs, inputs), torch.int8),
            "scales": ((outputs, 1), torch.float32),
        }
        if quantisation == "nf4":
            weights = outputs * inputs
            sizes["codes"] = ((-(-weights // 2), 1), torch.uint8)
            sizes["scales"] = ((-(-weights // BLOCK),), torch.float32)
        # the bias comes first: the data type of an encoder is that of its first floating-point weight
        self.bias = nn.Parameter(torch.empty(outputs, dtype=dtype, device=device), requires_grad=False)
        for name, (size, kind) in sizes.items():
            empty = torch.empty(size, dtype=kind, device=device)
            self.register_parameter(name, nn.Parameter(empty, requires_grad=False))
        self.codes: Tensor
        self.scales: Tensor

    @property
    def weight(self) -> Tensor:
        """The matrix W of the products, (outputs, inputs), in the data type of the bias."""
        return self.matrix(self.bias.dtype)

    def matrix(self, dtype: torch.dtype) -> Tensor:
        """Return W computed from the codes, (outputs, inputs), rounded once."""
        if self.quantisation == "int8":
            return (self.codes * self.scales).to(dtype)
        kernels = bitsandbytes().functional
        state = kernels.QuantState(
            absmax=self.scales,
            # one long row, because on a CPU the kernel starts a new block at every row
            shape=torch.Size((1, self.outputs * self.inputs)),
            blocksize=BLOCK,
            quant_type="nf4",
            dtype=dtype,
        )
        flat: Tensor = kernels.dequantize_4bit(self.codes, state)
        return flat.view(self.outputs, self.inputs)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return `W x + b`, (..., outputs); only x gets a gradient."""
        product: Tensor = _Product.apply(hidden, self)  # type: ignore[no-untyped-call]
        return product


class _Product(torch.autograd.Function):
    """A product that computes the matrix again for the backward pass: keeping it would cost the saved memory."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, hidden: Tensor, of: Quantised) -> Tensor:
        ctx.of = of  # type: ignore[attr-defined]
        return functional.linear(hidden, of.matrix(hidden.dtype), of.bias.to(hidden.dtype))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        of: Quantised = ctx.of  # type: ignore[attr-defined]
        return gradient @ of.matrix(gradient.dtype), None


def quantised(weight: Tensor, quantisation: Quantisation) -> dict[str, Tensor]:
    """Return the codes and scales for `Quantised` of a matrix, (outputs, inputs) on the CPU.

    Raises:
        ModelError: bitsandbytes is needed but not installed, or a weight is not finite.
    """
    exact = weight.float().contiguous()
    if not exact.isfinite().all():
        raise ModelError(f"{quantisation}: a weight is NaN or infinite, so it cannot be quantised")
    if quantisation == "nf4":
        codes, state = bitsandbytes().functional.quantize_4bit(
            exact.view(1, -1), blocksize=BLOCK, compress_statistics=False, quant_type="nf4"
        )
        return {"codes": codes, "scales": state.absmax}
    scales = exact.abs().amax(dim=1, keepdim=True) / 127
    rows = torch.where(scales == 0, 0.0, exact / scales)  # a row of zeros has no scale
    return {"codes": rows.round().to(torch.int8), "scales": scales}


def bitsandbytes() -> Any:
    """Return the library with the kernels of NF4.

    Raises:
        ModelError: it is not installed.
    """
    loaded: Any = sys.modules.get("bitsandbytes")
    if loaded is not None:
        return loaded
    try:
        with _no_foreign_kernels():
            import bitsandbytes as library
    except ImportError as error:
        raise ModelError(
            f"precision nf4 needs bitsandbytes, which cannot be imported ({error}); in a checkout: "
            'pip install ".[quant]"'
        ) from error
    return library


@contextmanager
def _no_foreign_kernels() -> Iterator[None]:
    """Stop bitsandbytes from downloading and running a kernel of the hub while it is imported.

    bitsandbytes does so if the package `kernels` is installed, for matrix products that Layover does not use. Without
    that package, it logs a warning.
    """
    kernels, log = sys.modules.get("kernels"), logging.getLogger("bitsandbytes")
    before = log.level
    sys.modules["kernels"] = None  # type: ignore[assignment]  # importing it now raises ImportError
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
        del sys.modules["kernels"]
        if kernels is not None:
            sys.modules["kernels"] = kernels
