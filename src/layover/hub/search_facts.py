"""The search that chose the values of a cell, for its card."""

from __future__ import annotations

from layover.packages.sections import SearchFacts, TrialFacts
from layover.plan.nodes import Cell, Combination, Plan
from layover.plan.searched import Searched, searched_for


def search_of(plan: Plan, cell: Cell) -> SearchFacts | None:
    """Return the search that chose the values of a cell; None if its recipe names them all."""
    if cell.method not in plan.recipe.tuned:
        return None
    combination = Combination(cell.model, cell.method, cell.intermediate, cell.target, cell.seed)
    search = searched_for(plan, combination)
    if search is None or search.chosen is None:
        return None
    tune = plan.recipe.tune
    return SearchFacts(
        searched=search.searches(),
        chosen=search.chosen,
        chosen_for=search.where,
        sampler=tune.sampler,
        budget=len(search.tuned.trials),
        seeds=tune.seeds,
        stage=tune.stage,
        trials=_trials(search),
        edges=tuple(search.edges()),
    )


def _trials(search: Searched) -> tuple[TrialFacts, ...]:
    """Return the trials with the scores of their last rounds."""
    return tuple(
        TrialFacts(values=value, score=choice_round.score(value), share=choice_round.until or 1.0)
        for value, choice_round in search.last_rounds().items()
    )
