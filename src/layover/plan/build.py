"""From a recipe to a plan: every node with its key, equal work made one node."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.masking import PERCENT
from layover.errors import LayoverError, Problem, RecipeError
from layover.identity import key_of
from layover.plan import evaluation, heads, languages, leakage, lengths, mixtures, rows, unlabelled
from layover.plan.data import DataRules, Portion
from layover.plan.encoders import EncoderRef, resolve
from layover.plan.evaluation import Evaluated
from layover.plan.hub import Revisions
from layover.plan.imports import Imports
from layover.plan.inputs import TokenizeInputs
from layover.plan.labels import with_labels
from layover.plan.nodes import STEP_VERSIONS, Cell, Node, Plan
from layover.plan.points import Point, points, trained_targets
from layover.plan.retrieval import Asked, Searched, score_node, searched, settled
from layover.plan.sources import with_sources
from layover.plan.stages import Stages
from layover.plan.surveys import Surveys
from layover.recipe import NO_INTERMEDIATE, Recipe, ResolvedMethod
from layover.store import Memory
from layover.tasks import Task


def build(
    recipe: Recipe,
    hash_file: Callable[[Path], str],
    revisions: Revisions | None = None,
    memory: Memory | None = None,
) -> Plan:
    """Return the plan of a recipe.

    Args:
        recipe: A checked recipe.
        hash_file: SHA-256 of a file (`FileHashes`).
        revisions: Resolver of hub revisions.
        memory: Of what is read from data: labels, counts, lengths; and of tokenizers.

    Raises:
        RecipeError: with every model and every data set that cannot be had.
    """
    memory = memory or Memory()
    return _Planner(recipe, hash_file, revisions or Revisions(memory), memory).plan()


class _Planner:
    """Makes nodes on demand and remembers them by what they were asked for."""

    def __init__(self, recipe: Recipe, hash_file: Callable[[Path], str], revisions: Revisions, memory: Memory) -> None:
        self.recipe, self.unlabelled = with_labels(recipe, DataRules(recipe, revisions, hash_file), hash_file, memory)
        self.imports = Imports(self.recipe, revisions, hash_file)
        self.recipe = self.recipe.model_copy(update={"imported": self.imports.told})
        self.hash_file = hash_file
        self.revisions, self.memory = revisions, memory
        self.rules = DataRules(self.recipe, revisions, hash_file)
        self.surveys = Surveys(hash_file, memory)
        self.made: dict[str, Node] = {}
        self.trained: frozenset[str] = frozenset()
        """Targets that some cell trains."""
        self.encoders: dict[str, EncoderRef] = {}
        self.evaluated: dict[str, Evaluated] = {}
        self.searched: dict[str, Searched] = {}
        self.stages = Stages(self.recipe, self.rules, self.encoders, self.imports, self)
        self._tokenized: dict[tuple[object, ...], Node] = {}

    def plan(self) -> Plan:
        notes: list[str] = []
        document = self.recipe.document
        kept = self._points(notes)
        self.trained = trained_targets(self.recipe, kept)
        self._locate_everything(kept)
        kept = self.imports.composable(kept, notes)
        self.trained = trained_targets(self.recipe, kept)
        judged: dict[str, Evaluated | Searched] = {**self.evaluated, **self.searched}
        if problems := languages.problems(self.recipe, self.rules, kept, judged):
            raise RecipeError(problems)
        cells = [self._cell(*point) for point in kept]
        for target, one in judged.items():
            if one.absent:
                total = len(one.portions) + len(one.absent)
                missing = " ".join(sorted(one.absent))
                there = f"{one.split} data for {len(one.portions)} of {total} languages"
                notes.append(f"{target}: {there}; absent: {missing}")
        notes += self.revisions.told()
        learned = {name for point in kept for name in self.recipe.learned(point[2])}
        members = {task for name in learned for task in self.recipe.members(name)}
        trained = [name for name in document.swept() if name in {*self.trained, *members}]
        notes += self.rules.unsaid(trained) + self.rules.replaced(trained)
        notes += self._selected_on_what_is_scored()
        notes += mixtures.notes(self.recipe) + self.imports.notes()
        notes += heads.notes(self.recipe, cells)
        notes += languages.notes(self.recipe, self.rules, kept, judged)
        notes += leakage.notes(
            self.recipe, self.rules, {(cell.intermediate, cell.target) for cell in cells}, self.trained
        )
        notes += [f"{target}: {note}" for target, one in judged.items() for note in one.notes()]
        nodes = self._reachable(cell.score for cell in cells)
        unusable = rows.problems(self.recipe, self.surveys, nodes)
        if unusable := unusable + unlabelled.problems(self.recipe, self.surveys, nodes):
            raise RecipeError(unusable)
        notes += rows.notes(self.surveys, nodes)
        notes += rows.seen(self.surveys, nodes, lambda data, target: self.rules.leaves_out(data.task, target))
        return Plan(
            recipe=self.recipe,
            nodes=with_sources(nodes),
            cells=tuple(cells),
            notes=tuple(notes),
            unresolved=tuple(self.revisions.unresolved),
            offline=self.revisions.why if self.revisions.offline else "",
            unread=rows.unread(self.surveys, nodes),
        )

    def _selected_on_what_is_scored(self) -> list[str]:
        """Say where the best weights are chosen on examples that are scored."""
        notes = []
        for target, one in self.evaluated.items():
            portion = self.rules.development(self.recipe.tasks[target]) if target in self.trained else None
            if portion is not None and self.rules.overlapping(portion, one.portions.values()):
                where = f"{portion.split} {portion.language}"
                notes.append(f"{target}: weights are selected on data that are scored, too ({where})")
        return sorted(notes)

    def _points(self, notes: list[str]) -> list[Point]:
        """Return the points of the sweep; where modules cannot be opened that is said, and not what follows from it."""
        try:
            return points(self.recipe, notes)
        except RecipeError:
            if self.imports.problems:
                raise RecipeError(self.imports.problems) from None
            raise

    def _locate_everything(self, kept: list[Point]) -> None:
        """Find every model and data set first, so that all that is missing is said at once."""
        problems = list(self.unlabelled)
        document, sweep = self.recipe.document, self.recipe.document.sweep
        for label in sweep.model:
            try:
                self.encoders[label] = resolve(
                    label, document.models[label], self.hash_file, self.revisions, self.memory
                )
            except LayoverError as error:
                problems.append(self.recipe.source.problem(("models", label), str(error)))
        problems += self._fitting() + lengths.problems(self.recipe, self.rules, self.encoders.values())
        intermediates = {task for name in sweep.learned() for task in document.members(name)}
        for name in document.swept():
            task = self.recipe.tasks[name]
            try:
                if not kinds.get(task.kind).trained:
                    self.searched[name] = searched(self.rules, task)
                    for encoder in self.encoders.values():
                        settled(self.searched[name].search, encoder, task)
                    continue
                learned = name in self.trained or name in intermediates
                if learned:
                    self.rules.train(task)
                    self.rules.development(task)
                if name in sweep.target:
                    self.evaluated[name] = evaluation.evaluated(self.rules, task)
            except LayoverError as error:
                problems.append(self.recipe.source.problem(self.recipe.place_of(name), str(error)))
        problems += self._texts() + self.imports.problems + self.imports.unfitting(self.encoders.values(), kept)
        if problems:
            raise RecipeError(problems)

    def _fitting(self) -> list[Problem]:
        """Return the methods that ask for layers that an encoder does not have, where its shape is known."""
        problems = []
        asking: list[tuple[tuple[str, ...], ResolvedMethod]] = [
            (("methods", name), self.recipe.methods[name]) for name in self.recipe.document.sweep.method
        ]
        if self.recipe.languages is not None:
            asking.append((("languages",), self.recipe.languages.method))
        for (where, method), encoder in itertools.product(asking, self.encoders.values()):
            try:
                if encoder.shape is not None:
                    method.module.layers_of(encoder.shape.layers)
                    if method.adapterdrop.drops():
                        method.adapterdrop.check(method.module, encoder.shape.layers)
            except LayoverError as error:
                problems.append(self.recipe.source.problem(where, f"{error} ({encoder.label})"))
        return problems

    def _texts(self) -> list[Problem]:
        """Return what is wrong with the texts that languages are learned from."""
        problems, adapters = [], self.recipe.languages
        for language, task in adapters.texts.items() if adapters is not None else ():
            try:
                self.rules.train(task)
            except LayoverError as error:
                problems.append(self.recipe.source.problem(("languages", "text", language), str(error)))
        return problems

    def _reachable(self, keys: Any) -> Mapping[str, Node]:
        """Return the nodes below `keys`, each after the nodes it needs."""
        ordered: dict[str, Node] = {}

        def visit(key: str) -> None:
            if key not in ordered:
                node = self.made[key]
                for need in node.needs:
                    visit(need)
                ordered[key] = node

        for key in keys:
            visit(key)
        return ordered

    # nodes

    def node(
        self,
        kind: str,
        identity: dict[str, Any],
        needs: tuple[str, ...],
        label: str,
        inputs: Any,
        job: str = "",
    ) -> Node:
        full = {"node": kind, "version": STEP_VERSIONS[kind], **identity}
        key = key_of(full)
        if key not in self.made:
            self.made[key] = Node(kind, key, full, tuple(dict.fromkeys(needs)), label, inputs, job or key)
        return self.made[key]

    def trained_on(self, key: str) -> tuple[str, ...]:
        """Return the keys of the tokenized sets that a node, and all it rests on, is trained on; each once."""
        found: dict[str, None] = {}
        seen: set[str] = set()

        def visit(key: str) -> None:
            if key not in seen:
                seen.add(key)
                if self.made[key].kind == "train":
                    found.update(dict.fromkeys(self.made[key].inputs.data_keys()))
                for need in self.made[key].needs:
                    visit(need)

        visit(key)
        return tuple(found)

    def tokenize(self, portion: Portion, encoder: EncoderRef, settings_of: Task) -> Node:
        train = self.recipe.document.train
        max_length = self.rules.number(settings_of, "max_length", train.max_length)
        stride = self.rules.number(settings_of, "stride", train.stride)
        hidden = self.rules.hidden_percent(settings_of) if portion.split == "train" else PERCENT
        asked = (
            encoder.label,
            portion.task.name,
            portion.split,
            portion.language,
            portion.subset,
            bool(portion.without),
            max_length,
            stride,
            hidden,
        )
        if asked in self._tokenized:
            return self._tokenized[asked]
        task = portion.task
        identity = {
            "data": self.surveys.identity(portion.location),
            "subset": {name: value for name, value in asdict(portion.subset).items() if value not in {None, "all"}},
            "kind": task.kind,
            "labels": list(task.labels),
            "tokenizer": dict(encoder.tokenizer),
            "max_length": max_length,
        }
        if task.kind == "span":
            identity["stride"] = stride
        if hidden != PERCENT:
            identity["hidden_percent"] = hidden
        if portion.without:
            identity["without"] = [place.identity(self.hash_file) for place in portion.without]
        counted = self.surveys.counted(task, portion.location)
        inputs = TokenizeInputs(
            task,
            portion.location,
            encoder,
            portion.subset,
            max_length,
            stride,
            counted.examples if counted is not None and not counted.problem else portion.count,
            hidden,
            portion.without,
            self.surveys.tokens(task, portion.location, encoder, max_length, stride),
        )
        label = f"tokenize {task.name} {portion.split} {portion.language}"
        job = f"tokenize {encoder.label} {task.name}"
        node = self.node("tokenize", identity, (), label, inputs, job)
        self._tokenized[asked] = node
        return node

    def _score(self, model: str, method: ResolvedMethod, intermediate: str, target: str, seed: int) -> Node:
        task, encoder = self.recipe.tasks[target], self.encoders[model]
        train = self.stages.target(model, method, intermediate, task, seed)
        where = f"{target} {model}/{method.name}/{intermediate} seed {seed}"
        adapter_of = partial(self.stages.adapter, model, method)
        skipped = method.adapterdrop.predicting if train.inputs.acts else 0
        reader = evaluation.Reader(encoder, train, where, adapter_of, skipped)
        return evaluation.score_node(self, task, self.evaluated[target], reader)

    def _retrieved(self, model: str, method: ResolvedMethod, intermediate: str, target: str, seed: int) -> Cell:
        """Return the cell of a target that is not trained."""
        task, encoder, found = self.recipe.tasks[target], self.encoders[model], self.searched[target]
        metric, before, baseline = self.rules.metric(task), None, None
        asked = Asked(encoder, None, method.precision, partial(self.stages.adapter, model, method))
        if intermediate != NO_INTERMEDIATE:
            before = self._before(model, method, intermediate, seed)
            baseline = score_node(self, task, found, asked, metric).key
            asked = replace(asked, train=before, skipped=method.adapterdrop.predicting)
        score = score_node(self, task, found, asked, metric).key
        train, seeded = before.key if before else None, before is not None and self.stages.seeded(method, intermediate)
        return Cell(model, method.name, intermediate, target, seed, train, score, baseline, seeded, False)

    def _before(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Node:
        """Return what a target that is not trained hangs on: one intermediate alone, or several composed."""
        names = self.recipe.learned(intermediate)
        if len(names) == 1 and method.composition.single_is_itself():
            return self.stages.alone(model, method, intermediate, seed)
        return self.stages.composed(model, method, intermediate, None, seed)

    def _cell(self, model: str, method: str, intermediate: str, target: str, seed: int) -> Cell:
        resolved, task = self.recipe.methods[method], self.recipe.tasks[target]
        if not kinds.get(task.kind).trained:
            return self._retrieved(model, resolved, intermediate, target, seed)
        score = self._score(model, resolved, intermediate, target, seed)
        baseline = None
        if intermediate != NO_INTERMEDIATE and resolved.composition.trains() != "none":
            baseline = self._score(model, resolved, NO_INTERMEDIATE, target, seed).key
        train = self.stages.target(model, resolved, intermediate, task, seed)
        seeded = train.kind != "compose" or self.stages.seeded(resolved, intermediate)
        return Cell(model, method, intermediate, target, seed, train.key, score.key, baseline, seeded)
