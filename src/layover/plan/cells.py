"""The cells of a plan: what is on the encoder, what is scored, and with which values of the method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from layover import kinds
from layover.errors import NodeError
from layover.plan.choices import Choices, Round
from layover.plan.evaluation import Evaluated, Reader, score_node
from layover.plan.heads import Point
from layover.plan.maker import Maker
from layover.plan.nodes import Cell, Node, Pending
from layover.plan.rounds import Chooser
from layover.plan.stages import Stages
from layover.recipe import NO_INTERMEDIATE, Recipe, ResolvedMethod
from layover.specs import EncoderSpec, OnEncoder
from layover.specs.score import ScoreSpec


@dataclass(frozen=True)
class Settled:
    """A point with the values of its method, or the rounds that it waits for."""

    method: ResolvedMethod | None
    """None while a value is open."""
    rounds: tuple[Round, ...] = ()


@dataclass
class Cells:
    """Makes the cells of a sweep, and remembers which rounds they asked for."""

    recipe: Recipe
    encoders: Mapping[str, EncoderSpec]
    judged: Mapping[str, Evaluated]
    """What of each target is scored."""
    stages: Stages
    maker: Maker
    chooser: Chooser
    choices: Choices | None
    """None where there is no store: then every round is open."""
    rounds: dict[str, Round] = field(default_factory=dict)
    """By key, in the order in which they were asked for."""
    _asked: list[Round] = field(default_factory=list)
    _settled: dict[Point, Settled] = field(default_factory=dict)
    _scores: dict[tuple[object, ...], Node[ScoreSpec]] = field(default_factory=dict)

    def of(self, points: Iterable[Point]) -> tuple[list[Cell], list[Pending]]:
        """Return the cells of points, and the points that wait for a choice."""
        cells, pending = [], []
        for point in points:
            compared = self._compared(point)
            settled = [self.settle(one) for one in (point, *compared)]
            rounds = {one.key: one for it in settled for one in it.rounds if one.chosen is None}
            if rounds:
                pending.append(self._pending(point, settled[0], tuple(rounds)))
            else:
                cells.append(self._cell(point, compared))
        return cells, pending

    def settle(self, point: Point) -> Settled:
        """Return the method of a point with all its values, or what it waits for; asked once."""
        if point not in self._settled:
            self._asked.clear()
            method = self.chooser.settle(point, self.recipe.methods[point[1]], self)
            self._settled[point] = Settled(method, () if method is not None else tuple(self._asked))
        return self._settled[point]

    def training(self, point: Point, method: ResolvedMethod) -> Node[OnEncoder]:
        """See `Trials.training`."""
        model, _, intermediate, target, seed = point
        return self.stages.target(model, method, intermediate, self.recipe.tasks[target], seed)

    def chosen(self, asked: Round) -> ResolvedMethod | None:
        """See `Trials.chosen`."""
        known = asked if self.choices is None else self.choices.made(asked)
        self.rounds.setdefault(known.key, known)
        self._asked.append(known)
        return known.method()

    def _compared(self, point: Point) -> tuple[Point, ...]:
        """Return the point that a point is compared with: the same method without an intermediate, if any."""
        model, name, intermediate, target, seed = point
        trained = kinds.get(self.recipe.tasks[target].kind).trained
        compares = not trained or self.recipe.methods[name].composition.trains() != "none"
        return ((model, name, NO_INTERMEDIATE, target, seed),) if intermediate != NO_INTERMEDIATE and compares else ()

    def _cell(self, point: Point, compared: tuple[Point, ...]) -> Cell:
        model, name, intermediate, target, seed = point
        method, trained = self._method(point), kinds.get(self.recipe.tasks[target].kind).trained
        on, score = self._on(point, method), self._score(point, method).key
        baseline = next((self._score(one, self._method(one)).key for one in compared), None)
        seeded = on is not None and (on.spec.trains or self.stages.seeded(method, intermediate))
        train = None if on is None else on.key
        return Cell(model, name, intermediate, target, seed, train, score, baseline, seeded, trained)

    def _method(self, point: Point) -> ResolvedMethod:
        """Return the method of a point with all its values.

        Raises:
            NodeError: one is open, and no round is there to choose it.
        """
        method = self.settle(point).method
        if method is None:
            raise NodeError(f"{'/'.join(map(str, point))}: a value is open, and no open round chooses it")
        return method

    def _pending(self, point: Point, own: Settled, rounds: tuple[str, ...]) -> Pending:
        open_rounds = [one for one in own.rounds if one.chosen is None]
        methods = [candidate.method for one in open_rounds for candidate in one.candidates] or [self._method(point)]
        scores = tuple(dict.fromkeys(self._score(point, method).key for method in methods))
        return Pending(*point, rounds, scores)

    def _score(self, point: Point, method: ResolvedMethod) -> Node[ScoreSpec]:
        """Return the scores of a point with a method; asked for again by every cell that is compared with it."""
        asked = (*point, method.values)
        if asked not in self._scores:
            self._scores[asked] = self._scored(point, method)
        return self._scores[asked]

    def _scored(self, point: Point, method: ResolvedMethod) -> Node[ScoreSpec]:
        model, name, intermediate, target, seed = point
        task, on = self.recipe.tasks[target], self._on(point, method)
        encoder, acts = self.encoders[model], on is not None and on.spec.acts
        if kinds.get(task.kind).trained:
            where = f"{target} {model}/{name}/{intermediate} seed {seed}"
            job = f"evaluate {on.key}" if on is not None else ""
        else:  # the same for all cells with the same on their encoder
            after = f" after {on.label.removeprefix('train ')}" if on is not None else ""
            where = f"{target} {model}{after}"
            job = f"retrieve {where}"
        precision = method.precision if on is None else on.spec.computes_in
        adapter_of = partial(self.stages.adapter, model, method)
        skipped = method.adapterdrop.predicting if acts else 0
        reader = Reader(encoder, on, precision, adapter_of, skipped, where, job)
        return score_node(self.maker, task, self.judged[target], reader)

    def _on(self, point: Point, method: ResolvedMethod) -> Node[OnEncoder] | None:
        """Return what is on the encoder when a target is scored: its training, or what was composed without one.

        Of a target that is not trained one intermediate alone, or several composed; None without an intermediate.
        """
        model, _, intermediate, target, seed = point
        task, names = self.recipe.tasks[target], self.recipe.learned(intermediate)
        if kinds.get(task.kind).trained:
            return self.stages.target(model, method, intermediate, task, seed)
        if not names:
            return None
        if len(names) == 1 and method.composition.single_is_itself():
            return self.stages.alone(model, method, intermediate, seed)
        return self.stages.composed(model, method, intermediate, None, seed)
