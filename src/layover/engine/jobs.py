"""Jobs, which are nodes that one process runs in a row, and the outcome of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from layover.plan import Node
from layover.specs import StepSpec

EncoderName = tuple[str, str | None]
"""Source and revision of an encoder."""


@dataclass(eq=False)
class Job:
    """Nodes that one process runs in a row."""

    name: str
    nodes: dict[str, Node[StepSpec]] = field(default_factory=dict)
    """By key, in the order in which they run."""
    not_before: float = 0.0
    """Monotonic seconds; a job waits a little if another sweep computes some of its nodes."""

    @property
    def encoder(self) -> EncoderName | None:
        """Source and revision of the encoder whose weights or tokenizer the job loads; None if it loads none."""
        encoders = (node.spec.read_encoder() for node in self.nodes.values())
        return next(((encoder.source, encoder.revision) for encoder in encoders if encoder is not None), None)


def group(nodes: Iterable[Node[StepSpec]]) -> list[Job]:
    """Return the jobs of the nodes that have to run, in the order of their first nodes."""
    jobs: dict[str, Job] = {}
    for node in nodes:
        jobs.setdefault(node.job, Job(node.job)).nodes[node.key] = node
    return list(jobs.values())


@dataclass
class RunOutcome:
    """The outcome of a run."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Key -> error."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Key -> key of the failed node that it needs."""
    unsaved: dict[str, str] = field(default_factory=dict)
    """Key -> why a training that was stopped has no checkpoint."""
