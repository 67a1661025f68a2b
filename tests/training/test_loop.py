"""The loop: what it computes does not depend on how the work is cut, stopped or repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layover import modules
from layover.data.features import Features
from layover.errors import DataError, NodeError
from layover.execution import Execution
from layover.inference.predict import predict
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, Judge, Progress, Stopped, fit, optimizer
from layover.training.machine import fewer_tokens

SETTINGS = Hyperparameters(lr=0.01, epochs=2, batch=8, seed=1, bucket=2)
EXECUTION = Execution(device="cpu", micro_batch_tokens=4096, checkpoint_seconds=1e9)
KINDS = [("classification", 1), ("tagging", 1), ("span", 1), ("choice", 2), ("mlm", 1)]


class Killed(BaseException):
    pass


def quiet(progress: Progress) -> None:
    pass


def kill_at(step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.done == step:
            raise Killed

    return report


def train(model: Any, features: Features, settings: Hyperparameters = SETTINGS, **changes: Any) -> FitResult:
    given: dict[str, Any] = {
        "execution": EXECUTION,
        "judge": None,
        "checkpoint_dir": None,
        "progress": quiet,
    }
    branches = [Branch("task", model.head, features)]
    return fit(model.encoder, branches, hyperparameters=settings, clock=model.clock, **{**given, **changes})


def far(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def judge(*values: float, every: int | None = None, patience: int | None = None) -> Judge:
    found: Iterator[float] = iter(values)
    return Judge(lambda: {"accuracy": next(found)}, "accuracy", every, patience)


# AdamW divides a gradient by its own size. The loss does not change with a bias that a softmax cancels (of a span or a
# choice head, of the keys of attention), so the gradient there is rounding alone, and AdamW makes steps of it. A large
# eps leaves such weights where they are, and compares what the data say.
FAITHFUL = replace(SETTINGS, lr=0.003)


@pytest.fixture
def faithful(monkeypatch: pytest.MonkeyPatch) -> Hyperparameters:
    monkeypatch.setattr(optimizer, "EPS", 1e-3)
    return FAITHFUL


@pytest.mark.parametrize(("kind", "group"), KINDS)
@pytest.mark.parametrize("module", ["lora", "bottleneck", "full"])
def test_one_batch_of_8_equals_8_of_1_with_dropout(
    kind: str, group: int, module: str, model_of: Any, features_of: Any, faithful: Hyperparameters
) -> None:
    features = features_of(kind, group=group)
    whole, cut = (model_of(kind, modules.get(module)()) for _ in range(2))
    before = whole.weights()
    train(whole, features, faithful)
    result = train(cut, features, faithful, execution=EXECUTION.model_copy(update={"micro_batch_tokens": 1}))
    assert result.measured.padded_tokens < 1.5 * result.measured.tokens
    assert far(before, whole.weights()) > 1e-3
    assert far(whole.weights(), cut.weights()) < 1e-6


def test_predictions_do_not_depend_on_the_cut_of_the_training(model_of: Any, features_of: Any) -> None:
    features = features_of("span")
    found = []
    for micro_tokens in (4096, 70, 1):
        model = model_of("span")
        train(model, features, execution=EXECUTION.model_copy(update={"micro_batch_tokens": micro_tokens}))
        start = predict(model.encoder, model.head, features, execution=EXECUTION)["start"]
        found.append(start - start[0])  # up to the bias that the softmax cancels
    assert np.allclose(found[0], found[1], atol=1e-5)
    assert np.allclose(found[0], found[2], atol=1e-5)


def test_gradient_checkpointing_changes_nothing(model_of: Any, features_of: Any) -> None:
    plain, again = model_of(), model_of()
    train(plain, features_of())
    train(again, features_of(), execution=EXECUTION.model_copy(update={"gradient_checkpointing": True}))
    assert far(plain.weights(), again.weights()) < 1e-6


def test_two_runs_give_equal_bits_and_learn(model_of: Any, features_of: Any) -> None:
    features = features_of(rows=64)
    one, other = (model_of(dropout=0.0, module=modules.get("full")()) for _ in range(2))
    settings = replace(SETTINGS, epochs=12, lr=0.003)
    first, second = train(one, features, settings), train(other, features, settings)
    assert far(one.weights(), other.weights()) == 0
    assert first.as_json() == second.as_json()
    assert first.history[-1].loss is not None
    assert first.history[0].loss is not None
    assert first.history[-1].loss < first.history[0].loss / 2
    logits = predict(one.encoder, one.head, features, execution=EXECUTION)["logits"]
    assert (logits.argmax(1) == features.arrays["label"]).mean() > 0.9


def test_only_what_is_trained_changes(model_of: Any, features_of: Any) -> None:
    model = model_of()
    before = model.weights()
    train(model, features_of())
    for name, value in model.weights().items():
        assert torch.equal(before[name], value) == name.startswith("Encoder.model."), name


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no memory"),
        RuntimeError("[enforce] not enough memory: x"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_running_out_of_memory_changes_nothing(
    error: Exception, model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch, faithful: Hyperparameters
) -> None:
    calm, starved = model_of("choice"), model_of("choice")
    features = features_of("choice", group=2)
    train(calm, features, faithful)
    forward = type(starved.encoder).forward

    def limited(self: Any, ids: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if ids.numel() > 100:
            raise error
        return forward(self, ids, *rest, **more)

    monkeypatch.setattr(type(starved.encoder), "forward", limited)
    result = train(starved, features, faithful)
    assert result.measured.micro_tokens < 4096
    assert "out of memory" in result.measured.notes[0]
    assert far(calm.weights(), starved.weights()) < 1e-6


def test_another_error_of_the_device_ends_the_training(
    model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, calls = model_of(), []

    def fail(self: Any, *rest: Any, **_: object) -> torch.Tensor:
        calls.append(self)
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(type(model.encoder), "forward", fail)
    with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
        train(model, features_of())
    assert len(calls) == 1


def test_half_of_a_step_is_tried_when_the_step_did_not_fit(features_of: Any) -> None:
    """Half of a far larger allowance would cut nothing: the same step would fail again."""
    features, cpu = features_of(rows=8), torch.device("cpu")
    pieces = [np.arange(8)]
    largest = 8 * int(features.lengths.max())
    assert fewer_tokens(features, pieces, step=0, allowed=1 << 20, device=cpu) == largest // 2
    assert fewer_tokens(features, pieces, step=0, allowed=largest // 2, device=cpu) == largest // 4


def test_a_unit_that_does_not_fit_ends_the_run(
    model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of()

    def never(self: Any, *rest: Any, **_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(type(model.encoder), "forward", never)
    with pytest.raises(NodeError, match=r"step 0: a single training unit .* does not fit .*gradient_checkpointing"):
        train(model, features_of())


def test_micro_batches_keep_to_the_memory_that_is_given(model_of: Any, features_of: Any) -> None:
    automatic = EXECUTION.model_copy(update={"micro_batch_tokens": None})
    free = train(model_of(), features_of(), execution=automatic)
    tight = train(model_of(), features_of(), execution=automatic.model_copy(update={"memory": 2**20}))
    assert (free.measured.micro_tokens, tight.measured.micro_tokens) == (4096, 64)


def test_other_errors_are_not_taken_for_want_of_memory(
    model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, *rest: Any, **_: object) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    model = model_of()
    monkeypatch.setattr(type(model.encoder), "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(model, features_of())


def test_a_loss_that_is_no_number_ends_the_run(
    model_of: Any, features_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of()
    loss, calls = model.head.loss, iter(range(100))

    def poisoned(*given: Any) -> torch.Tensor:
        return loss(*given) * (float("nan") if next(calls) == 3 else 1.0)

    monkeypatch.setattr(model.head, "loss", poisoned)
    with pytest.raises(NodeError, match=r"step 3: loss or gradient norm is not finite"):
        train(model, features_of())


def test_the_norm_of_one_part_does_not_scale_another(model_of: Any, features_of: Any) -> None:
    """With the head's gradient made huge, the module trains as before."""
    normal, loud = model_of(dropout=0.0), model_of(dropout=0.0)
    settings = replace(SETTINGS, epochs=0.2, clip=1e-3)
    loud.head.out.weight.register_hook(lambda gradient: gradient * 1e4)
    train(normal, features_of(), settings)
    train(loud, features_of(), settings)
    ours = {name: value for name, value in normal.weights().items() if "attachments" in name}
    assert ours
    assert all(torch.equal(value, loud.weights()[name]) for name, value in ours.items())


