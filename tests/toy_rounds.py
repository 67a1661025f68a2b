"""A toy chooser: the learning rate of one method, by the development score of a training with a seed of its own.

As a program it is the command line of Layover with that chooser: `python toy_rounds.py run recipe.yaml`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layover.errors import NodeError
from layover.plan.choices import Candidate, Round, RoundResult

if TYPE_CHECKING:
    from collections.abc import Collection

    from layover.plan.nodes import Combination
    from layover.plan.rounds import Trials
    from layover.recipe import ResolvedMethod
    from layover.store import Store

RATES = tuple(float(rate) for rate in os.environ.get("TOY_RATES", "1e-4 3e-3").split())
SEED = 101
"""No seed of the recipe."""
METHOD = "lora"


class BestRate:
    """Asks for a training with each rate, and chooses the one with the best development score, the first of equals."""

    def settle(self, combination: Combination, method: ResolvedMethod, trials: Trials) -> ResolvedMethod | None:
        if method.name != METHOD:
            return method
        intermediate, target = combination.intermediate, combination.target
        tried = combination._replace(seed=SEED)
        candidates = []
        for rate in RATES:
            variant = method.model_copy(update={"lr": rate})
            keys = tuple(node.key for node in trials.trials(tried, variant, None, before=False))
            candidates.append(Candidate(f"lr={rate:g}", variant, keys))
        known = trials.known(Round(f"{METHOD}.lr for {target} after {intermediate}", "toy", tuple(candidates)))
        return known.method()

    def choose(self, choice_round: Round, store: Store, lost: Collection[str]) -> RoundResult:
        scores = {}
        for candidate in choice_round.candidates:
            if candidate.nodes[0] in lost:
                continue
            training = store.read(candidate.nodes[0], "training.json")
            best = next(seen for seen in training["history"] if seen["step"] == training["best_step"])
            scores[candidate.value] = best["metrics"][training["criterion"]]
        if not scores:
            raise NodeError(f"{choice_round.label}: no trial has a score")
        return RoundResult((max(scores, key=lambda value: scores[value]),), scores)


def main() -> None:
    """Run the command line with the toy chooser."""
    from layover.cli.main import main as command_line
    from layover.plan import tuning

    tuning.chooser_of = lambda _: BestRate()
    command_line()


if __name__ == "__main__":
    main()
