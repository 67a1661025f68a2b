"""train: a module and heads on one task or several, or the gates of a finished training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from layover import plugins
from layover.canonical import Canonical, Opaque, aside, called, inlined, later
from layover.class_weights import ClassWeights
from layover.identity import Json
from layover.metrics._metric import NO_RULES, Rules
from layover.modules import AdapterDrop
from layover.numerics import Precision
from layover.specs._hyperparameters import Hyperparameters, Sampling
from layover.specs._on_encoder import HeadOutputs, OnEncoder
from layover.specs._plugins import Thing, answering
from layover.specs.gate import GateSpec
from layover.specs.tokenize import USUAL_PERCENT

MEAN = "mean"
"""What selects the weights of a mixture: the mean of the tasks' own metrics."""


@dataclass(frozen=True)
class Selection(Canonical):
    """How the best weights are chosen."""

    data: str
    """Key of the tokenized development set."""
    metric: str
    every: int | None
    """Steps between two evaluations; None evaluates after each epoch."""
    patience: int | None
    """Evaluations in a row without a better one that end the training."""
    language: str
    tags: Mapping[str, Opaque] | None = later(None)
    """tagging: what of the declared scheme changes the scores; None where it is the one that is found anyway."""


@dataclass(frozen=True)
class Below(Canonical):
    """The language adapters that act below a training, by key; none in a method without."""

    train: str | None = None
    """That of the training data."""
    select: str | None = None
    """That of the development data; None when nothing selects."""

    def adapters(self) -> tuple[str, ...]:
        """Return the nodes that have to be finished before."""
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
    """Factor on its share of the steps; None where there is one task."""
    class_weights: ClassWeights | None = later(None)
    """What the loss of each gold label is multiplied by; None where all count alike."""
    head: int | None = later(None)
    """Which of the training's heads is its own; None where there is one task."""
    name: str = aside("")
    hidden_percent: int = aside(USUAL_PERCENT)
    """mlm: share of the tokens that are to be guessed."""
    metrics: tuple[str, ...] = aside(())
    """All that development data are scored by."""
    rules: Rules = aside(NO_RULES)
    """How they are scored."""

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
    """One module, with a head for all tasks whose outputs are the same, trained on tasks that take turns."""

    step: ClassVar[str] = "train"
    order: ClassVar[int] = 40
    version: ClassVar[int] = 4
    resumable: ClassVar[bool] = True
    encodes: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    hyperparameters: Hyperparameters = inlined()
    tasks: tuple[TaskSpec, ...]
    """Of a mixture in the order of their canonical forms, so that the recipe's does not matter."""
    sampling: Sampling | None = later(None)
    """How often each task of a mixture has its turn; None where there is one task."""
    adapterdrop: AdapterDrop = later(AdapterDrop())
    head_from: str | None = later(None)
    """Key of the training whose head is continued; None for a fresh head."""
    gates: GateSpec | None = later(None, name="gate")
    """The gates of the finished training that this describes are trained, and nothing else of it; their form is then
    all of the canonical form, so that none has a `gate` in it."""
    name: str = aside("")
    """Of the task or the mixture."""

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: what trains, and what selects the weights."""
        yield from super().things()
        for task in self.tasks:
            yield from answering(task.kind)
            if task.selection is not None:
                yield plugins.METRICS, task.selection.metric

    @property
    def kind_of_node(self) -> str:
        """The name under which the store keeps it."""
        return self.step if self.gates is None else self.gates.step

    @property
    def computes_in(self) -> Precision:
        """In which numbers the encoder computes."""
        return self.hyperparameters.precision

    @property
    def drawn_by(self) -> int:
        """The seed of fresh weights."""
        return self.hyperparameters.seed

    @property
    def dropped(self) -> int:
        """Lowest layers without modules at every training step."""
        return self.adapterdrop.always_training

    @property
    def numbered(self) -> bool:
        """Whether its heads are kept by their numbers."""
        return self.sampling is not None

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return what each head answers, by the heads' numbers."""
        first = {one.place: (one.kind, one.labels) for one in reversed(self.tasks)}
        return tuple(answers for _, answers in sorted(first.items()))

    @property
    def selection(self) -> Selection | None:
        """When the weights are selected, the same for all tasks that take part; None keeps the last ones."""
        if self.gates is not None:
            return None
        return next((one.selection for one in self.tasks if one.selection is not None), None)

    @property
    def languages(self) -> Below:
        """The language adapters below the training, the same for all tasks but where these select."""
        return self.tasks[0].languages

    def data_keys(self) -> tuple[str, ...]:
        """Return the keys of the training sets."""
        return tuple(one.data for one in self.tasks)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name if self.gates is None and self.sampling is None else ""

    def learns_from(self) -> tuple[str, ...]:
        """Return the keys of the training sets; of gates none, for their training has told them."""
        return self.data_keys() if self.gates is None else ()

    def read_keys(self) -> tuple[str, ...]:
        """Return the keys of the sets that the training reads: those it selects on, too."""
        chosen = [] if self.gates is not None else [one.selection.data for one in self.tasks if one.selection]
        return (*self.data_keys(), *chosen)

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; one task alone has its fields at the top."""
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
            raise ValueError(f"TrainSpec: there is no {missing.pop()!r}")
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
    """Return the key of the training whose head is continued: the one intermediate, or one that is named."""
    if head == "continue":
        return intermediate
    if not isinstance(head, Mapping) or head.keys() != {"continue"}:
        raise ValueError(f"TrainSpec.head: {head!r:.100} says of no training that its head is continued")
    return head["continue"]


def _dropped(drop: AdapterDrop, *, selects: bool) -> dict[str, Json]:
    """Return the layers without modules, where there are any; those in predictions count where these select."""
    trained: dict[str, Json] = {"train": drop.train, "random": drop.random} if drop.train else {}
    selected: dict[str, Json] = {"predict": drop.predicting} if selects and drop.drops() else {}
    return {"adapterdrop": {**trained, **selected}} if trained or selected else {}


SPEC = TrainSpec
