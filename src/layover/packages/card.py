"""The transfer card, `transfer_card.json`: the claims of a package about itself, which `verify` checks.

A card holds no path, user, host or token. An unknown value is null, never a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from layover import kinds, plugins
from layover.errors import MistakesError, ModelError, first_few, nearest, printable
from layover.files.safe import is_there, read_json
from layover.layouts import adapterhub, heads
from layover.packages.bounds import (
    MOST_ATTACHMENTS,
    MOST_LAYERS,
    Distribution,
    FileName,
    Identifier,
    Release,
    Settings,
    Sha256,
)
from layover.packages.mistakes import long_texts, mistakes
from layover.packages.sections import (
    AttachmentFacts,
    BaseModelFacts,
    CardSection,
    CostFacts,
    DataFacts,
    Probe,
    Scores,
    SearchFacts,
    TaskFacts,
    TermFacts,
    TrainingFacts,
)
from layover.store import write_json

CARD = "transfer_card.json"
MIXER = "mixer.safetensors"
"""The weights of the mixer as `mix.NAME`, and the gates of each module as `ROLE.NAME`; no other library has a layout
for them."""
MODULE = "module.safetensors"
"""The weights, by canonical name, of a module that no other library has a layout for."""
ADAPTERHUB = "adapterhub"
"""The folder with the same module in AdapterHub's layout."""
PICKLES = frozenset(f"{ADAPTERHUB}/{name}" for name in (adapterhub.PICKLE, heads.ADAPTERS_PICKLE))
"""Files of packages of version 0.1, for the loader of adapters. Opening a pickle can run any program, so these files
are never opened, copied or sent."""
SCHEMA: Literal[1] = 1


