"""The sections of a transfer card, see `layover.packages.card`. An unknown value is null, never a default."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from layover import kinds
from layover.errors import ModelError, nearest, shown
from layover.families import model_types
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


class CardSection(BaseModel):
    """A section of the card; it refuses unknown keys and infinite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _known_type(model_type: str) -> str:
    """Refuse a type of encoder that belongs to no family."""
    if model_type not in model_types():
        raise ValueError(f"{shown(model_type)} is not a supported type of encoder; one of: {', '.join(model_types())}")
    return model_type


class BaseModelFacts(CardSection):
    """The encoder that a package belongs to, and its fingerprints."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$", description="org/name")] | None
    """Hub id, or a name of the sandbox; None for a local directory. It is displayed and compared with the encoder that
    the user names; it is never loaded because of the card."""
    revision: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$", description="a commit")] | None
    """Commit on the hub; None if the encoder does not come from the hub."""
    model_type: Annotated[str, AfterValidator(_known_type)]
    num_layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    hidden_size: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    intermediate_size: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    vocabulary: Annotated[int, Field(ge=1, le=MOST_WORDS)]
    parameters: Annotated[int, Field(ge=1)]
    """Number of weights of the encoder, without pooler and head."""
    random: bool
    """Whether its weights are random and untrained, as `layover init-encoder` writes them; the package is then only a
    demonstration."""
    config_sha256: Sha256
    """SHA-256 of the bytes of config.json."""
    weights_sha256: Sha256
    """SHA-256 of the encoder's weights in float32, name by name, without pooler and head; equal for every copy, in any
    file format; see `layover.encoder.digest`."""
    tokenizer_sha256: Sha256
    """SHA-256 of the serialised tokenizer."""

    def base(self) -> Base:
        """Return the type and the sizes of the encoder, which decide names and shapes of weights."""
        return Base(self.model_type, Shape(self.num_layers, self.hidden_size, self.intermediate_size, self.vocabulary))


class TaskFacts(CardSection):
    """The task of the package: all settings to read new text and to name the outputs."""

    name: str
    kind: str
    labels: tuple[str, ...]
    """Labels in the order of the head's outputs."""
    columns: dict[str, str | tuple[str, ...]] | None = None
    """Field of the kind -> its column in the task's data, as in `tasks`; None if the card does not say."""
    metrics: tuple[str, ...]
    language: str | None
    """Language of the training data; None, or `und`, if unknown."""
    max_length: Annotated[int, Field(ge=1, le=MOST_TOKENS)]
    stride: Annotated[int, Field(ge=0, le=MOST_TOKENS)]
    choices: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Number of choices of an example; None for kinds without choices."""
    meanings: dict[str, str] | None = None
    """Label -> its meaning in a few words, for labels with a known meaning; None on cards of version 0.1."""

    @field_validator("kind")
    @classmethod
    def _is_trained(cls, name: str) -> str:
        if name not in kinds.names() or not kinds.get(name).trained:
            trained = [kind for kind in kinds.usable() if kinds.get(kind).trained]
            raise ValueError(f"there is no kind {name!r} of trained tasks; {nearest(name, trained)}")
        return name

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        kind, columns = kinds.get(self.kind), self.columns or {}
        if self.columns is not None and not kind.required <= set(columns) <= kind.required | kind.optional:
            raise ValueError(f"columns must name the fields of {self.kind}: {', '.join(sorted(kind.required))}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label appears twice")
        names = [name for column in columns.values() for name in (column if isinstance(column, tuple) else (column,))]
        if not all(name.isprintable() for name in (self.name, *names)):
            raise ValueError("a name has unprintable characters")  # messages repeat the names
        return self

    def form(self) -> HeadForm:
        """Return the names of its head in transformers and adapters.

        Raises:
            ModelError: heads of this kind are not shared.
        """
        form = kinds.get(self.kind).head
        if form is None:
            shared = ", ".join(name for name in kinds.usable() if kinds.get(name).head is not None)
            raise ModelError(f"heads for {self.kind} are not shared; only heads for {shared} are")
        return form


class DataFacts(CardSection):
    """Data that a module of the package was trained on or scored on."""

    task: str
    joined: str | None = None
    """The task that joins these data with the data of other tasks; None if they are not joined."""
    split: str
    language: str | None
    """None, or `und`, if unknown."""
    hub: str | None
    """`org/name`, or `org/name:configuration`; None for files."""
    revision: str | None
    files_sha256: tuple[Sha256, ...]
    """SHA-256 of the files; empty for data from the hub."""
    licence: str | None
    """None if unknown."""
    examples: int | None
    """None for joined data, whose total alone is known."""
    copies: Annotated[int, Field(ge=1)] | None = None
    """Number of copies with synonyms that were trained on instead of each example; None if examples were not copied."""
    key: Sha256
    """Key of the tokenized data set."""
    citation: str | None = None
    """Citation for the data; None if unknown, and on cards of version 0.1."""
    sandbox: bool | None = None
    """Whether Layover's sandbox generated the data; None on cards of version 0.1, which do not say."""


