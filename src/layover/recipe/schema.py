"""The recipe as types: the keys that a user may write, field by field.

Settings that decide a result (*identity*) and settings that only decide how it is computed (`Execution`) have
different types. So no list of settings to exclude from a key is needed.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, field_validator, model_validator

from layover import samplers
from layover.class_weights import Written
from layover.errors import nearest
from layover.execution import Execution
from layover.kinds.retrieval import Search
from layover.modules import AdapterDrop
from layover.numerics import NOT_OFFERED, Precision
from layover.recipe.learned import ImportedModule, LanguageSettings, Mixture
from layover.recipe.scored import Eval, Report, TaskEval
from layover.samplers import MOST_TRIALS
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

NO_INTERMEDIATE = "none"
"""The value of the intermediate axis for a target that starts from the pretrained encoder."""

AND = "+"
"""Joins the names of several intermediates into the name of their list: `mnli+squad`."""


def _offered(value: object) -> object:
    if isinstance(value, str) and value.lower() in NOT_OFFERED:
        raise ValueError(NOT_OFFERED[value.lower()])
    return value


OfferedPrecision = Annotated[Precision, BeforeValidator(_offered)]


class ModelSource(RecipeSection):
    """A pretrained encoder."""

    name: str
    """Hub id (`org/name`), a local directory, or an encoder of the sandbox (`sandbox/mini`)."""
    revision: str = "main"
    """Branch, tag or commit of the hub; resolved to a commit before the run. Unused for a directory."""


AVERAGE = re.compile(r"last-([1-9]\d{0,2})")


def _average(value: object) -> object:
    if isinstance(value, str) and (match := AVERAGE.fullmatch(value)) and int(match[1]) > 1:
        return value
    raise ValueError(f"{value!r} does not name checkpoints; write last-5 (or another number from 2 on)")


class Select(RecipeSection):
    """How the best weights of a training are chosen."""

    split: Literal["validation", "test"] = "validation"
    language: str | None = None
    """Language of the development data. Default: the language of the training data, else English, else the only one."""
    every: Count | None = None
    """Optimizer steps between two evaluations; default: evaluate once per epoch."""
    patience: Count | None = None
    """Stop after this number of evaluations without improvement."""
    average: Annotated[str, BeforeValidator(_average)] | None = None
    """`last-5`: keep the mean of the weights at the last five evaluations, instead of the best of all."""

    @model_validator(mode="after")
    def _whole_course(self) -> Self:
        if self.average is not None and self.patience is not None:
            raise ValueError("average needs the last evaluations, which patience may cut off; remove one of both")
        return self

    @property
    def averaged(self) -> int | None:
        """Number of evaluations whose weights are averaged; None chooses the best."""
        match = AVERAGE.fullmatch(self.average or "")
        return int(match[1]) if match else None


LONGEST_NAME = 80
"""Characters of an unknown name in its message."""


def _sampler(value: object) -> object:
    if isinstance(value, str) and value in samplers.names():
        return value
    name = str(value)[:LONGEST_NAME]
    raise ValueError(f"{name!r} is not a sampler; {nearest(name, samplers.names())}")


class Tune(RecipeSection):
    """How the searches of all methods are run; see `recipe/searches.py`."""

    budget: Annotated[int, Strict(), Field(ge=2, le=MOST_TRIALS)] | None = None
    """Trials of each method, the same number for all; by default the number of combinations of the lists."""
    sampler: Annotated[str, BeforeValidator(_sampler)] = "grid"
    """Name of the sampler that gives the trials, and may stop the worse of them early (`layover.samplers`)."""
    seed: Seed = 0
    """Seed of the draws."""
    per: Literal["method", "target", "intermediate"] = "method"
    """One choice for all targets of a method (and model), one for each target, or one for each target and
    intermediate."""
    stage: Literal["both", "intermediate", "target"] = "both"
    """The trainings that the values apply to; the other stage has the searches' defaults."""
    seeds: tuple[Seed, ...] = Field(default=(101,), min_length=1, max_length=MOST_TRIALS)
    """Seeds of the trials; a score is the mean over them."""
    untuned: tuple[str, ...] = ()
    """Methods of the sweep without a search; a report marks them."""


