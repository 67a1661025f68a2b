"""The transfer card: what a package says of itself, `transfer_card.json`; all that `verify` holds it to.

A card never holds a path, a user, a host or a token. What is not known is null, and never a default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from layover.errors import ModelError
from layover.layouts import Base
from layover.layouts.safe import read_json
from layover.modules import Shape
from layover.store import write_json

CARD = "transfer_card.json"
MIXER = "mixer.safetensors"
"""What mixes several modules: the weights of the mixer as `mix.NAME`, the gates of each module as `ROLE.NAME`; no other
library has a layout for them."""
MODULE = "module.safetensors"
"""A module that no other library has a layout for, by canonical name."""
ADAPTERHUB = "adapterhub"
"""The folder with the same module in AdapterHub's layout."""
SCHEMA: Literal[1] = 1

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_-]{0,79}$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
"""The name of a package: of its folder, and of the module in AdapterHub's layout."""


def _plain_name(value: str) -> str:
    parts = value.split("/")
    if len(parts) > 2 or not all(part and part not in {".", ".."} and not part.startswith(".") for part in parts):
        raise ValueError(f"{value!r} is no name of a file in a package")
    if any(character in value for character in "\\:\0"):
        raise ValueError(f"{value!r} is no name of a file in a package")
    return value


FileName = Annotated[str, AfterValidator(_plain_name)]


class Section(BaseModel):
    """A part of the card: unknown keys are refused, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseModelFacts(Section):
    """The encoder that a package belongs to, and how to know it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")] | None
    """Hub id, or a name of the sandbox; None for a directory of one's own. For people, and compared with what a user
    names: never loaded because a card says so."""
    revision: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")] | None
    """Commit of the hub; None where the encoder is not from there."""
    model_type: Literal["bert", "camembert", "roberta", "xlm-roberta"]
    num_layers: Annotated[int, Field(ge=1, le=1000)]
    hidden_size: Annotated[int, Field(ge=1, le=2**20)]
    intermediate_size: Annotated[int, Field(ge=1, le=2**20)]
    vocabulary: Annotated[int, Field(ge=1)]
    parameters: Annotated[int, Field(ge=1)]
    """Weights of the encoder, without pooler and head."""
    random: bool
    """Whether its weights were drawn at random and never trained, as `layover init-encoder` writes it: what rests on it
    is a demonstration."""
    config_sha256: Sha256
    """Of config.json, as it lay there."""
    weights_sha256: Sha256
    """Of the encoder's weights in float32, name by name, without pooler and head: equal for every copy of them, in
    whichever files; see `layover.sharing.fingerprint`."""
    tokenizer_sha256: Sha256
    """Of the tokenizer's own serialisation."""

    def base(self) -> Base:
        """Return what names and shapes of weights depend on."""
        return Base(self.model_type, Shape(self.hidden_size, self.intermediate_size, self.num_layers))


class TaskFacts(Section):
    """What the package was trained to do; all that is needed to read new text and to name what comes out."""

    name: str
    kind: Literal["classification", "tagging", "span", "choice", "mlm"]
    labels: tuple[str, ...]
    """In the order of the head's outputs."""
    metrics: tuple[str, ...]
    fields: tuple[str, ...]
    """What an example is read from, gold among it: `first`, `second`, `label`."""
    language: str | None
    """Of the training data."""
    max_length: int
    stride: int


class DataFacts(Section):
    """Data that something in the package was trained on, or scored on."""

    task: str
    split: str
    language: str
    hub: str | None
    """`org/name`, with its configuration behind a colon; None for files."""
    revision: str | None
    files_sha256: tuple[Sha256, ...]
    """Of the files; empty for the hub."""
    licence: str | None
    """None where it is not known."""
    examples: int
    key: Sha256
    """Of the tokenized set."""


