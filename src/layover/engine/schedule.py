"""The order of a run: which job starts next, and which nodes a failure blocks.

Each waiting job has the set of unfinished nodes that it needs; it is ready when the set is empty. The end of a node
updates the jobs that need this node and no others, so its price does not grow with the plan. Ready jobs stand in one
queue, and once more in the queue of their encoder. A schedule knows neither processes nor files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heapify, heappop, heappush

from layover.engine.jobs import EncoderName, Job, RunOutcome, group
from layover.plan.nodes import Nodes

MOST_LOSSES = 3
"""A node fails when its needs are damaged this number of times: then the disk is the likely cause."""

Blocked = tuple[str, str]
"""Key of a node that does not run, and key of the failed or blocked node that it needs."""


@dataclass(slots=True)
class _Waiting:
    """A job that waits."""

    job: Job
    encoder: EncoderName | None = None
    due: bool = True
    """Whether its time `not_before` has come."""
    unfinished: set[str] = field(default_factory=set)
    """Keys of the unfinished nodes that it needs."""

    @property
    def ready(self) -> bool:
        """Whether it can start."""
        return self.due and not self.unfinished


class JobSchedule:
    """The jobs of a run that wait.

    A job has a place, an integer: jobs with smaller places come first. Jobs that are put in front later get negative
    places.

    Args:
        nodes: The nodes of the plan.
        jobs: The jobs to run, in their order.
        outcome: Finished, failed and blocked nodes so far; the schedule records the nodes of this run in it.
        losses: Key -> keys of nodes that were damaged when it read them; they can be nodes that it does not need
            itself. The schedule records further losses in it.
    """

    def __init__(
        self, nodes: Nodes, jobs: Sequence[Job], outcome: RunOutcome, losses: dict[str, list[str]] | None = None
    ) -> None:
        self._nodes, self._outcome = nodes, outcome
        self._losses = {} if losses is None else losses
        self._readers: dict[str, list[str]] = {}
        """Key -> keys of the nodes that need it."""
        self._waiting: dict[int, _Waiting] = {}
        """By place."""
        self._places: dict[str, tuple[int, int]] = {}
        """Key of a waiting node -> place of its job, and place in this job."""
        self._first = len(jobs)
        self._timed = 0
        """Number of waiting jobs that have a time."""
        self._later: list[tuple[float, int]] = []
        """Time and place of the jobs whose time has not come; a heap."""
        self._ready: list[int] = []
        """Places of the ready jobs; a heap. Places of jobs that are not ready any more stay until they come first."""
        self._ready_by_encoder: dict[EncoderName | None, list[int]] = {}
        """The same by the encoder of the job."""
        self._doubtful: set[str] = set()
        """Keys of waiting nodes that may be blocked, or finished."""
        for node in nodes.values():
            for need in node.needs:
                self._readers.setdefault(need, []).append(node.key)
        for key, needs in self._losses.items():
            for need in needs:
                self._readers.setdefault(need, []).append(key)
        self.put_in_front(jobs)

    def __len__(self) -> int:
        """Return the number of waiting jobs."""
        return len(self._waiting)

    @property
    def timed(self) -> bool:
        """Whether a waiting job has a time before which it does not start."""
        return self._timed > 0

    def names(self) -> Iterator[str]:
        """Yield the names of the waiting jobs in their order."""
        for place in sorted(self._waiting):
            yield self._waiting[place].job.name

    def put_in_front(self, jobs: Sequence[Job]) -> None:
        """Add jobs before all others."""
        self._first -= len(jobs)
        for place, job in enumerate(jobs, self._first):
            waiting = self._waiting[place] = _Waiting(job)
            self._places.update((key, (place, index)) for index, key in enumerate(job.nodes))
            self._doubtful.update(key for key in job.nodes if key in self._outcome.done or self._cause(key) is not None)
            if job.not_before:
                self._timed += 1
                waiting.due = False
                heappush(self._later, (job.not_before, place))
            self._count(place)

    def settle(self, now: float) -> list[Blocked]:
        """Drop the nodes that cannot run any more or are finished; return the blocked ones in the order of their jobs.

        Args:
            now: Monotonic seconds; jobs whose time has come become ready.
        """
        while self._later and self._later[0][0] <= now:
            _, place = heappop(self._later)
            if place in self._waiting:
                self._waiting[place].due = True
                self._queue(place)
        blocked: list[Blocked] = []
        while self._doubtful:
            blocked += self._drop()
        return blocked

    def ready(self) -> bool:
        """Return whether a job can start."""
        return self._head(self._ready) is not None

    def take(self) -> Job | None:
        """Remove and return the first ready job; None if no job is ready."""
        return self._taken(self._head(self._ready))

    def take_for(self, encoder: EncoderName | None) -> Job | None:
        """Remove and return the first ready job that uses an encoder, or none; None if no such job is ready."""
        suitable = {None, encoder}
        queues = (self._ready_by_encoder.get(name, []) for name in suitable)
        heads = [place for queue in queues if (place := self._head(queue, suitable)) is not None]
        return self._taken(min(heads, default=None))

    def finish(self, key: str) -> None:
        """Record a finished node."""
        self._outcome.done.add(key)
        if key in self._places:
            self._doubtful.add(key)
        for place in self._jobs_with_readers_of(key):
            waiting = self._waiting[place]
            if key in waiting.unfinished:
                waiting.unfinished.remove(key)
                self._queue(place)

    def fail(self, key: str, error: str) -> None:
        """Record a failed node."""
        self._outcome.failed[key] = error
        self._doubtful.update(reader for reader in self._readers.get(key, ()) if reader in self._places)

    def lose(self, reader: str, need: str) -> bool:
        """Record that a node was damaged when another node read it; return whether both can run again.

        They cannot if the damaged node is not in the plan, or if the reader has lost too many.
        """
        losses = self._losses.setdefault(reader, [])
        if need not in self._nodes or len(losses) >= MOST_LOSSES:
            return False
        losses.append(need)
        self._readers.setdefault(need, []).append(reader)
        return True

    def run_again(self, key: str, stored: Callable[[str], bool], running: Collection[str]) -> list[str]:
        """Put a node in front, with its needs, direct and indirect; return the sorted keys of the nodes that it adds.

        Args:
            key: The key of the node.
            stored: Returns whether a node is in the store; a stored node does not run again.
            running: Keys of the nodes that workers run now, or give back; they are not added.
        """
        missing: set[str] = set()
        open_keys = [key]
        while open_keys:
            key = open_keys.pop()
            if key not in missing and not stored(key):
                missing.add(key)
                self._unfinish(key)
                open_keys.extend(self._nodes[key].needs)
        added = {key for key in missing if not (key in self._places or key in running or key in self._outcome.failed)}
        self.put_in_front(group(self._nodes[key] for key in sorted(added, key=self._order.__getitem__)))
        return sorted(added)

    @cached_property
    def _order(self) -> dict[str, int]:
        """Key -> place of the node in the plan."""
        return {key: place for place, key in enumerate(self._nodes)}

    def _unfinish(self, key: str) -> None:
        self._outcome.done.discard(key)
        for place in self._jobs_with_readers_of(key):
            waiting = self._waiting[place]
            if key not in waiting.job.nodes:
                waiting.unfinished.add(key)

    def _jobs_with_readers_of(self, key: str) -> set[int]:
        """Return the places of the waiting jobs with a node that needs a node."""
        return {self._places[reader][0] for reader in self._readers.get(key, ()) if reader in self._places}

    def _needs(self, key: str) -> Iterator[str]:
        yield from self._nodes[key].needs
        yield from self._losses.get(key, ())

    def _cause(self, key: str) -> str | None:
        """Return the key of the failed or blocked node that a node needs; None if there is none."""
        failed, blocked = self._outcome.failed, self._outcome.blocked
        return min((need for need in self._needs(key) if need in failed or need in blocked), default=None)

    def _count(self, place: int) -> None:
        """Collect the unfinished needs of a job."""
        waiting = self._waiting[place]
        nodes, done = waiting.job.nodes, self._outcome.done
        waiting.encoder = waiting.job.encoder
        waiting.unfinished = {
            need for key in nodes for need in self._needs(key) if need not in nodes and need not in done
        }
        self._queue(place)

    def _queue(self, place: int) -> None:
        """Add a job to the queues if it is ready."""
        waiting = self._waiting[place]
        if waiting.ready:
            heappush(self._ready, place)
            heappush(self._ready_by_encoder.setdefault(waiting.encoder, []), place)

    def _head(self, queue: list[int], encoders: Collection[EncoderName | None] | None = None) -> int | None:
        """Return the place of the first ready job of a queue, with one of some encoders; forget the places before it.

        Without its last nodes, a ready job can have another encoder than before.
        """
        while queue:
            waiting = self._waiting.get(queue[0])
            if waiting is not None and waiting.ready and (encoders is None or waiting.encoder in encoders):
                return queue[0]
            heappop(queue)
        return None

    def _taken(self, place: int | None) -> Job | None:
        return None if place is None else self._remove(place)

    def _remove(self, place: int) -> Job:
        job = self._waiting.pop(place).job
        self._timed -= bool(job.not_before)
        for key in job.nodes:
            del self._places[key]
        return job

    def _drop(self) -> list[Blocked]:
        """Drop the doubtful nodes, in the order of the jobs; nodes before a blocked node are left for the next call."""
        blocked: list[Blocked] = []
        changed: set[int] = set()
        heap = [(self._places[key], key) for key in self._doubtful if key in self._places]
        heapify(heap)
        self._doubtful.clear()
        while heap:
            place, key = heappop(heap)
            if key not in self._places:
                continue
            cause = self._cause(key)
            if cause is not None:
                self._outcome.blocked[key] = self._outcome.blocked.get(cause, cause)
                blocked.append((key, cause))
                for reader in self._readers.get(key, ()):
                    if self._places.get(reader, place) > place:
                        heappush(heap, (self._places[reader], reader))
                    elif reader in self._places:
                        self._doubtful.add(reader)
            if cause is not None or key in self._outcome.done:
                del self._waiting[place[0]].job.nodes[key], self._places[key]
                changed.add(place[0])
        for job_place in changed:
            if self._waiting[job_place].job.nodes:
                self._count(job_place)
            else:
                self._remove(job_place)
        return blocked
