"""Workers that live on: what a node computes depends on nothing that was computed before it in the process."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover import modules
from layover.cli.shared import planned
from layover.encoder import DropoutClock, Encoder
from layover.engine import server
from layover.engine.alone import STOPPED
from layover.engine.attempts import ADVICE, MOST_DOUBTS, MOST_STOPS
from layover.engine.jobs import Job, group
from layover.engine.local import LocalEngine
from layover.engine.processes import Worker
from layover.engine.schedule import JobSchedule
from layover.engine.worker import MOST_JOBS, _worn, run_node
from layover.execution import Execution
from layover.files import hub_patience
from layover.plan import Node
from layover.specs import EncoderSpec, Hyperparameters
from layover.specs.predict import PredictSpec
from layover.specs.train import TaskSpec, TrainSpec
from layover.steps import loaded
from layover.stopping import REQUESTS
from layover.store import Store, lease

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
    found = planned(folder.root / "recipe.yaml", list(METHODS), folder.root / store, computes=True)
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
        self.sent.append(work.nodes[0].job)


def job_of(node: Node) -> Job:
    """Return the job of a node."""
    return Job("a", {node.key: node})


def training(name: str, model: str = "small") -> Node[TrainSpec]:
    """Return the training of a task on the encoder of a folder."""
    spec = TrainSpec(
        name=name,
        encoder=EncoderSpec(source=model),
        module=modules.get("lora")(),
        hyperparameters=Hyperparameters(lr=1e-3, epochs=1.0, batch=8, seed=1),
        tasks=(TaskSpec(f"data of {name}", "classification", ("no", "yes"), None, name=name),),
    )
    return Node(spec, (), f"train {name}", name)


def prediction(name: str) -> Node[PredictSpec]:
    """Return the prediction of a task."""
    spec = PredictSpec(encoder=EncoderSpec(source="small"), train=training(name).key, data=f"data of {name}", name=name)
    return Node(spec, (), f"predict {name}", name)


def test_a_free_worker_takes_what_suits_its_encoder_and_else_the_next(tmp_path: Path) -> None:
    models = {"a": "large", "b": "small", "c": "large", "d": "large"}
    nodes = [training(name, model) for name, model in models.items()]
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 2, 1, lambda _: None)
    engine._schedule = JobSchedule({node.key: node for node in nodes}, group(nodes), engine.outcome)
    workers: Any = [Worker(None, _Line(), encoder=(model, None)) for model in ("small", "tiny")]  # type: ignore[arg-type]
    engine._workers = workers
    engine._hand_out()
    assert list(engine._schedule.names()) == ["c", "d"]
    assert [worker.connection.sent for worker in workers] == [["b"], ["a"]]
    workers[1].job = None
    engine._hand_out()
    assert list(engine._schedule.names()) == ["d"]
    assert [worker.encoder for worker in workers] == [("small", None), ("large", None)]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system does not tell it")
def test_a_signal_to_all_processes_is_held_back_where_workers_are_forked(tmp_path: Path) -> None:
    """Without the fork server, the parent would take its workers for ended while they write their checkpoints."""
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 1, 1, lambda _: None)
    process = engine._context.Process(target=time.sleep, args=(0,))
    assert server.begin(process, alone=True)
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
    node = training("a")
    mine, theirs = Store(tmp_path / "store"), Store(tmp_path / "store")
    sent: list[Any] = []
    with theirs.claim(node.key) as lease:
        assert lease is not None
        assert run_node(node, mine, EXECUTION, sent.append) == "busy"
    (busy,) = sent
    assert busy["by"].startswith("`layover run` (host ")
    reported: list[Any] = []
    engine = LocalEngine(mine, EXECUTION, 1, 1, reported.append)
    worker = Worker(None, _Line(), job=job_of(node))  # type: ignore[arg-type]
    for _ in range(3):
        engine._receive(worker, busy)
    engine._receive(worker, {**busy, "by": "another one"})
    assert reported == [
        {"event": "waiting", "key": node.key, "for": busy["by"]},
        {"event": "waiting", "key": node.key, "for": "another one"},
    ]


@pytest.mark.parametrize("lost", [False, True])
def test_a_node_that_fails_after_its_process_was_taken_for_gone_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    node, store, sent = (
        training("a"),
        Store(tmp_path / "store"),
        [],
    )

    def fails(*_: object) -> dict[str, Any]:
        if lost:
            for file in store.locks.folder.iterdir():
                file.unlink()
        return {"node": "train a", "error": "its folder is gone", "traceback": None}

    monkeypatch.setattr("layover.engine.worker._compute", fails)
    assert run_node(node, store, EXECUTION, sent.append) == ("busy" if lost else "failed")
    assert store.failures.keys() == (set() if lost else {node.key})
    if lost:
        told, engine = sent[-1], LocalEngine(store, EXECUTION, 1, 1, lambda _: None)
        worker = Worker(None, _Line(), job=job_of(node))  # type: ignore[arg-type]
        for tries in range(1, MOST_DOUBTS + 1):
            engine._receive(worker, told)
            assert engine.outcome.failed == ({} if tries < MOST_DOUBTS else {node.key: "its folder is gone"})


def test_a_node_that_fails_while_its_lease_cannot_be_kept_alive_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses both; the lease is locked, so that no one else has taken the node."""
    node, store, sent = (
        training("a"),
        Store(tmp_path / "store"),
        [],
    )

    def fails(*_: object) -> dict[str, Any]:
        now = lease.clock()
        monkeypatch.setattr(lease, "clock", lambda: now + lease.STALE_SECONDS)
        return {"node": "train a", "error": "No space left on device", "traceback": None}

    monkeypatch.setattr("layover.engine.worker._compute", fails)
    assert run_node(node, store, EXECUTION, sent.append) == "failed"


