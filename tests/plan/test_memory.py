"""The memory model against what was measured."""

from __future__ import annotations

import pytest

from layover.plan.encoders import KNOWN_SHAPES
from layover.plan.memory import available_ram, bytes_per_token, tokens_within, training_bytes
from layover.precision import Precision

BASE = KNOWN_SHAPES["FacebookAI/xlm-roberta-base"]
MIB = 2**20


def test_upper_layers_and_checkpointing_take_less() -> None:
    whole = bytes_per_token(768, 12, lowest=0, whole=False, precision="fp32")
    again = bytes_per_token(768, 12, lowest=0, whole=False, precision="fp32", gradient_checkpointing=True)
    assert bytes_per_token(768, 12, lowest=6, whole=False, precision="fp32") < 0.55 * whole
    assert bytes_per_token(768, 12, lowest=12, whole=False, precision="fp32") < 0.05 * whole
    assert again < 0.2 * whole


# peak resident MiB of such processes (`benchmarks/memory.py`); for full fine-tuning with the copy of the best weights,
# which such a run makes only at its end
@pytest.mark.parametrize(
    ("trained", "lowest", "precision", "tokens", "measured"),
    [
        (294_912, 0, "fp32", 2048, 3043),
        (294_912, 0, "fp32", 4096, 4402),
        (147_456, 6, "fp32", 2048, 2355),
        (294_912, 0, "bf16", 2048, 2651),
        (BASE.parameters, 0, "fp32", 2048, 6004 + 1061),
        (0, 12, "fp32", 2048, 1721),
    ],
)
def test_the_estimate_is_near_what_was_measured(
    trained: int, lowest: int, precision: Precision, tokens: int, measured: int
) -> None:
    found = training_bytes(BASE, trained, lowest=lowest, precision=precision, tokens=tokens) / MIB
    assert 0.97 * measured < found < 1.1 * measured


@pytest.mark.parametrize(("budget", "tokens"), [(0, 64), (-5, 64), (1_000_000, 512), (1_040_000, 1024), (1e12, 4096)])
def test_tokens_are_a_power_of_two_within_bounds(budget: float, tokens: int) -> None:
    assert tokens_within(budget, 1000.0, most=4096) == tokens


def test_some_memory_is_available() -> None:
    assert available_ram() > 0
