"""Checkpoints: a killed run goes on to equal bits, and what does not belong is refused with a reason."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from layover import modules
from layover.data.features import Features
from layover.errors import Stopped
from layover.execution import Execution
from layover.identity import file_sha256
from layover.modules import AdapterDrop
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, Judge, Progress, checkpoint, fit

SETTINGS = Hyperparameters(lr=0.01, epochs=3, batch=8, seed=1, bucket=2)  # 5 steps an epoch
EVERY_STEP = Execution(device="cpu", micro_batch_tokens=100).model_copy(update={"checkpoint_seconds": 0.0})


class Killed(BaseException):
    pass


def run(
    model: Any,
    features: Features,
    folder: Path | None,
    *,
    settings: Hyperparameters = SETTINGS,
    execution: Execution = EVERY_STEP,
    killed_after: int | None = None,
    kill_in_evaluation: int | None = None,
    by: type[BaseException] = Killed,
) -> FitResult:
    evaluations = 0

    def evaluate() -> dict[str, float]:
        nonlocal evaluations
        evaluations += 1
        if evaluations == kill_in_evaluation:
            raise by
        weights = sum(float(value.abs().sum()) for value in model.weights().values())
        return {"accuracy": weights % 1.0}  # any function of the weights

    def report(progress: Progress) -> None:
        if progress.done == killed_after:
            raise Killed

    return fit(
        model.encoder,
        [Branch("task", model.head, features)],
        hyperparameters=settings,
        execution=execution,
        clock=model.clock,
        judge=Judge(evaluate, "accuracy"),
        checkpoint_dir=folder,
        progress=report,
    )


def same(one: Any, other: Any) -> bool:
    theirs = other.weights()
    return all(torch.equal(value, theirs[name]) for name, value in one.weights().items())


# 3: inside an epoch; 5: after an evaluation, before the next step; 15: after everything
@pytest.mark.parametrize("killed_after", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("module", ["lora", "full"])
@pytest.mark.parametrize("kind", ["classification", "mlm"])
def test_a_resumed_run_gives_equal_bits(
    killed_after: int, module: str, kind: str, model_of: Any, features_of: Any, tmp_path: Path
) -> None:
    features, settings = features_of(kind), modules.get(module)()
    straight, killed, resumed = (model_of(kind, module=settings) for _ in range(3))
    expected = run(straight, features, None)
    with pytest.raises(Killed):
        run(killed, features, tmp_path, killed_after=killed_after)
    result = run(resumed, features, tmp_path)
    assert result.measured.resumed_at == killed_after
    assert same(straight, resumed)
    assert result.as_json() == expected.as_json()


@pytest.mark.parametrize("killed_after", [2, 7])
def test_a_resumed_run_drops_the_same_layers(
    killed_after: int, model_of: Any, features_of: Any, tmp_path: Path
) -> None:
    straight, killed, resumed, whole = (model_of() for _ in range(4))
    for model in (straight, killed, resumed):
        model.encoder.drop(AdapterDrop(train=2, random=True))
    run(straight, features_of(), None)
    with pytest.raises(Killed):
        run(killed, features_of(), tmp_path, killed_after=killed_after)
    run(resumed, features_of(), tmp_path)
    assert same(straight, resumed)
    run(whole, features_of(), None)
    assert not same(straight, whole)


def test_a_run_killed_in_an_evaluation_gives_equal_bits(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    straight, killed, resumed = model_of(), model_of(), model_of()
    expected = run(straight, features_of(), None)
    with pytest.raises(Killed):
        run(killed, features_of(), tmp_path, kill_in_evaluation=2)
    result = run(resumed, features_of(), tmp_path)
    assert result.measured.resumed_at == 9  # the step before the evaluation is done again
    assert same(straight, resumed)
    assert result.as_json() == expected.as_json()


@pytest.mark.parametrize("evaluation", [1, 2, 3])
def test_a_run_stopped_in_an_evaluation_goes_on_with_it(
    evaluation: int, model_of: Any, features_of: Any, tmp_path: Path
) -> None:
    straight, resumed = model_of(), model_of()
    rarely = EVERY_STEP.model_copy(update={"checkpoint_seconds": 1e9})
    expected = run(straight, features_of(), None)
    for again in (evaluation, 1):  # and once more in the same evaluation
        with pytest.raises(Stopped, match=f"after step {5 * evaluation} of 15"):
            run(model_of(), features_of(), tmp_path, execution=rarely, kill_in_evaluation=again, by=Stopped)
        assert [path.name for path in tmp_path.iterdir()] == [f"step-{5 * evaluation:08d}"]
    result = run(resumed, features_of(), tmp_path, execution=rarely)
    assert result.measured.resumed_at == 5 * evaluation
    assert same(straight, resumed)
    assert result.as_json() == expected.as_json()


FULL = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_disk_without_room_costs_the_checkpoints_alone(
    model_of: Any, features_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, late = model_of(), model_of()
    expected = run(straight, features_of(), None)
    with pytest.raises(Killed):
        run(model_of(), features_of(), tmp_path, killed_after=2)
    with monkeypatch.context() as full:
        full.setattr(checkpoint, "save_file", _without_room)
        result = run(late, features_of(), tmp_path)
    assert same(straight, late)
    assert result.as_json() == expected.as_json()
    mend = "free some room on this disk, then run the same command again"
    assert result.measured.notes == [f"no checkpoint: {tmp_path}: No space left on device; {mend}"]
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"], "the older one stays, nothing half-written"


def test_a_stop_without_room_for_a_checkpoint_is_an_error(
    model_of: Any, features_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "save_file", _without_room)
    with pytest.raises(SafetensorError):
        run(model_of(), features_of(), tmp_path, kill_in_evaluation=1, by=Stopped)
    assert not list(tmp_path.iterdir())


def _without_room(_tensors: object, path: Path) -> None:
    path.write_bytes(b"half")
    raise FULL


def test_a_run_killed_twice_gives_equal_bits(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    straight, resumed = model_of(), model_of()
    run(straight, features_of(), None)
    for step in (4, 11):
        with pytest.raises(Killed):
            run(model_of(), features_of(), tmp_path, killed_after=step)
    run(resumed, features_of(), tmp_path)
    assert same(straight, resumed)


def test_tokens_at_once_are_those_of_the_killed_run(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(model_of(), features_of(), tmp_path, killed_after=2)
    result = run(
        model_of(), features_of(), tmp_path, execution=EVERY_STEP.model_copy(update={"micro_batch_tokens": None})
    )
    assert result.measured.micro_tokens == 100


def damage(path: Path) -> None:
    data = bytearray((path / "tensors.safetensors").read_bytes())
    data[-3] ^= 1
    (path / "tensors.safetensors").write_bytes(bytes(data))


def truncate(path: Path) -> None:
    (path / "position.json").write_text('{"format": 1, "iden', encoding="utf-8")


def lose(path: Path) -> None:
    (path / "tensors.safetensors").unlink()


def age(path: Path) -> None:
    head = json.loads((path / "position.json").read_text(encoding="utf-8"))
    (path / "position.json").write_text(json.dumps({**head, "format": 0}), encoding="utf-8")


def edit(path: Path) -> None:
    text = (path / "position.json").read_text(encoding="utf-8")
    (path / "position.json").write_text(text.replace('"step": 4', '"step": 3'), encoding="utf-8")


def forge(path: Path) -> None:
    """Other tensors, with their hash where that of the right ones was."""
    damage(path)
    head = json.loads((path / "position.json").read_text(encoding="utf-8"))
    head["sha256"] = file_sha256(path / "tensors.safetensors")
    (path / "position.json").write_text(json.dumps(head), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damage, "damaged"),
        (truncate, "Unterminated"),
        (lose, "No such file"),
        (age, "format 0"),
        (edit, "its position is damaged"),
        (forge, "its position is damaged"),
    ],
    ids=["damaged", "truncated", "lost", "old", "edited", "of another's tensors"],
)
def test_a_broken_checkpoint_is_refused_with_a_reason(
    harm: Callable[[Path], None],
    reason: str,
    model_of: Any,
    features_of: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    straight, again = model_of(), model_of()
    run(straight, features_of(), None)
    with pytest.raises(Killed):
        run(model_of(), features_of(), tmp_path, killed_after=4)
    harm(tmp_path / "step-00000004")
    result = run(again, features_of(), tmp_path)
    assert result.measured.resumed_at is None
    assert reason in result.measured.notes[0]
    assert reason in caplog.text
    assert same(straight, again)


def test_a_checkpoint_of_another_training_is_refused(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(model_of(), features_of(), tmp_path, killed_after=4)
    others = [
        (model_of(), features_of(), replace(SETTINGS, lr=0.02)),
        (model_of(), features_of(seed=9), SETTINGS),
        (model_of(seed=4), features_of(), SETTINGS),
        (model_of(module=modules.get("lora")(rank=2)), features_of(), SETTINGS),
    ]
    for model, features, settings in others:
        result = run(
            model, features, tmp_path, settings=settings, execution=Execution(device="cpu", checkpoint_seconds=1e9)
        )
        assert result.measured.resumed_at is None
        assert "another training" in result.measured.notes[0]


@pytest.mark.parametrize("other", [("f1", None, None), ("accuracy", 3, None), ("accuracy", None, 9), None])
def test_a_checkpoint_of_another_choice_of_weights_is_refused(
    model_of: Any, features_of: Any, tmp_path: Path, other: tuple[str, int | None, int | None] | None
) -> None:
    """What it has of evaluations, and of the best weights, is of no use to a training that chooses in another way."""
    features, short = features_of(rows=8), replace(SETTINGS, steps=2)
    run(model_of(), features, tmp_path, settings=short)
    model = model_of()
    result = fit(
        model.encoder,
        [Branch("task", model.head, features)],
        hyperparameters=short,
        execution=EVERY_STEP,
        clock=model.clock,
        judge=None if other is None else Judge(lambda: {"accuracy": 1.0, "f1": 1.0}, *other),
        checkpoint_dir=tmp_path,
        progress=lambda _: None,
    )
    assert "another training" in result.measured.notes[0]
    assert result.measured.resumed_at is None


def test_a_checkpoint_in_the_folder_of_another_node_is_refused(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    """What is frozen below, which the key of the node knows, is in no tensor of a checkpoint."""
    with pytest.raises(Killed):
        run(model_of(), features_of(), tmp_path / "one", killed_after=4)
    (tmp_path / "one").rename(tmp_path / "other")
    result = run(model_of(), features_of(), tmp_path / "other")
    assert result.measured.resumed_at is None
    assert "another training" in result.measured.notes[0]


def test_a_file_in_the_place_of_checkpoints_is_no_hindrance(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("x", encoding="utf-8")
    run(model_of(), features_of(), tmp_path / "folder")
    assert (tmp_path / "folder" / "step-00000015").is_dir()


def test_one_checkpoint_is_kept_and_it_holds_no_code(model_of: Any, features_of: Any, tmp_path: Path) -> None:
    for name in ("writing-1", "writing-2"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / "writing-1", (0, 0))  # left by a killed run; the other is of a live process
    run(model_of(), features_of(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000015", "writing-2"]
    files = sorted(path.name for path in (tmp_path / "step-00000015").iterdir())
    assert files == ["position.json", "tensors.safetensors"]


def test_at_every_moment_a_whole_checkpoint_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same step may be saved more than once, with other evaluations; a kill comes at any moment of that."""
    found: list[Any] = []

    def looking(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **more: Any) -> Any:
            for then in (lambda: None, lambda: real(*arguments, **more)):
                result = then()
                held, _ = checkpoint.load(tmp_path, identity="x")
                assert held is not None
                found.append(held.position["evaluations"])
            return result

        return act

    def save(step: int, evaluations: int) -> None:
        whole = checkpoint.Checkpoint({"w": torch.ones(2)}, {}, {}, {"evaluations": evaluations})
        checkpoint.save(tmp_path, whole, step=step, identity="x")

    save(5, 0)
    monkeypatch.setattr(shutil, "rmtree", looking(shutil.rmtree))
    monkeypatch.setattr(Path, "rename", looking(Path.rename))
    for evaluations in range(1, 13):
        save(5, evaluations)
        assert len(list(tmp_path.iterdir())) == 1
    save(6, 13)
    assert found == sorted(found), "never an older one again"
    assert set(found) == set(range(14))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]
