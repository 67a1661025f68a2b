"""Beginnings of trainings: their records, and the checkpoints that longer trainings resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import make_features, make_model

from layover.execution import Execution
from layover.specs import Hyperparameters
from layover.steps.beginnings import beginning_of, copied_step, copy_beginning, has_checkpoint, keep_beginning
from layover.store import Store
from layover.training import Branch, FitResult, Judge, fit

SCORES = (40.0, 60.0, 60.0, None, 90.0, 80.0)


def trained(until: float | None, every: int | None, average: int | None = None) -> FitResult:
    model, found = make_model(), iter((*SCORES, *SCORES, *SCORES))
    judge = Judge(lambda: {"accuracy": next(found)}, "accuracy", every, None, average)
    return fit(
        model.encoder,
        [Branch("task", model.head, make_features())],
        hyperparameters=Hyperparameters(lr=0.01, epochs=6, batch=8, seed=1),
        execution=Execution(device="cpu", micro_batch_tokens=4096),
        clock=model.clock,
        judge=judge,
        checkpoint_dir=None,
        progress=lambda _: None,
        until=until,
    )


@pytest.mark.parametrize("until", [0.25, 0.5, 0.9])
@pytest.mark.parametrize(("every", "average"), [(None, None), (2, None), (5, None), (None, 3)])
def test_the_record_of_a_beginning_is_that_of_the_whole_up_to_it(
    until: float, every: int | None, average: int | None
) -> None:
    whole = json.loads(json.dumps(trained(None, every, average).as_json()))
    assert beginning_of(whole, until) == json.loads(json.dumps(trained(until, every, average).as_json()))


class Spec:
    """What the folders of beginnings read of a specification."""

    def __init__(self, until: float | None) -> None:
        self.until = until

    @property
    def whole(self) -> Any:
        return type("Whole", (), {"key": "whole"})


def checkpoint(store: Store, key: str, text: str) -> None:
    (store.work(key) / "step-1").mkdir(parents=True)
    (store.work(key) / "step-1" / "file").write_text(text, encoding="utf-8")


def content(folder: Path) -> str:
    return (folder / "step-1" / "file").read_text(encoding="utf-8")


def test_a_longer_training_copies_the_longest_beginning(tmp_path: Path) -> None:
    store, spec = Store(tmp_path / "store"), Spec
    for until, key in ((0.25, "a"), (0.5, "b")):
        checkpoint(store, key, f"first {until}")
        keep_beginning(store, key, spec(until))  # type: ignore[arg-type]
        assert not store.work(key).exists()
    copy_beginning(store, "rest", spec(None))  # type: ignore[arg-type]
    assert content(store.work("rest")) == "first 0.5"
    copy_beginning(store, "half", spec(0.5))  # type: ignore[arg-type]
    assert content(store.work("half")) == "first 0.25"
    copy_beginning(store, "first", spec(0.25))  # type: ignore[arg-type]
    assert not store.work("first").exists()
    assert content(store.begun("whole") / "0.5") == "first 0.5", "a copy leaves the beginning for other runs"


def test_a_training_with_a_checkpoint_of_its_own_resumes_that(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    checkpoint(store, "a", "first")
    keep_beginning(store, "a", Spec(0.25))  # type: ignore[arg-type]
    checkpoint(store, "rest", "own")
    copy_beginning(store, "rest", Spec(None))  # type: ignore[arg-type]
    assert content(store.work("rest")) == "own"


def test_odd_folders_are_no_beginnings(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for name in ("nan", "inf", "-1", "2", "x", "1e400"):
        (store.begun("whole") / name).mkdir(parents=True)
    copy_beginning(store, "rest", Spec(None))  # type: ignore[arg-type]
    assert not store.work("rest").exists()


def test_a_beginning_is_made_twice_without_harm(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for text in ("one", "two"):
        checkpoint(store, "a", text)
        keep_beginning(store, "a", Spec(0.25))  # type: ignore[arg-type]
    assert content(store.begun("whole") / "0.25") == "two"
    keep_beginning(store, "gone", Spec(0.25))  # type: ignore[arg-type]


def test_a_copy_is_no_checkpoint_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert not has_checkpoint(store.work("rest"))
    (store.begun("whole") / "0.25" / "step-00000008").mkdir(parents=True)
    copy_beginning(store, "half", Spec(0.5))  # type: ignore[arg-type]
    work = store.work("half")
    assert (has_checkpoint(work), copied_step(work)) == (False, 8)
    copy_beginning(store, "half", Spec(0.5))  # type: ignore[arg-type]
    assert not has_checkpoint(work), "after a kill it has nothing but the copy"
    (work / "step-00000008.0001").mkdir()
    assert (has_checkpoint(work), copied_step(work)) == (True, 8), "its own checkpoint of the same step"
    (work / "step-00000008.0001").rename(work / "step-00000016")
    (work / "step-00000008").rmdir()
    assert (has_checkpoint(work), copied_step(work)) == (True, 8)
    keep_beginning(store, "half", Spec(0.5))  # type: ignore[arg-type]
    copy_beginning(store, "rest", Spec(None))  # type: ignore[arg-type]
    rest = store.work("rest")
    assert (has_checkpoint(rest), copied_step(rest)) == (False, 16)


def test_a_killed_copy_leaves_nothing_that_counts_as_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    (store.begun("whole") / "0.25" / "step-00000008").mkdir(parents=True)

    def killed(source: Path, work: Path, **_: Any) -> None:
        (work / "step-00000008").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr("layover.steps.beginnings.shutil.copytree", killed)
    with pytest.raises(KeyboardInterrupt):
        copy_beginning(store, "rest", Spec(None))  # type: ignore[arg-type]
    assert not has_checkpoint(store.work("rest"))


def test_an_odd_file_beside_checkpoints_hides_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    checkpoint(store, "a", "own")
    (store.work("a") / "copied").write_bytes(b"\xff\xfe step-1")
    assert has_checkpoint(store.work("a"))
    assert copied_step(store.work("a")) == 0