class ModuleFacts(Section):
    """A module that was trained."""

    role: str
    """`intermediate`, `intermediate.0`, `target`."""
    module: dict[str, Any]
    """Settings, with the module's name as `name`."""
    trained_on: tuple[str, ...]
    """Tasks."""
    key: Sha256 | None
    """Of its training; None for a module from elsewhere, and for one that was put together from several."""
    weights_sha256: Sha256
    """Of its weights by canonical name, see `layover.sharing.fingerprint.of_weights`."""


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
    """Share of the steps in which the learning rate rises."""
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
    by_seed: dict[str, float]
    """Seed -> mean over the languages, of every finished seed of this cell: what the choice of a seed is worth."""
    best_of: Annotated[int, Field(ge=2)] | None
    """Of how many combinations of model, method and intermediate this one was taken because its scores, those that
    stand here, are the highest; None where a person named it."""


class Probe(Section):
    """Fixed rows and what comes out of them: a package that gives other numbers is not what it says it is."""

    rows: tuple[tuple[int, ...], ...]
    """Token ids, special tokens included."""
    hidden: tuple[tuple[float, ...], ...]
    """Of each row, the first eight numbers of the last hidden state of its first token, float32."""
    outputs: dict[str, tuple[float, ...]] | None
    """What the head gives out for all rows, flat; None without a head."""
    tolerance: Annotated[float, Field(gt=0, le=1)]
    """Largest difference that counts as rounding."""


class Cost(Section):
    """What training it took."""

    trained_weights: int
    """On the encoder, without the head."""
    seconds: float | None
    """Of the last training; None where it was stopped in between."""
    seconds_before: float | None
    """Of all that it rests on."""


class Card(Section):
    """A package's card."""

    schema_version: Literal[1] = SCHEMA
    id: Identifier
    """The name of the package."""
    title: str
    """One line for people."""
    stage: Literal["intermediate", "target"]
    base: BaseModelFacts
    task: TaskFacts | None
    """None for a mixture, whose module goes without a head."""
    composition: dict[str, Any] | None
    """Settings, with the composition's name as `name`; None where nothing was composed."""
    pieces: tuple[PieceFacts, ...]
    """What acts on the encoder; the package holds those without a `package`."""
    flattened: bool
    """Whether several linear modules were put together into one of summed rank, the one piece."""
    made_of: tuple[SummandFacts, ...]
    """Those modules; none in a package that was not flattened."""
    layout: str | None
    """The layout of the package's own module at its root or in its folder: `peft`, `adapterhub`, `layover`; None where
    it has none (a head on other packages' modules)."""
    precision: str
    """In which numbers the encoder computed while it was trained."""
    skipped_layers: int
    """Lowest layers that go without modules in predictions."""
    recipe: str
    """Name of the recipe."""
    key: Sha256
    """Of the training, or of what was composed without one."""
    settings: dict[str, Any]
    """The identity of that node: every number that decided the weights."""
    trainings: tuple[TrainingFacts, ...]
    """Those that the weights rest on, in their order; the last one is the package's own."""
    data: tuple[DataFacts, ...]
    """What these were on."""
    seeds: tuple[int, ...]
    scores: Scores | None
    """None for an intermediate that was not scored itself."""
    cost: Cost | None
    versions: dict[str, str]
    """Of the libraries that exported it."""
    probe: Probe
    files: dict[FileName, Sha256]
    """Every other file of the package but README.md -> SHA-256."""
    readme_sha256: Sha256
    """Of README.md. Hubs let owners edit it: `verify` says so when it was, and fails nothing."""

    def own(self) -> tuple[PieceFacts, ...]:
        """Return the pieces that the package itself holds."""
        return tuple(piece for piece in self.pieces if piece.package is None)

    def needed(self) -> tuple[str, ...]:
        """Return the packages that hold the other pieces, each once."""
        return tuple(dict.fromkeys(piece.package for piece in self.pieces if piece.package is not None))


def read_card(folder: Path) -> Card:
    """Return the card of a package.

    Raises:
        ModelError: there is none, or it is no card of this version.
    """
    values = read_json(folder / CARD)
    if values.get("schema_version") != SCHEMA:
        found = str(values.get("schema_version"))[:40]
        raise ModelError(f"{folder / CARD}: a card of schema {found}; this version reads {SCHEMA}")
    try:
        return Card.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))[:120]
        raise ModelError(f"{folder / CARD}: {place}: {first['msg'][:300]}") from None


def write_card(folder: Path, card: Card) -> None:
    """Write the card, the last file of a package."""
    write_json(folder / CARD, card.model_dump(mode="json"))
