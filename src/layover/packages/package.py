"""A package as it lies in a folder: its card, and what acts on an encoder put together again.

What other packages hold is looked for by its hash in the folders that the reader names and beside the package itself;
no place that a file names is ever gone to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from layover import layouts, modules
from layover.compositions import MIX, TARGET, Part, Piece, finished
from layover.errors import ModelError, first_few
from layover.files.safe import header, sha256, tensors
from layover.layouts import Found, heads
from layover.mixers._router import GATES
from layover.modules import Module
from layover.packages.card import ADAPTERHUB, CARD, MIXER, MODULE, Card, read_card
from layover.packages.fingerprint import of_weights
from layover.packages.meaning import check_same, composition_of, module_of
from layover.packages.sections import PieceFacts
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Package:
    """A package whose card was read; nothing else yet."""

    folder: Path
    card: Card
    beside: tuple[Package, ...] = ()
    """Packages that hold what this one needs."""

    def read_from(self) -> tuple[str, ...]:
        """Return the names of the files that its own module and its head are read from; first the module's weights."""
        if self.module is None or self.card.layout is None:
            own: tuple[str, ...] = ()
        elif self.card.layout == MODULE_LAYOUT:
            own = (MODULE,)
        else:
            below = f"{ADAPTERHUB}/" if self.card.layout == "adapterhub" else ""
            own = tuple(f"{below}{name}" for name in (layouts.get(self.card.layout).file, layouts.CONFIG))
        return (*own, *([heads.HEAD] if heads.HEAD in self.card.files else []))

    @cached_property
    def module(self) -> Module | None:
        """The module that the package itself holds."""
        own = self.card.own()
        return module_of(own[0].module, self.folder / CARD) if own else None

    def found(self) -> Found:
        """Return its own module, in the layout that the card names, fitted to its encoder.

        Raises:
            ModelError: it holds none, or its files do not say the same as its card.
        """
        base, layout = self.card.base.base(), self.card.layout
        if self.module is None or layout is None:
            raise ModelError(f"{self.folder}: holds no module of its own")
        if layout == MODULE_LAYOUT:
            return _plain(self.module, base.shape, self.folder / MODULE)
        folder = self.folder / ADAPTERHUB if layout == "adapterhub" else self.folder
        read = layouts.get(layout).read(folder, base)
        check_same(self.module, read.module, base.shape, str(folder))
        return read

    def own_weights(self) -> Weights:
        """Return the weights of its own module, by canonical name.

        Raises:
            ModelError: they are damaged, or others than the card tells of.
        """
        weights = self.found().weights()
        if of_weights(weights) != self.card.own()[0].weights_sha256:
            raise ModelError(f"{self.folder}: the weights of its module are not those of its card")
        return weights

    def mixer_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the weights of what mixes, name in `MIXER` -> shape; nothing in a package that mixes nothing.

        Raises:
            ModelError: the card asks for modules or a composition that there are not.
        """
        where, shape = self.folder / CARD, self.card.base.base().shape
        composition = composition_of(self.card.composition, where)
        mixer = None if composition is None else composition.built_mixer()
        others = {one.role: module_of(one.module, where) for one in self.card.pieces if one.role != TARGET}
        if composition is None or mixer is None or not others:
            return {}
        roles, sites = tuple(others), next(iter(others.values())).sites(shape)
        if mixer.learned:
            count = len(composition.mixes(roles))
            sizes = {site: mixer.weights(site, count) for site in sites}
            return {f"{MIX}.{site.name}.{name}": size for site in sites for name, size in sizes[site].items()}
        if composition.gate_training() is None or len(roles) == 1:
            return {}
        return {f"{role}.{site.name}.{GATES}": (1, site.inputs) for role in roles for site in sites}

    def mixer(self) -> dict[str, dict[str, Tensor]]:
        """Return role, or `mix` -> weights of what mixes; nothing in a package that mixes nothing.

        Raises:
            ModelError: they are damaged, or not exactly those that its composition has.
        """
        shapes = self.mixer_shapes()
        if not shapes:
            return {}
        check_shapes(self.folder / MIXER, shapes)
        found: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors(self.folder / MIXER).items():
            role, _, own = name.partition(".layers.")
            found.setdefault(role, {})[f"layers.{own}"] = value
        return found

    def head(self) -> dict[str, Tensor] | None:
        """Return the weights of its head under our names, None where it has none.

        Raises:
            ModelError: they are damaged, or not exactly those that a head of its kind and labels has.
        """
        task, base, file = self.card.task, self.card.base.base(), self.folder / heads.HEAD
        if heads.HEAD not in self.card.files or task is None:
            return None
        form = task.form()
        check_shapes(file, heads.shapes(form, task.labels, base))
        return heads.read(file, task.kind, form, base)

    def pieces(self) -> list[Piece]:
        """Return what acts on the encoder, all of it frozen, in the order of application.

        Raises:
            ModelError: something is missing, damaged, or another than the card tells of.
        """
        card, shape, mixer = self.card, self.card.base.base().shape, self.mixer()
        parts = {one.role: Part(one.role, *self._part(one), trainable=False, gates=None) for one in card.pieces}
        target = parts.pop(TARGET, None)
        composition = composition_of(card.composition, self.folder / CARD)
        if composition is None or not parts:
            return [] if target is None else [target]
        gated = [Part(one.name, one.module, one.weights, False, mixer.get(one.name)) for one in parts.values()]
        module = target.module if target is not None else modules.get("none")()
        made = composition.parts(module, gated, shape=shape, seed=_seed(card, self.folder / CARD))
        trained = {MIX: mixer.get(MIX, {}), TARGET: {} if target is None else target.weights or {}}
        return [finished(piece, lambda name: trained[name]) for piece in made]

    def _part(self, piece: PieceFacts) -> tuple[Module, Weights]:
        return module_of(piece.module, self.folder / CARD), self.holder(piece).own_weights()

    def check_needed(self) -> None:
        """Refuse a package that needs another one which is not there.

        Raises:
            ModelError: names the first; see `holder`.
        """
        for piece in self.card.pieces:
            self.holder(piece)

    def holder(self, piece: PieceFacts) -> Package:
        """Return the package that holds one of the pieces: this one, or one of those beside it.

        Raises:
            ModelError: none does, or it belongs to another encoder, or holds another module than the card says.
        """
        if piece.package is None:
            return self
        for other in self.beside:
            own = other.card.own()
            if own and own[0].weights_sha256 == piece.weights_sha256:
                if other.card.base.weights_sha256 != self.card.base.weights_sha256:
                    raise ModelError(f"{other.folder}: belongs to another encoder than {self.folder}")
                ours, theirs = module_of(piece.module, self.folder / CARD), other.module
                if theirs is None:
                    raise ModelError(f"{other.folder}: holds no module of its own")
                check_same(ours, theirs, self.card.base.base().shape, str(other.folder))
                return other
        raise ModelError(
            f"{self.folder}: needs the package {piece.package} (weights {piece.weights_sha256[:12]}), trained on "
            f"{first_few(piece.trained_on)}; put its folder beside this one, or name it (--with, others)"
        )


MODULE_LAYOUT = "layover"
"""What the card calls the layout of `MODULE`."""


def open_package(folder: Path, others: Iterable[Path] = ()) -> Package:
    """Return a package after its files were compared with the hashes on its card.

    Args:
        folder: Of the package.
        others: Folders of packages that it may need; those beside it are looked at, too.

    Raises:
        ModelError: it is no package, or a file is missing or changed. A file that the card does not tell of is never
            read; `layover verify` says that it is there.
    """
    package = Package(folder, read_card(folder))
    check_files(package)
    return with_needed(package, others)


def with_needed(package: Package, others: Iterable[Path] = ()) -> Package:
    """Return a package with those found that hold what it needs; see `open_package`.

    Raises:
        ModelError: one of them is damaged.
    """
    if not package.card.needed():
        return package
    folder = package.folder
    wanted = {piece.weights_sha256 for piece in package.card.pieces if piece.package is not None}
    named = {piece.package for piece in package.card.pieces}
    beside = [other for other in sorted(folder.absolute().parent.iterdir()) if other.name in named and other.is_dir()]
    found = []
    for other in dict.fromkeys([*others, *beside]):
        opened = Package(other, read_card(other))
        if {piece.weights_sha256 for piece in opened.card.own()} & wanted:
            check_files(opened)
            found.append(opened)
    return Package(folder, package.card, tuple(found))


def check_files(package: Package, names: Iterable[str] | None = None) -> None:
    """Refuse a package whose files are not those of its card.

    Args:
        package: Whose card was read.
        names: Of the files that count; all of the card's but pickles when None.

    Raises:
        ModelError: names the first one that is missing, changed or too large.
    """
    hashes = package.card.hashes()
    for name in hashes if names is None else names:
        file = package.folder / name
        if sha256(file) != hashes.get(name):
            raise ModelError(f"{file}: its SHA-256 is not that of the card: it was changed, or not copied whole")


def check_shapes(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a file whose weights are not exactly those of `shapes`, by their names there; reads its header alone.

    Raises:
        ModelError: names the first that is missing, too much, or of another shape.
    """
    there = {name: entry.shape for name, entry in header(file).items()}
    for name in sorted(set(there) | set(shapes)):
        found, expected = there.get(name), shapes.get(name)
        if found != expected:
            what = "is missing" if found is None else "is too much" if expected is None else f"has the shape {found}"
            rest = "" if found is None or expected is None else f", but {expected} is needed"
            raise ModelError(f"{file}: {name}: {what}{rest}")


def _seed(card: Card, where: Path) -> int:
    seed = card.settings.get("seed")
    if type(seed) is not int:
        raise ModelError(f"{where}: its settings have no seed")
    return seed


def _plain(module: Module, shape: Shape, file: Path) -> Found:
    """Return a module that lies under its canonical names."""
    own = {f"{site.name}.{name}": size for site in module.sites(shape) for name, size in module.weights(site).items()}
    check_shapes(file, own)
    return Found(module, {name: name for name in own}, own, file)
