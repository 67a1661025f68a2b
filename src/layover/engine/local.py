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

from layover.engine.attempts import Attempts, cause_of
from layover.engine.jobs import Job, RunOutcome, group
from layover.engine.processes import Worker, received, started
from layover.engine.resources import most_between_jobs
from layover.engine.schedule import JobSchedule
from layover.engine.server import PRELOADED
from layover.engine.worker import JobOrder, Setup
from layover.errors import StoppedError, StoreError
from layover.execution import Execution
from layover.plan import Node, Plan
from layover.plan.node_paths import paths_of
from layover.specs import StepSpec
from layover.stopping import KEPT, held, requested
from layover.store import Store
from layover.store.folderless import strip_folders

POLL_SECONDS = 0.2
BUSY_SECONDS = 1.0
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
        report: Takes events: `start`, `progress`, `evaluation`, `end` of a node, as plain values.
    """

    def __init__(self, store: Store, execution: Execution, workers: int, threads: int, report: Report) -> None:
        self.store, self.execution = store, execution
        self.workers, self.threads = workers, threads
        self.report = report
        self.outcome = RunOutcome()
        self._workers: list[Worker] = []
        self._attempts = Attempts()
        self._losses: dict[str, list[str]] = {}
        """Key -> keys of nodes that were damaged when it read them."""
        self._schedule = JobSchedule({}, [], self.outcome, self._losses)
        self._waits: dict[str, str] = {}
        """Key -> the other process that computes it, from the last report."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

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
        finished = self.store.finished()
        wanted = (node for node in plan.wanted(finished) if only is None or node.key in only)
        jobs = group(node for node in wanted if node.key not in self.outcome.failed)
        self.outcome.done = {key for key in plan.nodes if key in finished}
        self._schedule = JobSchedule(plan.nodes, jobs, self.outcome, self._losses)
        try:
            while True:
                _check_stop()
                self._hand_out()
                if not self._schedule and not self._working():
                    break
                self._listen()
        finally:
            self._end_all()
        return self.outcome

    def _working(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _free(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is None]

    def _hand_out(self) -> None:
        """Hand jobs that can run to workers.

        A free worker takes the first job that uses the encoder it has loaded. Other jobs follow the order of the plan.
        """
        for key, cause in self._schedule.settle(time.monotonic()):
            self.report({"event": "end", "key": key, "state": "blocked", "cause": cause})
        for worker in self._free():
            if (job := self._schedule.take_for(worker.encoder)) is not None:
                self._hand(worker, job)
        while self._schedule.ready() and len(self._workers) < self.workers:
            worker = self._begin()
            if (job := self._schedule.take()) is not None:
                self._hand(worker, job)
        for worker in self._free():
            if (job := self._schedule.take()) is not None:
                self._hand(worker, job)

    def _begin(self) -> Worker:
        setup = Setup(self.store.root, self.execution, self.threads, most_between_jobs(self.workers))
        worker = started(self._context, setup, alone=not self._workers)
        if worker is None:
            raise _stopped()
        self._workers.append(worker)
        return worker

    def _hand(self, worker: Worker, job: Job) -> None:
        worker.job, worker.encoder = job, job.encoder or worker.encoder
        worker.ended, worker.busy = set(), set()
        # a worker that was killed while it was free is noticed later like any other, and the job waits again
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(JobOrder(tuple(job.nodes.values()), self._log(job)))

    def _log(self, job: Job) -> Path:
        return self.store.root / "logs" / f"{next(iter(job.nodes))}.log"

    def _listen(self) -> None:
        if not self._working():
            if not self._schedule.timed:
                names = ", ".join(self._schedule.names())
                raise StoreError(f"{names}: some of their needs are neither finished nor planned; run again")
            time.sleep(POLL_SECONDS)
            return
        by_connection = {worker.connection: worker for worker in self._workers}
        for ready in wait(list(by_connection), timeout=POLL_SECONDS):
            worker = by_connection[ready]  # type: ignore[index]
            message = received(worker)
            if message is None:
                self._left(worker)
                continue
            if message["event"] == "free":
                self._conclude(worker)
            else:
                self._receive(worker, message)

    def _receive(self, worker: Worker, message: dict[str, Any]) -> None:
        node = worker.node(message["key"])
        if message["event"] == "start":
            worker.current = node
        elif message["event"] == "end":
            worker.current = None
            worker.ended.add(node.key)
            if message["state"] == "done":
                self._schedule.finish(node.key)
            elif message["state"] == "failed":
                self._schedule.fail(node.key, message["error"])
            elif message["state"] == "lost":
                self._run_again(worker, node, message)
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

    def _run_again(self, worker: Worker, node: Node[StepSpec], message: dict[str, Any]) -> None:
        """Schedule a damaged node again, and then the node that read it."""
        need = message["need"]
        if not self._schedule.lose(node.key, need):
            self._fail(node, message["error"])
            return
        worker.busy.add(node.key)
        running = {key for working in self._workers for key in working.left()}
        again = self._schedule.run_again(need, self.store.has, running)
        values = {"key": need, "reason": message["reason"], "needed_by": node.key, "again": again}
        self.report({"event": "aside", **values})

    def _fail(self, node: Node[StepSpec], error: str, log: str | None = None) -> None:
        failure = {"node": node.label, "error": error, "traceback": log}
        self.store.failures.add(node.key, failure, paths_of(node.spec))
        self._schedule.fail(node.key, error)
        self.report({"event": "end", "key": node.key, "state": "failed", "error": error})

    def _conclude(self, worker: Worker) -> None:
        """End a job: the nodes that are left wait again, and the log is kept only after a failure."""
        job, left = worker.job, worker.left()
        if job is None:
            return
        worker.job = None
        worker.jobs += 1
        if worker.process.exitcode or any(key in self.outcome.failed for key in worker.ended):
            strip_folders(self._log(job))
        else:
            self._log(job).unlink(missing_ok=True)
        if left:
            again = Job(job.name, left, time.monotonic() + BUSY_SECONDS if worker.busy else 0.0)
            self._schedule.put_in_front([again])

    def _left(self, worker: Worker) -> None:
        """Handle the end of a worker: after a failure, at its limits, on request, or because it was killed."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        if worker.process.exitcode and worker.job is not None:
            self._died(worker, worker.job)
        self._conclude(worker)

    def _died(self, worker: Worker, job: Job) -> None:
        """Try the node at which a worker was killed once more, or let it fail; there may be no such node."""
        node = worker.current
        if node is None and not worker.jobs and not worker.ended:
            node = next(iter(job.nodes.values()))  # it ended before its first node, and the next worker may do the same
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
        if message["event"] == "start":
            worker.current = worker.node(message["key"])
        elif message["event"] == "end":
            worker.current = None
            if message["state"] == "failed":
                self.outcome.unsaved[message["key"]] = message["error"]
        elif message["event"] == "evaluation":  # the checkpoint has it: the resumed training does not repeat it
            with suppress(StoppedError):  # nobody reads the output any more
                self.report(message)


def _check_stop() -> None:
    if requested():
        raise _stopped()


def _stopped() -> StoppedError:
    return StoppedError(f"stopped; {KEPT}")
