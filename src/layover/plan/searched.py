"""What a recipe's searches have chosen so far, for reports, cards and `why`."""

from __future__ import annotations

from dataclasses import dataclass

from layover.plan.choices import Round
from layover.plan.nodes import Combination, Plan
from layover.plan.tuning import place_of
from layover.recipe.resolved import TunedMethod
from layover.samplers import Path


@dataclass(frozen=True)
class Searched:
    """The search of a method for one choice, in one round or in several."""

    method: str
    where: str
    """What the choice is for: `mini`, `mini, ner`."""
    tuned: TunedMethod
    rounds: tuple[Round, ...]

    @property
    def chosen(self) -> str | None:
        """The chosen values, `lr=0.001`; None while a round is open."""
        last = self.rounds[-1]
        return None if last.chosen is None or last.until is not None else last.chosen.value

    def last_rounds(self) -> dict[str, Round]:
        """Return name of each trial -> the last closed round that compared it."""
        closed = (choice_round for choice_round in self.rounds if choice_round.chosen is not None)
        return {candidate.value: choice_round for choice_round in closed for candidate in choice_round.candidates}

    def edges(self) -> list[str]:
        """Return a warning for each chosen value that is the smallest or the largest of those that were tried."""
        values = {trial.name: trial.values for trial in self.tuned.trials}
        if self.chosen is None:
            return []
        return [warning for path, value in values[self.chosen].items() if (warning := self._edge(path, value))]

    def _edge(self, path: Path, value: float) -> str:
        tried = sorted({trial.values[path] for trial in self.tuned.trials})
        lowest = value == 0 or (isinstance(value, int) and value == 1)  # no smaller value has a meaning
        if len(tried) < 2 or value not in (tried[0], tried[-1]) or (value == tried[0] and lowest):
            return ""
        which = "smallest" if value == tried[0] else "largest"
        wider = "smaller" if value == tried[0] else "larger"
        name = ".".join(path)
        return f"{name}={value!r} is the {which} value tried; a {wider} {name} may be better: widen the search"

    def searches(self) -> str:
        """Return what was searched: `lr: 0.0001, 0.001`."""
        return "; ".join(f"{'.'.join(path)}: {search}" for path, search in self.tuned.searches.items())


def searched(plan: Plan) -> list[Searched]:
    """Return the searches of a plan in the order of the recipe's methods."""
    groups: dict[tuple[str, str], list[Round]] = {}
    for choice_round in plan.rounds:
        if choice_round.method_name in plan.recipe.tuned:
            groups.setdefault((choice_round.method_name, choice_round.where), []).append(choice_round)
    order = list(plan.recipe.document.sweep.method)
    searches = [
        Searched(method, where, plan.recipe.tuned[method], tuple(rounds)) for (method, where), rounds in groups.items()
    ]
    return sorted(searches, key=lambda search: order.index(search.method))


def searched_for(plan: Plan, combination: Combination) -> Searched | None:
    """Return the search that chose the values of a cell; None if its method has none."""
    place = combination.method, place_of(plan.recipe, combination)
    return next((search for search in searched(plan) if (search.method, search.where) == place), None)


def repeated_seeds(plan: Plan) -> list[int]:
    """Return the seeds that were used for tuning and are reported, too."""
    tune = plan.recipe.tune
    return [seed for seed in tune.seeds if seed in plan.recipe.document.sweep.seed] if plan.recipe.tuned else []