def test_the_best_weights_are_kept_and_of_equals_the_earlier(model_of: Any, features_of: Any) -> None:
    kept, stopped = model_of(), model_of()
    settings = replace(SETTINGS, epochs=5)
    result = train(kept, features_of(), settings, judge=judge(1, 7, 7, 3, 2))
    assert (result.best_step, result.steps, result.stopped_early) == (10, 25, False)
    assert [one.metrics["accuracy"] for one in result.history] == [1, 7, 7, 3, 2]
    with pytest.raises(Killed):
        train(stopped, features_of(), settings, progress=kill_at(10))
    assert far(kept.weights(), stopped.weights()) == 0


def test_an_undefined_score_is_never_the_best(model_of: Any, features_of: Any) -> None:
    settings = replace(SETTINGS, epochs=4)

    def scored(*values: float | None) -> Any:
        found = iter(values)
        return train(model_of(), features_of(), settings, judge=Judge(lambda: {"pearson": next(found)}, "pearson"))

    result = scored(None, -3.0, None, -5.0)
    assert result.best_step == 10
    assert [one.metrics["pearson"] for one in result.history] == [None, -3.0, None, -5.0]
    assert result.measured.notes == []
    result = scored(None, None, None, None)
    assert result.best_step is None
    assert result.measured.notes == ["pearson was undefined in every evaluation, so the last weights are kept"]


