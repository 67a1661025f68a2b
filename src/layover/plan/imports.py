"""Imported modules in a plan: opened once, held against each encoder they meet, and made into nodes."""

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
from layover.recipe import Recipe
from layover.recipe.intermediate_checks import folder_of
from layover.recipe.learned import ImportedFacts, ImportedHead
from layover.specs import EncoderSpec
from layover.specs.import_ import HeadSpec, ImportSpec, ModuleOrigin


@dataclass(frozen=True)
class _OpenedModule:
    """An imported module before it meets an encoder."""

    origin: ModuleOrigin
    files: dict[str, str]
    """Name of a file with weights -> its SHA-256; first the module's."""
    told: ImportedFacts
    belongs_to: str | None
    package: str | None
    skipped: int


@dataclass(frozen=True)
class _FittedModule:
    """The same on an encoder."""

    base: Base
    module: Module
    left_out: tuple[str, ...]
    model: str | None
    """What its config calls the encoder it was trained on."""
    untrained: Untrained


class Imports:
    """The imported modules on the axis of a recipe.

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
        """What cannot be opened."""
        for name in recipe.document.sweep.learned():
            if name in recipe.document.modules:
                try:
                    self._known[name] = self._open(name, revisions)
                except LayoverError as error:
                    self.problems += [self._problem(name, message) for message in _each(error)]

    @property
    def told(self) -> dict[str, ImportedFacts]:
        """What the files of each say, by name."""
        return {name: known.told for name, known in self._known.items()}

    def _problem(self, name: str, message: str) -> Problem:
        return self._recipe.source.problem(("modules", name), message)

    def _open(self, name: str, revisions: Revisions) -> _OpenedModule:
        written = self._recipe.document.modules[name]
        folder = folder_of(written, self._recipe.source)
        if folder is not None:
            origin: ModuleOrigin = Folder(folder)
        else:
            origin = downloaded(written.hub or "", written.revision or "", revisions)
        with origin.at_hand() as there:
            opened = open_module(there)
            files = [file for file in opened.read_from() if PurePosixPath(file).suffix == ".safetensors"]
            for file in files:
                header(there / file)  # an ordinary file of a bounded size, before all of it is hashed
        tasks = opened.card.own()[0].trained_on if opened.card is not None else ()
        return _OpenedModule(
            origin=origin,
            files={file: self._hash_file(origin.place(file)) for file in files},
            told=ImportedFacts(_head(opened), (written.task,) if written.task is not None else tasks),
            belongs_to=None if opened.card is None else opened.card.base.weights_sha256,
            package=None if opened.card is None else opened.card.id,
            skipped=0 if opened.card is None else opened.card.skipped_layers,
        )

    def fit(self, encoder: EncoderSpec, name: str) -> None:
        """Hold a module against an encoder that it meets.

        Raises:
            ModelError: it does not fit completely, or too little is known of the encoder.
        """
        if (encoder.label, name) in self._fitted or name not in self._known:
            return
        base = encoder.base()
        with self._known[name].origin.at_hand() as there:
            found = open_module(there).stored_module(base)
            fresh = untrained(found)
        self._fitted[encoder.label, name] = _FittedModule(base, found.module, found.left_out, found.model, fresh)

    def unfitting(self, encoders: Iterable[EncoderSpec], combinations: Iterable[Combination]) -> list[Problem]:
        """Return which modules do not fit an encoder that they meet in some cell."""
        by_label, problems = {encoder.label: encoder for encoder in encoders}, []
        met = dict.fromkeys(
            (combination.model, name)
            for combination in combinations
            for name in self._recipe.learned(combination.intermediate)
        )
        for model, name in met:
            if model not in by_label:
                continue  # that there is no such encoder is told elsewhere
            try:
                self.fit(by_label[model], name)
            except ModelError as error:
                several = len(self._recipe.document.sweep.model) > 1
                hint = f"; sweep.exclude: [{{model: {model}, intermediate: {name}}}] leaves it out there"
                after = f" ({model}){hint if several else ''}"
                problems += [self._problem(name, f"{message}{after}") for message in _each(error)]
        return problems

    def composable(self, combinations: list[Combination], notes: list[str]) -> list[Combination]:
        """Return the combinations whose imported modules their methods can take; what is left out is added to `notes`.

        Raises:
            RecipeError: nothing is left, or nothing with one of the modules.
        """
        asked = cache(self._refused)
        reasons = {combination: asked(*combination[:3]) for combination in combinations}
        kept = sifted(self._recipe, combinations, lambda combination: reasons[combination], notes)
        there = {name for combination in kept for name in self._recipe.learned(combination.intermediate)}
        lost: dict[str, dict[str, None]] = {}
        for combination, reason in reasons.items():
            for name in self._recipe.learned(combination.intermediate) if reason else ():
                if name in self._known and name not in there:
                    lost.setdefault(name, {})[f"{combination.method}: {reason}"] = None
        if lost:
            raise RecipeError(
                [self._problem(name, f"no method takes it: {'; '.join(why)}") for name, why in lost.items()]
            )
        return kept

    def _refused(self, model: str, method: str, intermediate: str) -> str:
        """Return why a method cannot take imported modules; empty when it can, or there are none."""
        names = self._recipe.learned(intermediate)
        imported = [name for name in names if name in self._known]
        if not imported:
            return ""
        how = self._recipe.methods[method]
        composition, said = how.composition, ", ".join(imported)
        modules = {name: self._module(model, name, how.module) if name in imported else how.module for name in names}
        if len(names) > 1 and composition.gate_training() is not None:
            return (
                f"gates are learned on a module's own training data, and {said} comes without; "
                "compose: {name: route, router: arrow} needs none"
            )
        shape = self._fitted[model, imported[0]].base.shape
        try:
            composition.check(composition.target_module(how.module, len(names)), list(modules.values()))
            for name in imported if how.adapterdrop.drops() else ():
                how.adapterdrop.check(modules[name], shape.layers)
        except ModelError as error:
            return f"{said}: {error}"
        sites = {name: module.sites(shape) for name, module in modules.items()}
        other = next((name for name in names if sites[name] != sites[names[0]]), None)
        if composition.mixes(names) and other is not None:
            return f"{names[0]} and {other} act at different places of the encoder, so that there is nothing to mix"
        skipped = {name: self._known[name].skipped for name in imported}
        for name, layers in skipped.items():
            if layers not in {0, how.adapterdrop.predicting}:
                return f"{name} was left out of the lowest {layers} layers; adapterdrop: {{predict: {layers}}} does so"
        return ""

    def _module(self, model: str, name: str, beside: Module) -> Module:
        """Return a module on an encoder, with the settings as a method's own write them where they mean the same."""
        fitted = self._fitted[model, name]
        return beside if same(beside, fitted.module, fitted.base.shape) else fitted.module

    def node(self, encoder: EncoderSpec, beside: Module, name: str, maker: Maker) -> Node[ImportSpec]:
        """Return the import of a module; of what decides it neither its name nor where it lies.

        Args:
            encoder: That it was held against.
            beside: The method's own module.
            name: In the recipe.
            maker: Makes nodes.
        """
        known, fitted = self._known[name], self._fitted[encoder.label, name]
        weights, *more = known.files.values()
        head = known.told.head
        outputs = None if head is None else HeadSpec(more[0], head.kind, head.labels, head.language)
        spec = ImportSpec(
            name=name,
            encoder=encoder,
            module=self._module(encoder.label, name, beside),
            weights=weights,
            belongs_to=known.belongs_to,
            head=outputs,
            fits=fitted.base,
            origin=known.origin,
            files=known.files,
            package=known.package,
            skipped=known.skipped,
            tasks=known.told.tasks,
        )
        return maker.node(spec, (), f"import {name} {encoder.label}")

    def notes(self) -> list[str]:
        """Return what a reader must know of the modules: what is not taken over, and what cannot be known."""
        found: dict[str, None] = {}
        for (label, name), fitted in self._fitted.items():
            if fitted.left_out:
                found[f"{name}: of a head in its file nothing is taken over ({', '.join(fitted.left_out)})"] = None
            if fitted.untrained.wholly:
                found[f"{name}: an untrained module: {fitted.untrained.message()}"] = None
            model = self._recipe.document.models[label].name
            theirs = fitted.model if self._known[name].belongs_to is None else None
            if theirs is not None and _last(theirs) != _last(model):
                said = f"{name}: its config says that it was trained on {theirs}; here it acts on {model}"
                found[f"{said}, and that the sizes are the same proves nothing"] = None
        for name, told in self.told.items():
            if not told.tasks:
                unknown = "what it was trained on is not known, nor what of a target it has seen"
                found[f"{name}: {unknown}; say it with modules.{name}.task"] = None
        return list(found)


def _head(opened: Opened) -> ImportedHead | None:
    """Return the head that a package comes with."""
    card = opened.card
    if card is None or card.task is None or not opened.has_head():
        return None
    return ImportedHead(card.task.kind, card.task.labels, card.task.language)


def _each(error: LayoverError) -> tuple[str, ...]:
    """Return the mistakes that an error tells of."""
    return error.mistakes if isinstance(error, MistakesError) else (str(error),)


def _last(model: str) -> str:
    """Return the last part of the name of an encoder, which a hub id and a folder may have in common."""
    return model.rstrip("/").rpartition("/")[2]
