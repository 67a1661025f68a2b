"""From the store to packages: a folder for each, that loads in peft, in adapters and in Layover."""

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
"""Ends the name of a flattened package."""


@dataclass
class Export:
    """An export under way: what several packages share is computed once.

    Args:
        plan: Of the recipe.
        store: Where it is finished.
        directory: Where packages go, a folder each, and the page that lists them.
        options: How they are written.
    """

    plan: Plan
    store: Store
    directory: Path
    options: Options = field(default_factory=Options)
    written: list[Path] = field(default_factory=list)
    """New folders, those that others need before them."""
    _rows: list[CellRow] | None = None
    _bases: dict[str, BaseModelFacts] = field(default_factory=dict)

    def packages(self, wanted: Sequence[Wanted]) -> list[Path]:
        """Write packages, and the page that lists all of the directory; return their folders.

        Everything is checked before anything is written.

        Args:
            wanted: Finished trainings.

        Raises:
            LayoverError: see `package`; or the directory has a README.md of somebody else.
        """
        if self.options.name is not None and len(wanted) > 1:
            raise LayoverError(f"--name is for one package, not for {len(wanted)}")
        index.check(self.directory)
        for one in wanted:
            self._check(one)
        folders = [self.package(one) for one in wanted]
        index.write(self.directory)
        return folders

    def package(self, wanted: Wanted) -> Path:
        """Write a package, and before it those that it needs; return its folder.

        A folder that is there already is left alone where it is the same package: of the same training, in the same
        form, with the same scores.

        Raises:
            LayoverError: another thing lies there; the training changed all weights of the encoder, or needs language
                adapters; or something does not have the form that was asked for.
        """
        self._check(wanted)
        folder = self._folder(wanted)
        if folder.exists():
            return folder
        needed = [] if self.options.flatten else learned_before(self.plan, wanted)
        # what a package needs is named after its own training
        plainly = Export(self.plan, self.store, self.directory, Options(), self.written, self.rows(), self._bases)
        others = {one.key: plainly.holding(one) for one in needed}
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

    def holding(self, one: Wanted) -> Path:
        """Return the folder of the package that holds an intermediate: it is written now, or was imported.

        An imported one is referred to by its name, whether or not it lies here.
        """
        package = self._imported().get(one.key)
        return self.directory / package if package is not None else self.package(one)

    def _imported(self) -> dict[str, str | None]:
        """Return the imports of the plan, and what the package of each is called; None of another library's."""
        return {node.key: node.spec.package for node in of(self.plan.nodes, ImportSpec)}

    def _folder(self, wanted: Wanted) -> Path:
        return self.directory / (self.options.name or f"{wanted.id}{FLAT if self.options.flatten else ''}")

    def _check(self, wanted: Wanted) -> None:
        """Refuse what cannot be written."""
        if reason := refuses(self.plan, wanted):
            raise LayoverError(f"{wanted.id}: {reason}")
        needed = [] if self.options.flatten else learned_before(self.plan, wanted)
        elsewhere = {key for key, package in self._imported().items() if package is None}
        foreign = [one.name for one in needed if one.key in elsewhere]
        if foreign:
            raise LayoverError(
                f"{wanted.id}: rests on {foreign[0]}, a module that another library wrote: it is no package that could "
                "be referred to, and not ours to publish; where both are LoRAs, --flatten puts them into one"
            )
        if self.options.flatten and (reason := self._not_flat(wanted)):
            raise LayoverError(f"{wanted.id}: {reason}")
        _check_name(self.options.name)
        folder = self._folder(wanted)
        if not folder.exists():
            return
        if not (folder / CARD).is_file():
            raise LayoverError(f"{folder} exists and is no package; remove it, or use --to or --name")
        card = read_card(folder)
        skipped = 0 if self.options.flatten else facts.skipped_of(self.plan, wanted)
        if (card.key, card.flattened, card.skipped_layers) != (wanted.key, self.options.flatten, skipped):
            raise LayoverError(f"{folder} exists and is another package than {wanted.id}; remove it, or use --to")
        if card.scores != self.scores(wanted):
            raise LayoverError(
                f"{folder} exists and tells of other scores than {wanted.id} has now, or of another choice by them; "
                "remove it, or use --to"
            )
        if self.options.adapterhub and card.layout is not None and not (folder / ADAPTERHUB).is_dir():
            raise LayoverError(f"{folder} exists without AdapterHub's layout; remove it first, or use --to")

    def _not_flat(self, wanted: Wanted) -> str:
        """Return why a training is not put together into one module; empty when it is."""
        spec = spec_at(self.plan.nodes, wanted.key, OnEncoder)
        start, modules = spec.start, [*spec.start.modules()]
        if start.composition is None:
            return flatten.refuses(None, [], [])
        if spec.trains and spec.module.trains_encoder:
            modules.append(spec.module)
        return flatten.refuses(start.composition, modules, [one.name for one in start.learned])

    def _base(self, encoder: EncoderSpec) -> BaseModelFacts:
        if encoder.label not in self._bases:
            self._bases[encoder.label] = facts.base_of(self.plan, encoder)
        return self._bases[encoder.label]

    def scores(self, wanted: Wanted) -> Scores | None:
        """Return what a card tells of the scores of a package; None for an intermediate."""
        row = next((row for row in self.rows() if row.cell == wanted.cell), None)
        return None if row is None else facts.scores_of(self.plan, self.store, row, self.rows(), wanted.best_of)

    def rows(self) -> list[CellRow]:
        """Return the rows of the report."""
        if self._rows is None:
            self._rows = rows_of(self.plan, self.store)
        return self._rows


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when all went well, and leaves nothing behind when not."""
    made = [parent for parent in (folder.parent, *folder.parent.parents) if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".layover.") as temporary:
            work = Path(temporary) / folder.name  # the temporary directory itself is closed to others
            work.mkdir()
            yield work
            work.rename(folder)
    except BaseException:
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        raise


def _check_name(name: str | None) -> None:
    """Refuse the name of a package that a library could not use for a module."""
    if name is None:
        return
    if re.fullmatch(IDENTIFIER, name) is None:
        raise LayoverError(f"--name {name!r}: a name has letters, digits, - and _, a letter first, 80 at most")
    from torch.nn import ModuleDict

    if name in dir(ModuleDict()):
        raise LayoverError(f"--name {name!r}: torch and adapters have something else of this name; take another")