class ModuleFacts(CardSection):
    """A trained module."""

    role: Annotated[
        str,
        Field(
            pattern=r"^(intermediate|intermediate\.\d{1,2}|target)$",
            description="intermediate, intermediate.0 ... or target",
        ),
    ]
    """`intermediate`, `intermediate.0`, `target`."""
    module: Settings
    """Settings, with the name of the module as `name`."""
    trained_on: tuple[str, ...]
    """Tasks of its training."""
    key: Sha256 | None
    """Key of its training; None for an imported module, and for a module merged from several."""
    weights_sha256: Sha256
    """SHA-256 of its weights by canonical name, see `layover.packages.fingerprint.of_weights`."""


class AttachmentFacts(ModuleFacts):
    """A module on the encoder; they are listed in the order of application."""

    package: Identifier | None
    """The other package that holds it; None for this package."""


class TermFacts(ModuleFacts):
    """One of the modules that a flattened module was merged from."""

    factor: float
    """Factor of its change: 1 in a stack, its weight in a merge."""
    from_layer: Annotated[int, Field(ge=0)]
    """The lowest layer in which it was used."""


class CheckpointFacts(CardSection):
    """The evaluation of the weights after a training step."""

    step: int
    """Number of finished steps."""
    epoch: float
    loss: float | None
    """Mean over the training steps since the last evaluation; None if these steps had no gold."""
    scores: dict[str, float | None]
    """Metric -> score on the development set, prefixed with the task if there are several; empty if nothing was
    evaluated, None for a metric that is undefined for these predictions."""


class TrainingFacts(CardSection):
    """A training that the weights depend on."""

    stage: Literal["intermediate", "target"]
    tasks: tuple[str, ...]
    key: Sha256
    module: dict[str, Any]
    """Settings of the module trained on the encoder, with its name as `name`."""
    epochs: float
    batch: int
    lr: float
    """Peak learning rate."""
    warmup: float
    """Share of the steps in which the learning rate rises; from 1 on, the number of these steps."""
    weight_decay: float
    clip: float
    dropout: float
    precision: str
    """The numeric precision of the encoder."""
    seed: int
    selection: str | None
    """The criterion that selected the weights, `accuracy in en`; None if the last weights were kept."""
    seconds: float | None
    """None if the training was interrupted."""
    class_weights: dict[str, dict[str, float]] | None = None
    """Task -> label -> factor of the loss of its examples, for tasks with unequal factors; None if there are no such
    tasks, and on cards of version 0.1."""
    curve: tuple[CheckpointFacts, ...] | None = None
    """The evaluations in order; None on cards of version 0.1."""
    kept_step: int | None = None
    """The step whose weights were kept; None if it is the last one, and on cards of version 0.1."""
    averaged_steps: tuple[int, ...] | None = None
    """The steps whose weights were averaged; None if no weights were averaged."""
    objective: dict[str, Any] | None = None
    """Settings of the training objective, with its name as `name`; None for the plain loss, and on cards of version
    0.1."""


