"""The recipe as types: what a user may write, field by field.

Settings that decide a result (*identity*) and settings that only decide how it is computed (`Execution`) are
different types, so that nothing has to be remembered as excluded from a key.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from layover.class_weights import Written
from layover.execution import Execution
from layover.kinds.retrieval import Search
from layover.modules import AdapterDrop
from layover.numerics import Precision
from layover.recipe.learned import ImportedModule, LanguageSettings, Mixture
from layover.settings import (
    Count,
    Dropout,
    Epochs,
    Factor,
    Flag,
    HiddenShare,
    LearningRate,
    Length,
    Name,
    Probability,
    RecipeSection,
    Seed,
    Stride,
    Threshold,
    Warmup,
    WeightDecay,
)
from layover.tasks import Paths

Split = Literal["train", "validation", "test"]
Languages = Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)]

NO_INTERMEDIATE = "none"
"""The value of the intermediate axis that means: straight from the pretrained encoder to the target."""

AND = "+"
"""Between the names of several intermediates, where their list is named: `mnli+squad`."""


class ModelSource(RecipeSection):
    """A pretrained encoder."""

    name: str
    """Hub id (`org/name`), a local directory, or an encoder of the sandbox (`sandbox/mini`)."""
    revision: str = "main"
    """Branch, tag or commit of the hub; resolved to a commit before anything runs. Unused for a directory."""


class Select(RecipeSection):
    """How the best weights of a training are chosen."""

    split: Literal["validation", "test"] = "validation"
    language: str | None = None
    """That of the training data if it has such data, else English, else the only one there is."""
    every: Count | None = None
    """Evaluate every so many optimizer steps; once per epoch when it is not given."""
    patience: Count | None = None
    """Stop after so many evaluations without improvement."""


class Train(RecipeSection):
    """Settings of every training; `tasks.NAME` overrides them for one task."""

    batch: Count = 32
    """Examples per optimizer step, whatever the memory allows at once."""
    epochs: Epochs | None = None
    """Of every training; when not given, the larger number of the module's own and the task's own."""
    warmup: Warmup = 0.06
    """Below 1: share of all steps; from 1 on: number of steps."""
    weight_decay: WeightDecay = 0.01
    clip: Factor = 1.0
    """Largest gradient norm of each trained module and of the head, each on its own."""
    max_length: Length = 128
    """Longest input in tokens, special tokens included."""
    stride: Stride = 64
    """Tokens that two windows of one long context share."""
    precision: Precision = "fp32"
    dropout: Dropout | None = None
    """On hidden states and in the head; when not given, 0.1 for a full module and 0 for a frozen encoder."""
    select: Select | None = Select()
    """`null` keeps the last weights."""
    class_weights: Written | None = None
    """What the loss of each gold label is multiplied by, of every task that has classes: `balanced`, or label: factor.
    All count alike when it is not given."""
    bucket: Count = 1
    """Batches that are sorted by length together: 1 draws every batch at random, more of them save padding."""


def _composition(value: object) -> object:
    if isinstance(value, (str, dict)):
        return value
    raise ValueError(f"{value!r} is no composition; write its name, or {{name: merge, method: ties}}")


class Method(BaseModel):
    """Module x composition x hyperparameters; the keys of the module stand beside these and are checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    module: str
    compose: Annotated[str | dict[str, Any], BeforeValidator(_composition)] = "warm"
    """Name of the composition, or `{name: merge, ...}` with its settings."""
    head: Literal["fresh", "continue"] = "fresh"
    """`continue`: the target goes on with the intermediate's head where both have the same outputs (SIQA, COPA)."""
    lr: LearningRate | None = None
    """Peak learning rate; the module's own default when not given."""
    dropout: Dropout | None = None
    weight_decay: WeightDecay | None = None
    precision: Precision | None = None
    adapterdrop: AdapterDrop | None = None
    """Modules act in all layers but the lowest, in training, in predictions or in both."""
    languages: Flag = False
    """Whether the adapter of the language at hand acts below everything else; see `languages`."""


class TaskEval(RecipeSection):
    """What of one task is evaluated; see `Eval`."""

    split: Literal["validation", "test"] | None = None
    languages: Languages | None = None