class Train(RecipeSection):
    """Settings of every training; `tasks.NAME` overrides them for one task."""

    batch: Count = 32
    """Examples per optimizer step; independent of the number that fits into memory at once."""
    epochs: Epochs | None = None
    """Epochs of every training; default: the larger of the module's own and the task's own number."""
    warmup: Warmup = 0.06
    """Below 1: share of all steps; from 1 on: number of steps."""
    weight_decay: WeightDecay = 0.01
    clip: Factor = 1.0
    """Largest gradient norm, separately for each trained module and for the head."""
    max_length: Length = 128
    """Longest input in tokens, special tokens included."""
    stride: Stride = 64
    """Tokens that two windows of one long context share."""
    precision: OfferedPrecision = "fp32"
    dropout: Dropout | None = None
    """On hidden states and in the head; default: 0.1 for a full module and 0 for a frozen encoder."""
    select: Select | None = Select()
    """`null` keeps the last weights."""
    class_weights: Written | None = None
    """Factors on the loss of each gold label, for every task with classes: `balanced`, or label: factor. By default all
    labels count alike."""
    bucket: Count = 1
    """Number of batches that are sorted by length together; 1 draws every batch at random, more save padding."""


def _composition(value: object) -> object:
    if isinstance(value, (str, dict)):
        return value
    raise ValueError(f"{value!r} is not a composition; write its name, or {{name: merge, method: ties}}")


def _objective(value: object) -> object:
    if isinstance(value, (str, dict)):
        return value
    raise ValueError(f"{value!r} is not an objective; write its name, or {{name: freelb, radius: 0.2}}")


class Method(BaseModel):
    """Module x composition x hyperparameters; the module's own keys are in the same section."""

    model_config = ConfigDict(extra="allow", frozen=True)

    module: str
    compose: Annotated[str | dict[str, Any], BeforeValidator(_composition)] = "warm"
    """Name of the composition, or `{name: merge, ...}` with its settings."""
    head: Literal["fresh", "continue"] = "fresh"
    """`continue`: the target continues to train the intermediate's head if both have the same outputs (SIQA, COPA)."""
    lr: LearningRate | None = None
    """Peak learning rate; default: the module's own."""
    epochs: Epochs | None = None
    """Epochs of every training of this method, instead of those of `train`, the task and the mixture."""
    dropout: Dropout | None = None
    weight_decay: WeightDecay | None = None
    precision: OfferedPrecision | None = None
    objective: Annotated[str | dict[str, Any], BeforeValidator(_objective)] | None = None
    """The losses that training minimises: a name, or `{name: freelb, radius: 0.2}`, or one for each stage:
    `{intermediate: fgm, target: plain}`. Default: `plain`."""
    adapterdrop: AdapterDrop | None = None
    """Number of lowest layers without modules, in training, in predictions or in both."""
    languages: Flag = False
    """Whether the adapter of the current language acts below all other modules; see `languages`."""


class Augmentation(RecipeSection):
    """Copies of training examples with words replaced by synonyms; see `data/augment.py`."""

    synonyms: str = Field(min_length=1)
    """A file below `data_root`: JSON `{word: [neighbour, ...]}`, or lines of a word, a tab and a neighbour."""
    copies: Annotated[int, Strict(), Field(ge=1, le=1000)]
    """Number of copies that replace each training example."""
    seed: Seed = 0
    """Seed of the draws, independent of the seeds of the sweep."""


