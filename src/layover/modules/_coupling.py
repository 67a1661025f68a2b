"""Additive coupling: a change of hidden states that can be undone (NICE, Dinh et al. 2015, arXiv:1410.8516).

    y1 = x1 + f(x2)        x2 = y2 - g(y1)
    y2 = x2 + g(y1)        x1 = y1 - f(x2)

x1 and x2 are the halves of the features, f and g two-layer networks; as in `NICECouplingBlock` of adapters 1.3.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Activate = Callable[["Tensor"], "Tensor"]


def sizes(features: int, reduction: float) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the weights of f and g."""
    first = features // 2
    shapes: dict[str, tuple[int, ...]] = {}
    for name, inputs, outputs in (("f", features - first, first), ("g", first, features - first)):
        inner = max(1, int(inputs // reduction))
        shapes |= {
            f"{name}_down": (inner, inputs),
            f"{name}_down_bias": (inner,),
            f"{name}_up": (outputs, inner),
            f"{name}_up_bias": (outputs,),
        }
    return shapes


def delta(hidden: Tensor, weights: Mapping[str, Tensor], activate: Activate) -> Tensor:
    """Return y - x, (..., features)."""
    import torch

    first, second = _halves(hidden)
    change = _network("f", second, weights, activate)
    return torch.cat((change, _network("g", first + change, weights, activate)), -1)


def undone(changed: Tensor, weights: Mapping[str, Tensor], activate: Activate) -> Tensor:
    """Return x from y, (..., features)."""
    import torch

    first, second = _halves(changed)
    second = second - _network("g", first, weights, activate)
    return torch.cat((first - _network("f", second, weights, activate), second), -1)


def _halves(hidden: Tensor) -> tuple[Tensor, Tensor]:
    middle = hidden.shape[-1] // 2
    return hidden[..., :middle], hidden[..., middle:]


def _network(name: str, inputs: Tensor, weights: Mapping[str, Tensor], activate: Activate) -> Tensor:
    from torch.nn.functional import linear

    inner = activate(linear(inputs, weights[f"{name}_down"], weights[f"{name}_down_bias"]))
    return linear(inner, weights[f"{name}_up"], weights[f"{name}_up_bias"])
