"""The parts of a transfer card, see `layover.packages.card`. What is not known is null, and never a default."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from layover import kinds
from layover.errors import ModelError, nearest
from layover.layouts import Base
from layover.layouts.heads import HeadForm
from layover.packages.bounds import (
    MOST_FEATURES,
    MOST_LAYERS,
    MOST_PROBED,
    MOST_TOKENS,
    MOST_TOLERANCE,
    MOST_WORDS,
    Identifier,
    ProbeRow,
    Seen,
    Settings,
    Sha256,
)
from layover.shape import Shape


class Section(BaseModel):
    """A part of the card: unknown keys are refused, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseModelFacts(Section):
    """The encoder that a package belongs to, and how to know it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$", description="org/name")] | None
    """Hub id, or a name of the sandbox; None for a directory of one's own. For people, and compared with what a user
    names: never loaded because a card says so."""
    revision: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$", description="a commit")] | None
    """Commit of the hub; None where the encoder is not from there."""
    model_type: Literal["bert", "camembert", "roberta", "xlm-roberta"]
    num_layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    hidden_size: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    intermediate_size: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    vocabulary: Annotated[int, Field(ge=1, le=MOST_WORDS)]
    parameters: Annotated[int, Field(ge=1)]
    """Weights of the encoder, without pooler and head."""
    random: bool
    """Whether its weights were drawn at random and never trained, as `layover init-encoder` writes it: what rests on it
    is a demonstration."""
    config_sha256: Sha256
    """Of config.json, as it lay there."""
    weights_sha256: Sha256
    """Of the encoder's weights in float32, name by name, without pooler and head: equal for every copy of them, in
    whichever files; see `layover.encoder.digest`."""
    tokenizer_sha256: Sha256
    """Of the tokenizer's own serialisation."""

    def base(self) -> Base:
        """Return what names and shapes of weights depend on."""
        return Base(self.model_type, Shape(self.num_layers, self.hidden_size, self.intermediate_size, self.vocabulary))


class TaskFacts(Section):
    """What the package was trained to do; all that is needed to read new text and to name what comes out."""

    name: str
    kind: str
    labels: tuple[str, ...]
    """In the order of the head's outputs."""
    columns: dict[str, str | tuple[str, ...]] | None = None
    """Field of the kind -> what the task's data call it, as in `tasks`; None where the card does not say."""
    metrics: tuple[str, ...]
    language: str | None
    """Of the training data; None, or `und`, where it is not known."""
    max_length: Annotated[int, Field(ge=1, le=MOST_TOKENS)]
    stride: Annotated[int, Field(ge=0, le=MOST_TOKENS)]
    choices: Annotated[int, Field(ge=2, le=1000)] | None = None
    """How many an example of its kind has; None for other kinds."""
    meanings: dict[str, str] | None = None
    """Label -> its meaning in a few words, of the labels whose meaning the task knows; None on cards of version 0.1."""

    @field_validator("kind")
    @classmethod
    def _is_trained(cls, name: str) -> str:
        if name not in kinds.names() or not kinds.get(name).trained:
            trained = [kind for kind in kinds.usable() if kinds.get(kind).trained]
            raise ValueError(f"no kind of a trained task is called {name!r}; {nearest(name, trained)}")
        return name

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        kind, columns = kinds.get(self.kind), self.columns or {}
        if self.columns is not None and not kind.required <= set(columns) <= kind.required | kind.optional:
            raise ValueError(f"the columns of {self.kind} are those of {', '.join(sorted(kind.required))}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label stands twice")
        names = [name for one in columns.values() for name in (one if isinstance(one, tuple) else (one,))]
        if not all(name.isprintable() for name in (self.name, *names)):
            raise ValueError("a name that cannot be printed")  # messages repeat them
        return self

    def form(self) -> HeadForm:
        """Return what transformers and adapters call its head.

        Raises:
            ModelError: heads of its kind are not shared.
        """
        form = kinds.get(self.kind).head
        if form is None:
            shared = ", ".join(name for name in kinds.usable() if kinds.get(name).head is not None)
            raise ModelError(f"heads for {self.kind} are not shared; only those for {shared}")
        return form


class DataFacts(Section):
    """Data that something in the package was trained on, or scored on."""

    task: str
    joined: str | None = None
    """The task that joins its data with those of others; None where it stands for itself."""
    split: str
    language: str | None
    """None, or `und`, where it is not known."""
    hub: str | None
    """`org/name`, with its configuration behind a colon; None for files."""
    revision: str | None
    files_sha256: tuple[Sha256, ...]
    """Of the files; empty for the hub."""
    licence: str | None
    """None where it is not known."""
    examples: int | None
    """None for one of those that are joined: only their sum is known."""
    key: Sha256
    """Of the tokenized set."""
    citation: str | None = None
    """Whom to cite for the data; None where it is not known, and on cards of version 0.1."""
    sandbox: bool | None = None
    """Whether Layover's sandbox generated them; None on cards of version 0.1, which do not say."""


