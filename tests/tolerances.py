"""How far apart two computations of the same numbers may be: from arithmetic, not from what one machine gave.

A sum of n products in 32 bits is off by about sqrt(n) roundings of 2**-24, in another order on every CPU. Each
layer of an encoder adds a handful of such sums and scales its output to about 1. An error of meaning (a scale, a layer,
a place) changes outputs by hundredths and more.
"""

from __future__ import annotations

from math import sqrt

EPSILON = 2.0**-23
SUMS = 8
"""Sums one after the other in a layer: four projections, attention, two of the feed-forward part, the norms."""


def rounding(layers: int = 4, width: int = 512) -> float:
    """Return the difference that rounding explains, of numbers of size 1.

    Args:
        layers: Of the encoder; its head counts as one.
        width: Products in the widest sum.
    """
    return SUMS * layers * sqrt(width) * EPSILON / 2


ROUNDING = rounding()
"""Of the small encoders of the tests and of the sandbox: 4.3e-5."""