class TrialFacts(CardSection):
    """A trial of a search."""

    values: str
    """`lr=0.001 rank=8`."""
    score: float | None
    """Development score, the mean over its trainings; None if one diverged, or the metric is undefined."""
    share: float
    """The share of the steps that it trained for; below 1 if halving stopped it."""


class SearchFacts(CardSection):
    """The search that chose values of the method."""

    searched: str
    """`lr: 0.0001, 0.001`."""
    chosen: str
    chosen_for: str
    """`mini, ner`: the model, and the target if each target has values of its own."""
    sampler: str
    budget: Annotated[int, Field(ge=1)]
    """Trials of each method of the sweep."""
    seeds: tuple[int, ...]
    """Seeds of the trials."""
    stage: Literal["both", "intermediate", "target"]
    trials: tuple[TrialFacts, ...]
    edges: tuple[str, ...]
    """A warning for each value that is the smallest or the largest tried."""


class Scores(CardSection):
    """Scores of one split, as means over the seeds if there are several."""

    split: str
    metric: str
    languages: dict[str, float | None]
    """Language -> the primary metric; None without gold or data."""
    examples: dict[str, int]
    """Language -> number of scored examples."""
    every: dict[str, dict[str, float]]
    """Language -> all metrics."""
    missing: dict[str, str]
    """Language -> the reason why it has no score."""
    partial: dict[str, str]
    """Language -> the reason why the scored examples may not be the whole split."""
    data: tuple[DataFacts, ...]
    """The scored data."""
    without_intermediate: dict[str, float | None] | None
    """Scores of the same cell without an intermediate; None if the sweep has no such cell."""
    full: dict[str, float | None] | None
    """Scores of full fine-tuning with the same intermediate and seed; None if the sweep has no such cell."""
    by_seed: dict[str, float | None]
    """Seed -> mean over the languages, for every finished seed of this cell: it shows the effect of the seed. None for
    a seed with scores for other languages than this one."""
    best_of: Annotated[int, Field(ge=2)] | None
    """The number of combinations of model, method and intermediate among which this one has the highest of these
    scores; None if the user named it."""
    task: str | None = None
    """The scored task, which may train on the data of another task; None on cards of version 0.1."""
    thresholds: dict[str, float] = {}
    """Language -> the threshold for labels, or for no answer, of these scores, where it differs from the threshold of
    the package."""


class Probe(CardSection):
    """Fixed rows and their outputs; a package with other outputs is damaged or misdescribed."""

    rows: Annotated[tuple[ProbeRow, ...], Field(min_length=1, max_length=MOST_PROBED)]
    """Token ids, special tokens included."""
    hidden: tuple[Seen, ...]
    """For each row, the first eight numbers of the last hidden state of its first token, float32."""
    outputs: dict[Literal["logits"], tuple[float, ...]] | None
    """The outputs of the head for all rows, flat; None without a head."""
    tolerance: Annotated[float, Field(gt=0, le=MOST_TOLERANCE)]
    """Largest difference that counts as a rounding error."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.hidden) != len(self.rows):
            raise ValueError(f"the probe has {len(self.rows)} rows, but {len(self.hidden)} hidden states")
        if self.outputs is not None and "logits" not in self.outputs:
            raise ValueError("the outputs of the probe have no logits")
        return self


class CostFacts(CardSection):
    """The cost of the training."""

    trained_weights: int
    """Number of trained weights on the encoder, without the head."""
    seconds: float | None
    """Seconds of the last training; None if it was interrupted."""
    seconds_before: float | None
    """Seconds of all trainings that it depends on."""
