"""Activation functions, under the names that adapters gives them."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Activation = Literal[
    "relu",
    "gelu",
    "swish",
    "leakyrelu",
    "tanh",
    "sigmoid",
    "relu6",
    "relu2",
    "mish",
    "gelu_new",
    "quick_gelu",
    "linear",
]


def activate(name: Activation, x: Tensor) -> Tensor:
    """Return the activation function applied to x, in the shape of x."""
    import torch
    from torch.nn import functional

    if name == "linear":
        return x
    if name == "relu2":
        return functional.relu(x).square()
    if name == "gelu_new":  # Hendrycks and Gimpel 2016, arXiv:1606.08415, the approximation by tanh
        return 0.5 * x * (1.0 + torch.tanh(sqrt(2.0 / pi) * (x + 0.044715 * torch.pow(x, 3.0))))
    if name == "quick_gelu":  # the same paper, the approximation by the sigmoid
        return x * torch.sigmoid(1.702 * x)
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "relu": functional.relu,
        "relu6": functional.relu6,
        "leakyrelu": functional.leaky_relu,
        "gelu": functional.gelu,
        "swish": functional.silu,
        "mish": functional.mish,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    return functions[name](x)
