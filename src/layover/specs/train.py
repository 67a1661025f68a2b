"""train: a module and heads on one task or several, or the gates of a finished training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from layover import objectives, plugins
from layover.canonical import Canonical, Opaque, Through, aside, called, inlined, later
from layover.class_weights import ClassWeights
from layover.identity import Json
from layover.metrics._metric import NO_RULES, Rules
from layover.modules import AdapterDrop
from layover.numerics import Precision
from layover.objectives import PLAIN, Objective
from layover.specs._hyperparameters import Hyperparameters, Sampling
from layover.specs._on_encoder import HeadOutputs, OnEncoder
from layover.specs._plugins import PluginName, kind_and_head
from layover.specs.gate import GateSpec
from layover.specs.tokenize import USUAL_PERCENT

MEAN = "mean"
"""The metric that selects the weights of a mixture: the mean of the tasks' own metrics."""


@dataclass(frozen=True)
class Selection(Canonical):
    """How the best weights are chosen."""

    data: str
    """Key of the tokenized development set."""
    metric: str
    every: int | None
    """Steps between two evaluations; None evaluates after each epoch."""
    patience: int | None
    """Number of successive evaluations without improvement that ends the training."""
    language: str
    average: int | None = later(None)
    """Number of last evaluations whose weights are averaged; None keeps the weights of the best evaluation."""
    tags: Mapping[str, Opaque] | None = later(None)
    """tagging: the fields of the declared scheme that change scores; None if the data show the same scheme."""


@dataclass(frozen=True)
class Below(Canonical):
    """The keys of the language adapters below a training; both None in a method without language adapters."""

    train: str | None = None
    """The adapter of the training data."""
    select: str | None = None
    """The adapter of the development data; None without selection."""

    def adapters(self) -> tuple[str, ...]:
        """Return the keys of the adapters that the training needs."""
        return tuple(key for key in (self.train, self.select) if key is not None)


@dataclass(frozen=True)
class TaskSpec(Canonical):
    """One task of a training."""

    data: str
    """Key of the tokenized training set."""
    kind: str
    labels: tuple[str, ...]
    selection: Selection | None = called("select")
    languages: Below = later(Below())
    weight: float | None = later(None)
    """Factor on its share of the steps; None for a single task."""
    class_weights: ClassWeights | None = later(None)
    """Factors on the loss of each gold label; None if all labels count alike."""
    head: int | None = later(None)
    """Number of its head in the training; None for a single task."""
    name: str = aside("")
    hidden_percent: int = aside(USUAL_PERCENT)
    """mlm: share of masked tokens in percent."""
    metrics: tuple[str, ...] = aside(())
    """All metrics of the development data."""
    rules: Rules = aside(NO_RULES)
    """How predictions are scored."""

    @property
    def share(self) -> float:
        """Factor on its share of the steps."""
        return 1.0 if self.weight is None else self.weight

    @property
    def place(self) -> int:
        """The number of its head."""
        return self.head or 0


