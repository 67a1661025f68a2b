"""The floor of a step: products that torch counts in the real computation, and none that it could do without."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.simulated import node
from tests.tiny import tiny_model
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from layover import compositions, modules
from layover.compositions import AttachedModule, Attachment
from layover.encoder import DropoutClock, Encoder
from layover.estimates.passes import Pass
from layover.execution import Execution
from layover.modules import LINEARS, Module

FOLDER = Path(__file__).parent.parent / "benchmarks"
ROWS, LENGTH = 3, 6
LORA = modules.get("lora")
BOTTLENECK = modules.get("bottleneck")
SMALL_LORA = LORA(rank=2, target=("query", "value"))
ALONE = {
    "query and value": SMALL_LORA,
    "all maps": LORA(rank=2, target=tuple(LINEARS)),
    "value alone": LORA(rank=2, target=("value",)),
    "output alone": LORA(rank=2, target=("output",)),
    "upper layer": LORA(rank=2, target=tuple(LINEARS), layers=(1,)),
    "bottleneck": BOTTLENECK(),
    "two bottlenecks a layer": BOTTLENECK(placement="houlsby"),
    "full": modules.get("full")(),
}


@pytest.fixture(scope="module")
def floor() -> Any:
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("_floor")
    finally:
        sys.path.remove(str(FOLDER))


def encoder() -> Encoder:
    return Encoder.from_model(tiny_model(), clock=DropoutClock(0))


def counted(on: Encoder, *, first: bool) -> tuple[float, float]:
    """Return the operations of a forward and a backward pass over rows of equal lengths, without padding."""
    ids = torch.randint(3, 90, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
    lengths = torch.full((ROWS,), LENGTH)
    on.train()
    totals = []
    with sdpa_kernel(SDPBackend.MATH):  # the other kernels are not counted on a CPU
        with FlopCounterMode(display=False) as counter:
            hidden = on(ids, lengths, first=first)
        totals.append(float(counter.get_total_flops()))
        with FlopCounterMode(display=False) as counter:
            hidden.sum().backward()
        totals.append(float(counter.get_total_flops()))
    return totals[0], totals[1]


def sizes(floor: Any) -> Any:
    return floor.Batch.of(np.full(ROWS, LENGTH))


@pytest.mark.parametrize("first", [False, True], ids=["all tokens", "first tokens"])
@pytest.mark.parametrize("name", ALONE)
def test_the_floor_of_a_module_is_what_torch_counts(floor: Any, name: str, first: bool) -> None:
    on, attachments = encoder(), [AttachedModule("target", ALONE[name], None, trainable=True)]
    on.attach(attachments)
    forward, backward = counted(on, first=first)
    settings = (attachments, on.shape, sizes(floor))
    assert floor.forward(*settings, first_only=first) == forward
    assert floor.backward(*settings, first_only=first) == backward


def learned(on: Encoder, module: Module, name: str) -> AttachedModule:
    on.attach([AttachedModule(name, module, None, trainable=True)])
    return AttachedModule(name, module, on.state(name), trainable=False)


def test_a_frozen_module_below_a_trained_one_has_no_gradients_of_weights(floor: Any) -> None:
    on = encoder()
    attachments: list[Attachment] = [
        learned(on, SMALL_LORA, "intermediate"),
        AttachedModule("target", SMALL_LORA, None, trainable=True),
    ]
    on.attach(attachments)
    forward, backward = counted(on, first=False)
    assert floor.forward(attachments, on.shape, sizes(floor)) == forward
    assert floor.backward(attachments, on.shape, sizes(floor)) == backward


def test_a_fusion_needs_each_of_its_matrices_once(floor: Any) -> None:
    on = encoder()
    members = [learned(on, BOTTLENECK(), name) for name in ("intermediate.0", "intermediate.1")]
    attachments = compositions.get("fuse")().attachments(BOTTLENECK(), members, shape=on.shape, seed=0)
    on.attach(attachments)
    forward, backward = counted(on, first=False)
    hidden, tokens, layers = on.shape.hidden, ROWS * LENGTH, on.shape.layers
    needed = floor.forward(attachments, on.shape, sizes(floor))
    assert needed <= forward
    # a key and a value of each further module
    assert forward <= needed + layers * 2 * 2 * tokens * hidden**2
    assert floor.backward(attachments, on.shape, sizes(floor)) <= backward


def test_padding_has_no_part_in_the_floor(floor: Any) -> None:
    on = encoder()
    attachments = [AttachedModule("target", SMALL_LORA, None, trainable=True)]
    apart = [floor.Batch.of(np.array([length])) for length in (3, 9)]
    together = floor.Batch.of(np.array([3, 9]))
    whole = floor.training(attachments, on.shape, together)
    assert whole == sum(floor.training(attachments, on.shape, batch) for batch in apart)
    assert whole < floor.training(attachments, on.shape, floor.Batch.of(np.array([9, 9])))
    assert floor.training(attachments, on.shape, floor.Batch.of(np.array([3, 9]), 2.5)) == 2.5 * whole


def test_only_the_layers_that_run_count(floor: Any) -> None:
    on = encoder()
    every = floor.forward([], on.shape, sizes(floor))
    assert floor.forward([], on.shape, sizes(floor), layers=1) == every / on.shape.layers


def test_the_time_of_an_inner_phase_is_not_that_of_the_outer(floor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = importlib.import_module("_quickstart")
    ticks = iter([0.0, 1.0, 3.0, 7.0, 15.0, 31.0])
    monkeypatch.setattr(script, "seconds", lambda _: next(ticks))
    phases = script.Phases()
    with phases.phase("train"):  # from 0
        inner = phases.timed(lambda value: value + 1, "forward")
        assert inner(1) == 2  # from 1 to 3
        assert inner(2) == 3  # from 7 to 15
    assert dict(phases.seconds) == {"train": 1 + 4 + 16, "forward": 2 + 8}


def test_phases_watch_functions_that_there_are_and_give_them_back(floor: Any) -> None:
    script = importlib.import_module("_quickstart")
    before, phases = torch.Tensor.backward, script.Phases()
    value = torch.ones((), requires_grad=True)
    with phases.watching():
        value.backward()
    assert torch.Tensor.backward is before
    assert set(phases.seconds) == {"backward"}
    assert float(value.grad) == 1.0


def test_dense_rates_are_of_the_products_of_a_layer(floor: Any) -> None:
    rates = importlib.import_module("_rates").DenseRate(encoder().shape, 64, "fp32", "cpu", 0.01).measure()
    assert list(rates) == ["(64 x 32) @ (32 x 32)", "(64 x 32) @ (32 x 64)", "(64 x 64) @ (64 x 32)"]
    assert min(rates.values()) > 0


def test_the_page_shows_multiples_beside_goals(floor: Any, tmp_path: Path) -> None:
    page = importlib.import_module("page")
    value = {"median": 2.25, "min": 2.0, "max": 2.5, "all": [2.0, 2.25, 2.5]}
    names = ("milliseconds_of_a_step", "of_floor", "of_strict_floor")
    work = {**dict.fromkeys(names, value), "self_time": [{"operator": "aten::mm", "share": 0.5, "calls": 3}]}
    row = {"dense_gflops": {"a": 100.0, "b": 140.0}, "goal": 1.6, "training": work, "prediction": work}
    costs = {"nodes": 3, "cpu_seconds": 20.0, "of_floor": 2.5, "of_strict_floor": 3.0}
    quickstart = {
        **costs,
        "kinds": {"train": costs},
        "overrides": ["sweep.seed=[1]"],
        "goal": 1.7,
        "phases": {"forward": 0.25},
    }
    rows = {"mini lora-all fp32": row, "quickstart": quickstart}
    text = "\n".join(page.limit({"rows": rows}, page.Pictures(tmp_path, "limit")))
    assert "| mini lora-all fp32 | training | 2.2 [2.0–2.5] | 140 | 2.25 [2.00–2.50] | 2.25 [2.00–2.50] | 1.6 |" in text
    assert "| mini lora-all fp32 | prediction | 2.2 [2.0–2.5] | 140 | 2.25 [2.00–2.50] | 2.25 [2.00–2.50] |  |" in text
    assert "| all of them | 3 | 20 | 2.50 | 3.00 |" in text
    assert "forward 25 %" in text


@pytest.mark.parametrize(
    ("trains", "whole", "of_dense", "of_table"), [(False, False, 1, 1), (True, False, 3, 2), (True, True, 3, 3)]
)
def test_the_word_embeddings_behind_a_head_train_with_the_whole_encoder_only(
    floor: Any, trains: bool, whole: bool, of_dense: int, of_table: int
) -> None:
    reading = Pass("data", 1.0, trains, "mlm", 50)
    shape = encoder().shape
    masked, hidden = ROWS * LENGTH / 2, shape.hidden
    products = of_dense * hidden**2 + of_table * hidden * shape.vocabulary
    script = importlib.import_module("_quickstart")
    assert script._head(reading, None, sizes(floor), shape, whole=whole) == 2 * masked * products


def test_every_job_runs_after_all_that_it_needs(floor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = importlib.import_module("_quickstart")
    nodes = [node("c", "a", "b", job="last"), node("d", "c", job="last"), node("b", "a"), node("a")]
    settings = argparse.Namespace(device="cpu", quick=True)
    run, labels = script._Run(None, Execution(), settings), list[str]()
    monkeypatch.setattr(run, "_node", lambda of: labels.append(of.key))
    for job in script._in_order({planned.key: planned for planned in nodes}):
        run.job(job)
    assert labels == ["a", "b", "c", "d"]
