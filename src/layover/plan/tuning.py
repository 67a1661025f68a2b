"""The chooser of a recipe's searches: the values with the highest development score, the same budget for each method.

The score of a candidate is the mean over its trainings: over the tuning seeds, and with `per: method` over the targets.
A training has the development score of its kept weights, in the language of its training data. Test data are neither
read nor scored. A sampler with stops (`layover.samplers`, as `halving`) has a round after each of these shares of the
steps: the better candidates train further. Each round resumes the checkpoints of the round before, so that its
trainings are the beginnings of whole ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from layover import kinds, samplers
from layover.errors import NodeError, Problem, RecipeError
from layover.plan.choices import Candidate, Curve, Round, RoundResult
from layover.plan.nodes import Combination, Node
from layover.plan.rounds import NOTHING_OPEN, Chooser, Trials
from layover.recipe import NO_INTERMEDIATE, Recipe, ResolvedMethod
from layover.recipe.resolved import Trial, TunedMethod
from layover.recipe.schema import Tune
from layover.specs.train import TrainSpec
from layover.store import Store


def chooser_of(recipe: Recipe) -> Chooser:
    """Return the chooser of the values that a recipe leaves open."""
    return Tuning(recipe) if recipe.tuned else NOTHING_OPEN


class Tuning:
    """Runs the searches of a recipe.

    Args:
        recipe: A checked recipe with searches.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.tune = recipe, recipe.tune
        self._rounds: dict[tuple[str, str], tuple[list[Round], ResolvedMethod | None]] = {}
        """Method and what a choice is for -> its rounds, and the method with the chosen values."""

    def settle(self, combination: Combination, method: ResolvedMethod, trials: Trials) -> ResolvedMethod | None:
        """Return the method with the chosen values; None while a round is open.

        Raises:
            RecipeError: no training depends on the searched values.
        """
        tuned = self.recipe.tuned.get(combination.method)
        if tuned is None:
            return method
        place = combination.method, place_of(self.recipe, combination)
        if place not in self._rounds:
            self._rounds[place] = self._settled(combination, tuned, trials)
        rounds, settled = self._rounds[place]
        for choice_round in rounds:
            trials.known(choice_round)
        return settled

    def _settled(
        self, combination: Combination, tuned: TunedMethod, trials: Trials
    ) -> tuple[list[Round], ResolvedMethod | None]:
        """Return the rounds of a choice so far, and the method with the chosen values; None while a round is open."""
        compared = self._compared(combination, trials)
        left: Sequence[Trial] = tuned.trials
        if compared is None or not compared.matters(left):  # no training of it depends on a searched value
            return [], left[0].method
        if self.tune.per != "intermediate" and (alike := compared.alike(left)):
            raise RecipeError([self._idle(combination, alike)])
        rounds: list[Round] = []
        for until, following in compared.stops(left):
            candidates = compared.candidates(left, until)
            keeps = 1 if until is None else self._kept(len(left))
            later = () if until is None else compared.candidates(left[:keeps], following)
            rounds.append(trials.known(self._round(combination, candidates, until, keeps, later)))
            if rounds[-1].chosen is None:
                return rounds, None
            names = rounds[-1].chosen.values
            left = [trial for trial in left if trial.name in names]
        return rounds, left[0].method

    def _kept(self, count: int) -> int:
        """Return how many of the trials continue after a stop; at least one."""
        return min(count, max(1, samplers.get(self.tune.sampler).keeps(count)))

    def _round(
        self,
        combination: Combination,
        candidates: tuple[Candidate, ...],
        until: float | None,
        keeps: int,
        later: tuple[Candidate, ...],
    ) -> Round:
        where = place_of(self.recipe, combination)
        at = "" if until is None else f" after {until:.0%} of the steps"
        count = len(candidates[0].nodes)
        mean = f", the mean of {count} trainings" if count > 1 else ""
        return Round(
            label=f"{combination.method}: {where}{at}",
            rule=f"development score{at}{mean}",
            candidates=candidates,
            keeps=keeps,
            method_name=combination.method,
            where=where,
            until=until,
            later=tuple(key for candidate in later for key in candidate.nodes),
        )

    def _compared(self, combination: Combination, trials: Trials) -> _Compared | None:
        """Return the trainings that are compared for a combination; None if there are none."""
        same = self._same(combination, trials.kept)
        targets = [] if self.tune.stage == "intermediate" else self._targets(same)
        if targets:
            return _Compared(self.tune, targets, trials, before=False)
        learned = [] if self.tune.stage == "target" else self._intermediates(same)
        return _Compared(self.tune, learned, trials, before=True) if learned else None

    def _idle(self, combination: Combination, alike: tuple[str, str]) -> Problem:
        message = (
            f"{alike[0]} and {alike[1]} are the same training ({place_of(self.recipe, combination)}); remove the "
            "search that has no effect, or write tune.per: intermediate if it has one after an intermediate"
        )
        return self.recipe.source.problem(("methods", combination.method), message)

    def _same(self, combination: Combination, kept: Sequence[Combination]) -> list[Combination]:
        """Return the combinations that share the choice of a combination."""
        place = place_of(self.recipe, combination)
        return [each for each in kept if each.method == combination.method and place_of(self.recipe, each) == place]

    def _targets(self, same: Sequence[Combination]) -> list[Combination]:
        """Return the combinations whose trainings of targets are compared, with the first seed of the sweep.

        If there are some without an intermediate, these are compared: then no intermediate takes part in the choice of
        the values that it is compared with.
        """
        trained = [each for each in same if self._trains(each)]
        bare = [each for each in trained if each.intermediate == NO_INTERMEDIATE]
        chosen = bare or [each for each in trained if each.intermediate == trained[0].intermediate]
        return list({each.target: each for each in reversed(chosen)}.values())[::-1]

    def _intermediates(self, same: Sequence[Combination]) -> list[Combination]:
        """Return the combinations whose trainings of intermediates are compared, if no target is trained."""
        learned = [each for each in same if self._learns(each)]
        return list({each.intermediate: each for each in reversed(learned)}.values())[::-1]

    def _trains(self, combination: Combination) -> bool:
        """Return whether a combination has a training of its target."""
        trained = kinds.get(self.recipe.tasks[combination.target].kind).trained
        composition = self.recipe.methods[combination.method].composition
        return trained and (combination.intermediate == NO_INTERMEDIATE or composition.trains() != "none")

    def _learns(self, combination: Combination) -> bool:
        """Return whether an intermediate has a training: not if there is none, or all of its modules are imported."""
        names = self.recipe.learned(combination.intermediate)
        return not all(name in self.recipe.document.modules for name in names)

    def choose(self, choice_round: Round, store: Store, lost: Collection[str]) -> RoundResult:
        """Return the candidates with the highest mean score; of equal ones that with the lower training loss.

        A candidate without a score is not chosen: one of its trainings diverged, or its metric is undefined.

        Raises:
            NodeError: no candidate has a score.
        """
        results = {
            candidate.value: [_result(store, key, lost) for key in candidate.nodes]
            for candidate in choice_round.candidates
        }
        curves = {value: tuple(result.curve for result in each) for value, each in results.items()}
        scores = {value: mean_of_all([result.score for result in each]) for value, each in results.items()}
        losses = {value: mean_of_all([result.loss for result in each]) for value, each in results.items()}
        scored = [(value, score) for value, score in scores.items() if score is not None]
        if not scored:
            raise NodeError(
                f"{choice_round.label}: no trial has a development score (they diverged, or the metric is undefined); "
                "search other values"
            )
        order = sorted(scored, key=lambda pair: (-pair[1], _or_last(losses[pair[0]])))
        return RoundResult(tuple(value for value, _ in order[: choice_round.keeps]), scores, curves)


