"""A module from elsewhere: a package of Layover, or a folder that peft or AdapterHub wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layover import layouts
from layover.errors import ModelError
from layover.files.safe import is_there
from layover.layouts import Base, StoredModule, heads
from layover.packages.card import CARD, Card, packages_below, read_card
from layover.packages.package import Package, check_files

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Opened:
    """A folder with one module that acts on its own; of its weights nothing was read yet."""

    folder: Path
    package: Package | None
    """None where another library wrote it."""

    @property
    def card(self) -> Card | None:
        """The card of a package."""
        return None if self.package is None else self.package.card

    def read_from(self) -> tuple[str, ...]:
        """Return the names of the files that module and head are read from; first the module's weights."""
        if self.package is None:
            return layouts.of(self.folder).file, layouts.CONFIG
        return self.package.read_from()

    def found(self, base: Base) -> StoredModule:
        """Return the module, fitted to an encoder.

        Raises:
            ModelError: it does not fit completely, or the files of a package are not those of its card.
        """
        if self.package is None:
            return layouts.read(self.folder, base)
        told = self.package.card.base.base()
        if told != base:
            raise ModelError(
                f"{self.folder / CARD}: belongs to {_described(told)}, but the encoder is {_described(base)}"
            )
        check_files(self.package, self.package.read_from())
        return self.package.found()

    def weights(self, base: Base) -> dict[str, Tensor]:
        """Return the module's weights by canonical name, float32; see `found`.

        Raises:
            ModelError: they are damaged, not finite, or others than the card tells of.
        """
        if self.package is None:
            return self.found(base).weights()
        check_files(self.package, self.package.read_from())
        return dict(self.package.own_weights())

    def has_head(self) -> bool:
        """Return whether it comes with a head."""
        return heads.HEAD in self.read_from()

    def head(self) -> dict[str, Tensor] | None:
        """Return the weights of the head under our names; None without one, as in any other library's folder."""
        return None if self.package is None else self.package.head()


def open_module(folder: Path) -> Opened:
    """Return what a folder holds, before it is held against an encoder.

    Raises:
        ModelError: no module that can be read; or a package that acts only together with others.
    """
    if not is_there(folder / CARD):
        if not is_there(folder / layouts.CONFIG) and (below := packages_below(folder)):
            raise ModelError(f"{folder}: no module in it{below}")
        layouts.of(folder).checked(folder)
        return Opened(folder, None)
    package = Package(folder, read_card(folder))
    card = package.card
    if not card.pieces:
        raise ModelError(f"{folder}: the package holds a head and no module, so there is nothing to go on from")
    if not card.acts_alone():
        others = ", ".join(card.needed())
        raise ModelError(
            f"{folder}: the package acts only together with others ({others}), so it is no module to begin with; "
            "import one of these, or a package that was exported with --flatten"
        )
    return Opened(folder, package)


def _described(base: Base) -> str:
    shape = base.shape
    return f"{base.model_type} with {shape.layers} layers, {shape.hidden} and {shape.intermediate} features wide"