class TaskSettings(BaseModel):
    """Settings of one task; for a task of your own its declaration stands beside them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    max_length: Length | None = None
    stride: Stride | None = None
    batch: Count | None = None
    epochs: Epochs | None = None
    limit: dict[Split, Count] = Field(default_factory=dict)
    """At most so many examples of a split (of each language)."""
    holdout: Count | None = None
    """Take so many training examples away and use them as the validation split."""
    without: tuple[str, ...] = ()
    """Train and select without the texts (premises, contexts) of the development and test data of these tasks."""
    files: dict[Split, Paths | Annotated[dict[str, Paths], Field(min_length=1)]] = Field(default_factory=dict)
    """Paths below `data_root`, one per split, `{language}` filled in; or one per language. For retrieval a list: the
    language's sentences, the English ones, the gold."""
    class_weights: Written | None = None
    """As `train.class_weights`, of this task; `null` weighs nothing. Where they are not given (`model_fields_set`),
    those of the task it trains on hold, then `train.class_weights`."""
    mlm_probability: HiddenShare | None = None
    """mlm: share of the tokens that are to be guessed in training, in whole percents; 0.15 when not given."""
    metric: str | None = None
    """The metric that selects and stands in the table; the task's first one when it is not given."""
    revision: str | None = None
    """Revision of the hub data set, instead of the task file's."""
    select: Select | None = None
    """How the best weights are chosen, instead of `train.select`, field by field; `null` keeps the last weights. Where
    it is not given (`model_fields_set`), that of the task it trains on holds, then `train.select`."""
    eval: TaskEval = TaskEval()
    no_answer: Literal["validation", "scored"] | Threshold | None = None
    """span: how far the null score may be above the answer's, as a number, or the split whose gold sets it."""
    threshold: Literal["validation", "scored"] | Probability | None = None
    """multilabel: the probability above which a label is there, or the split whose gold sets it; 0.5 when not given."""
    retrieval: Search | None = None
    """retrieval: how sentences are embedded and compared."""

    @field_validator("no_answer", "threshold", mode="before")
    @classmethod
    def _number_or_split(cls, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if value in ("validation", "scored", None) or number:
            return value
        raise ValueError(f"{value!r} is no threshold; write a finite number, or validation, or scored")

    @field_validator("without", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(f"{value!r} is one name; write a list, [{value}]")  # noqa: TRY004 - pydantic takes no other
        return value


def _intermediate(value: object) -> object:
    """Refuse what is neither a name nor a list of several; with one message for both forms."""
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        if len(value) < 2:
            raise ValueError(f"a list names two intermediates or more; write {''.join(value) or NO_INTERMEDIATE}")
        return value
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no intermediate; write a name, or a list of several")


MOST_VALUES = 1000
"""Of an axis."""
MOST_CELLS = 100_000
"""Combinations of all axes, before `exclude`."""

AXES = ("model", "method", "intermediate", "target", "seed")


class Sweep(RecipeSection):
    """The axes; every combination is a cell."""

    model: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    method: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    intermediate: tuple[Annotated[str | tuple[str, ...], BeforeValidator(_intermediate)], ...] = Field(
        default=(NO_INTERMEDIATE,), min_length=1, max_length=MOST_VALUES
    )
    """Tasks, mixtures, imported modules; or lists of these, which are learned separately and composed together."""
    target: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    seed: tuple[Seed, ...] = Field(default=(1,), min_length=1, max_length=MOST_VALUES)
    exclude: tuple[dict[str, Any], ...] = Field(default=(), max_length=MOST_VALUES)
    """Cells to leave out: `{axis: value or list of values}`; all axes named must match."""

    def values(self, axis: str) -> tuple[Any, ...]:
        """Return the values of an axis; a list of intermediates by its name, `mnli+squad`."""
        return tuple(self.intermediates()) if axis == "intermediate" else tuple(getattr(self, axis))

    def cells(self) -> int:
        """Return the number of combinations of all axes, before `exclude`."""
        return math.prod(len(self.values(axis)) for axis in AXES)

    def intermediates(self) -> dict[str, tuple[str, ...]]:
        """Return the intermediates by name, and what each is learned from, one after the other; nothing for none."""
        learned = [(one,) if isinstance(one, str) else one for one in self.intermediate]
        return {AND.join(names): () if names == (NO_INTERMEDIATE,) else names for names in learned}

    def learned(self) -> tuple[str, ...]:
        """Return everything that is learned as an intermediate, each once."""
        return tuple(dict.fromkeys(name for names in self.intermediates().values() for name in names))


class Eval(RecipeSection):
    """What is evaluated of every target."""

    split: Literal["validation", "test"] = "test"
    languages: Languages = "all"
    """Of a task of XTREME `all` are XTREME's: the languages that came with XTREME-R are evaluated when named."""


class Document(RecipeSection):
    """A recipe as it is written."""

    format: Annotated[Literal[1], Field(alias="schema")]
    name: Name
    models: dict[str, ModelSource] = Field(min_length=1)
    data_root: str | None = None
    """Folder of official files; without it the tasks come from the hub."""
    methods: dict[str, Method] = Field(min_length=1)
    train: Train = Train()
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    mixtures: dict[Name, Mixture] = Field(default_factory=dict)
    """Sets of tasks that are learned together; each acts as an intermediate."""
    modules: dict[Name, ImportedModule] = Field(default_factory=dict)
    """Modules that were trained elsewhere; each acts as an intermediate."""
    languages: LanguageSettings | None = None
    """Adapters of languages, for the methods that say so."""
    sweep: Sweep
    eval: Eval = Eval()
    run: Execution = Execution()

    @field_validator("format", mode="before")
    @classmethod
    def _known_schema(cls, value: object) -> object:
        if value != 1 or value is True:
            raise ValueError(f"this version reads schema 1, not {value!r}")
        return value

    def members(self, name: str) -> tuple[str, ...]:
        """Return the tasks that a learned thing trains on: those of a mixture, the task itself, none if imported."""
        if name in self.modules:
            return ()
        return self.mixtures[name].tasks if name in self.mixtures else (name,)

    def swept(self) -> tuple[str, ...]:
        """Return every task that something of the sweep trains on or is scored on, each once."""
        learned = (task for name in self.sweep.learned() for task in self.members(name))
        return tuple(dict.fromkeys((*learned, *self.sweep.target)))
