"""The local engine: the jobs of a plan in worker processes on this machine.

A job starts when everything it needs is finished. A failed node fails those that need it and nothing else.
Nodes that another sweep on the same store works on are left to it and looked at again.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any

from layover.engine.jobs import Job, group
from layover.engine.worker import Work, main
from layover.errors import StoreError
from layover.plan import Node, Plan
from layover.recipe import Execution
from layover.store import Store

POLL_SECONDS = 0.5
BUSY_SECONDS = 1.0
STOP_SECONDS = 30.0
"""A training that is stopped has so long to finish its step and write a checkpoint."""

Report = Callable[[Mapping[str, Any]], None]


@dataclass
class Outcome:
    """What a run came to."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Key -> error."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Key -> key of the failed node it needs."""


@dataclass
class _Running:
    job: Job
    process: ForkServerProcess
    connection: Connection
    current: Node | None = None
    ended: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)


class LocalEngine:
    """Runs the wanted nodes of a plan.

    Args:
        store: Where results go.
        execution: How to run; `workers` and `threads` must be set.
        report: Takes events: `start`, `progress`, `end` of a node, as plain values.
    """

    def __init__(self, store: Store, execution: Execution, workers: int, threads: int, report: Report) -> None:
        self.store, self.execution = store, execution
        self.workers, self.threads = workers, threads
        self.report = report
        self.outcome = Outcome()
        self._running: list[_Running] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["layover.engine.preload"])

    def run(self, plan: Plan, only: Collection[str] | None = None) -> Outcome:
        """Run until nothing is left that can run; always ends its processes.

        A node that failed in an earlier call is not tried again, and what needs it is not run.

        Args:
            plan: What has to run is what its scores still need.
            only: Keys of those of these nodes that are run now; all of them when None.
        """
        finished = self.store.finished()
        wanted = (node for node in plan.wanted(finished) if only is None or node.key in only)
        waiting = group(node for node in wanted if node.key not in self.outcome.failed)
        self.outcome.done = {key for key in plan.nodes if key in finished}
        try:
            while waiting or self._running:
                waiting = self._start_what_can(waiting)
                if not waiting and not self._running:
                    break
                self._listen(waiting)
        finally:
            self._end_all()
        return self.outcome

    def _start_what_can(self, waiting: list[Job]) -> list[Job]:
        left = []
        now = time.monotonic()
        for job in waiting:
            self._drop_blocked(job)
            if not job.nodes:
                continue
            ready = now >= job.not_before and job.needs() <= self.outcome.done
            if ready and len(self._running) < self.workers:
                self._start(job)
            else:
                left.append(job)
        return left

    def _drop_blocked(self, job: Job) -> None:
        """Take out of a job what needs a failed node, and what another sweep has finished."""
        kept = []
        for node in job.nodes:
            bad = {*self.outcome.failed, *self.outcome.blocked}.intersection(node.needs)
            if bad:
                self._block(node, min(bad))
            elif node.key not in self.outcome.done:
                kept.append(node)
        job.nodes = kept

    def _block(self, node: Node, cause: str) -> None:
        self.outcome.blocked[node.key] = self.outcome.blocked.get(cause, cause)
        self.report({"event": "end", "key": node.key, "state": "blocked", "cause": cause})

    def _start(self, job: Job) -> None:
        receiving, sending = self._context.Pipe(duplex=False)
        log = self.store.root / "logs" / f"{job.nodes[0].key}.log"
        work = Work(tuple(job.nodes), self.store.root, self.execution, self.threads, log)
        process = self._context.Process(target=main, args=(work, sending), daemon=True)
        process.start()
        sending.close()
        self._running.append(_Running(job, process, receiving))

    def _listen(self, waiting: list[Job]) -> None:
        if not self._running:
            if all(job.not_before == 0.0 for job in waiting):
                names = ", ".join(job.name for job in waiting)
                raise StoreError(f"{names}: what they need is neither finished nor planned; run again")
            time.sleep(POLL_SECONDS)
            return
        by_connection = {running.connection: running for running in self._running}
        for ready in wait(list(by_connection), timeout=POLL_SECONDS):
            running = by_connection[ready]  # type: ignore[index]
            try:
                self._hear(running, running.connection.recv())
            except EOFError:
                self._finish(running, waiting)

    def _hear(self, running: _Running, message: dict[str, Any]) -> None:
        node = next(node for node in running.job.nodes if node.key == message["key"])
        if message["event"] == "start":
            running.current = node
        elif message["event"] == "end":
            running.current = None
            running.ended.add(node.key)
            if message["state"] == "done":
                self.outcome.done.add(node.key)
            elif message["state"] == "failed":
                self.outcome.failed[node.key] = message["error"]
            else:
                running.busy.add(node.key)
                return
        self.report(message)

    def _finish(self, running: _Running, waiting: list[Job]) -> None:
        """A worker is gone: in order, or killed by the system."""
        running.process.join()
        running.connection.close()
        self._running.remove(running)
        log = self.store.root / "logs" / f"{running.job.nodes[0].key}.log"
        if running.process.exitcode:
            self._died(running, log.read_text(encoding="utf-8", errors="replace") if log.is_file() else "")
        elif running.ended.isdisjoint(self.outcome.failed):
            log.unlink(missing_ok=True)
        left = [node for node in running.job.nodes if node.key not in running.ended - running.busy]
        left = [node for node in left if node.key not in self.outcome.failed]
        if left:
            waiting.append(Job(running.job.name, left, time.monotonic() + BUSY_SECONDS))

    def _died(self, running: _Running, log: str) -> None:
        open_nodes = (node for node in running.job.nodes if node.key not in running.ended)
        node = running.current or next(open_nodes, None)
        if node is None:
            return  # everything was done before it died
        code = running.process.exitcode
        cause = "killed, perhaps for want of memory" if code == -9 else f"ended with exit code {code}"
        error = f"the process of this node was {cause}"
        self.store.fail(node.key, {"node": node.label, "error": error, "traceback": log[-4000:] or None})
        self.outcome.failed[node.key] = error
        running.ended.add(node.key)
        self.report({"event": "end", "key": node.key, "state": "failed", "error": error})

    def _end_all(self) -> None:
        for running in self._running:
            running.process.terminate()
        for running in self._running:
            running.process.join(timeout=STOP_SECONDS)
            if running.process.is_alive():
                running.process.kill()
                running.process.join()
        self._running.clear()
