"""Export from the store to packages: a folder for each, which loads in peft, in adapters and in Layover."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from layover.errors import LayoverError
from layover.hub import facts, flatten, index
from layover.hub.choose import Wanted, learned_before, refuses
from layover.hub.draft import Draft
from layover.hub.options import Options
from layover.packages.bounds import IDENTIFIER
from layover.packages.card import ADAPTERHUB, CARD, read_card
from layover.packages.sections import BaseModelFacts, Scores
from layover.plan import Plan
from layover.plan.nodes import of, spec_at
from layover.report.rows import CellRow, rows_of
from layover.specs import EncoderSpec, OnEncoder
from layover.specs.import_ import ImportSpec
from layover.store import Store

FLAT = "-flat"
"""The suffix of a flattened package's name."""


@dataclass
class Export:
    """An export of packages, which computes shared values once.

    Args:
        plan: The plan of the recipe.
        store: The store with its results.
        directory: The target: a folder for each package, and the page that lists them.
        options: The options of the export.
    """

    plan: Plan
    store: Store
    directory: Path
    options: Options = field(default_factory=Options)
    written: list[Path] = field(default_factory=list)
    """New folders; a needed package comes before the packages that need it."""
    _rows: list[CellRow] | None = None
    _bases: dict[str, BaseModelFacts] = field(default_factory=dict)

    def packages(self, wanted: Sequence[Wanted]) -> list[Path]:
        """Write packages, and the page of all packages in the directory, and return the folders of the packages.

        All packages are checked before the first is written.

        Args:
            wanted: Finished trainings.

        Raises:
            LayoverError: see `package`; or the directory has a README.md that Layover did not write.
        """
        if self.options.name is not None and len(wanted) > 1:
            raise LayoverError(f"--name is for a single package, but {len(wanted)} are exported; omit --name")
        index.check(self.directory)
        for package in wanted:
            self._check(package)
        folders = [self.package(package) for package in wanted]
        index.write(self.directory)
        return folders

    def package(self, wanted: Wanted) -> Path:
        """Write the packages that a package needs, then the package itself, and return its folder.

        An existing folder stays as it is if it is the same package: of the same training, in the same form, with the
        same scores.

        Raises:
            LayoverError: the folder exists and is another package; the training changed all weights of the encoder, or
                needs language adapters; or the package does not support the requested form.
        """
        self._check(wanted)
        folder = self._folder(wanted)
        if folder.exists():
            return folder
        needed = [] if self.options.flatten else learned_before(self.plan, wanted)
        # a needed package has the name of its own training, without --name
        plainly = Export(self.plan, self.store, self.directory, Options(), self.written, self.rows(), self._bases)
        others = {package.key: plainly.holding(package) for package in needed}
        spec = spec_at(self.plan.nodes, wanted.key, OnEncoder)
        draft = Draft(
            plan=self.plan,
            store=self.store,
            options=self.options,
            wanted=wanted,
            id=folder.name,
            spec=spec,
            facts=self._base(spec.encoder),
            others=others,
            scores=self.scores(wanted),
        )
        with _whole(folder) as work:
            draft.write(work)
        self.written.append(folder)
        return folder

    def holding(self, wanted: Wanted) -> Path:
        """Return the folder of the package with an intermediate, which is written now or was imported.

        An imported package is referred to by its name, even if its folder is elsewhere.
        """
        package = self._imported().get(wanted.key)
        return self.directory / package if package is not None else self.package(wanted)

    def _imported(self) -> dict[str, str | None]:
        """Return the keys of the plan's imports -> the name of the package; None for a module of another library."""
        return {node.key: node.spec.package for node in of(self.plan.nodes, ImportSpec)}

    def _folder(self, wanted: Wanted) -> Path:
        return self.directory / (self.options.name or f"{wanted.id}{FLAT if self.options.flatten else ''}")

    def _check(self, wanted: Wanted) -> None:
        """Refuse a package that cannot be written.

        Raises:
            LayoverError: see `package`.
        """
        if reason := refuses(self.plan, wanted):
            raise LayoverError(f"{wanted.id}: {reason}")
        needed = [] if self.options.flatten else learned_before(self.plan, wanted)
        elsewhere = {key for key, package in self._imported().items() if package is None}
        foreign = [intermediate.name for intermediate in needed if intermediate.key in elsewhere]
        if foreign:
            raise LayoverError(
                f"{wanted.id}: it needs {foreign[0]}, a module that another library wrote and that is not a package; "
                "if both are LoRAs, use --flatten, which merges them into one module"
            )
        if self.options.flatten and (reason := self._not_flat(wanted)):
            raise LayoverError(f"{wanted.id}: {reason}")
        _check_name(self.options.name)
        folder = self._folder(wanted)
        if not folder.exists():
            return
        if not (folder / CARD).is_file():
            raise LayoverError(f"{folder} already exists and is not a package; remove it, or use --to or --name")
        card = read_card(folder)
        skipped = 0 if self.options.flatten else facts.skipped_of(self.plan, wanted)
        if (card.key, card.flattened, card.skipped_layers) != (wanted.key, self.options.flatten, skipped):
            raise LayoverError(
                f"{folder} already exists and is another package than {wanted.id}; remove it, or use --to"
            )
        if card.scores != self.scores(wanted):
            raise LayoverError(
                f"{folder} already exists, but its card has other scores than {wanted.id} now, or another choice of "
                "the best cell; remove it, or use --to"
            )
        if self.options.adapterhub and card.layout is not None and not (folder / ADAPTERHUB).is_dir():
            raise LayoverError(f"{folder} already exists without AdapterHub's layout; remove it first, or use --to")

    def _not_flat(self, wanted: Wanted) -> str:
        """Return the reason why the modules of a training cannot be merged into one, or an empty text."""
        spec = spec_at(self.plan.nodes, wanted.key, OnEncoder)
        start, modules = spec.start, [*spec.start.modules()]
        if start.composition is None:
            return flatten.refuses(None, [], [])
        if spec.trains and spec.module.trains_encoder:
            modules.append(spec.module)
        return flatten.refuses(start.composition, modules, [intermediate.name for intermediate in start.learned])

    def _base(self, encoder: EncoderSpec) -> BaseModelFacts:
        if encoder.label not in self._bases:
            self._bases[encoder.label] = facts.base_of(self.plan, encoder)
        return self._bases[encoder.label]

    def scores(self, wanted: Wanted) -> Scores | None:
        """Return the scores on the card of a package, or None for an intermediate."""
        row = next((row for row in self.rows() if row.cell == wanted.cell), None)
        return None if row is None else facts.scores_of(self.plan, self.store, row, self.rows(), wanted.best_of)

    def rows(self) -> list[CellRow]:
        """Return the rows of the report."""
        if self._rows is None:
            self._rows = rows_of(self.plan, self.store)
        return self._rows


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` after the block; after an error nothing is left behind."""
    made = [parent for parent in (folder.parent, *folder.parent.parents) if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".layover.") as temporary:
            work = Path(temporary) / folder.name  # other users cannot read the temporary directory itself
            work.mkdir()
            yield work
            work.rename(folder)
    except BaseException:
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        raise


def _check_name(name: str | None) -> None:
    """Refuse the name of a package that a library cannot use for a module.

    Raises:
        LayoverError: the name has other characters, or torch uses it.
    """
    if name is None:
        return
    if re.fullmatch(IDENTIFIER, name) is None:
        raise LayoverError(
            f"--name {name!r}: a name must begin with a letter and have only letters, digits, - and _, 80 at most"
        )
    from torch.nn import ModuleDict

    if name in dir(ModuleDict()):
        raise LayoverError(f"--name {name!r}: torch and adapters already use this name; use another name")
