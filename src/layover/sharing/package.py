"""A package as it lies in a folder: its card, and what acts on an encoder put together again.

What other packages hold is looked for by its hash in the folders that the reader names and beside the package itself;
no place that a file names is ever gone to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import compositions, layouts, modules
from layover.compositions import MIX, TARGET, Composition, Part, Piece, finished
from layover.errors import ModelError
from layover.identity import file_sha256
from layover.layouts import Found, heads
from layover.layouts.safe import plain_file, tensors
from layover.modules import Module, Shape
from layover.sharing.card import ADAPTERHUB, CARD, MIXER, MODULE, Card, PieceFacts, read_card
from layover.sharing.fingerprint import of_weights

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

    def mixer(self) -> dict[str, dict[str, Tensor]]:
        """Return role, or `mix` -> weights of what mixes; nothing in a package that mixes nothing."""
        if MIXER not in self.card.files:
            return {}
        found: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors(self.folder / MIXER).items():
            role, _, own = name.partition(".layers.")
            found.setdefault(role, {})[f"layers.{own}"] = value
        return found

    def head(self) -> dict[str, Tensor] | None:
        """Return the weights of its head under our names, None where it has none."""
        if heads.HEAD not in self.card.files or self.card.task is None:
            return None
        return heads.read(plain_file(self.folder / heads.HEAD), self.card.task.kind, self.card.base.base())

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
        made = composition.parts(module, gated, shape=shape, seed=int(card.settings["seed"]))
        trained = {MIX: mixer.get(MIX, {}), TARGET: {} if target is None else target.weights or {}}
        return [finished(piece, lambda name: trained[name]) for piece in made]

    def _part(self, piece: PieceFacts) -> tuple[Module, Weights]:
        module = module_of(piece.module, self.folder / CARD)
        if piece.package is None:
            return module, self.own_weights()
        for other in self.beside:
            own = other.card.own()
            if own and own[0].weights_sha256 == piece.weights_sha256:
                if other.card.base.weights_sha256 != self.card.base.weights_sha256:
                    raise ModelError(f"{other.folder}: belongs to another encoder than {self.folder}")
                theirs = module_of(own[0].module, other.folder / CARD)
                check_same(module, theirs, self.card.base.base().shape, str(other.folder))
                return module, other.own_weights()
        raise ModelError(
            f"{self.folder}: needs the package {piece.package} (weights {piece.weights_sha256[:12]}), trained on "
            f"{', '.join(piece.trained_on)}; put its folder beside this one, or name it with --with"
        )


MODULE_LAYOUT = "layover"
"""What the card calls the layout of `MODULE`."""


def open_package(folder: Path, others: Iterable[Path] = ()) -> Package:
    """Return a package after its files were compared with the hashes on its card.

    Args:
        folder: Of the package.
        others: Folders of packages that it may need; those beside it are looked at, too.

    Raises:
        ModelError: it is no package, or a file is missing, too much or changed.
    """
    package = Package(folder, read_card(folder))
    check_files(package)
    if not package.card.needed():
        return package
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


def check_files(package: Package) -> None:
    """Refuse a package whose files are not those of its card.

    Raises:
        ModelError: names the first one that is missing or changed.
    """
    for name, expected in package.card.files.items():
        file = plain_file(package.folder / name)
        if file_sha256(file) != expected:
            raise ModelError(f"{file}: its SHA-256 is not that of the card: it was changed, or not copied whole")


def check_same(one: Module, other: Module, shape: Shape, where: str) -> None:
    """Refuse files that mean another module than the card: a library would compute something else than we do.

    Raises:
        ModelError: they differ in what they compute.
    """
    if _meaning(one, shape) != _meaning(other, shape):
        raise ModelError(f"{where}: its config means {other.name}({other}), but the card {one.name}({one})")


def _meaning(module: Module, shape: Shape) -> Any:
    """Return what a module computes, however its settings are written: by site the sizes and the scale."""
    sites = module.sites(shape)
    scaled = {site.name: (module.weights(site), round(getattr(module, "scale", _no_scale)(site), 9)) for site in sites}
    rest = module.model_dump()
    for name in ("rank", "alpha", "target", "rslora", "patterns", "layers", "reduction"):
        rest.pop(name, None)
    return module.name, scaled, rest


def _no_scale(_site: object) -> float:
    return 1.0


def module_of(settings: Mapping[str, Any], where: Path) -> Module:
    """Return the module that a card tells of.

    Args:
        settings: With its name as `name`.
        where: Of the card, for the message.

    Raises:
        ModelError: there is no such module, or it has no such settings.
    """
    values = dict(settings)
    try:
        return modules.get(str(values.pop("name", ""))).model_validate(values)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its module: {error}") from None


def composition_of(settings: Mapping[str, Any] | None, where: Path) -> Composition | None:
    """Return the composition that a card tells of, None for none; see `module_of`."""
    if settings is None:
        return None
    values = dict(settings)
    try:
        return compositions.get(str(values.pop("name", ""))).model_validate(values)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its composition: {error}") from None


def _plain(module: Module, shape: Shape, file: Path) -> Found:
    """Return a module that lies under its canonical names."""
    own = {f"{site.name}.{name}": size for site in module.sites(shape) for name, size in module.weights(site).items()}
    there = {name: entry.shape for name, entry in layouts.safe.header(file).items()}
    if there != own:
        wrong = min(set(there) ^ set(own) or {name for name in own if own[name] != there[name]})
        raise ModelError(f"{file}: {wrong}: missing, too much, or of another shape than {module.name} has here")
    return Found(module, {name: name for name in own}, own, file)
