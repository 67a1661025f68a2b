"""The local engine: the jobs of a plan in worker processes on this machine.

A job starts when all its needs are finished. A failed node blocks only the nodes that need it. A worker runs job after
job, but ends when one of its nodes fails. The node of a killed worker is tried once more.
A request to end (`layover.stopping`) ends the workers; trainings write a checkpoint first.
Nodes that another sweep on the same store computes are left to it and checked again later. If a node is damaged when
another node reads it, the damaged node runs again, and then the other node.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from layover.engine import server
from layover.engine.attempts import Attempts, cause_of
from layover.engine.processes import Job, RunOutcome, Worker, group, received
from layover.engine.resources import most_between_jobs
from layover.engine.worker import JobOrder, Setup, main
from layover.errors import NodeError, StoppedError, StoreError
from layover.execution import Execution
from layover.plan import Node, Plan
from layover.plan.node_paths import paths_of
from layover.specs import StepSpec
from layover.stopping import KEPT, held, requested
from layover.store import Store
from layover.store.folderless import strip_folders

POLL_SECONDS = 0.2
BUSY_SECONDS = 1.0
MOST_LOSSES = 3
"""A node fails when its needs are damaged this number of times: then the disk is the likely cause."""
MOST_STARTS = 3
STOP_SECONDS = 25.0
"""Seconds for a stopped training to finish its step and write a checkpoint; schedulers kill after 30."""

UNSAVED = (
    f"it did not finish its step within {STOP_SECONDS:.0f} s and was killed; it resumes from an older checkpoint, if "
    "there is one"
)

Report = Callable[[Mapping[str, Any]], None]


class LocalEngine:
    """Runs the wanted nodes of a plan.

    Args:
        store: The store for the results.
        execution: Execution settings; `workers` and `threads` must be set.
        report: Takes events: `start`, `progress`, `end` of a node, as plain values.
    """

    def __init__(self, store: Store, execution: Execution, workers: int, threads: int, report: Report) -> None:
        self.store, self.execution = store, execution
        self.workers, self.threads = workers, threads
        self.report = report
        self.outcome = RunOutcome()
        self._workers: list[Worker] = []
        self._plan: Plan | None = None
        self._attempts = Attempts()
        self._lost: dict[str, list[str]] = {}
        """Key -> keys of nodes that were damaged when it read them; they can be nodes that it does not need itself."""
        self._waits: dict[str, str] = {}
        """Key -> the other process that computes it, from the last report."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["layover.engine.preload"])

    def run(self, plan: Plan, only: Collection[str] | None = None) -> RunOutcome:
        """Run until no node is left that can run; always end the worker processes.

        A node that failed in an earlier call does not run again, and the nodes that need it do not run.

        Args:
            plan: The plan; the nodes that its missing scores need have to run.
            only: Keys of the nodes to run now; None runs all.

        Raises:
            StoppedError: there was a request to end; `outcome.unsaved` lists trainings without a checkpoint.
            NodeError: no worker can be started.
        """
        with held():
            return self._run(plan, only)

    def _run(self, plan: Plan, only: Collection[str] | None) -> RunOutcome:
        finished, self._plan = self.store.finished(), plan
        wanted = (node for node in plan.wanted(finished) if only is None or node.key in only)
        waiting = group(node for node in wanted if node.key not in self.outcome.failed)
        self.outcome.done = {key for key in plan.nodes if key in finished}
        try:
            while True:
                _check_stop()
                waiting = self._hand_out(waiting)
                if not waiting and not self._working():
                    break
                self._listen(waiting)
        finally:
            self._end_all()
        return self.outcome

    def _working(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _free(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is None]

    def _hand_out(self, waiting: list[Job]) -> list[Job]:
        """Hand jobs that can run to workers; return the jobs that still wait.

        A free worker takes the first job that uses the encoder it has loaded. Other jobs follow the order of the plan.
        """
        for job in waiting:
            self._drop_blocked(job)
        waiting = [job for job in waiting if job.nodes]
        now = time.monotonic()
        ready = [job for job in waiting if now >= job.not_before and self._needs(job) <= self.outcome.done]
        for worker in self._free():
            suitable = next((job for job in ready if worker.suits(job)), None)
            if suitable is not None:
                ready.remove(suitable)
                self._hand(worker, suitable)
        while ready and len(self._workers) < self.workers:
            self._hand(self._begin(), ready.pop(0))
        for worker, job in zip(self._free(), ready, strict=False):
            self._hand(worker, job)
        taken = {id(worker.job) for worker in self._workers}
        return [job for job in waiting if id(job) not in taken]

    def _drop_blocked(self, job: Job) -> None:
        """Remove from a job the nodes that need a failed node, and the nodes that another sweep has finished."""
        kept = []
        for node in job.nodes:
            needs = {*node.needs, *self._lost.get(node.key, ())}
            failed = {*self.outcome.failed, *self.outcome.blocked} & needs
            if failed:
                self._block(node, min(failed))
            elif node.key not in self.outcome.done:
                kept.append(node)
        job.nodes = kept

    def _needs(self, job: Job) -> set[str]:
        """Return the keys that must be finished before a job starts, including damaged nodes that it has read."""
        own = {node.key for node in job.nodes}
        return job.needs() | {key for node in job.nodes for key in self._lost.get(node.key, ())} - own

    def _block(self, node: Node[StepSpec], cause: str) -> None:
        self.outcome.blocked[node.key] = self.outcome.blocked.get(cause, cause)
        self.report({"event": "end", "key": node.key, "state": "blocked", "cause": cause})

    def _begin(self) -> Worker:
        setup = Setup(self.store.root, self.execution, self.threads, most_between_jobs(self.workers))
        for attempt in range(1, MOST_STARTS + 1):
            connection, of_worker = self._context.Pipe()
            process = self._context.Process(target=main, args=(setup, of_worker), daemon=True)
            try:
                if not server.begin(process, alone=not self._workers):
                    _check_stop()
                break
            except NodeError:  # the fork server was killed; the next attempt starts another
                if attempt == MOST_STARTS:
                    raise
        of_worker.close()
        worker = Worker(process, connection)
        self._workers.append(worker)
        return worker

    def _hand(self, worker: Worker, job: Job) -> None:
        worker.job, worker.encoder = job, job.encoder or worker.encoder
        worker.ended, worker.busy = set(), set()
        # a worker that was killed while it was free is noticed later like any other, and the job waits again
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(JobOrder(tuple(job.nodes), self._log(job)))

    def _log(self, job: Job) -> Path:
        return self.store.root / "logs" / f"{job.nodes[0].key}.log"

    def _listen(self, waiting: list[Job]) -> None:
        if not self._working():
            if all(job.not_before == 0.0 for job in waiting):
                names = ", ".join(job.name for job in waiting)
                raise StoreError(f"{names}: some of their needs are neither finished nor planned; run again")
            time.sleep(POLL_SECONDS)
            return
        by_connection = {worker.connection: worker for worker in self._workers}
        for ready in wait(list(by_connection), timeout=POLL_SECONDS):
            worker = by_connection[ready]  # type: ignore[index]
            message = received(worker)
            if message is None:
                self._left(worker, waiting)
                continue
            if message["event"] == "free":
                self._conclude(worker, waiting)
            else:
                self._receive(worker, message, waiting)

    def _receive(self, worker: Worker, message: dict[str, Any], waiting: list[Job]) -> None:
        nodes = [] if worker.job is None else worker.job.nodes
        node = next(node for node in nodes if node.key == message["key"])
        if message["event"] == "start":
            worker.current = node
        elif message["event"] == "end":
            worker.current = None
            worker.ended.add(node.key)
            if message["state"] == "done":
                self.outcome.done.add(node.key)
            elif message["state"] == "failed":
                self.outcome.failed[node.key] = message["error"]
            elif message["state"] == "lost":
                self._recompute(worker, node, message, waiting)
                return
            elif (error := message.get("error")) is not None and self._attempts.doubted(node.key):
                self._fail(node, error)
                return
            else:
                worker.busy.add(node.key)
                self._report_waiting(node, message["by"])
                return
        self.report(message)

    def _report_waiting(self, node: Node[StepSpec], other: str) -> None:
        """Report, once for each other process, that it computes a node which this run waits for."""
        if other and self._waits.get(node.key) != other:
            self._waits[node.key] = other
            self.report({"event": "waiting", "key": node.key, "for": other})

    def _recompute(self, worker: Worker, node: Node[StepSpec], message: dict[str, Any], waiting: list[Job]) -> None:
        """Schedule a damaged node again, and then the node that read it."""
        need, losses = message["need"], self._lost.setdefault(node.key, [])
        nodes = self._plan.nodes if self._plan is not None else {}
        if need not in nodes or len(losses) >= MOST_LOSSES:
            self._fail(node, message["error"])
            return
        losses.append(need)
        worker.busy.add(node.key)
        jobs = [*waiting, *(busy.job for busy in self._workers if busy.job)]
        scheduled = {planned.key for job in jobs for planned in job.nodes}
        missing = self._missing(need) - scheduled - self.outcome.failed.keys()
        waiting[:0] = group(planned for key, planned in nodes.items() if key in missing)
        values = {"key": need, "reason": message["reason"], "needed_by": node.key, "again": sorted(missing)}
        self.report({"event": "aside", **values})

    def _missing(self, key: str) -> set[str]:
        """Return the keys of a node and its needs, direct and indirect, that are not in the store."""
        missing: set[str] = set()
        open_keys = [key]
        while open_keys:
            key = open_keys.pop()
            if key in missing or self._plan is None or self.store.has(key):
                continue
            missing.add(key)
            self.outcome.done.discard(key)
            open_keys.extend(self._plan.nodes[key].needs)
        return missing

    def _fail(self, node: Node[StepSpec], error: str, log: str | None = None) -> None:
        failure = {"node": node.label, "error": error, "traceback": log}
        self.store.failures.add(node.key, failure, paths_of(node.spec))
        self.outcome.failed[node.key] = error
        self.report({"event": "end", "key": node.key, "state": "failed", "error": error})

    def _conclude(self, worker: Worker, waiting: list[Job]) -> None:
        """End a job: the nodes that are left wait again, and the log is kept only after a failure."""
        job, worker.job = worker.job, None
        if job is None:
            return
        worker.jobs += 1
        if not worker.process.exitcode and worker.ended.isdisjoint(self.outcome.failed):
            self._log(job).unlink(missing_ok=True)
        else:
            strip_folders(self._log(job))
        left = [node for node in job.nodes if node.key not in worker.ended - worker.busy]
        if left:
            waiting.insert(0, Job(job.name, left, time.monotonic() + BUSY_SECONDS if worker.busy else 0.0))

    def _left(self, worker: Worker, waiting: list[Job]) -> None:
        """Handle the end of a worker: after a failure, at its limits, on request, or because it was killed."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        if worker.process.exitcode and worker.job is not None:
            self._died(worker, worker.job)
        self._conclude(worker, waiting)

    def _died(self, worker: Worker, job: Job) -> None:
        """Try the node at which a worker was killed once more, or let it fail; there may be no such node."""
        node = worker.current
        if node is None and not worker.jobs and not worker.ended:
            node = job.nodes[0]  # it ended before its first node, and the next worker may do the same
        if node is None:
            return  # it was killed between two nodes, so no node is the cause
        code, file = worker.process.exitcode, self._log(job)
        error = f"the process of this node {cause_of(code)}"
        fails, advice = self._attempts.ended(node.key, code, self.store.work(node.key))
        if not fails:
            self.report({"event": "again", "key": node.key, "reason": error})
            return
        log = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        worker.ended.add(node.key)
        self._fail(node, f"{error}, {advice}", log[-4000:] or None)

    def _end_all(self) -> None:
        """End all workers: free workers leave, busy workers get SIGTERM, and SIGKILL if they do not end in time."""
        busy = {worker.connection: worker for worker in self._working()}
        for worker in self._workers:
            if worker.job is None:
                worker.connection.close()
            else:
                worker.signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while busy and (left := until - time.monotonic()) > 0:
            for ready in wait(list(busy), timeout=left):
                connection: Connection = ready  # type: ignore[assignment]
                worker = busy[connection]
                message = received(worker)
                if message is None:
                    del busy[connection]
                else:
                    self._receive_last(worker, message)
        for worker in busy.values():
            worker.signal(signal.SIGKILL)
            if worker.current is not None and worker.current.spec.resumable:
                self.outcome.unsaved[worker.current.key] = UNSAVED
        for worker in self._workers:
            worker.process.join(timeout=POLL_SECONDS)
            if worker.job is not None:
                strip_folders(self._log(worker.job))
        self._workers.clear()

    def _receive_last(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """Record a message that a worker sends between the request to end and its end."""
        if message["event"] == "start" and worker.job is not None:
            worker.current = next(node for node in worker.job.nodes if node.key == message["key"])
        elif message["event"] == "end":
            worker.current = None
            if message["state"] == "failed":
                self.outcome.unsaved[message["key"]] = message["error"]


def _check_stop() -> None:
    if requested():
        raise StoppedError(f"stopped; {KEPT}")
