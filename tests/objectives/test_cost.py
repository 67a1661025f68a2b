"""The cost of objectives: passes told and counted, and what a plan says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.made_specs import a_training
from tests.objectives_of import acting, others, toy_rewriter
from tests.tiny import tiny_model
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from layover import heads, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.data.masking import Moment
from layover.encoder import DropoutClock, Encoder
from layover.estimates.cost import token_flops
from layover.estimates.passes import Pass
from layover.inference.collate import collate
from layover.modules import Module
from layover.objectives import PLAIN, Objective
from layover.training.forward import TrainingForward

ROWS, LENGTH, LAYERS, HIDDEN = 4, 16, 6, 64
ALL, TOP, FULL = modules.get("lora")(rank=1), modules.get("lora")(rank=1, layers=(4, 5)), modules.get("full")()
EPOCHS = 12.0


def same() -> Any:
    """Return what makes views that equal their rows, so that they have the same number of tokens."""
    return toy_rewriter(longest=1)


def counted(objective: Objective, module: Module) -> float:
    """Return the operations of one step over rows of equal lengths."""
    encoder = Encoder.from_model(
        tiny_model(hidden=HIDDEN, inner=4 * HIDDEN, layers=LAYERS), clock=DropoutClock(0), dropout=0.0
    )
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    head = heads.build("tagging", HIDDEN, 3, clock=encoder.clock, dropout=0.0)
    random = np.random.default_rng(0)
    arrays = {
        "ids": random.integers(4, 90, ROWS * LENGTH).astype(np.int32),
        "offsets": np.arange(0, ROWS * LENGTH + 1, LENGTH, dtype=np.int64),
        "example": np.arange(ROWS, dtype=np.int32),
        "labels": random.integers(0, 3, ROWS * LENGTH).astype(np.int64),
    }
    from tests.kinds_of import COLUMNS

    batch = collate(Features(arrays, 1, columns=COLUMNS), np.arange(ROWS), pad=1, moment=Moment(0, 0))
    weight = float(ROWS * LENGTH)
    forward = TrainingForward(
        encoder.train(), head.train(), encoder.clock, 0, weight, False, batch, epoch=EPOCHS, rewriter=same()
    )
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        for loss in objective.losses(forward, batch):
            loss.backward()
    return float(counter.get_total_flops())


def told(objective: Objective, module: Module) -> float:
    spec = a_training(module=module, objective=objective)
    encoder = Encoder.from_model(
        tiny_model(hidden=HIDDEN, inner=4 * HIDDEN, layers=LAYERS), clock=DropoutClock(0), dropout=0.0
    )
    return token_flops(spec, encoder.shape, Pass("data", 1.0, trains=True, kind="tagging", hidden_percent=15))


@pytest.mark.parametrize("module", [ALL, TOP, FULL], ids=["lora", "top", "full"])
@pytest.mark.parametrize("name", others())
def test_the_arithmetic_that_a_plan_tells_is_what_torch_counts(name: str, module: Module) -> None:
    """Relative to the plain loss, because a plan neglects attention and modules."""
    objective = acting(name)
    expected = counted(objective, module) / counted(PLAIN, module)
    assert told(objective, module) / told(PLAIN, module) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("name", [name for name in others() if acting(name).place])
def test_moving_the_output_of_frozen_layers_costs_less(name: str) -> None:
    objective = acting(name, at="frozen")
    ratio = counted(objective, TOP) / counted(PLAIN, TOP)
    assert told(objective, TOP) / told(PLAIN, TOP) == pytest.approx(ratio, rel=0.06)


def test_plain_epochs_of_fgsm_cost_less() -> None:
    passes = acting("fgsm", warmup_epochs=3.0).passes(12.0)
    assert [each.count for each in passes] == [0.75, 1]
    assert [each.count for each in acting("fgsm", warmup_epochs=3.0).passes(2.0)] == [0, 1]
