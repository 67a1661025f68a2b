"""What each step is handed, typed; the part of it that decides the result is repeated in the node's identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from layover.compositions import Composition
from layover.data.subset import Subset
from layover.data.task import Place
from layover.kinds.retrieval import Settled
from layover.modules import AdapterDrop, Module
from layover.plan.encoders import EncoderRef
from layover.precision import Precision
from layover.records import Sources
from layover.tasks import Task

if TYPE_CHECKING:
    from layover.plan.mixtures import MixtureInputs


@dataclass(frozen=True)
class TokenizeInputs:
    """One (task, split, language), read, cut to a subset and encoded."""

    task: Task
    location: Place
    encoder: EncoderRef
    subset: Subset
    max_length: int
    stride: int
    count: int | None
    """Examples of the whole split, as read or as published, for estimates."""
    hidden_percent: int
    """mlm: share of the tokens that are to be guessed."""
    without: tuple[Place, ...] = ()
    """Data whose texts are left out."""
    tokens_each: float | None = None
    """Tokens of an average example, all its rows together, measured on a sample; None where they are not known."""


@dataclass(frozen=True)
class TrunkInputs:
    """The hidden states of one tokenized set that enter a layer, kept on disk."""

    encoder: EncoderRef
    data: str
    """Key of the tokenized set."""
    layer: int
    """Layers that have run, from 1 to all of the encoder's."""
    precision: Precision


@dataclass(frozen=True)
class Optimisation:
    """Every number of the training loop that decides the weights."""

    lr: float
    epochs: float
    batch: int
    warmup: float
    weight_decay: float
    clip: float
    dropout: float
    precision: Precision
    seed: int
    bucket: int
    """Batches that are sorted by length together; 1 draws every batch at random."""


@dataclass(frozen=True)
class Selection:
    """How the best weights are chosen."""

    data: str
    """Key of the tokenized development set."""
    metric: str
    every: int | None
    patience: int | None
    language: str
    tags: Mapping[str, Any] | None = None
    """tagging: what of the declared scheme changes the scores; None where it is the one that is found anyway."""

    def identity(self) -> dict[str, Any]:
        """Return what decides which weights are the best."""
        values = asdict(self)
        tags = values.pop("tags")
        return values if tags is None else {**values, "tags": tags}


@dataclass(frozen=True)
class Learned:
    """A module that was learned as an intermediate."""

    name: str
    """The task, mixture or imported module; for people."""
    key: str
    """Of its training, or of its import."""
    module: Module
    gates: str | None = None
    """Key of the training of its gates, where it is routed to by such."""


@dataclass(frozen=True)
class Composed:
    """Finished intermediates and how they take part."""

    composition: Composition
    learned: tuple[Learned, ...]

    @property
    def module(self) -> Module:
        """The first one's; where they are mixed all act at the same places."""
        return self.learned[0].module

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """Return the layers that any of them changes, ascending."""
        return tuple(sorted({layer for one in self.learned for layer in one.module.layers_of(num_layers)}))

    def keys(self) -> tuple[str, ...]:
        """Return the nodes that have to be finished before."""
        return tuple(key for one in self.learned for key in (one.key, one.gates) if key is not None)


@dataclass(frozen=True)
class Adapter:
    """A language adapter, a finished training."""

    language: str
    """The one that it has learned."""
    key: str


@dataclass(frozen=True)
class Below:
    """The language adapters that act below a training, by key; none in a method without."""

    train: str | None = None
    """That of the training data."""
    select: str | None = None
    """That of the development data; None when nothing selects."""

    def adapters(self) -> tuple[str, ...]:
        """Return the nodes that have to be finished before."""
        return tuple(key for key in (self.train, self.select) if key is not None)


@dataclass(frozen=True)
class TrainInputs:
    """One module (and head) trained on one task."""

    encoder: EncoderRef
    module: Module
    composed: Composed | None
    """None when there is no intermediate: then nothing is composed."""
    head_from: str | None
    """Key of the intermediate's training whose head is gone on with; None for a fresh head."""
    task: Task
    data: str
    hidden_percent: int
    selection: Selection | None
    optimisation: Optimisation
    adapterdrop: AdapterDrop = field(default_factory=AdapterDrop)
    languages: Below = Below()

    @property
    def acts(self) -> bool:
        """Whether a module acts on the encoder."""
        return self.composed is not None or self.module.trains_encoder

    def data_keys(self) -> tuple[str, ...]:
        """Return the key of the training set, as the inputs of a mixture return theirs."""
        return (self.data,)