def test_a_slow_hub_is_told_by_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that downloads the same is waited for without a word of any client."""
    node, store, sent = (
        training("a"),
        Store(tmp_path / "store"),
        [],
    )
    said = threading.Event()
    monkeypatch.setattr(hub_patience, "SILENT_SECONDS", 0.05)

    class Downloads:
        def run(self, *_: object) -> None:
            hub_patience.patiently(lambda: said.wait(60))

    def send(message: Any) -> None:
        sent.append(message)
        if message["event"] == "told":
            said.set()

    monkeypatch.setattr("layover.engine.worker.steps.get", lambda _: Downloads())
    monkeypatch.setattr("layover.engine.worker.unchanged", lambda *_: nullcontext())
    assert run_node(node, store, EXECUTION, send) == "done"
    told = {"event": "told", "key": node.key}
    text = "layover: a download from the hub takes long, or another process downloads the same file first"
    assert [one for one in sent if one["event"] == "told"] == [{**told, "text": text}]
    assert logging.getLogger(hub_patience.HUB_LOG).handlers == []
    reported: list[Any] = []
    engine = LocalEngine(store, EXECUTION, 1, 1, reported.append)
    engine._receive(Worker(None, _Line(), job=job_of(node)), {**told, "text": text})  # type: ignore[arg-type]
    assert reported == [{**told, "text": text}]


@pytest.mark.parametrize("what", ["locks", "failed", "work"])
def test_a_file_in_the_place_of_a_folder_fails_the_node_in_words(tmp_path: Path, what: str) -> None:
    node, store, sent = (
        training("a"),
        Store(tmp_path / "store"),
        [],
    )
    (store.root / what).touch()
    assert run_node(node, store, EXECUTION, sent.append) == "failed"
    assert sent[-1]["state"] == "failed"
    if what != "failed":
        assert f"store/{what}" in sent[-1]["error"]


@dataclass
class _Ended:
    """A process that has ended."""

    exitcode: int
    pid: int | None = None
    waited: float = 0.0

    def join(self, timeout: float) -> None:
        """Return at once."""
        self.waited = timeout


def _die(engine: LocalEngine, node: Node, code: int) -> None:
    worker: Any = Worker(_Ended(code), _Line(), job=job_of(node), current=node)  # type: ignore[arg-type]
    engine._died(worker, worker.job)


def test_a_training_that_is_asked_to_end_again_and_again_goes_on_while_it_comes_further(tmp_path: Path) -> None:
    node, reported = training("a"), []
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 1, 1, reported.append)
    work = engine.store.work(node.key)
    for step in range(3 * MOST_STOPS):
        shutil.rmtree(work, ignore_errors=True)
        (work / f"step-{step:08d}").mkdir(parents=True)
        _die(engine, node, STOPPED)
    assert engine.outcome.failed == {}
    assert {one["event"] for one in reported} == {"again"}
    for count in range(1, MOST_STOPS):
        assert engine.outcome.failed == {}, count
        (work / f"step-{step:08d}").rename(work / f"step-{step:08d}.{count:04d}")
        (work / f"step-{step:08d}").mkdir()  # the same step, written again
        shutil.rmtree(work / f"step-{step:08d}.{count:04d}")
        _die(engine, node, STOPPED)
    error = engine.outcome.failed[node.key]
    assert "was stopped (SIGTERM or SIGHUP), like the 4 before it, and its checkpoint did not advance" in error
    assert ADVICE not in error


def test_requests_to_end_and_kills_are_counted_apart(tmp_path: Path) -> None:
    node = training("a")
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 1, 1, lambda _: None)
    for code in (STOPPED, -signal.SIGKILL, STOPPED):
        _die(engine, node, code)
        assert engine.outcome.failed == {}
    _die(engine, node, -signal.SIGKILL)
    assert ADVICE in engine.outcome.failed[node.key]


@pytest.mark.parametrize("kind", ["train", "predict"])
@pytest.mark.parametrize("heard", [False, True])
def test_what_is_killed_because_it_does_not_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, heard: bool
) -> None:
    """A training loses the steps since its last checkpoint; what saves nothing loses nothing that was promised."""
    monkeypatch.setattr("layover.engine.local.STOP_SECONDS", 0.2)
    node = training("a") if kind == "train" else prediction("a")
    engine = LocalEngine(Store(tmp_path / "store"), EXECUTION, 1, 1, lambda _: None)
    ours, theirs = multiprocessing.Pipe()
    worker: Any = Worker(_Ended(-signal.SIGKILL), ours, job=job_of(node), current=node)  # type: ignore[arg-type]
    engine._workers = [worker]
    if heard:  # its last words are that it has ended
        theirs.send({"event": "end", "key": node.key, "state": "done"})
    engine._end_all()
    theirs.close()
    lost = kind == "train" and not heard
    assert list(engine.outcome.unsaved) == ([node.key] if lost else [])
    assert not lost or "was killed; it resumes from an older checkpoint" in engine.outcome.unsaved[node.key]


BEGIN = """
import multiprocessing, os, signal, sys, threading, time
from multiprocessing import forkserver
from layover import stopping
from layover.engine import server
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["slow"])
stopping.heed()
with stopping.held():
    def ask():
        while server._pid() is None:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=ask, daemon=True).start()
    print(server.begin(context.Process(target=print, daemon=True), alone=True), flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(server._pid(), 0)[1]), flush=True)
    os._exit(0)
"""


def test_a_request_while_the_fork_server_starts_leaves_none_behind(tmp_path: Path) -> None:
    """It holds the outputs, and a reader of them would wait until it has imported everything."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(300)\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", BEGIN],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=150,
        env={**os.environ, "PYTHONPATH": path},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.stdout == f"False\n{-signal.SIGKILL}\n"