class ModuleFacts(Section):
    """A module that was trained."""

    role: Annotated[
        str,
        Field(
            pattern=r"^(intermediate|intermediate\.\d{1,2}|target)$",
            description="intermediate, intermediate.0 ... or target",
        ),
    ]
    """`intermediate`, `intermediate.0`, `target`."""
    module: Settings
    """Settings, with the module's name as `name`."""
    trained_on: tuple[str, ...]
    """Tasks."""
    key: Sha256 | None
    """Of its training; None for a module from elsewhere, and for one that was put together from several."""
    weights_sha256: Sha256
    """Of its weights by canonical name, see `layover.packages.fingerprint.of_weights`."""


class PieceFacts(ModuleFacts):
    """One module that acts on the encoder, in the order of application."""

    package: Identifier | None
    """The package that holds it; None for the package itself."""


class SummandFacts(ModuleFacts):
    """One of the modules that a flattened one was made of."""

    factor: float
    """What its change was multiplied by: 1 in a stack, its weight in a merge."""
    from_layer: Annotated[int, Field(ge=0)]
    """The lowest layer in which it was taken."""


class CheckpointFacts(Section):
    """The weights after a step of a training, as they were evaluated."""

    step: int
    """Finished steps."""
    epoch: float
    loss: float | None
    """Mean over the training steps since the last evaluation; None where none of them had gold."""
    scores: dict[str, float | None]
    """Metric -> score on the development set, with the task's name before it where there are several tasks; empty where
    nothing was evaluated, None for a metric that is not defined for these predictions."""


class TrainingFacts(Section):
    """One training that the weights rest on."""

    stage: Literal["intermediate", "target"]
    tasks: tuple[str, ...]
    key: Sha256
    module: dict[str, Any]
    """Settings of what was trained on the encoder, with its name as `name`."""
    epochs: float
    batch: int
    lr: float
    """The peak."""
    warmup: float
    """Share of the steps in which the learning rate rises; from 1 on their number."""
    weight_decay: float
    clip: float
    dropout: float
    precision: str
    """In which numbers the encoder computed."""
    seed: int
    selection: str | None
    """What chose the weights that were kept, `accuracy in en`; None where the last ones were."""
    seconds: float | None
    """None where it was stopped in between."""
    class_weights: dict[str, dict[str, float]] | None = None
    """Task -> label -> what the loss of its gold was multiplied by, of the tasks whose labels did not all count alike;
    None where there is none, and on cards of version 0.1."""
    curve: tuple[CheckpointFacts, ...] | None = None
    """The evaluations, one after the other; None on cards of version 0.1."""
    kept_step: int | None = None
    """The step whose weights were kept; None where the last ones were, and on cards of version 0.1."""


class Scores(Section):
    """Scores of one split, mean over the seeds where there are several."""

    split: str
    metric: str
    languages: dict[str, float | None]
    """Language -> the primary metric; None where there is no gold or no data."""
    examples: dict[str, int]
    """Language -> scored examples."""
    every: dict[str, dict[str, float]]
    """Language -> all metrics."""
    missing: dict[str, str]
    """Language -> why it has no score."""
    partial: dict[str, str]
    """Language -> why the scored examples may not be the whole split."""
    data: tuple[DataFacts, ...]
    """What was scored."""
    without_intermediate: dict[str, float | None] | None
    """The same cell without an intermediate; None where there is no such cell."""
    full: dict[str, float | None] | None
    """Full fine-tuning with the same intermediate and seed; None where the sweep has none."""
    by_seed: dict[str, float | None]
    """Seed -> mean over the languages, of every finished seed of this cell: what the choice of a seed is worth. None
    where a seed is scored over other languages than this one."""
    best_of: Annotated[int, Field(ge=2)] | None
    """Of how many combinations of model, method and intermediate this one was taken because its scores, those that
    stand here, are the highest; None where a person named it."""
    task: str | None = None
    """The task that was scored, which may train on the data of another; None on cards of version 0.1."""
    thresholds: dict[str, float] = {}
    """Language -> the threshold of labels, or for no answer, that the scored answers were cut at, where it is another
    than the package's own."""


class Probe(Section):
    """Fixed rows and what comes out of them: a package that gives other numbers is not what it says it is."""

    rows: Annotated[tuple[ProbeRow, ...], Field(min_length=1, max_length=MOST_PROBED)]
    """Token ids, special tokens included."""
    hidden: tuple[Seen, ...]
    """Of each row, the first eight numbers of the last hidden state of its first token, float32."""
    outputs: dict[Literal["logits"], tuple[float, ...]] | None
    """What the head gives out for all rows, flat; None without a head."""
    tolerance: Annotated[float, Field(gt=0, le=MOST_TOLERANCE)]
    """Largest difference that counts as rounding."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.hidden) != len(self.rows):
            raise ValueError(f"{len(self.rows)} rows, and hidden states of {len(self.hidden)}")
        if self.outputs is not None and "logits" not in self.outputs:
            raise ValueError("outputs without logits")
        return self


class Cost(Section):
    """What training it took."""

    trained_weights: int
    """On the encoder, without the head."""
    seconds: float | None
    """Of the last training; None where it was stopped in between."""
    seconds_before: float | None
    """Of all that it rests on."""