@dataclass(frozen=True, kw_only=True)
class TrainSpec(OnEncoder):
    """A module and its heads, trained on tasks in turn; tasks with the same outputs share a head."""

    step: ClassVar[str] = "train"
    order: ClassVar[int] = 40
    version: ClassVar[int] = 4
    resumable: ClassVar[bool] = True
    encodes: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    hyperparameters: Hyperparameters = inlined()
    tasks: tuple[TaskSpec, ...]
    """The tasks of a mixture, sorted by canonical form, so that the recipe's order does not matter."""
    sampling: Sampling | None = later(None)
    """How often each task of a mixture has its turn; None for a single task."""
    objective: Annotated[Objective, Through(objectives.parse)] = later(PLAIN)
    """The losses that a step minimises."""
    adapterdrop: AdapterDrop = later(AdapterDrop())
    head_from: str | None = later(None)
    """Key of the training whose head is continued; None for a fresh head."""
    gates: GateSpec | None = later(None, name="gate")
    """If given, only gates are trained, for the finished training that the other fields describe. The canonical form is
    then the form of the gates, so no canonical form of a training has the field `gate`."""
    until: float | None = later(None)
    """The share of the steps after which it stops, with a checkpoint that the whole training resumes; None: 1."""
    name: str = aside("")
    """Name of the task or the mixture."""

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of modules, compositions, kinds, heads and metrics, which may be plug-ins."""
        yield from super().plugin_names()
        for task in self.tasks:
            yield from kind_and_head(task.kind)
            if task.selection is not None:
                yield plugins.METRICS, task.selection.metric

    @property
    def kind_of_node(self) -> str:
        """The kind of its node in the store."""
        return self.step if self.gates is None else self.gates.step

    @property
    def computes_in(self) -> Precision:
        """The number format of the encoder's arithmetic."""
        return self.hyperparameters.precision

    @property
    def drawn_by(self) -> int:
        """The seed of fresh weights."""
        return self.hyperparameters.seed

    @property
    def dropped(self) -> int:
        """Number of lowest layers without modules at every training step."""
        return self.adapterdrop.always_training

    @property
    def numbered(self) -> bool:
        """Whether its heads are saved by their numbers."""
        return self.sampling is not None

    @property
    def whole(self) -> TrainSpec:
        """The training whose beginning it is; itself if it is whole."""
        return self if self.until is None else replace(self, until=None)

    def epochs_at(self, share: float | None) -> float:
        """Return the epochs after which a beginning of it ends: at the next evaluation, if that is after an epoch."""
        epochs = self.hyperparameters.epochs
        if share is None:
            return epochs
        each_epoch = self.selection is not None and self.selection.every is None
        return min(epochs, float(math.ceil(round(share * epochs, 6)))) if each_epoch else share * epochs

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return kind and labels of each head, by the heads' numbers."""
        first = {task.place: (task.kind, task.labels) for task in reversed(self.tasks)}
        return tuple(outputs for _, outputs in sorted(first.items()))

    @property
    def selection(self) -> Selection | None:
        """The selection of the weights, with the same steps for all selecting tasks; None keeps the last weights."""
        if self.gates is not None:
            return None
        return next((task.selection for task in self.tasks if task.selection is not None), None)

    @property
    def languages(self) -> Below:
        """The language adapters below the training; only the adapter of the development data differs between tasks."""
        return self.tasks[0].languages

    def data_keys(self) -> tuple[str, ...]:
        """Return the keys of the training sets."""
        return tuple(task.data for task in self.tasks)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name if self.gates is None and self.sampling is None else ""

    def learns_from(self) -> tuple[str, ...]:
        """Return the keys of the training sets; empty for gates, because their training already names the sets."""
        return self.data_keys() if self.gates is None else ()

    def read_keys(self) -> tuple[str, ...]:
        """Return the keys of the sets that the training reads, for training and for selection."""
        chosen = [] if self.gates is not None else [task.selection.data for task in self.tasks if task.selection]
        return (*self.data_keys(), *chosen)

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; the fields of a single task are at the top level."""
        if self.gates is not None:
            return self.gates.canonical()
        values = super().canonical()
        if self.sampling is None:
            del values["tasks"]
            values |= self.tasks[0].canonical()
        values.pop("adapterdrop", None)
        values |= _dropped(self.adapterdrop, selects=self.selection is not None)
        if self.head_from is not None:
            del values["head_from"]
            values["head"] = "continue" if len(self.start.learned) == 1 else {"continue": self.head_from}
        return values

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields under their own names."""
        rest = dict(values)
        if "gate" in values:
            raise ValueError("TrainSpec has no 'gate'")
        missing = {"tasks", "sampling"} - values.keys()
        if len(missing) == 1:
            raise ValueError(f"TrainSpec: {missing.pop()!r} is missing")
        if "tasks" not in values:
            own = TaskSpec.names() - {"head"}
            rest = {name: value for name, value in values.items() if name not in own}
            rest["tasks"] = [{name: value for name, value in values.items() if name in own}]
        if "head" in rest:
            rest["head_from"] = _continued(rest.pop("head"), values.get("intermediate"))
        if isinstance(values.get("adapterdrop"), Mapping):
            rest["adapterdrop"] = {**AdapterDrop().settings(), **values["adapterdrop"]}
        return rest


def _continued(head: Any, intermediate: Any) -> Any:
    """Return the key of the training whose head is continued: the only intermediate, or the one that `head` names."""
    if head == "continue":
        return intermediate
    if not isinstance(head, Mapping) or head.keys() != {"continue"}:
        raise ValueError(f"TrainSpec.head: {head!r:.100} names no training whose head is continued")
    return head["continue"]


def _dropped(drop: AdapterDrop, *, selects: bool) -> dict[str, Json]:
    """Return the layers without modules, if any; layers in predictions count only if predictions select weights."""
    trained: dict[str, Json] = {"train": drop.train, "random": drop.random} if drop.train else {}
    selected: dict[str, Json] = {"predict": drop.predicting} if selects and drop.drops() else {}
    return {"adapterdrop": {**trained, **selected}} if trained or selected else {}


SPEC = TrainSpec
