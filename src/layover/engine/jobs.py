"""Jobs: the nodes that are handed to a worker at once, and run one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from layover.plan import Node
from layover.specs import StepSpec


@dataclass
class Job:
    """Nodes, and the keys of other jobs' nodes they need."""

    name: str
    nodes: list[Node[StepSpec]] = field(default_factory=list)
    not_before: float = 0.0
    """Monotonic seconds; a job whose nodes another sweep works on waits a little."""

    @property
    def encoder(self) -> tuple[str, str | None] | None:
        """Source and revision of the encoder whose weights or tokenizer the job loads; None when it loads none."""
        encoders = (node.spec.read_encoder() for node in self.nodes)
        return next(((encoder.source, encoder.revision) for encoder in encoders if encoder is not None), None)

    def needs(self) -> set[str]:
        """Return the keys that must be finished before this job starts."""
        own = {node.key for node in self.nodes}
        return {need for node in self.nodes for need in node.needs} - own


def group(nodes: Iterable[Node[StepSpec]]) -> list[Job]:
    """Return the jobs of the nodes that have to run, in the order of their first nodes."""
    jobs: dict[str, Job] = {}
    for node in nodes:
        jobs.setdefault(node.job, Job(node.job)).nodes.append(node)
    return list(jobs.values())