@dataclass(frozen=True)
class GateInputs:
    """The gates of one finished intermediate, trained on its own task, or tasks."""

    trained: TrainInputs | MixtureInputs
    """Of the intermediate."""
    key: str
    """Of its training."""
    steps: int
    lr: float

    @property
    def encoder(self) -> EncoderRef:
        """The intermediate's."""
        return self.trained.encoder


@dataclass(frozen=True)
class ComposeInputs:
    """Composed intermediates that nothing is trained after, with the head of one of them."""

    encoder: EncoderRef
    composed: Composed
    task: Task | None
    """None for targets without a head."""
    head_from: str | None
    """Key of the training whose head it is."""
    source_language: str | None
    """The language that head was trained on."""
    precision: Precision
    seed: int

    @property
    def acts(self) -> bool:
        """See `TrainInputs.acts`."""
        return True


def rests_on(key: str, inputs: TrainInputs | MixtureInputs | ComposeInputs) -> tuple[str, ...]:
    """Return the nodes whose files make up a trained or composed encoder: its own, and those of its intermediates."""
    return (key, *(inputs.composed.keys() if inputs.composed is not None else ()))


@dataclass(frozen=True)
class PredictInputs:
    """A trained task on one language."""

    encoder: EncoderRef
    train: str
    """Key of the training, or of what was composed without one."""
    data: str
    task: Task
    language: str
    skipped: int = 0
    """Lowest layers that go without modules."""
    adapter: str | None = None
    """Key of the language adapter that acts below; None in a method without."""


@dataclass(frozen=True)
class RetrieveInputs:
    """Sentences of two sides, embedded and matched; nothing is trained for it."""

    encoder: EncoderRef
    train: str | None
    """Key of the intermediate's training, or of what was composed; None for the pretrained encoder as it is."""
    data: str
    task: Task
    language: str
    layers: tuple[int, ...]
    """Those whose hidden states are embeddings, each searched for itself."""
    special_tokens: bool
    scoring: str
    mining: bool
    precision: Precision
    skipped: int = 0
    """Lowest layers that go without modules."""
    adapters: tuple[str, str] | None = None
    """Keys of the language adapters of the two sides, the English one last; None in a method without."""


@dataclass(frozen=True)
class Threshold:
    """How the threshold of mined pairs, or of questions without an answer, is found."""

    tuned_on: Literal["validation", "scored"] | None
    """None for a number of the recipe."""
    predictions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Language -> (key of the predictions, key of the tokenized data) whose gold sets it."""
    language: str | None = None
    """The language of that gold where it is the same for all; each its own when None."""
    value: float | None = None
    """The number of the recipe."""


@dataclass(frozen=True)
class ScoreInputs:
    """The predictions of one cell against gold."""

    task: Task
    split: str
    metric: str
    predictions: Mapping[str, tuple[str, str]]
    """Language -> (key of the predictions, key of the tokenized data with the gold)."""
    absent: Mapping[str, str]
    """Language -> why there is nothing to score."""
    source_language: str | None
    """None when the target has no training of its own."""
    search: Settled | None = None
    """retrieval: the settings of the predictions."""
    threshold: Threshold | None = None
    """retrieval: for mined pairs; span: where questions may have no answer."""
    choosing: Mapping[str, tuple[str, str]] | None = None
    """retrieval: the predictions on the validation split whose gold chooses the layer; None where it does not."""
    language_adapters: Mapping[str, str] | None = None
    """Language -> the language whose adapter acted on its text; None in a method without adapters."""
    sources: Sources | None = None
    """The model and the data that the scores rest on; it follows from the keys of the predictions."""
    training: tuple[str, ...] = ()
    """Keys of the tokenized data that everything was trained on, the target's first; they decide nothing here."""
