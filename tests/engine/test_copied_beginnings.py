"""A training that starts with the copy of a shorter one: no event, display or callback takes it for resumed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.made_specs import a_training

from layover.cli import state
from layover.engine import worker
from layover.engine.callbacks import _event
from layover.execution import Execution
from layover.plan import Node
from layover.specs.train import TrainSpec
from layover.steps import train
from layover.steps.beginnings import copied_step, copy_beginning
from layover.store import Store
from layover.tracking import NodeStarted
from layover.training import Progress


@pytest.fixture
def node() -> Node[TrainSpec]:
    return Node(a_training(), (), "train moods", "job")


@pytest.fixture
def copied(tmp_path: Path, node: Node[TrainSpec]) -> Store:
    """A store where a training has the copy of a beginning of eight steps, as after a kill before its first save."""
    store = Store(tmp_path / "store")
    (store.begun(node.spec.whole.key) / "0.25" / "step-00000008").mkdir(parents=True)
    copy_beginning(store, node.key, node.spec)
    assert copied_step(store.work(node.key)) == 8
    return store


def started(node: Node[TrainSpec], store: Store, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Return the event of the start of a node whose step computes nothing."""
    events: list[Mapping[str, Any]] = []
    monkeypatch.setattr(worker, "_compute", lambda *_: None)
    worker.run_node(node, store, Execution(device="cpu"), events.append)
    (event,) = (event for event in events if event["event"] == "start")
    return event


def test_the_worker_reports_a_resume_for_a_checkpoint_of_the_node_alone(
    node: Node[TrainSpec], copied: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: Any = SimpleNamespace(nodes={node.key: node}, possible={})
    for own in (False, True):
        if own:
            (copied.work(node.key) / "step-00000012").mkdir()
        event = started(node, copied, monkeypatch)
        assert event["resumes"] is own
        typed = _event(plan, event)
        assert isinstance(typed, NodeStarted)
        assert typed.resumes is own


def test_watch_shows_checkpoints_of_the_node_alone(
    node: Node[TrainSpec], copied: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "steps_of", lambda *_: 32)
    prepared: Any = SimpleNamespace(plan=SimpleNamespace(nodes={node.key: node}), store=copied)
    lease: Any = SimpleNamespace(name=node.key, holder=SimpleNamespace(began=lambda: datetime.now(UTC)))
    shown = state._running(prepared, lease, {})
    assert (shown.step, shown.share) == (None, 0.0)
    assert "checkpoint" not in str(shown)
    (copied.work(node.key) / "step-00000016").mkdir()
    shown = state._running(prepared, lease, {})
    assert (shown.step, shown.share) == (16, 0.5)
    assert "checkpoint of step 16 of 32" in str(shown)


def test_progress_counts_the_part_of_the_node() -> None:
    events: list[Mapping[str, Any]] = []
    context: Any = SimpleNamespace(progress=events.append)
    report = train._reporter(context, 4, 8)
    report(Progress(9, 32, 1.0, 0.5, 1e-3, end=16))
    report(Progress(32, 32, 4.0, 0.5, 1e-3))
    report(Progress(2, 32, 0.2, 0.5, 1e-3))  # the copy was unusable
    counted = [(event["step"], event["steps"], event["done"], event["total"]) for event in events]
    assert counted == [(9, 32, 4, 32), (32, 32, 96, 96), (2, 32, 0, 96)]
