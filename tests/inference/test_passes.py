"""Batches whose results are read later: the CPU in the role of a device that reports errors late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from tests.kinds_of import COLUMNS
from tests.tiny import tiny_model
from tests.tolerances import ROUNDING
from torch import Tensor

from layover import compositions, heads, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder, MixingWeights
from layover.encoder.transfer import HostCopy
from layover.errors import NodeError, Stopped
from layover.execution import Execution
from layover.heads import Head
from layover.inference import passes
from layover.inference.order import prediction_batches
from layover.inference.predict import predict

HIDDEN, VOCABULARY, ROWS = 32, 100, 24
SMALL = Execution(device="cpu", micro_batch_tokens=100)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """An encoder with a mix of two modules."""
    made = Encoder.from_model(tiny_model(vocabulary=VOCABULARY, hidden=HIDDEN), clock=DropoutClock(0), dropout=0.0)
    lora = modules.get("lora")()
    made.attach([AttachedModule("any", lora, None, trainable=True)])
    members = []
    for number in range(2):
        drawn = torch.Generator().manual_seed(number)
        state = {name: torch.randn(value.shape, generator=drawn) * 0.1 for name, value in made.state("any").items()}
        members.append(AttachedModule(f"intermediate.{number}", lora, state, trainable=False))
    made.attach(compositions.get("fuse")(mixer="low_rank").attachments(lora, members, shape=made.shape, seed=0))
    return made


@pytest.fixture(scope="module")
def head(encoder: Encoder) -> Head:
    return heads.build("span", HIDDEN, 2, clock=encoder.clock, dropout=0.0)


def features() -> Features:
    random = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(random.integers(2, 40, ROWS))]).astype(np.int64)
    ids = random.integers(4, VOCABULARY, offsets[-1]).astype(np.int32)
    return Features({"ids": ids, "offsets": offsets, "example": np.arange(ROWS, dtype=np.int32)}, columns=COLUMNS)


class LateDevice:
    """Notes when batches are started and read; a read raises the error that its turn says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lag: int, most_tokens: float = torch.inf) -> None:
        self.log: list[str] = []
        self.most_tokens = most_tokens
        self.late: list[bool] = []
        """Whether each batch that has been started is too large."""
        self.flying = 0
        copy, wait = HostCopy.of.__func__, HostCopy.wait  # type: ignore[attr-defined]

        def of(cls: type[HostCopy], tensors: Mapping[str, Tensor]) -> HostCopy:
            self.log.append("start")
            self.late.append(len(next(iter(tensors.values()))) > self.most_tokens)
            return copy(cls, tensors)  # type: ignore[no-any-return]

        def read(results: HostCopy) -> Mapping[str, Tensor]:
            self.log.append("read")
            # as on a device: the error of any batch shows at the next read
            late, self.late = any(self.late), []
            if late:
                raise torch.OutOfMemoryError("no memory")
            return wait(results)

        monkeypatch.setattr(HostCopy, "of", classmethod(of))
        monkeypatch.setattr(HostCopy, "wait", read)
        monkeypatch.setattr(passes, "lag_of", lambda _device: lag)


