"""Makes the plan of a recipe: every node with its key; equal work is one node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from layover.data.task import Place
from layover.errors import LayoverError, Problem, RecipeError
from layover.plan import encoder_limits, heads, languages, leakage, rows, tuning
from layover.plan.cells import Cells
from layover.plan.choices import Choices, Round
from layover.plan.combinations import combinations, trained_targets
from layover.plan.data import DataRules, Portion
from layover.plan.encoders import resolve
from layover.plan.evaluation import Evaluated, judged, settled
from layover.plan.gold import gold_problems
from layover.plan.hub import Revisions
from layover.plan.imports import Imports
from layover.plan.labels import with_labels
from layover.plan.nodes import Combination, Node, Nodes, Plan, S, of
from layover.plan.rounds import Chooser, waiting
from layover.plan.sources import with_sources
from layover.plan.stages import Stages
from layover.plan.surveys import Surveys
from layover.recipe import Recipe
from layover.recipe.unused_settings import uncounted_in_mixtures
from layover.specs import EncoderSpec, StepSpec
from layover.specs.tokenize import USUAL_PERCENT, DataSpec, TokenizeSpec
from layover.specs.train import TrainSpec
from layover.store import Memory
from layover.tasks import Task


def build(
    recipe: Recipe,
    hash_file: Callable[[Path], str],
    revisions: Revisions | None = None,
    memory: Memory | None = None,
    chooser: Chooser | None = None,
    choices: Choices | None = None,
) -> Plan:
    """Return the plan of a recipe.

    Args:
        recipe: A checked recipe.
        hash_file: SHA-256 of a file (`FileHashes`).
        revisions: Resolver of hub revisions.
        memory: Labels, counts and lengths of data, and forms of tokenizers, from earlier plans.
        chooser: Decides the values that the recipe leaves open; default: runs the searches of the recipe.
        choices: The choices of a store; with None, every round is open.

    Raises:
        RecipeError: lists every model and every data set that is not available.
    """
    memory = memory or Memory()
    return _Planner(recipe, hash_file, revisions or Revisions(memory), memory).plan(
        chooser or tuning.chooser_of(recipe), choices
    )


class _Planner:
    """Makes nodes on demand, each once."""

    def __init__(self, recipe: Recipe, hash_file: Callable[[Path], str], revisions: Revisions, memory: Memory) -> None:
        self.recipe, self.unlabelled = with_labels(recipe, DataRules(recipe, revisions, hash_file), hash_file, memory)
        self.imports = Imports(self.recipe, revisions, hash_file)
        self.recipe = self.recipe.model_copy(update={"imported": self.imports.facts})
        self.hash_file = hash_file
        self.revisions, self.memory = revisions, memory
        self.rules = DataRules(self.recipe, revisions, hash_file)
        self.surveys = Surveys(hash_file, memory)
        self.made: dict[str, Node[StepSpec]] = {}
        self.trained: frozenset[str] = frozenset()
        """Targets that some cell trains."""
        self.encoders: dict[str, EncoderSpec] = {}
        self.judged: dict[str, Evaluated] = {}
        """Target -> the data that are scored."""
        self.stages = Stages(self.recipe, self.rules, self.encoders, self.imports, self)
        self._tokenized: dict[tuple[object, ...], Node[TokenizeSpec]] = {}

    def plan(self, chooser: Chooser, choices: Choices | None) -> Plan:
        notes: list[str] = []
        document = self.recipe.document
        kept = self._combinations(notes)
        self.trained = trained_targets(self.recipe, kept)
        self._locate_everything(kept)
        kept = self.imports.composable(kept, notes)
        self.trained = trained_targets(self.recipe, kept)
        if problems := languages.problems(self.recipe, self.rules, kept, self.judged):
            raise RecipeError(problems)
        maker = Cells(self.recipe, self.encoders, self.judged, self.stages, self, chooser, choices)
        cells, pending = maker.of(kept)
        rounds = tuple(maker.rounds.values())
        for target, evaluated in self.judged.items():
            if evaluated.absent:
                total = len(evaluated.portions) + len(evaluated.absent)
                missing = " ".join(sorted(evaluated.absent))
                there = f"{evaluated.split} data for {len(evaluated.portions)} of {total} languages"
                notes.append(f"{target}: {there}; absent: {missing}")
        notes += self.revisions.messages()
        learned = {name for combination in kept for name in self.recipe.learned(combination.intermediate)}
        members = {task for name in learned for task in self.recipe.members(name)}
        trained = [name for name in document.swept() if name in {*self.trained, *members}]
        notes += self.rules.unknown_languages(trained) + self.rules.replaced(trained)
        notes += self._selected_on_scored_data()
        if problems := self._unfit_for_choices(rounds):
            raise RecipeError(problems)
        if document.tune is not None and not self.recipe.tuned:
            notes.append("tune has no effect: no method has a search")
        notes += uncounted_in_mixtures(self.recipe) + self.imports.notes()
        notes += heads.notes(self.recipe, kept)
        notes += languages.notes(self.recipe, self.rules, kept, self.judged)
        notes += leakage.notes(
            self.recipe,
            self.rules,
            {(combination.intermediate, combination.target) for combination in kept},
            self.trained,
        )
        notes += [f"{target}: {note}" for target, evaluated in self.judged.items() for note in evaluated.notes()]
        trials = (key for choice_round in rounds for key in choice_round.nodes())
        later = (key for choice_round in rounds if choice_round.chosen is None for key in choice_round.later)
        nodes = self._reachable((*(key for cell in cells for key in cell.scores()), *trials))
        waiting_keys = (key for cell in pending for keys in cell.candidates() for key in keys)
        possible = self._reachable((*waiting_keys, *later))
        every = {**nodes, **possible}
        notes += _idle_objectives(every)
        unusable = rows.problems(self.recipe, self.surveys, every)
        if unusable := unusable + gold_problems(self.recipe, self.surveys, every):
            raise RecipeError(unusable)
        notes += rows.notes(self.surveys, every)
        notes += rows.seen(self.surveys, every, lambda data, target: self.rules.leaves_out(data.task, target))
        plan = Plan(
            recipe=self.recipe,
            nodes=with_sources(nodes),
            cells=tuple(cells),
            notes=tuple(notes),
            rounds=rounds,
            pending=tuple(pending),
            possible={key: node for key, node in possible.items() if key not in nodes},
            unresolved=tuple(self.revisions.unresolved),
            offline=self.revisions.why if self.revisions.offline else "",
            unread=rows.unread(self.surveys, nodes),
        )
        return replace(plan, notes=(*plan.notes, *waiting(plan)))

    def _selected_on_scored_data(self) -> list[str]:
        """Return a note for each target whose weights are selected on examples that are scored."""
        notes = []
        for target, evaluated in self.judged.items():
            portion = self.rules.development(self.recipe.tasks[target]) if target in self.trained else None
            if portion is not None and self.rules.overlapping(portion, evaluated.portions.values()):
                where = f"{portion.split} {portion.language}"
                notes.append(f"{target}: weights are selected on data that are also scored ({where})")
        return sorted(notes)

    def _unfit_for_choices(self, rounds: Iterable[Round]) -> list[Problem]:
        """Return the problems of trainings whose development scores must not choose a value, or that have none."""
        specs = [self.made[key].spec for choice_round in rounds for key in choice_round.nodes()]
        names = dict.fromkeys(task.name for spec in specs if isinstance(spec, TrainSpec) for task in spec.tasks)
        if not self.recipe.tuned:
            return []
        problems = ((name, self._unfit(self.recipe.tasks[name])) for name in names)
        return [
            self.recipe.source.problem(self.recipe.place_of(name), problem) for name, problem in problems if problem
        ]

    def _unfit(self, task: Task) -> str:
        select = self.rules.selection(task)
        portion = None if select is None else self.rules.development(task)
        if select is None or portion is None:
            return "tuning chooses by development scores, but select: null evaluates nothing; remove it"
        if portion.split == "test":
            return "tuning would choose by test scores; write select.split: validation"
        language = self.rules.train_language(task)
        if portion.language != language:
            return f"tuning needs development scores in {language}, but select takes those in {portion.language}"
        scored = [place for evaluated in self.judged.values() for place in evaluated.portions.values()]
        if self.rules.overlapping(portion, scored):
            return (
                f"tuning would choose by scored data ({portion.split} {portion.language}); set "
                f"tasks.{task.name}.holdout, or score another split (eval.split)"
            )
        return ""

    def _combinations(self, notes: list[str]) -> list[Combination]:
        """Return the combinations of the sweep; if modules cannot be opened, report these problems alone."""
        try:
            return combinations(self.recipe, notes)
        except RecipeError:
            if self.imports.problems:
                raise RecipeError(self.imports.problems) from None
            raise

    def _locate_everything(self, kept: list[Combination]) -> None:
        """Locate every model and data set first, so that one error lists all that are missing."""
        problems = list(self.unlabelled)
        document, sweep = self.recipe.document, self.recipe.document.sweep
        for label in sweep.model:
            try:
                self.encoders[label] = resolve(
                    label, document.models[label], self.hash_file, self.revisions, self.memory
                )
            except LayoverError as error:
                problems.append(self.recipe.source.problem(("models", label), str(error)))
        problems += encoder_limits.problems(self.recipe, self.rules, self.encoders.values())
        intermediates = {task for name in sweep.learned() for task in document.members(name)}
        for name in document.swept():
            task = self.recipe.tasks[name]
            try:
                if name in self.trained or name in intermediates:
                    self.rules.train(task)
                    self.rules.development(task)
                if name in sweep.target:
                    self.judged[name] = judged(self.rules, task)
                    self._settle(task, self.judged[name])
            except LayoverError as error:
                problems.append(self.recipe.source.problem(self.recipe.place_of(name), str(error)))
        problems += self._texts() + self.imports.problems + self.imports.unfitting(self.encoders.values(), kept)
        if problems:
            raise RecipeError(problems)

    def _settle(self, task: Task, evaluated: Evaluated) -> None:
        """Check that every encoder has the layers that a target searches.

        Raises:
            ModelError: an encoder lacks a layer; the message names it.
        """
        if evaluated.search is not None:
            for encoder in self.encoders.values():
                settled(evaluated.search, encoder, task)

    def _texts(self) -> list[Problem]:
        """Return the problems of the texts that language adapters are trained on."""
        problems, adapters = [], self.recipe.languages
        for language, task in adapters.texts.items() if adapters is not None else ():
            try:
                self.rules.train(task)
            except LayoverError as error:
                problems.append(self.recipe.source.problem(("languages", "text", language), str(error)))
        return problems

    def _reachable(self, keys: Iterable[str]) -> Nodes:
        """Return the nodes of `keys` and all that they need, each after its own needs."""
        ordered: dict[str, Node[StepSpec]] = {}

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

    def node(self, spec: S, needs: tuple[str, ...], label: str, job: str = "") -> Node[S]:
        node = Node(spec, tuple(dict.fromkeys(needs)), label, job or spec.key)
        return cast("Node[S]", self.made.setdefault(node.key, node))  # equal keys have equal types

    def trained_on(self, key: str) -> tuple[str, ...]:
        """Return the keys of the tokenized sets that a node and its dependencies are trained on, each once."""
        sets: dict[str, None] = {}
        seen: set[str] = set()

        def visit(key: str) -> None:
            if key not in seen:
                seen.add(key)
                sets.update(dict.fromkeys(self.made[key].spec.learns_from()))
                for need in self.made[key].needs:
                    visit(need)

        visit(key)
        return tuple(sets)

    def tokenize(self, portion: Portion, encoder: EncoderSpec, settings_of: Task) -> Node[TokenizeSpec]:
        train = self.recipe.document.train
        max_length = self.rules.number(settings_of, "max_length", train.max_length)
        stride = self.rules.number(settings_of, "stride", train.stride)
        hidden = self.rules.hidden_percent(settings_of) if portion.split == "train" else USUAL_PERCENT
        request = (
            encoder.label,
            portion.task.name,
            portion.split,
            portion.language,
            portion.subset,
            bool(portion.without),
            portion.augment,
            max_length,
            stride,
            hidden,
            portion.perturbed,
        )
        if request in self._tokenized:
            return self._tokenized[request]
        task = portion.task
        counted = self.surveys.counted(task, portion.location)
        spec = TokenizeSpec(
            data=self._data(portion.location),
            subset=portion.subset,
            kind=task.kind,
            labels=task.labels,
            tokenizer=encoder.tokenizer,
            max_length=max_length,
            stride=stride if task.of_kind.windowed else None,
            hidden_percent=hidden,
            without=tuple(self._data(place) for place in portion.without),
            augment=portion.augment,
            perturbed=portion.perturbed,
            declared=task,
            encoder=encoder,
            count=counted.examples if counted is not None and not counted.problem else portion.count,
            tokens_each=self.surveys.tokens(task, portion.location, encoder, max_length, stride),
        )
        copies = "" if portion.augment is None else f" x{portion.augment.copies}"
        changed = "" if portion.perturbed is None else f" {portion.perturbed.perturbation.label}"
        label = f"tokenize {task.name} {portion.split} {portion.language}{copies}{changed}"
        node = self.node(spec, (), label, f"tokenize {encoder.label} {task.name}")
        self._tokenized[request] = node
        return node

    def _data(self, place: Place) -> DataSpec:
        return DataSpec(self.surveys.identity(place), place)


def _idle_objectives(nodes: Nodes) -> list[str]:
    """Return a note for each objective that equals the plain loss in a training, once for all seeds."""
    notes = []
    for node in of(nodes, TrainSpec):
        numbers, objective = node.spec.hyperparameters, node.spec.objective
        if reason := objective.idle(numbers.dropout, numbers.epochs):
            label = node.label.removesuffix(f" seed {numbers.seed}")
            notes.append(f"{label}: {objective.name} has no effect: {reason}")
    return list(dict.fromkeys(notes))
