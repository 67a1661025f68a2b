"""Workers that live on: what a node computes depends on nothing that was computed before it in the process."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.cli.shared import planned
from layover.encoder import DropoutClock, Encoder
from layover.engine import server
from layover.engine.jobs import Job
from layover.engine.local import LocalEngine
from layover.engine.processes import Worker
from layover.engine.worker import MOST_JOBS, _worn, run_node
from layover.plan import Node
from layover.recipe import Execution
from layover.steps import loaded
from layover.stopping import REQUESTS
from layover.store import Store

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

METHODS = (
    "train.epochs=0.5",
    "methods.full={module: full, lr: 1e-3}",
    "methods.merge={module: lora, lr: 3e-3, rank: 2, compose: merge}",
    "methods.dora={module: dora, lr: 3e-3, rank: 2, dropout: 0.1}",
    "sweep.method=[lora, full, merge, dora]",
    "sweep.seed=[1]",
    "sweep.exclude=[{method: merge, intermediate: none}]",
)
EXECUTION = Execution(workers=1, threads=1, device="cpu")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    loaded.forget()


def computed(folder: Folder, store: str, *, fresh: bool) -> dict[str, bytes]:
    """Compute a plan in this process, the latest node that can run first; return the bytes of what decides."""
    found = planned(folder.root / "recipe.yaml", list(METHODS), folder.root / store, mends=True)
    waiting = list(found.plan.nodes.values())
    while waiting:
        done = found.store.finished()
        node = next(node for node in reversed(waiting) if done.issuperset(node.needs))
        waiting.remove(node)
        if fresh:
            loaded.forget()
        assert run_node(node, found.store, EXECUTION, lambda _: None) == "done", found.store.failures.get(node.key)
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in folder.root.glob(f"{store}/nodes/*/*/*")
        if path.name not in {"done.json", "measured.json"}
    }


def test_a_result_does_not_depend_on_what_ran_before(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    load = Encoder.load

    def counted(source: str, *rest: Any, **more: Any) -> Encoder:
        loads.append(source)
        return load(source, *rest, **more)

    monkeypatch.setattr(Encoder, "load", counted)
    monkeypatch.chdir(folder.root)
    alone = computed(folder, "alone", fresh=True)
    each = len(loads)
    together = computed(folder, "together", fresh=False)
    assert {name for name in alone if alone[name] != together.get(name)} == set()
    assert alone.keys() == together.keys()
    assert {name.partition("/")[2] for name in alone} >= {"module.safetensors", "head.safetensors", "predictions.jsonl"}
    # what is trained in full, and what predicts with it, leaves a model of no use
    assert len(loads) - each < each / 2


def test_one_encoder_acts_on_a_model_at_a_time(encoder: Path, tmp_path: Path) -> None:
    clock = DropoutClock(0)
    first = loaded.load(str(encoder), None, clock=clock)
    model = weakref.ref(first.model)
    made = loaded.once("key", lambda: "made")
    assert loaded.once("key", lambda: "again") == made
    second = loaded.load(str(encoder), None, clock=clock, dropout=0.5)
    assert second.model is model()
    assert not hasattr(first, "model")
    assert loaded.once("key", lambda: "again") == "again", "it stood on an encoder that is gone"
    (tmp_path / "other").symlink_to(encoder)
    del second
    loaded.load(str(tmp_path / "other"), None, clock=clock)
    assert model() is None, "two models at once"


@dataclass
class _Line:
    """The parent's end of a worker that only listens."""

    sent: list[str] = field(default_factory=list)

    def send(self, work: Any) -> None:
        self.sent.append(work.nodes[0].key)


@dataclass(frozen=True)
class _Inputs:
    encoder: Any


@dataclass(frozen=True)
class _Source:
    source: str
    revision: None = None


def test_a_free_worker_takes_what_suits_its_encoder_and_else_the_next(tmp_path: Path) -> None:
    jobs = [
        Job(key, [Node("train", key, {}, (), key, _Inputs(_Source(model)), key)])
        for key, model in (("a", "large"), ("b", "small"), ("c", "large"), ("d", "large"))
    ]
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 2, 1, lambda _: None)
    workers: Any = [Worker(None, _Line(), encoder=(model, None)) for model in ("small", "tiny")]  # type: ignore[arg-type]
    engine._workers = workers
    assert [job.name for job in engine._hand_out(jobs)] == ["c", "d"]
    assert [worker.connection.sent for worker in workers] == [["b"], ["a"]]
    workers[1].job = None
    assert [job.name for job in engine._hand_out(jobs[2:])] == ["d"]
    assert [worker.encoder for worker in workers] == [("small", None), ("large", None)]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system does not tell it")
def test_a_signal_to_all_processes_is_held_back_where_workers_are_forked(tmp_path: Path) -> None:
    """Without the fork server, the parent would take its workers for ended while they write their checkpoints."""
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 1, 1, lambda _: None)
    process = engine._context.Process(target=time.sleep, args=(0,))
    assert server.begin(process)
    process.join()
    assert process.exitcode == 0
    status = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/status").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    (blocked,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk"))
    assert [number for number in REQUESTS if not blocked >> (number - 1) & 1] == []


def test_a_worn_worker_makes_room_for_a_fresh_one() -> None:
    assert not _worn(1, 2**60)
    assert _worn(1, 2**20), "it holds more than it may"
    assert _worn(MOST_JOBS, 2**60)


def test_a_node_of_another_run_is_waited_for_with_one_line(tmp_path: Path) -> None:
    node = Node("train", "a" * 64, {}, (), "a", _Inputs(None), "train a")
    mine, theirs = Store(tmp_path / "store"), Store(tmp_path / "store")
    sent: list[Any] = []
    with theirs.claim(node.key) as lease:
        assert lease is not None
        assert run_node(node, mine, EXECUTION, sent.append) == "busy"
    (busy,) = sent
    assert busy["by"].startswith("`layover run` (host ")
    reported: list[Any] = []
    engine = LocalEngine(mine, EXECUTION, 1, 1, reported.append)
    worker = Worker(None, _Line(), job=Job("a", [node]))  # type: ignore[arg-type]
    for _ in range(3):
        engine._hear(worker, busy, [])
    engine._hear(worker, {**busy, "by": "another one"}, [])
    assert reported == [
        {"event": "waiting", "key": node.key, "for": busy["by"]},
        {"event": "waiting", "key": node.key, "for": "another one"},
    ]


@pytest.mark.parametrize("lost", [False, True])
def test_a_node_that_fails_after_its_process_was_taken_for_gone_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    node, store, sent = Node("train", "a" * 64, {}, (), "a", _Inputs(None), "train a"), Store(tmp_path / "store"), []

    def fails(*_: object) -> dict[str, Any]:
        if lost:
            for file in store.locks.folder.iterdir():
                file.unlink()
        return {"node": "train a", "error": "its folder is gone", "traceback": None}

    monkeypatch.setattr("layover.engine.worker._compute", fails)
    assert run_node(node, store, EXECUTION, sent.append) == ("busy" if lost else "failed")
    assert store.failures.keys() == (set() if lost else {node.key})
