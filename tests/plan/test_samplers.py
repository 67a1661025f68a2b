"""Samplers: every one holds the contract, and one of another package is used as a built-in one is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.plan.test_tuning import SCORES, TUNED, choose, planned, problems
from tests.plugins.site import install, seen

from layover import samplers
from layover.plan.searched import searched
from layover.report.sections import tuning
from layover.samplers import ListSearch, RangeSearch, Searches, SearchRange, TrialSampler, Values, points

if TYPE_CHECKING:
    from tests.plan.conftest import World

LISTS: Searches = {("lr",): ListSearch(search=(1e-4, 1e-3, 1e-2)), ("rank",): ListSearch(search=(4, 8))}
RANGE: Searches = {("lr",): RangeSearch(search=SearchRange(low=1e-5, high=1e-1, log=True))}


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[None]:
    """The toy package with its sampler `ends`, installed where this process finds it."""
    with seen(install(tmp_path / "site")):
        yield


@pytest.mark.parametrize("name", samplers.names())
def test_every_sampler_gives_the_trials_of_the_budget_and_the_same_again(name: str) -> None:
    sampler = samplers.get(name)
    assert isinstance(sampler, TrialSampler)
    assert sampler.name == name
    assert [*sampler.stops] == sorted({share for share in sampler.stops if 0 < share < 1})
    assert bool(sampler.stops) == bool(sampler.explained), "the report says how trials stop"
    for count in range(2, 9):
        assert 1 <= sampler.keeps(count) < count
    for searches, budget in ((LISTS, 6), (RANGE, 5)):
        trials = points(searches, budget, name, 3)
        assert len(trials) == budget
        assert trials == points(searches, budget, name, 3)
        assert sampler.seeded or trials == points(searches, budget, name, 4)
    assert not sampler.seeded or points(RANGE, 5, name, 3) != points(RANGE, 5, name, 4)


def test_an_unknown_sampler_is_refused_with_the_nearest_name(world: World) -> None:
    (message,) = problems(world, *TUNED, "tune={sampler: gird}")
    assert message == "tune.sampler: 'gird' is not a sampler; did you mean 'grid'?"
    (message,) = problems(world, *TUNED, "tune={sampler: [grid]}")
    assert message.startswith("tune.sampler: \"['grid']\" is not a sampler; ")


def test_without_the_package_its_sampler_is_unknown(world: World) -> None:
    (message,) = problems(world, *TUNED, "tune={sampler: ends}")
    assert "'ends' is not a sampler" in message


@pytest.mark.usefixtures("toy")
def test_a_sampler_of_another_package_gives_trials_and_stops_them(world: World, tmp_path: Path) -> None:
    override = (*TUNED, "tune={sampler: ends}", "train.epochs=4")
    opened = planned(world, *override)
    assert [candidate.value for candidate in opened.rounds[0].candidates] == ["lr=0.0001", "lr=0.01"]
    assert {(choice_round.until, choice_round.keeps) for choice_round in opened.rounds} == {(0.5, 1)}
    plan = choose(world, tmp_path / "store", SCORES, *override)
    assert {search.chosen for search in searched(plan)} == {"lr=0.01"}
    text = tuning.explained(plan, searched(plan))
    assert "Each method had 2 trials (ends), with training seed 101." in text
    assert text.endswith("The worse one stopped after half of the steps.")
    written = planned(world, "methods.full.lr=1e-2", "methods.lora.lr=1e-2", *TUNED[2:], "train.epochs=4")
    assert {cell.score for cell in plan.cells} == {cell.score for cell in written.cells}, "no key has the sampler"


class Fixed(TrialSampler):
    """A sampler whose trials do not depend on the searches."""

    name = "fixed"

    def __init__(self, trials: Sequence[Values]) -> None:
        self.trials = trials

    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:  # noqa: ARG002
        return self.trials


WRONG: list[tuple[Searches, list[Values], str]] = [
    (LISTS, [{("lr",): 1e-4}], "lr, but lr, rank are searched"),
    (LISTS, [{}], "nothing, but lr, rank are searched"),
    (LISTS, [{("lr",): 5e-4, ("rank",): 4}], "lr=0.0005, not among 0.0001, 0.001, 0.01"),
    (LISTS, [{("lr",): 1e-4, ("rank",): 4}] * 2, "a trial twice: 0.0001, 4"),
    (RANGE, [{("lr",): 1e-5}, {("lr",): 1e-1}, {("lr",): 0.2}], "lr=0.2, not among 1e-05 to 0.1, log"),
]


@pytest.mark.parametrize(("searches", "trials", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_points_outside_the_searches_are_refused(
    searches: Searches, trials: list[Values], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samplers, "get", lambda _: Fixed(trials))
    with pytest.raises(ValueError, match="gives") as raised:
        points(searches, 2, "fixed", 0)
    assert str(raised.value) == f"tune.sampler fixed gives {message}"