class Card(CardSection):
    """A package's card."""

    schema_version: Literal[1] = SCHEMA
    id: Identifier
    """The name of the package."""
    title: str
    """One line for display."""
    stage: Literal["intermediate", "target"]
    base: BaseModelFacts
    task: TaskFacts | None
    """None for a mixture of tasks, whose module has no head."""
    composition: Settings | None
    """Settings, with the name of the composition as `name`; None if nothing was composed."""
    attachments: tuple[AttachmentFacts, ...] = Field(max_length=MOST_ATTACHMENTS, alias="pieces")
    """The modules on the encoder, `pieces` in the file; the package itself holds the modules without a `package`."""
    flattened: bool
    """Whether several linear modules were merged into one module of summed rank, the only attachment."""
    made_of: tuple[TermFacts, ...]
    """The merged modules; empty if the package was not flattened."""
    layout: Literal["peft", "adapterhub", "layover"] | None
    """The layout of the package's own module, at its root or in its folder; None if it has no module of its own (a
    head on the modules of other packages)."""
    precision: str
    """The numeric precision of the encoder during training."""
    skipped_layers: Annotated[int, Field(ge=0, le=MOST_LAYERS)]
    """Number of lowest layers without modules in predictions."""
    recipe: str
    """Name of the recipe."""
    key: Sha256
    """Key of the training node, or of the composition that needed no training."""
    settings: dict[str, Any]
    """The identity of this node: every setting that decides the weights."""
    trainings: tuple[TrainingFacts, ...]
    """The trainings that the weights depend on, in order; the last one is the package's own."""
    data: tuple[DataFacts, ...]
    """The data of these trainings."""
    seeds: tuple[int, ...]
    scores: Scores | None
    """None for an intermediate without scores of its own."""
    cost: CostFacts | None
    versions: dict[str, str]
    """Library -> version, at the export."""
    probe: Probe
    files: dict[FileName, Sha256]
    """Every other file of the package, except README.md -> SHA-256."""
    readme_sha256: Sha256
    """SHA-256 of README.md. Owners may edit it on the hub; `verify` then notes the change and does not fail."""
    learned_before: tuple[tuple[str, ...], ...] | None = None
    """The tasks of each intermediate, in order; empty if an imported module does not name its tasks. None on cards of
    version 0.1, which only list the tasks of `trainings`."""

    search: SearchFacts | None = None
    """The search that chose values of its method; None if the recipe names them all."""

    plugins: dict[Distribution, Release] = Field(default_factory=dict)
    """Distribution -> version at the export, of the plug-ins for kind, head, modules and composition."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        roles = [attachment.role for attachment in self.attachments]
        if len(set(roles)) < len(roles):
            raise ValueError("two attachments have the same role")
        if self.composition is None and set(roles) - {"target"}:
            raise ValueError("an attachment has another role than target, but the card has no composition")
        if len(self.own()) != (self.layout is not None):
            raise ValueError(f"layout is {self.layout}, but the package holds {len(self.own())} modules of its own")
        if self.task is None and not self.trainings:
            raise ValueError("the card has neither a task nor a training, so its purpose is unknown")
        if self.skipped_layers > self.base.num_layers:
            raise ValueError(
                f"skipped_layers is {self.skipped_layers}, but the encoder has {self.base.num_layers} layers"
            )
        if self.probe.outputs is not None and (self.task is None or kinds.get(self.task.kind).head is None):
            raise ValueError("the probe has outputs of a head, but the card has no task whose head is shared")
        if any(token >= self.base.vocabulary for row in self.probe.rows for token in row):
            raise ValueError(f"a token of the probe is outside the encoder's vocabulary of {self.base.vocabulary}")
        return self

    def hashes(self) -> dict[str, str]:
        """Return name -> SHA-256 of every file on the card, except pickles, which are not read."""
        return {name: sha256 for name, sha256 in self.files.items() if name not in PICKLES}

    def pickles(self) -> tuple[str, ...]:
        """Return the names of the pickles on the card, which are ignored; only cards of version 0.1 list pickles."""
        return tuple(name for name in self.files if name in PICKLES)

    def own(self) -> tuple[AttachmentFacts, ...]:
        """Return the attachments that the package itself holds."""
        return tuple(attachment for attachment in self.attachments if attachment.package is None)

    def needed(self) -> tuple[str, ...]:
        """Return the names of the packages that hold the other attachments, each once."""
        packages = (attachment.package for attachment in self.attachments)
        return tuple(dict.fromkeys(package for package in packages if package is not None))

    def imports(self) -> int:
        """Return the number of imported intermediates, whose trainings and data are not on this card."""
        trained = sum(training.key != self.key for training in self.trainings)
        return len(self.learned_before) - trained if self.learned_before is not None else 0

    def acts_alone(self) -> bool:
        """Return whether it holds one module that works alone, so that a recipe can use it as an intermediate."""
        return len(self.own()) == 1 and not self.needed() and MIXER not in self.files


def read_card(folder: Path) -> Card:
    """Return the card of a package.

    Raises:
        ModelError: the card is missing or of another schema, or it needs plug-ins that are not installed.
        MistakesError: with all errors in its values.
    """
    if not is_there(folder / CARD):
        raise ModelError(f"{folder}: {_no_package(folder)}")
    values = read_json(folder / CARD)
    if values.get("schema_version") != SCHEMA:
        schema = str(values.get("schema_version"))[:40]
        raise ModelError(f"{folder / CARD}: schema_version is {schema}, but this version reads {SCHEMA}")
    wrong = long_texts(values)
    if not wrong and (lacking := plugins.missing(_plugins_in(values))):
        raise ModelError(f"{folder / CARD}: {lacking}")
    try:
        card = Card.model_validate(values)
    except ValidationError as error:
        wrong += mistakes(Card, values, error)
    if wrong:
        raise MistakesError(str(folder / CARD), wrong)
    return card


def _plugins_in(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the plug-ins that a card names, or nothing if the entry is invalid; the checks of the card report that."""
    try:
        return _PLUGINS.validate_python(values.get("plugins", {}))
    except ValidationError:
        return {}


_PLUGINS = TypeAdapter(dict[Distribution, Release])


def _no_package(folder: Path) -> str:
    """Return why a path is not a package, and the nearest package."""
    if folder.is_dir():
        return f"no package: the folder has no {CARD}{packages_below(folder)}"
    if folder.exists():
        return f"it is a file, but a package is a folder with a {CARD}"
    beside = [file.parent.name for file in folder.parent.glob(f"*/{CARD}")]
    return f"there is no such folder; {nearest(folder.name, beside)}" if beside else "there is no such folder"


def packages_below(folder: Path) -> str:
    """Return the names of packages in a folder, as the end of a message; empty text if there are none."""
    names = sorted(printable(file.parent.name) for file in folder.glob(f"[!.]*/{CARD}"))
    return f"; it holds {len(names)} package{'s' * (len(names) > 1)}; use one of: {first_few(names)}" if names else ""


def write_card(folder: Path, card: Card) -> None:
    """Write the card, as the last file of a package."""
    write_json(folder / CARD, card.model_dump(mode="json", by_alias=True))
