"""The cells of a plan: the modules on the encoder, the data that are scored, and the values of the method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from layover import kinds
from layover.errors import NodeError
from layover.plan.choices import Choices, Round
from layover.plan.evaluation import CellReader, Evaluated, score_node
from layover.plan.maker import Maker
from layover.plan.nodes import Cell, Combination, Node, Pending
from layover.plan.rounds import Chooser
from layover.plan.stages import Stages
from layover.recipe import NO_INTERMEDIATE, Recipe, ResolvedMethod
from layover.specs import EncoderSpec, OnEncoder
from layover.specs.score import ScoreSpec
from layover.specs.train import TrainSpec


@dataclass(frozen=True)
class SettledMethod:
    """A combination with the values of its method, or the rounds that it waits for."""

    method: ResolvedMethod | None
    """None while a value is open."""
    rounds: tuple[Round, ...] = ()


@dataclass
class Cells:
    """Makes the cells of a sweep, and remembers the rounds that they depend on."""

    recipe: Recipe
    encoders: Mapping[str, EncoderSpec]
    judged: Mapping[str, Evaluated]
    """Target -> the data that are scored."""
    stages: Stages
    maker: Maker
    chooser: Chooser
    choices: Choices | None
    """None without a store: then every round is open."""
    rounds: dict[tuple[str, str], Round] = field(default_factory=dict)
    """By key and label, in the order of their first use; methods with equal trials have rounds of one key."""
    kept: Sequence[Combination] = ()
    """All combinations of the plan."""
    _requested: list[Round] = field(default_factory=list)
    _settled: dict[Combination, SettledMethod] = field(default_factory=dict)
    _scores: dict[tuple[object, ...], Node[ScoreSpec]] = field(default_factory=dict)

    def of(self, combinations: Iterable[Combination]) -> tuple[list[Cell], list[Pending]]:
        """Return the cells of combinations, and the combinations that wait for a choice."""
        self.kept = tuple(combinations)
        cells, pending = [], []
        for combination in self.kept:
            compared = self._compared(combination)
            settled = [self.settle(member) for member in (combination, *compared)]
            rounds = {
                choice_round.key: choice_round
                for method in settled
                for choice_round in method.rounds
                if choice_round.chosen is None
            }
            if rounds:
                pending.append(self._pending(combination, settled[0], tuple(rounds)))
            else:
                cells.append(self._cell(combination, compared))
        return cells, pending

    def settle(self, combination: Combination) -> SettledMethod:
        """Return the method of a combination with all its values, or the rounds that it waits for; computed once."""
        if combination not in self._settled:
            self._requested.clear()
            method = self.chooser.settle(combination, self.recipe.methods[combination.method], self)
            self._settled[combination] = SettledMethod(method, () if method is not None else tuple(self._requested))
        return self._settled[combination]

    def trials(
        self, combination: Combination, method: ResolvedMethod, until: float | None, *, before: bool
    ) -> list[Node[TrainSpec]]:
        model, _, intermediate, target, seed = combination
        if before:
            modules = self.recipe.document.modules
            names = [name for name in self.recipe.learned(intermediate) if name not in modules]
            return [self.stages.trained(model, method, name, seed) for name in names]
        return [self.stages.trial(model, method, intermediate, self.recipe.tasks[target], seed, until)]

    def known(self, choice_round: Round) -> Round:
        place = choice_round.key, choice_round.label
        if place not in self.rounds:
            self.rounds[place] = choice_round if self.choices is None else self.choices.made(choice_round)
        self._requested.append(self.rounds[place])
        return self.rounds[place]

    def _compared(self, combination: Combination) -> tuple[Combination, ...]:
        """Return the baseline of a combination: the same method without an intermediate; empty for a baseline."""
        intermediate, trained = combination.intermediate, kinds.get(self.recipe.tasks[combination.target].kind).trained
        headless = trained and self.recipe.methods[combination.method].composition.trains() == "none"
        if intermediate == NO_INTERMEDIATE or headless:
            return ()
        return (combination._replace(intermediate=NO_INTERMEDIATE),)

    def _cell(self, combination: Combination, compared: tuple[Combination, ...]) -> Cell:
        model, name, intermediate, target, seed = combination
        method, trained = self._method(combination), kinds.get(self.recipe.tasks[target].kind).trained
        on, score = self._on(combination, method), self._score(combination, method).key
        baseline = next((self._score(other, self._method(other)).key for other in compared), None)
        perturbed = self._perturbed(combination, method)
        without = next((self._perturbed(other, self._method(other)) for other in compared), ())
        seeded = on is not None and (on.spec.trains or self.stages.seeded(method, intermediate))
        train = None if on is None else on.key
        return Cell(
            model, name, intermediate, target, seed, train, score, baseline, seeded, trained, perturbed, without
        )

    def _method(self, combination: Combination) -> ResolvedMethod:
        """Return the method of a combination with all its values.

        Raises:
            NodeError: a value is open, and no open round chooses it.
        """
        method = self.settle(combination).method
        if method is None:
            raise NodeError(f"{'/'.join(map(str, combination))}: a value is open, and no open round chooses it")
        return method

    def _pending(self, combination: Combination, own: SettledMethod, rounds: tuple[str, ...]) -> Pending:
        open_rounds = [choice_round for choice_round in own.rounds if choice_round.chosen is None]
        methods = [candidate.method for choice_round in open_rounds for candidate in choice_round.candidates] or [
            self._method(combination)
        ]
        scores = {self._score(combination, method).key: self._perturbed(combination, method) for method in methods}
        perturbed = tuple(tuple(key for _, key in own) for own in scores.values())
        return Pending(*combination, rounds, tuple(scores), perturbed)

    def _perturbed(self, combination: Combination, method: ResolvedMethod) -> tuple[tuple[str, str], ...]:
        """Return each perturbation of the target's test sets and each attack, with the key of the scores."""
        labels = self.judged[combination.target].beside()
        return tuple((label, self._score(combination, method, label).key) for label in labels)

    def _score(self, combination: Combination, method: ResolvedMethod, perturbed: str | None = None) -> Node[ScoreSpec]:
        """Return the scores of a combination with a method; cells that are compared with it share them."""
        request = (*combination, method.values, perturbed)
        if request not in self._scores:
            self._scores[request] = self._scored(combination, method, perturbed)
        return self._scores[request]

    def _scored(self, combination: Combination, method: ResolvedMethod, perturbed: str | None) -> Node[ScoreSpec]:
        model, name, intermediate, target, seed = combination
        task, on = self.recipe.tasks[target], self._on(combination, method)
        encoder, acts = self.encoders[model], on is not None and on.spec.acts
        if kinds.get(task.kind).trained:
            where = f"{target} {model}/{name}/{intermediate} seed {seed}"
            job = f"evaluate {on.key}" if on is not None else ""
        else:  # all cells with the same modules on their encoder share it
            after = f" after {on.label.removeprefix('train ')}" if on is not None else ""
            where = f"{target} {model}{after}"
            job = f"retrieve {where}"
        precision = method.precision if on is None else on.spec.computes_in
        adapter_of = partial(self.stages.adapter, model, method)
        skipped = method.adapterdrop.predicting if acts else 0
        reader = CellReader(encoder, on, precision, adapter_of, skipped, where, job)
        return score_node(self.maker, task, self.judged[target], reader, perturbed)

    def _on(self, combination: Combination, method: ResolvedMethod) -> Node[OnEncoder] | None:
        """Return the node whose modules are on the encoder when a target is scored: a training or a composition.

        For a target that is not trained: one intermediate, or several composed; None without an intermediate.
        """
        model, _, intermediate, target, seed = combination
        task, names = self.recipe.tasks[target], self.recipe.learned(intermediate)
        if kinds.get(task.kind).trained:
            return self.stages.target(model, method, intermediate, task, seed)
        if not names:
            return None
        if len(names) == 1 and method.composition.single_is_itself():
            return self.stages.alone(model, method, intermediate, seed)
        return self.stages.composed(model, method, intermediate, None, seed)
