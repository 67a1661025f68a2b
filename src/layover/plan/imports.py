"""Imported modules in a plan: opened once, checked against each of their encoders, and made into nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from layover.errors import LayoverError, MistakesError, ModelError, Problem, RecipeError
from layover.files.safe import header
from layover.layouts import Base
from layover.modules import Module
from layover.packages.meaning import same
from layover.packages.opened import Opened, open_module
from layover.packages.untrained import Untrained, untrained
from layover.plan.combinations import sifted
from layover.plan.hub import Revisions
from layover.plan.maker import Maker
from layover.plan.nodes import Combination, Node
from layover.plan.origin import Folder, downloaded
from layover.recipe import Recipe, ResolvedMethod
from layover.recipe.intermediate_checks import folder_of
from layover.recipe.learned import ImportedFacts, ImportedHead
from layover.specs import EncoderSpec
from layover.specs.import_ import HeadSpec, ImportSpec, ModuleOrigin


@dataclass(frozen=True)
class _OpenedModule:
    """An imported module before it is checked against an encoder."""

    origin: ModuleOrigin
    files: dict[str, str]
    """Name of a file with weights -> its SHA-256; the file of the module is first."""
    facts: ImportedFacts
    belongs_to: str | None
    package: str | None
    skipped: int


@dataclass(frozen=True)
class _FittedModule:
    """An imported module on an encoder."""

    base: Base
    module: Module
    left_out: tuple[str, ...]
    model: str | None
    """Name of the encoder that it was trained on, in its config; None if absent."""
    untrained: Untrained


class Imports:
    """The imported modules among the intermediates of a recipe.

    Args:
        recipe: A checked recipe.
        revisions: Resolver of hub revisions.
        hash_file: SHA-256 of a file.
    """

    def __init__(self, recipe: Recipe, revisions: Revisions, hash_file: Callable[[Path], str]) -> None:
        self._recipe, self._hash_file = recipe, hash_file
        self._known: dict[str, _OpenedModule] = {}
        self._fitted: dict[tuple[str, str], _FittedModule] = {}
        self.problems: list[Problem] = []
        """Modules that cannot be opened."""
        for name in recipe.document.sweep.learned():
            if name in recipe.document.modules:
                try:
                    self._known[name] = self._open(name, revisions)
                except LayoverError as error:
                    self.problems += [self._problem(name, message) for message in _each(error)]

    @property
    def facts(self) -> dict[str, ImportedFacts]:
        """Head and tasks of each module by its name, from its files and the recipe."""
        return {name: known.facts for name, known in self._known.items()}

    def _problem(self, name: str, message: str) -> Problem:
        return self._recipe.source.problem(("modules", name), message)

    def _open(self, name: str, revisions: Revisions) -> _OpenedModule:
        written = self._recipe.document.modules[name]
        folder = folder_of(written, self._recipe.source)
        if folder is not None:
            origin: ModuleOrigin = Folder(folder)
        else:
            origin = downloaded(written.hub or "", written.revision or "", revisions)
        with origin.at_hand() as folder:
            opened = open_module(folder)
            files = [file for file in opened.read_from() if PurePosixPath(file).suffix == ".safetensors"]
            for file in files:
                header(folder / file)  # checks the type and the size of the file before it is hashed
        tasks = opened.card.own()[0].trained_on if opened.card is not None else ()
        return _OpenedModule(
            origin=origin,
            files={file: self._hash_file(origin.place(file)) for file in files},
            facts=ImportedFacts(_head(opened), (written.task,) if written.task is not None else tasks),
            belongs_to=None if opened.card is None else opened.card.base.weights_sha256,
            package=None if opened.card is None else opened.card.id,
            skipped=0 if opened.card is None else opened.card.skipped_layers,
        )

    def fit(self, encoder: EncoderSpec, name: str) -> None:
        """Check a module against an encoder, and remember the result.

        Raises:
            ModelError: it does not fit completely, or the facts about the encoder do not suffice.
        """
        if (encoder.label, name) in self._fitted or name not in self._known:
            return
        base = encoder.base()
        with self._known[name].origin.at_hand() as folder:
            content = open_module(folder).stored_module(base)
            fresh = untrained(content)
        self._fitted[encoder.label, name] = _FittedModule(base, content.module, content.left_out, content.model, fresh)

    def unfitting(self, encoders: Iterable[EncoderSpec], combinations: Iterable[Combination]) -> list[Problem]:
        """Return the problems of modules that do not fit an encoder of one of their cells."""
        by_label, problems = {encoder.label: encoder for encoder in encoders}, []
        met = dict.fromkeys(
            (combination.model, name)
            for combination in combinations
            for name in self._recipe.learned(combination.intermediate)
        )
        for model, name in met:
            if model not in by_label:
                continue  # a missing encoder is reported elsewhere
            try:
                self.fit(by_label[model], name)
            except ModelError as error:
                several = len(self._recipe.document.sweep.model) > 1
                hint = f"; sweep.exclude: [{{model: {model}, intermediate: {name}}}] excludes it for this model"
                after = f" ({model}){hint if several else ''}"
                problems += [self._problem(name, f"{message}{after}") for message in _each(error)]
        return problems

    def composable(self, combinations: list[Combination], notes: list[str]) -> list[Combination]:
        """Return the combinations whose methods can take their imported modules; `notes` gets a line for the others.

        Raises:
            RecipeError: no combination is left, or no combination with one of the modules.
        """
        refused = cache(self._refused)
        reasons = {combination: refused(*combination[:3]) for combination in combinations}
        kept = sifted(self._recipe, combinations, lambda combination: reasons[combination], notes)
        used = {name for combination in kept for name in self._recipe.learned(combination.intermediate)}
        lost: dict[str, dict[str, None]] = {}
        for combination, reason in reasons.items():
            for name in self._recipe.learned(combination.intermediate) if reason else ():
                if name in self._known and name not in used:
                    lost.setdefault(name, {})[f"{combination.method}: {reason}"] = None
        if lost:
            raise RecipeError(
                [self._problem(name, f"no method takes it: {'; '.join(why)}") for name, why in lost.items()]
            )
        return kept

    def _refused(self, model: str, method: str, intermediate: str) -> str:
        """Return why a method cannot take imported modules; empty if it can, or if there are none."""
        reasons = (self._unfit(model, how, intermediate) for how in self._recipe.variants(method))
        return next(filter(None, reasons), "")

    def _unfit(self, model: str, how: ResolvedMethod, intermediate: str) -> str:
        names = self._recipe.learned(intermediate)
        imported = [name for name in names if name in self._known]
        if not imported:
            return ""
        composition, listed = how.composition, ", ".join(imported)
        modules = {name: self._module(model, name, how.module) if name in imported else how.module for name in names}
        if len(names) > 1 and composition.gate_training() is not None:
            return (
                f"gates are learned on the training data of each module, but {listed} has none; "
                "use compose: {name: route, router: arrow}, which needs no training data"
            )
        shape = self._fitted[model, imported[0]].base.shape
        try:
            composition.check(composition.target_module(how.module, len(names)), list(modules.values()))
            for name in imported if how.adapterdrop.drops() else ():
                how.adapterdrop.check(modules[name], shape.layers)
        except ModelError as error:
            return f"{listed}: {error}"
        sites = {name: module.sites(shape) for name, module in modules.items()}
        other = next((name for name in names if sites[name] != sites[names[0]]), None)
        if composition.mixes(names) and other is not None:
            return f"{names[0]} and {other} attach to different sites of the encoder, so they cannot be mixed"
        skipped = {name: self._known[name].skipped for name in imported}
        for name, layers in skipped.items():
            if layers not in {0, how.adapterdrop.predicting}:
                return f"{name} skips the lowest {layers} layers; set adapterdrop: {{predict: {layers}}}"
        return ""

    def _module(self, model: str, name: str, own: Module) -> Module:
        """Return a module on an encoder: the method's own settings if they mean the same, else the settings read."""
        fitted = self._fitted[model, name]
        return own if same(own, fitted.module, fitted.base.shape) else fitted.module

    def node(self, encoder: EncoderSpec, own: Module, name: str, maker: Maker) -> Node[ImportSpec]:
        """Return the import of a module; its key depends neither on its name nor on its place.

        Args:
            encoder: The encoder that it was checked against.
            own: The method's own module.
            name: Name in the recipe.
            maker: Makes nodes.
        """
        known, fitted = self._known[name], self._fitted[encoder.label, name]
        weights, *more = known.files.values()
        head = known.facts.head
        outputs = None if head is None else HeadSpec(more[0], head.kind, head.labels, head.language)
        spec = ImportSpec(
            name=name,
            encoder=encoder,
            module=self._module(encoder.label, name, own),
            weights=weights,
            belongs_to=known.belongs_to,
            head=outputs,
            fits=fitted.base,
            origin=known.origin,
            files=known.files,
            package=known.package,
            skipped=known.skipped,
            tasks=known.facts.tasks,
        )
        return maker.node(spec, (), f"import {name} {encoder.label}")

    def notes(self) -> list[str]:
        """Return notes about the modules: weights that are not imported, and facts that are unknown."""
        notes: dict[str, None] = {}
        for (label, name), fitted in self._fitted.items():
            if fitted.left_out:
                notes[f"{name}: the head in its file is not imported ({', '.join(fitted.left_out)})"] = None
            if fitted.untrained.wholly:
                notes[f"{name}: the module is untrained: {fitted.untrained.message()}"] = None
            model = self._recipe.document.models[label].name
            base = fitted.model if self._known[name].belongs_to is None else None
            if base is not None and _last(base) != _last(model):
                trained_on = f"{name}: its config says that it was trained on {base}; here its encoder is {model}"
                notes[f"{trained_on}, and equal sizes do not prove that the encoders are the same"] = None
        for name, facts in self.facts.items():
            if not facts.tasks:
                unknown = "its training task is unknown, and so is whether it has seen data of a target"
                notes[f"{name}: {unknown}; set modules.{name}.task"] = None
        return list(notes)


def _head(opened: Opened) -> ImportedHead | None:
    """Return the head of a package; None if absent."""
    card = opened.card
    if card is None or card.task is None or not opened.has_head():
        return None
    return ImportedHead(card.task.kind, card.task.labels, card.task.language)


def _each(error: LayoverError) -> tuple[str, ...]:
    """Return the mistakes that an error lists."""
    return error.mistakes if isinstance(error, MistakesError) else (str(error),)


def _last(model: str) -> str:
    """Return the last part of the name of an encoder; a hub id and a folder may share it."""
    return model.rstrip("/").rpartition("/")[2]