@dataclass(frozen=True)
class _Compared:
    """The combinations whose trainings are compared for a choice."""

    tune: Tune
    combinations: Sequence[Combination]
    trials: Trials
    before: bool
    """Whether the trainings of the intermediates are compared, instead of those of the targets."""

    def candidates(self, left: Sequence[Trial], until: float | None) -> tuple[Candidate, ...]:
        """Return the trials with their trainings up to a share of the steps."""
        return tuple(
            Candidate(trial.name, trial.method, tuple(node.key for node in self._nodes(trial, until))) for trial in left
        )

    def _nodes(self, trial: Trial, until: float | None) -> list[Node[TrainSpec]]:
        seeded = (each._replace(seed=seed) for each in self.combinations for seed in self.tune.seeds)
        nodes = (node for each in seeded for node in self.trials.trials(each, trial.method, until, before=self.before))
        return list({node.key: node for node in nodes}.values())

    def matters(self, left: Sequence[Trial]) -> bool:
        """Return whether some trials differ in their trainings; a choice for one intermediate may have none."""
        return self.tune.per != "intermediate" or len({trial.nodes for trial in self.candidates(left, None)}) > 1

    def alike(self, left: Sequence[Trial]) -> tuple[str, str] | None:
        """Return the names of two trials with the same trainings; None if all differ."""
        first: dict[tuple[str, ...], str] = {}
        for candidate in self.candidates(left, None):
            if candidate.nodes in first:
                return first[candidate.nodes], candidate.value
            first[candidate.nodes] = candidate.value
        return None

    def stops(self, left: Sequence[Trial]) -> list[tuple[float | None, float | None]]:
        """Return the shares of the steps after which rounds compare, each with the share of the next round.

        A round that would end at the same evaluation as the next one is left out; None is the end.
        """
        course = (*samplers.get(self.tune.sampler).stops, None)
        if len(course) == 1 or self.before:
            return [(None, None)]
        specs = [node.spec for trial in left for node in self._nodes(trial, None)]
        ends = {share: [spec.epochs_at(share) for spec in specs] for share in course}
        shares = [share for share, after in pairwise(course) if ends[share] != ends[after]]
        return [*pairwise([*shares, None]), (None, None)]


def place_of(recipe: Recipe, combination: Combination) -> str:
    """Return what the choice of a combination is for: `mini`, `mini, ner`, `mini, ner after nli`."""
    tune = recipe.tune
    if tune.per == "method":
        return combination.model
    if tune.stage == "intermediate":
        return f"{combination.model}, {combination.intermediate}"
    place = f"{combination.model}, {combination.target}"
    return place if tune.per == "target" else f"{place} after {combination.intermediate}"


@dataclass(frozen=True)
class _Result:
    """The result of a training for a comparison."""

    curve: Curve = ()
    score: float | None = None
    """Of the kept weights; None if the training diverged, or the metric is undefined."""
    loss: float | None = None
    """Mean training loss before the last evaluation."""


def _result(store: Store, key: str, lost: Collection[str]) -> _Result:
    if key in lost:
        return _Result()
    training = store.read(key, "training.json")
    criterion, history = training["criterion"], training["history"]
    curve = tuple((seen["epoch"], seen["metrics"].get(criterion)) for seen in history)
    if (averaged := training.get("average")) is not None:
        return _Result(curve, averaged["metrics"][criterion], history[-1]["loss"])
    best = max((score for _, score in curve if score is not None), default=None)
    return _Result(curve, best, history[-1]["loss"])


def _or_last(loss: float | None) -> float:
    return math.inf if loss is None else loss


def mean_of_all(scores: Sequence[float | None]) -> float | None:
    """Return the mean; None if a score is missing, or there are none."""
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if len(known) == len(scores) and known else None
