"""The transfer card: what a package says of itself, `transfer_card.json`; all that `verify` holds it to.

A card never holds a path, a user, a host or a token. What is not known is null, and never a default.
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
    MOST_LAYERS,
    MOST_PIECES,
    Distribution,
    FileName,
    Identifier,
    Release,
    Settings,
    Sha256,
)
from layover.packages.mistakes import long_texts, mistakes
from layover.packages.sections import (
    BaseModelFacts,
    Cost,
    DataFacts,
    PieceFacts,
    Probe,
    Scores,
    Section,
    SummandFacts,
    TaskFacts,
    TrainingFacts,
)
from layover.store import write_json

CARD = "transfer_card.json"
MIXER = "mixer.safetensors"
"""What mixes several modules: the weights of the mixer as `mix.NAME`, the gates of each module as `ROLE.NAME`; no other
library has a layout for them."""
MODULE = "module.safetensors"
"""A module that no other library has a layout for, by canonical name."""
ADAPTERHUB = "adapterhub"
"""The folder with the same module in AdapterHub's layout."""
PICKLES = frozenset(f"{ADAPTERHUB}/{name}" for name in (adapterhub.PICKLE, heads.ADAPTERS_PICKLE))
"""Files of packages of version 0.1, for the loader of adapters: programs to whoever opens them. They are never opened,
copied or sent."""
SCHEMA: Literal[1] = 1


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
    composition: Settings | None
    """Settings, with the composition's name as `name`; None where nothing was composed."""
    pieces: Annotated[tuple[PieceFacts, ...], Field(max_length=MOST_PIECES)]
    """What acts on the encoder; the package holds those without a `package`."""
    flattened: bool
    """Whether several linear modules were put together into one of summed rank, the one piece."""
    made_of: tuple[SummandFacts, ...]
    """Those modules; none in a package that was not flattened."""
    layout: Literal["peft", "adapterhub", "layover"] | None
    """The layout of the package's own module at its root or in its folder: `peft`, `adapterhub`, `layover`; None where
    it has none (a head on other packages' modules)."""
    precision: str
    """In which numbers the encoder computed while it was trained."""
    skipped_layers: Annotated[int, Field(ge=0, le=MOST_LAYERS)]
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
    learned_before: tuple[tuple[str, ...], ...] | None = None
    """The tasks of each intermediate, in their order; none where an imported module does not name them. None on cards
    of version 0.1, which know those of `trainings` alone."""

    plugins: dict[Distribution, Release] = Field(default_factory=dict)
    """What other distributions bring of the kind, head, modules and composition, with the versions of the export."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        roles = [piece.role for piece in self.pieces]
        if len(set(roles)) < len(roles):
            raise ValueError("two pieces have one role")
        if self.composition is None and set(roles) - {"target"}:
            raise ValueError("several pieces, and no composition that says what is made of them")
        if len(self.own()) != (self.layout is not None):
            raise ValueError(f"its layout is {self.layout}, but it holds {len(self.own())} modules of its own")
        if self.task is None and not self.trainings:
            raise ValueError("neither a task nor a training: it is not known what it is for")
        if self.skipped_layers > self.base.num_layers:
            raise ValueError(f"skips {self.skipped_layers} of {self.base.num_layers} layers")
        if self.probe.outputs is not None and (self.task is None or kinds.get(self.task.kind).head is None):
            raise ValueError("outputs of a head, and no task whose heads are shared")
        if any(token >= self.base.vocabulary for row in self.probe.rows for token in row):
            raise ValueError(f"a token of the probe is not among the encoder's {self.base.vocabulary}")
        return self

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file that is read, by its name: of all on the card but pickles."""
        return {name: sha256 for name, sha256 in self.files.items() if name not in PICKLES}

    def pickles(self) -> tuple[str, ...]:
        """Return the pickles on the card, which are ignored; only a card of version 0.1 lists any."""
        return tuple(name for name in self.files if name in PICKLES)

    def own(self) -> tuple[PieceFacts, ...]:
        """Return the pieces that the package itself holds."""
        return tuple(piece for piece in self.pieces if piece.package is None)

    def needed(self) -> tuple[str, ...]:
        """Return the packages that hold the other pieces, each once."""
        return tuple(dict.fromkeys(piece.package for piece in self.pieces if piece.package is not None))

    def imports(self) -> int:
        """Return how many of its intermediates were imported, so that their trainings and data are not on this card."""
        trained = sum(training.key != self.key for training in self.trainings)
        return len(self.learned_before) - trained if self.learned_before is not None else 0

    def acts_alone(self) -> bool:
        """Return whether it holds one module that acts by itself, so that a recipe takes it as an intermediate."""
        return len(self.own()) == 1 and not self.needed() and MIXER not in self.files


def read_card(folder: Path) -> Card:
    """Return the card of a package.

    Raises:
        ModelError: there is none, it is no card of this version, or it needs plug-ins that are not installed here.
        MistakesError: with all that is wrong with its values.
    """
    if not is_there(folder / CARD):
        raise ModelError(f"{folder}: {_no_package(folder)}")
    values = read_json(folder / CARD)
    if values.get("schema_version") != SCHEMA:
        found = str(values.get("schema_version"))[:40]
        raise ModelError(f"{folder / CARD}: a card of schema {found}; this version reads {SCHEMA}")
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
    """Return the plug-ins that a card names, as far as they are any: what is wrong with it is told with the rest."""
    try:
        return _PLUGINS.validate_python(values.get("plugins", {}))
    except ValidationError:
        return {}


_PLUGINS = TypeAdapter(dict[Distribution, Release])


def _no_package(folder: Path) -> str:
    """Return what a folder is that has no card, and what may be meant."""
    if folder.is_dir():
        return f"no package: there is no {CARD} in it{packages_below(folder)}"
    if folder.exists():
        return f"it is a file; a package is a folder with a {CARD} in it"
    beside = [file.parent.name for file in folder.parent.glob(f"*/{CARD}")]
    return f"there is no such folder; {nearest(folder.name, beside)}" if beside else "there is no such folder"


def packages_below(folder: Path) -> str:
    """Return that a folder holds packages, which may be meant; empty text where it holds none."""
    names = sorted(printable(file.parent.name) for file in folder.glob(f"[!.]*/{CARD}"))
    return f"; it holds {len(names)} package{'s' * (len(names) > 1)}, name one: {first_few(names)}" if names else ""


def write_card(folder: Path, card: Card) -> None:
    """Write the card, the last file of a package."""
    write_json(folder / CARD, card.model_dump(mode="json"))
