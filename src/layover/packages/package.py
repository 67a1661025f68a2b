"""A package in a folder: its card, and its modules as attachments for an encoder.

Modules in other packages are searched by their hash, in the folders that the user names and next to the package. A
location that a file names is never opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from layover import layouts, modules
from layover.compositions import MIX, TARGET, AttachedModule, Attachment, finished
from layover.errors import ModelError, first_few
from layover.files.safe import header, sha256, tensors
from layover.layouts import StoredModule, heads
from layover.mixers._router import GATES
from layover.modules import Module
from layover.packages.card import ADAPTERHUB, CARD, MIXER, MODULE, Card, read_card
from layover.packages.fingerprint import of_weights
from layover.packages.meaning import check_same, composition_of, module_of
from layover.packages.sections import AttachmentFacts
from layover.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Package:
    """A package whose card was read; its other files are not read yet."""

    folder: Path
    card: Card
    beside: tuple[Package, ...] = ()
    """The packages that this one needs."""

    def read_from(self) -> tuple[str, ...]:
        """Return the names of the files of its own module and head; the weights of the module come first."""
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
        """The module that the package itself holds, or None."""
        own = self.card.own()
        return module_of(own[0].module, self.folder / CARD) if own else None

    def stored_module(self) -> StoredModule:
        """Return its own module, in the layout that the card names, fitted to its encoder.

        Raises:
            ModelError: the package has no module of its own, or its files do not match its card.
        """
        base, layout = self.card.base.base(), self.card.layout
        if self.module is None or layout is None:
            raise ModelError(f"{self.folder}: the package has no module of its own")
        if layout == MODULE_LAYOUT:
            return _plain(self.module, base.shape, self.folder / MODULE)
        folder = self.folder / ADAPTERHUB if layout == "adapterhub" else self.folder
        read = layouts.get(layout).read(folder, base)
        check_same(self.module, read.module, base.shape, str(folder))
        return read

    def own_weights(self) -> Weights:
        """Return the weights of its own module, by canonical name.

        Raises:
            ModelError: they are damaged, or differ from the card.
        """
        weights = self.stored_module().weights()
        if of_weights(weights) != self.card.own()[0].weights_sha256:
            raise ModelError(f"{self.folder}: the weights of its module do not match its card; export or copy it again")
        return weights

    def mixer_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name in `MIXER` -> shape, of the weights of the mixer; empty for a package without a mixer.

        Raises:
            ModelError: a module or the composition of the card does not exist.
        """
        where, shape = self.folder / CARD, self.card.base.base().shape
        composition = composition_of(self.card.composition, where)
        mixer = None if composition is None else composition.built_mixer()
        others = {facts.role: module_of(facts.module, where) for facts in self.card.attachments if facts.role != TARGET}
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
        """Return role, or `mix` -> weights of the mixer; empty for a package without a mixer.

        Raises:
            ModelError: they are damaged, or not exactly the weights of the composition.
        """
        shapes = self.mixer_shapes()
        if not shapes:
            return {}
        check_shapes(self.folder / MIXER, shapes)
        weights: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors(self.folder / MIXER).items():
            role, _, own = name.partition(".layers.")
            weights.setdefault(role, {})[f"layers.{own}"] = value
        return weights

    def head(self) -> dict[str, Tensor] | None:
        """Return the weights of its head by Layover's names, or None if it has no head.

        Raises:
            ModelError: they are damaged, or not exactly the weights of a head for its kind and labels.
        """
        task, base, file = self.card.task, self.card.base.base(), self.folder / heads.HEAD
        if heads.HEAD not in self.card.files or task is None:
            return None
        form = task.form()
        check_shapes(file, heads.shapes(form, task.labels, base))
        return heads.read(file, task.kind, form, base)

    def attachments(self) -> list[Attachment]:
        """Return the frozen attachments for the encoder, in the order of application.

        Raises:
            ModelError: a file is missing or damaged, or differs from the card.
        """
        card, shape, mixer = self.card, self.card.base.base().shape, self.mixer()
        modules_by_role = {
            facts.role: AttachedModule(facts.role, *self._module_and_weights(facts), trainable=False, gates=None)
            for facts in card.attachments
        }
        target = modules_by_role.pop(TARGET, None)
        composition = composition_of(card.composition, self.folder / CARD)
        if composition is None or not modules_by_role:
            return [] if target is None else [target]
        gated = [
            AttachedModule(attached.name, attached.module, attached.weights, False, mixer.get(attached.name))
            for attached in modules_by_role.values()
        ]
        module = target.module if target is not None else modules.get("none")()
        composed = composition.attachments(module, gated, shape=shape, seed=_seed(card, self.folder / CARD))
        trained = {MIX: mixer.get(MIX, {}), TARGET: {} if target is None else target.weights or {}}
        return [finished(attachment, lambda name: trained[name]) for attachment in composed]

    def _module_and_weights(self, facts: AttachmentFacts) -> tuple[Module, Weights]:
        return module_of(facts.module, self.folder / CARD), self.holder(facts).own_weights()

    def check_needed(self) -> None:
        """Refuse a package that needs a missing package.

        Raises:
            ModelError: names the first missing package; see `holder`.
        """
        for facts in self.card.attachments:
            self.holder(facts)

    def holder(self, facts: AttachmentFacts) -> Package:
        """Return the package that holds an attachment: this one, or one of the packages that it needs.

        Raises:
            ModelError: no package holds it, or the package belongs to another encoder or holds another module.
        """
        if facts.package is None:
            return self
        for other in self.beside:
            own = other.card.own()
            if own and own[0].weights_sha256 == facts.weights_sha256:
                if other.card.base.weights_sha256 != self.card.base.weights_sha256:
                    raise ModelError(f"{other.folder}: belongs to another encoder than {self.folder}")
                if other.module is None:
                    raise ModelError(f"{other.folder}: the package has no module of its own")
                expected = module_of(facts.module, self.folder / CARD)
                check_same(expected, other.module, self.card.base.base().shape, str(other.folder))
                return other
        raise ModelError(
            f"{self.folder}: needs the package {facts.package} (weights {facts.weights_sha256[:12]}), trained on "
            f"{first_few(facts.trained_on)}; put its folder next to this one, or name it (--with, others)"
        )


