"""An imported module: a package of Layover, or a folder that peft or AdapterHub wrote."""

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
    """A folder with one module that works alone; its weights are not read yet."""

    folder: Path
    package: Package | None
    """None if another library wrote the folder."""

    @property
    def card(self) -> Card | None:
        """The card of the package, or None."""
        return None if self.package is None else self.package.card

    def read_from(self) -> tuple[str, ...]:
        """Return the names of the files of module and head; the weights of the module come first."""
        if self.package is None:
            return layouts.of(self.folder).file, layouts.CONFIG
        return self.package.read_from()

    def stored_module(self, base: Base) -> StoredModule:
        """Return the module, fitted to an encoder.

        Raises:
            ModelError: it does not fit completely, or the files of a package do not match its card.
        """
        if self.package is None:
            return layouts.read(self.folder, base)
        declared = self.package.card.base.base()
        if declared != base:
            raise ModelError(
                f"{self.folder / CARD}: belongs to {_described(declared)}, but the encoder is {_described(base)}"
            )
        check_files(self.package, self.package.read_from())
        return self.package.stored_module()

    def weights(self, base: Base) -> dict[str, Tensor]:
        """Return the weights of the module by canonical name, float32; see `stored_module`.

        Raises:
            ModelError: they are damaged, not finite, or differ from the card.
        """
        if self.package is None:
            return self.stored_module(base).weights()
        check_files(self.package, self.package.read_from())
        return dict(self.package.own_weights())

    def has_head(self) -> bool:
        """Return whether it has a head."""
        return heads.HEAD in self.read_from()

    def head(self) -> dict[str, Tensor] | None:
        """Return the weights of the head by Layover's names, or None; folders of other libraries have no head."""
        return None if self.package is None else self.package.head()


def open_module(folder: Path) -> Opened:
    """Return the module in a folder, before it is compared with an encoder.

    Raises:
        ModelError: the folder has no readable module, or it is a package that only works with others.
    """
    if not is_there(folder / CARD):
        if not is_there(folder / layouts.CONFIG) and (below := packages_below(folder)):
            raise ModelError(f"{folder}: the folder has no module{below}")
        layouts.of(folder).checked(folder)
        return Opened(folder, None)
    package = Package(folder, read_card(folder))
    card = package.card
    if not card.attachments:
        raise ModelError(f"{folder}: the package holds a head without a module, so training cannot continue from it")
    if not card.acts_alone():
        others = ", ".join(card.needed())
        raise ModelError(
            f"{folder}: the package only works together with others ({others}), so it cannot be an intermediate; "
            "import one of these, or a package that was exported with --flatten"
        )
    return Opened(folder, package)


def _described(base: Base) -> str:
    shape = base.shape
    return f"{base.model_type} with {shape.layers} layers, {shape.hidden} and {shape.intermediate} features wide"
