"""Values that a recipe leaves open, and the rounds of trainings whose results choose them.

A round has candidates, each with the node whose result is compared. While one of these nodes is unfinished, the cells
that wait for the round are pending. When all are finished, a file of the store records the choice, and planning runs
again. The key of a cell contains the chosen value, never the choice: it is the cell of a recipe that names the value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol

from layover.errors import NodeError, StoreError
from layover.plan.choices import Choices, Round, RoundResult
from layover.plan.nodes import Combination, Node, Nodes, Plan
from layover.recipe import ResolvedMethod
from layover.specs.train import TrainSpec
from layover.store import Store

UNCHOSEN = "a value of its method is not chosen yet"
"""Why a pending cell has no score."""


class Trials(Protocol):
    """The interface of the planner for a chooser."""

    kept: Sequence[Combination]
    """All combinations of the plan."""

    def trials(
        self, combination: Combination, method: ResolvedMethod, until: float | None, *, before: bool
    ) -> list[Node[TrainSpec]]:
        """Return the trainings of a combination with other values of its method.

        Args:
            combination: Its seed may differ from those of the sweep.
            method: The method with these values.
            until: The share of the steps after which the training of the target stops; None trains to the end.
            before: Whether the trainings of the intermediates are returned, instead of that of the target.
        """
        ...

    def known(self, choice_round: Round) -> Round:
        """Return a round with its choice, if there is one. The nodes of the round join the plan."""
        ...


class Chooser(Protocol):
    """Decides which values of a method are open, and which candidate of a round is chosen."""

    def settle(self, combination: Combination, method: ResolvedMethod, trials: Trials) -> ResolvedMethod | None:
        """Return the method of a combination with all its values; None while it waits for an open round."""
        ...

    def choose(self, choice_round: Round, store: Store, lost: Collection[str]) -> RoundResult:
        """Return the choice of a round, from the results of its nodes alone.

        Args:
            choice_round: A round whose nodes are finished or lost.
            store: The store with the results.
            lost: Keys of nodes that have no result, see `without_result`.

        Raises:
            NodeError: no candidate can be chosen.
        """
        ...


class NothingOpen:
    """The chooser of a recipe that names all its values."""

    def settle(self, combination: Combination, method: ResolvedMethod, trials: Trials) -> ResolvedMethod | None:  # noqa: ARG002
        """Return the method as it is."""
        return method

    def choose(self, choice_round: Round, store: Store, lost: Collection[str]) -> RoundResult:  # noqa: ARG002
        """Refuse a round: the recipe leaves no value open.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"{choice_round.label}: the recipe leaves no value open")


NOTHING_OPEN: Chooser = NothingOpen()


def without_result(nodes: Nodes, store: Store) -> frozenset[str]:
    """Return the keys of trainings that diverged, and of the nodes that need one: no repetition has a result.

    Args:
        nodes: By key; every node comes after the nodes it needs.
        store: The store.
    """
    failed = store.failures.keys()
    lost: set[str] = set()
    for key, node in nodes.items() if failed else ():
        if (key in failed and store.failures.diverged(key)) or not lost.isdisjoint(node.needs):
            lost.add(key)
    return frozenset(key for key in lost if not store.has(key))


def close(plan: Plan, chooser: Chooser, store: Store, choices: Choices) -> tuple[list[Round], dict[str, str]]:
    """Choose in every open round whose nodes are all finished; return these rounds, and why others stay open.

    A choice that another run stored meanwhile is kept.
    """
    closed, problems, lost = list[Round](), dict[str, str](), without_result(plan.nodes, store)
    for choice_round in plan.rounds:
        if choice_round.chosen is None and all(key in lost or store.has(key) for key in choice_round.nodes()):
            known = choices.made(choice_round)
            if known.chosen is None:
                try:
                    choice = chooser.choose(choice_round, store, lost)
                except NodeError as error:
                    problems[choice_round.key] = str(error)
                    continue
                choices.make(choice_round, choice)
                known = replace(choice_round, chosen=choice)
            closed.append(known)
    return closed, problems


def waiting(plan: Plan) -> list[str]:
    """Return a line for each open round with the number of cells that wait for it."""
    lines = []
    for choice_round in plan.rounds:
        cells = [cell for cell in plan.pending if choice_round.key in cell.rounds]
        if choice_round.chosen is None and cells:
            values = ", ".join(candidate.value for candidate in choice_round.candidates)
            rule = f"one of {values}, by {choice_round.rule}"
            lines.append(f"{choice_round.label}: not chosen yet ({rule}); waiting cells: {len(cells)}")
    return lines


def everything(plan: Plan) -> Nodes:
    """Return the nodes of a plan and the nodes that a choice may add."""
    return {**plan.nodes, **plan.possible}


def whole(plan: Plan) -> Plan:
    """Return the plan with all nodes that a choice may add."""
    return replace(plan, nodes=everything(plan))