MODULE_LAYOUT = "layover"
"""The name of the layout of `MODULE` on a card."""


def open_package(folder: Path, others: Iterable[Path] = ()) -> Package:
    """Return a package after a check of its files against the hashes on its card.

    Args:
        folder: Folder of the package.
        others: Folders of packages that it may need, in addition to the folders next to it.

    Raises:
        ModelError: it is not a package, or a file is missing or changed. A file that the card does not list is never
            read; `layover verify` reports it.
    """
    package = Package(folder, read_card(folder))
    check_files(package)
    return with_needed(package, others)


def with_needed(package: Package, others: Iterable[Path] = ()) -> Package:
    """Return a package together with the packages that it needs; see `open_package`.

    Raises:
        ModelError: one of these packages is damaged.
    """
    if not package.card.needed():
        return package
    folder = package.folder
    wanted = {facts.weights_sha256 for facts in package.card.attachments if facts.package is not None}
    named = {facts.package for facts in package.card.attachments}
    beside = [other for other in sorted(folder.absolute().parent.iterdir()) if other.name in named and other.is_dir()]
    needed = []
    for other in dict.fromkeys([*others, *beside]):
        opened = Package(other, read_card(other))
        if {facts.weights_sha256 for facts in opened.card.own()} & wanted:
            check_files(opened)
            needed.append(opened)
    return Package(folder, package.card, tuple(needed))


def check_files(package: Package, names: Iterable[str] | None = None) -> None:
    """Refuse a package whose files do not match its card.

    Args:
        package: The package.
        names: Names of the files to check; None for all files on the card, except pickles.

    Raises:
        ModelError: names the first file that is missing, changed or too large.
    """
    hashes = package.card.hashes()
    for name in hashes if names is None else names:
        file = package.folder / name
        if sha256(file) != hashes.get(name):
            raise ModelError(f"{file}: its SHA-256 differs from the card: the file was changed, or not copied whole")


def check_shapes(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a file whose names and shapes are not exactly `shapes`; only its header is read.

    Raises:
        ModelError: names the first weight that is missing, unexpected or of another shape.
    """
    there = {name: entry.shape for name, entry in header(file).items()}
    for name in sorted(set(there) | set(shapes)):
        actual, expected = there.get(name), shapes.get(name)
        if actual != expected:
            state = (
                "is missing" if actual is None else "is unexpected" if expected is None else f"has the shape {actual}"
            )
            rest = "" if actual is None or expected is None else f", but {expected} is needed"
            raise ModelError(f"{file}: {name}: {state}{rest}")


def _seed(card: Card, where: Path) -> int:
    seed = card.settings.get("seed")
    if type(seed) is not int:
        raise ModelError(f"{where}: its settings have no seed")
    return seed


def _plain(module: Module, shape: Shape, file: Path) -> StoredModule:
    """Return a module in a file with its canonical names."""
    own = {f"{site.name}.{name}": size for site in module.sites(shape) for name, size in module.weights(site).items()}
    check_shapes(file, own)
    return StoredModule(module, {name: name for name in own}, own, file)