def test_patience_stops_early(model_of: Any, features_of: Any) -> None:
    settings = replace(SETTINGS, epochs=9)
    result = train(model_of(), features_of(), settings, judge=judge(5, 4, 6, 6, 1, every=3, patience=2))
    assert (result.best_step, result.steps, result.planned_steps, result.stopped_early) == (9, 15, 45, True)


def test_without_an_evaluation_the_last_weights_stay(model_of: Any, features_of: Any) -> None:
    result = train(model_of(), features_of(), replace(SETTINGS, epochs=2.5))
    assert result.best_step is None
    assert [one.step for one in result.history] == [5, 10, 13]
    assert [one.metrics for one in result.history] == [{}, {}, {}]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [({"f2": 1.0}, "does not have this metric; one of: f2"), ({"f1": float("nan")}, "its value is nan")],
)
def test_a_criterion_that_is_not_there_is_an_error(
    metrics: dict[str, float], message: str, model_of: Any, features_of: Any
) -> None:
    with pytest.raises(NodeError, match=message):
        train(model_of(), features_of(), judge=Judge(lambda: metrics, "f1"))


def test_rows_without_gold_do_not_count(model_of: Any, features_of: Any) -> None:
    features = features_of(rows=40)
    label = features.arrays["label"].copy()
    label[:39] = -1
    result = train(model_of(), Features({**features.arrays, "label": label}, columns=features.columns))
    assert result.history[-1].loss is not None
    label[:] = -1
    with pytest.raises(DataError, match="no row of the training set has gold"):
        train(model_of(), Features({**features.arrays, "label": label}, columns=features.columns))


def test_bf16_trains_in_the_same_process_as_fp32(model_of: Any, features_of: Any) -> None:
    exact, short = model_of(), model_of()
    first = train(exact, features_of())
    second = train(short, features_of(), replace(SETTINGS, precision="bf16"))
    assert {value.dtype for value in short.weights().values()} == {torch.float32}
    assert far(exact.weights(), short.weights()) > 0
    assert second.history[-1].loss == pytest.approx(first.history[-1].loss, abs=0.05)


def test_an_interrupt_passes_through_and_leaves_no_setting_behind(model_of: Any, features_of: Any) -> None:
    def interrupt(progress: Progress) -> None:
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        train(
            model_of(),
            features_of(),
            progress=interrupt,
            execution=EXECUTION.model_copy(update={"threads": threads + 1}),
        )
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_stop_writes_a_checkpoint(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="after step 1 of 10"):
        train(model_of(), features_of(), checkpoint_dir=tmp_path, stop=lambda: True)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