def outputs_of(encoder: Encoder, head: Head, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    shares = MixingWeights()
    outputs = predict(encoder, head, features(), execution=SMALL, shares=shares, **more)
    return outputs, shares.as_json()


@pytest.fixture
def expected(encoder: Encoder, head: Head) -> tuple[dict[str, Any], dict[str, Any]]:
    return outputs_of(encoder, head)


@pytest.mark.parametrize("lag", [1, 2, 50])
def test_batches_are_started_before_earlier_ones_are_read(
    lag: int, encoder: Encoder, head: Head, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = LateDevice(monkeypatch, lag)
    seen: list[tuple[int, int]] = []
    outputs, shares = outputs_of(encoder, head, progress=lambda done, total: seen.append((done, total)))
    batches = device.log.count("start")
    ahead = min(lag, batches - 1)
    assert batches > 4
    assert device.log == ["start"] * ahead + ["start", "read"] * (batches - ahead) + ["read"] * ahead
    for name, values in expected[0].items():
        assert np.array_equal(outputs[name], values)
    assert shares == expected[1]
    assert len(seen) == batches
    assert seen == sorted(set(seen))
    assert seen[-1] == (ROWS, ROWS)


def test_without_a_lag_each_batch_is_read_at_once(
    encoder: Encoder, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passes.lag_of(torch.device("cpu")) == 0
    assert passes.lag_of(torch.device("cuda")) > 0
    device = LateDevice(monkeypatch, 0)
    outputs_of(encoder, head)
    assert device.log == ["start", "read"] * (len(device.log) // 2)


@pytest.mark.parametrize("lag", [0, 1, 2, 50])
def test_memory_that_runs_out_late_changes_nothing(
    lag: int, encoder: Encoder, head: Head, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of more than 60 tokens fail when a result is read, which can be that of another batch."""
    LateDevice(monkeypatch, lag, most_tokens=60)
    seen: list[int] = []
    outputs, shares = outputs_of(encoder, head, progress=lambda done, _: seen.append(done))
    for name, values in expected[0].items():
        assert np.allclose(outputs[name], values, atol=ROUNDING)
    # each row counts once
    assert shares["tokens"] == expected[1]["tokens"]
    for site, values in expected[1]["sites"].items():
        assert shares["sites"][site] == pytest.approx(values, abs=1e-6)
    assert seen == sorted(set(seen))
    assert seen[-1] == ROWS


def test_a_device_works_ahead_again_after_memory_ran_out(
    encoder: Encoder, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = features()
    batches = prediction_batches(data, max_tokens=100)
    sizes = sorted(int(data.lengths[rows].sum()) for rows in batches)
    assert sizes[-2] < sizes[-1], "one batch is the largest"
    device = LateDevice(monkeypatch, 2, most_tokens=sizes[-2])
    outputs_of(encoder, head)
    assert device.log.count("start") > len(batches) + 2, "no batch was computed again"
    assert device.log[-4:] == ["start", "read", "read", "read"]


@pytest.mark.parametrize("lag", [0, 2])
def test_the_row_that_does_not_fit_alone_is_named(
    lag: int, encoder: Encoder, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = features()
    longest = int(data.lengths.argmax())
    LateDevice(monkeypatch, lag, most_tokens=data.length(longest) - 1)
    with pytest.raises(NodeError, match=rf"row {longest} alone \({data.length(longest)} tokens\) does not fit"):
        outputs_of(encoder, head)


def test_other_errors_and_stops_are_raised(encoder: Encoder, head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_done: int, _total: int) -> None:
        raise Stopped("stopped")

    LateDevice(monkeypatch, 2)
    with pytest.raises(Stopped):
        outputs_of(encoder, head, progress=stop)

    def broken(_copy: HostCopy) -> Mapping[str, Tensor]:
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(HostCopy, "wait", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        outputs_of(encoder, head)


def outputs_on_the_cpu(_head: Head, logits: Tensor, lengths: Tensor, _targets: object) -> dict[str, Tensor]:
    """What a head of another package may do: copy and cut by itself."""
    real = torch.arange(logits.shape[1]) < lengths[:, None]
    return {"start": logits.cpu()[real][:, 0], "end": logits.cpu()[real][:, 1]}


def test_a_head_that_copies_by_itself_still_predicts(
    encoder: Encoder, head: Head, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(head), "outputs", outputs_on_the_cpu)
    LateDevice(monkeypatch, 2)
    outputs, _ = outputs_of(encoder, head)
    for name, values in expected[0].items():
        assert np.array_equal(outputs[name], values)


@pytest.mark.parametrize("training", [True, False])
def test_a_module_comes_back_in_its_mode(training: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Dropout()).train(training)

    def modes() -> Iterator[bool]:
        with passes.evaluating(module):
            yield module[0].training
        yield module[0].training

    assert list(modes()) == [False, training]
