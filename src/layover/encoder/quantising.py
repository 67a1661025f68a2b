"""Frozen linear maps that are stored in 4 or 8 bits.

`nf4`: each block of 64 weights of a map, row by row, has a scale (its largest magnitude), and each weight is the
nearest of the 16 values of NormalFloat (Dettmers et al. 2023, arXiv:2305.14314, without double quantisation).
`int8`: each row has a scale, its largest magnitude / 127, as the weights of LLM.int8 (Dettmers et al. 2022,
arXiv:2208.07339).

A map is stored so once, on the CPU and from the weights as the checkpoint has them, and is multiplied in the type of
what comes in: it is made into a matrix of that type for each product, forward and backward, and not kept between them.
bitsandbytes' own modules are not used. `Linear8bitLt` rounds activations, too, and which of their columns it spares
depends on all tokens of a batch; on a CPU it does neither in training. `Linear4bit` on a CPU computes otherwise for a
prediction than in training, and changes how its weights lie in memory at the first one. Here both modes are one, and
the output of a token depends on that token alone.
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
"""Weights that share a scale in NF4."""


class Quantised(nn.Module):
    """A frozen linear map, `y = W x + b`, whose W is stored in few bits.

    It is no `nn.Linear`, so that nothing changes the weight by mistake: what `weight` gives is a copy.

    Args:
        inputs: Features that come in.
        outputs: Features that go out.
        quantisation: How W is stored.
        dtype: Of the bias.
        device: `meta` where the weights follow.
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
        # the bias first: an encoder takes its own type from its first weight that is a floating point number
        self.bias = nn.Parameter(torch.empty(outputs, dtype=dtype, device=device), requires_grad=False)
        for name, (size, kind) in sizes.items():
            empty = torch.empty(size, dtype=kind, device=device)
            self.register_parameter(name, nn.Parameter(empty, requires_grad=False))
        self.codes: Tensor
        self.scales: Tensor

    @property
    def weight(self) -> Tensor:
        """The matrix that is multiplied with, (outputs, inputs), in the type of the bias."""
        return self.matrix(self.bias.dtype)

    def matrix(self, dtype: torch.dtype) -> Tensor:
        """Return W as the codes have it, (outputs, inputs), rounded once."""
        if self.quantisation == "int8":
            return (self.codes * self.scales).to(dtype)
        kernels = bitsandbytes().functional
        state = kernels.QuantState(
            absmax=self.scales,
            # one long row: on a CPU the kernel takes every row to begin with a block of its own
            shape=torch.Size((1, self.outputs * self.inputs)),
            blocksize=BLOCK,
            quant_type="nf4",
            dtype=dtype,
        )
        flat: Tensor = kernels.dequantize_4bit(self.codes, state)
        return flat.view(self.outputs, self.inputs)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return `W x + b`, (..., outputs); a gradient reaches x alone."""
        product: Tensor = _Product.apply(hidden, self)  # type: ignore[no-untyped-call]
        return product


class _Product(torch.autograd.Function):
    """A product that makes the matrix again for the backward pass: kept, it would take what storing it so saves."""

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
    """Return the codes and scales of a matrix, (outputs, inputs) on the CPU, as `Quantised` has them.

    Raises:
        ModelError: bitsandbytes is needed and not installed, or a weight is no number.
    """
    exact = weight.float().contiguous()
    if not exact.isfinite().all():
        raise ModelError(f"{quantisation}: a weight is no finite number, so it has no place on a scale")
    if quantisation == "nf4":
        codes, state = bitsandbytes().functional.quantize_4bit(
            exact.view(1, -1), blocksize=BLOCK, compress_statistics=False, quant_type="nf4"
        )
        return {"codes": codes, "scales": state.absmax}
    scales = exact.abs().amax(dim=1, keepdim=True) / 127
    rows = torch.where(scales == 0, 0.0, exact / scales)  # a row of zeros has no scale
    return {"codes": rows.round().to(torch.int8), "scales": scales}


def bitsandbytes() -> Any:
    """Return the library of NF4's kernels.

    Raises:
        ModelError: it is not installed.
    """
    found: Any = sys.modules.get("bitsandbytes")
    if found is not None:
        return found
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
    """Keep bitsandbytes from fetching a kernel off the hub and running it, which it does when it is imported.

    It does so for matrix products that are not used here, where the package `kernels` is there; where it is not, it
    complains.
    """
    kernels, log = sys.modules.get("kernels"), logging.getLogger("bitsandbytes")
    before = log.level
    sys.modules["kernels"] = None  # type: ignore[assignment]  # what the import system takes for "not there"
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
        del sys.modules["kernels"]
        if kernels is not None:
            sys.modules["kernels"] = kernels
