"""A program around Layover that has set torch in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def products_of_a_host() -> Iterator[None]:
    """Restore torch's settings of float32 products, as they are at the start of a process, after the block."""
    try:
        yield
    finally:
        torch.backends.fp32_precision = "none"
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.fp32_precision = "none"
        torch.backends.mkldnn.matmul.fp32_precision = "none"  # type: ignore[attr-defined]