class TaskSettings(BaseModel):
    """Settings of one task; the declaration of a new task is in the same section."""

    model_config = ConfigDict(extra="allow", frozen=True)

    max_length: Length | None = None
    stride: Stride | None = None
    batch: Count | None = None
    epochs: Epochs | None = None
    limit: dict[Split, Count] = Field(default_factory=dict)
    """Split -> largest number of examples (of each language)."""
    holdout: Count | None = None
    """Number of training examples to use as the validation split instead."""
    without: tuple[str, ...] = ()
    """Tasks whose development and test texts (premises, contexts) are removed from training and selection."""
    files: dict[Split, Paths | Annotated[dict[str, Paths], Field(min_length=1)]] = Field(default_factory=dict)
    """Split -> a path below `data_root` (`{language}` is replaced), or one path per language. For retrieval a path is a
    list: the sentences of the language, the English sentences, the gold."""
    augment: Augmentation | None = None
    """Training data only: copies with synonyms instead of each example; `null` disables it. If absent
    (`model_fields_set`), the setting of the task it trains on counts."""
    class_weights: Written | None = None
    """As `train.class_weights`, for this task; `null` disables weights. If absent (`model_fields_set`), the weights of
    the task it trains on count, then `train.class_weights`."""
    mlm_probability: HiddenShare | None = None
    """mlm: share of masked tokens in training, in whole percents; default: 0.15."""
    metric: str | None = None
    """The metric of the selection and of the table; default: the task's first metric."""
    revision: str | None = None
    """Revision of the hub data set, instead of the revision in the task file."""
    select: Select | None = None
    """How the best weights are chosen, instead of `train.select`, field by field; `null` keeps the last weights. If
    absent (`model_fields_set`), the setting of the task it trains on counts, then `train.select`."""
    eval: TaskEval = TaskEval()
    no_answer: Literal["validation", "scored"] | Threshold | None = None
    """span: largest null score minus answer score that still gives an answer, or the split whose gold sets it."""
    threshold: Literal["validation", "scored"] | Probability | None = None
    """multilabel: the probability above which a label is predicted, or the split whose gold sets it; default: 0.5."""
    retrieval: Search | None = None
    """retrieval: how sentences are embedded and compared."""

    @field_validator("no_answer", "threshold", mode="before")
    @classmethod
    def _number_or_split(cls, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if value in ("validation", "scored", None) or number:
            return value
        raise ValueError(f"{value!r} is not a threshold; write a finite number, or validation, or scored")

    @field_validator("without", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(f"{value!r} is not a list; write [{value}]")  # noqa: TRY004 - pydantic needs a ValueError
        return value


def _intermediate(value: object) -> object:
    """Refuse a value that is neither a name nor a list of several names."""
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        if len(value) < 2:
            raise ValueError(f"a list needs at least two intermediates; write {''.join(value) or NO_INTERMEDIATE}")
        return value
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not an intermediate; write a name, or a list of several names")


MOST_VALUES = 1000
"""Most values of an axis."""
MOST_CELLS = 100_000
"""Most combinations of all axes, before `exclude`."""

AXES = ("model", "method", "intermediate", "target", "seed")


class Sweep(RecipeSection):
    """The axes; every combination is a cell."""

    model: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    method: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    intermediate: tuple[Annotated[str | tuple[str, ...], BeforeValidator(_intermediate)], ...] = Field(
        default=(NO_INTERMEDIATE,), min_length=1, max_length=MOST_VALUES
    )
    """Tasks, mixtures, imported modules; or lists of them, which are learned separately and then composed."""
    target: tuple[str, ...] = Field(min_length=1, max_length=MOST_VALUES)
    seed: tuple[Seed, ...] = Field(default=(1,), min_length=1, max_length=MOST_VALUES)
    exclude: tuple[dict[str, Any], ...] = Field(default=(), max_length=MOST_VALUES)
    """Cells to leave out: `{axis: value or list of values}`; every axis of a rule must match."""

    def values(self, axis: str) -> tuple[Any, ...]:
        """Return the values of an axis; a list of intermediates by its name, `mnli+squad`."""
        return tuple(self.intermediates()) if axis == "intermediate" else tuple(getattr(self, axis))

    def cells(self) -> int:
        """Return the number of combinations of all axes, before `exclude`."""
        return math.prod(len(self.values(axis)) for axis in AXES)

    def intermediates(self) -> dict[str, tuple[str, ...]]:
        """Return name of the intermediate -> the names in it, in order; nothing for `none`."""
        learned = [(value,) if isinstance(value, str) else value for value in self.intermediate]
        return {AND.join(names): () if names == (NO_INTERMEDIATE,) else names for names in learned}

    def learned(self) -> tuple[str, ...]:
        """Return the names of all intermediates, each once; a list counts as its names."""
        return tuple(dict.fromkeys(name for names in self.intermediates().values() for name in names))


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
    """Sets of tasks that are learned together; each set is an intermediate."""
    modules: dict[Name, ImportedModule] = Field(default_factory=dict)
    """Modules that were trained elsewhere; each module is an intermediate."""
    languages: LanguageSettings | None = None
    """Language adapters, for methods with `languages: true`."""
    tune: Tune | None = None
    """How the searches of the methods are run; absent, each is a grid."""
    sweep: Sweep
    baseline: str | None = None
    """The full method that others are compared with; default: the only tuned one, else the first of the sweep."""
    eval: Eval = Eval()
    report: Report = Report()
    run: Execution = Execution()

    @field_validator("format", mode="before")
    @classmethod
    def _known_schema(cls, value: object) -> object:
        if value != 1 or value is True:
            raise ValueError(f"this version reads schema 1, not {value!r}")
        return value

    def members(self, name: str) -> tuple[str, ...]:
        """Return the tasks that a mixture or task trains on; none for an imported module."""
        if name in self.modules:
            return ()
        return self.mixtures[name].tasks if name in self.mixtures else (name,)

    def swept(self) -> tuple[str, ...]:
        """Return every task that the sweep trains or scores, each once."""
        learned = (task for name in self.sweep.learned() for task in self.members(name))
        return tuple(dict.fromkeys((*learned, *self.sweep.target)))
