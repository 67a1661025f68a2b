"""The events of a sweep that callbacks receive, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SweepStarted:
    """The nodes of a sweep begin to run."""

    name: str
    """Name of the recipe."""
    nodes: int
    """Nodes that are not finished; a search adds more later."""
    cells: int
    """All cells of the sweep, finished ones among them."""
    workers: int
    """Processes at a time."""


@dataclass(frozen=True)
class _NodeEvent:
    """An event of one node."""

    key: str
    """Key of the node."""
    label: str
    """For display: `train xnli lora/mnli seed 1`."""
    kind: str
    """Its step: `tokenize`, `train`, `predict`, `score` or another."""


@dataclass(frozen=True)
class NodeStarted(_NodeEvent):
    """A worker starts to compute a node; the same node starts again after its process was killed."""

    training: str | None
    """Name of the training: its label and the first digits of its key. A search stops a training, and continues it
    as another node with the same name. None for other nodes."""
    resumes: bool
    """Whether the node resumes from a checkpoint of its own; not if it starts with the copy of a shorter training."""


@dataclass(frozen=True)
class TrainingProgress(_NodeEvent):
    """The position of a training, at most five times a second."""

    training: str
    step: int
    """Finished optimizer steps."""
    steps: int
    """Planned steps."""
    epoch: float
    lr: float
    """Learning rate of the step `step`."""
    loss_step: int | None
    """The step of `loss` and `gradient_norm`; on an accelerator they arrive some steps late."""
    loss: float | None
    """Mean over the examples of the step; None until one has arrived."""
    gradient_norm: float | None
    """Norm of all gradients of the step, before clipping."""


@dataclass(frozen=True)
class DevelopmentScores(_NodeEvent):
    """The evaluation of a training on its development data."""

    training: str
    step: int
    """Finished optimizer steps."""
    epoch: float
    loss: float | None
    """Mean training loss since the last evaluation."""
    metrics: Mapping[str, float | None]
    """Empty without development data; None for a metric that is undefined for the predictions."""


@dataclass(frozen=True)
class NodeProgress(_NodeEvent):
    """The position of a node that is no training."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class NodeFinished(_NodeEvent):
    """A node is finished and stored."""

    seconds: float | None
    """None if another sweep on the same store computed it."""


@dataclass(frozen=True)
class NodeFailed(_NodeEvent):
    """A node failed; the sweep continues with the nodes that do not need it."""

    error: str


@dataclass(frozen=True)
class NodeBlocked(_NodeEvent):
    """A node does not run, because it needs a failed node."""

    cause: str
    """Key of the failed node."""


@dataclass(frozen=True)
class Note:
    """A message for the user, as `layover run` prints it."""

    text: str


@dataclass(frozen=True)
class SweepEnded:
    """The sweep is over: complete, with failures, or stopped."""

    name: str
    """Name of the recipe."""
    cells: int
    finished: int
    """Finished cells."""
    failed: tuple[NodeFailed, ...]
    blocked: tuple[NodeBlocked, ...]
    undecided: tuple[str, ...]
    """Why a search could not choose; empty if it could."""
    stopped: bool
    """Whether the sweep ended before its last node: by a request, or by an error of the whole sweep."""
    seconds: float


Event = (
    SweepStarted
    | NodeStarted
    | TrainingProgress
    | DevelopmentScores
    | NodeProgress
    | NodeFinished
    | NodeFailed
    | NodeBlocked
    | Note
    | SweepEnded
)
Callback = Callable[[Event], None]
"""Receives every event, in order, in the process that started the sweep. Workers run on meanwhile, but their next
events wait until it returns."""
