"""The mean of the weights at the last evaluations, and trainings that stop at a share of their steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from layover.data.features import Features
from layover.execution import Execution
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, Judge, Progress, Stopped, fit
from layover.training.schedule import Schedule

SETTINGS = Hyperparameters(lr=0.01, epochs=6, batch=8, seed=1)
EXECUTION = Execution(device="cpu", micro_batch_tokens=4096, checkpoint_seconds=1e9)


class Killed(BaseException):
    pass


class Scored:
    """A judge of given scores that also notes the weights it has seen."""

    def __init__(self, model: Any, average: int | None = None, every: int | None = None) -> None:
        self.model, self.seen = model, list[dict[str, Tensor]]()
        self.stops_at: int | None = None
        self.judge = Judge(self._evaluate, "accuracy", every, None, average)

    def _evaluate(self) -> dict[str, float | None]:
        if self.stops_at == len(self.seen):
            self.stops_at = None
            raise Stopped("stopped")
        self.seen.append(self.model.weights())
        return {"accuracy": float(-len(self.seen))}


def train(model: Any, features: Features, settings: Hyperparameters = SETTINGS, **changes: Any) -> FitResult:
    given: dict[str, Any] = {"execution": EXECUTION, "judge": None, "checkpoint_dir": None, "progress": lambda _: None}
    branches = [Branch("task", model.head, features)]
    return fit(model.encoder, branches, hyperparameters=settings, clock=model.clock, **{**given, **changes})


def far(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def mean(found: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([each[name] for each in found]).mean(0) for name in found[0]}


def test_the_mean_of_the_last_evaluations_is_kept_and_scored(model_of: Any, features_of: Any) -> None:
    model = model_of()
    scored = Scored(model, average=3)
    result = train(model, features_of(), judge=scored.judge)
    *course, last = scored.seen
    assert len(course) == 6
    assert far(model.weights(), mean(course[-3:])) < 1e-7
    assert far(model.weights(), course[-1]) > 1e-4
    assert far(last, model.weights()) == 0, "the scored weights are those that are kept"
    steps = [seen.step for seen in result.history]
    assert result.averaged is not None
    assert result.averaged.steps == tuple(steps[-3:])
    assert result.averaged.metrics == {"accuracy": -7.0}
    assert result.best_step is None
    assert result.as_json()["average"] == {"steps": tuple(steps[-3:]), "metrics": {"accuracy": -7.0}}


def test_fewer_evaluations_than_asked_for_are_all_averaged(model_of: Any, features_of: Any) -> None:
    model = model_of()
    scored = Scored(model, average=50)
    train(model, features_of(), judge=scored.judge)
    assert far(model.weights(), mean(scored.seen[:-1])) < 1e-7


@pytest.mark.parametrize("at", [1, 3, 4, 5, 6])
def test_a_stop_in_any_evaluation_changes_no_bit(at: int, model_of: Any, features_of: Any, tmp_path: Path) -> None:
    """The sixth evaluation is that of the mean: the checkpoint has the last weights."""
    whole, stopped = model_of(), model_of()
    expected = train(whole, features_of(), judge=Scored(whole, average=3).judge)
    scored = Scored(stopped, average=3)
    scored.stops_at = at
    with pytest.raises(Stopped):
        train(stopped, features_of(), judge=scored.judge, checkpoint_dir=tmp_path / "work")
    again = model_of()
    found = train(again, features_of(), judge=_from(again, scored, at), checkpoint_dir=tmp_path / "work")
    assert far(again.weights(), whole.weights()) == 0
    assert found.as_json() == expected.as_json()


def _from(model: Any, scored: Scored, at: int) -> Judge:
    """Return a judge that goes on with the scores after `at` evaluations."""
    later = Scored(model, average=3)
    later.seen = scored.seen[:at]
    return later.judge


def test_without_an_average_no_field_says_anything(model_of: Any, features_of: Any) -> None:
    model = model_of()
    result = train(model, features_of(), judge=Scored(model).judge)
    assert result.averaged is None
    assert "average" not in result.as_json()
    assert Judge(dict, "accuracy").identity() == {"metric": "accuracy", "every": None, "patience": None}


@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_a_beginning_and_its_rest_are_the_whole_training(
    kind: str, model_of: Any, features_of: Any, tmp_path: Path
) -> None:
    features, folder = features_of(kind), tmp_path / "key"
    whole = model_of(kind)
    expected = train(whole, features, judge=Scored(whole).judge)
    histories = []
    for until in (0.25, 0.5, None):
        model = model_of(kind)
        scored = Scored(model)
        scored.seen = [{} for _ in histories[-1].history] if histories else []
        histories.append(train(model, features, judge=scored.judge, checkpoint_dir=folder, until=until))
    assert [len(result.history) for result in histories] == [2, 3, 6]
    assert histories[0].history == expected.history[:2]
    assert [result.measured.resumed_at for result in histories] == [None, histories[0].steps, histories[1].steps]
    assert histories[2].as_json() == expected.as_json()
    assert far(model.weights(), whole.weights()) == 0


def test_a_killed_beginning_resumes(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == 3:
            raise Killed

    often = EXECUTION.model_copy(update={"checkpoint_seconds": 1e-3})
    for execution, report in ((often, kill), (EXECUTION, lambda _: None)):
        model = model_of()
        try:
            result = train(
                model,
                features_of(),
                judge=Scored(model).judge,
                checkpoint_dir=tmp_path,
                until=0.5,
                execution=execution,
                progress=report,
            )
        except Killed:
            continue
    assert result.steps < result.planned_steps
    assert result.measured.resumed_at
    assert list(tmp_path.glob("step-*")), "the rest of the training needs a checkpoint"


@pytest.mark.parametrize(("every", "share", "step"), [(None, 0.25, 8), (None, 0.26, 8), (5, 0.25, 10), (100, 0.1, 24)])
def test_a_beginning_ends_at_an_evaluation(every: int | None, share: float, step: int) -> None:
    schedule = Schedule(replace(SETTINGS, epochs=6), 4, every)
    assert schedule.total == 24
    assert schedule.evaluation_from(share) == step
    assert schedule.evaluates_after(step)


def evaluated(schedule: Schedule) -> Iterator[int]:
    return (step for step in range(1, schedule.total + 1) if schedule.evaluates_after(step))


@pytest.mark.parametrize("epochs", [0.5, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("every", [None, 1, 3, 7, 1000])
def test_the_list_of_evaluations_is_what_is_evaluated(epochs: float, every: int | None) -> None:
    schedule = Schedule(replace(SETTINGS, epochs=epochs), 9, every)
    assert schedule.evaluations() == list(evaluated(schedule))
