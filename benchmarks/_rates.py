"""CPU seconds, and the operations that dense products do in one."""

from __future__ import annotations

import time
from statistics import median

import torch

from layover.shape import Shape


def seconds(device: str) -> float:
    """Return the CPU seconds of this process so far; on a GPU the time of day, with its work done."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


class DenseRate:
    """Measures the rates of dense products of a layer's own shapes, with as many tokens as a step has.

    A rate is that of the median try. On a machine with other work the best try is one that met none, and a step of many
    milliseconds meets some; on a quiet machine they are the same.

    Args:
        shape: Sizes of the encoder.
        tokens: Tokens of a step.
        precision: `fp32` or `bf16`.
        device: `cpu` or `cuda`.
        budget: Seconds of a measurement.
    """

    def __init__(self, shape: Shape, tokens: int, precision: str, device: str, budget: float) -> None:
        self._device, self._budget = device, budget
        data_type = torch.bfloat16 if precision == "bf16" else torch.float32
        sizes = ((shape.hidden, shape.hidden), (shape.hidden, shape.intermediate), (shape.intermediate, shape.hidden))
        self._products = []
        for inputs, outputs in sizes:
            left = torch.randn(tokens, inputs, device=device, dtype=data_type)
            weight = torch.randn(outputs, inputs, device=device, dtype=data_type)
            name, operations = f"({tokens} x {inputs}) @ ({inputs} x {outputs})", 2 * tokens * inputs * outputs
            # a linear map keeps its weight transposed; the other form may be faster
            self._products.append((name, operations, left, weight.T))
            self._products.append((name, operations, left, weight.T.contiguous()))

    def measure(self) -> dict[str, float]:
        """Return the rate of each shape, of the faster of its two forms, in operations per second."""
        rates: dict[str, float] = {}
        each = self._budget / len(self._products)
        for name, operations, left, right in self._products:
            tries, until = list[float](), time.perf_counter() + each
            while not tries or time.perf_counter() < until:
                started = seconds(self._device)
                torch.mm(left, right)
                tries.append(seconds(self._device) - started)
            rates[name] = max(rates.get(name, 0.0), operations / median(tries))
        return rates
