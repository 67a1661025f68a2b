"""The time that is told: from estimated work at measured speed, held against runs whose length is known."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest

from layover.estimates.cost import Estimate
from layover.estimates.eta import Pace, Paces, Took, makespan, node_seconds
from layover.estimates.remaining import Remaining
from layover.plan import Plan


def node(key: str, kind: str, needs: tuple[str, ...] = (), job: str = "") -> Any:
    return SimpleNamespace(key=key, kind=kind, needs=needs, job=job or key, label=key)


def plan_of(*nodes: Any) -> Any:
    unread: Any = None
    return Plan(recipe=unread, nodes={one.key: one for one in nodes}, cells=(), notes=())


def took(kind: str, *points: tuple[float | None, float]) -> list[Took]:
    return [Took(kind, work, seconds) for work, seconds in points]


def test_seconds_are_a_fixed_part_and_one_that_grows_with_the_work() -> None:
    pace = Paces(took("predict", (1.0, 3.0), (2.0, 4.0), (8.0, 10.0))).of("predict")
    assert pace == Pace(pytest.approx(2.0), pytest.approx(1.0))
    assert pace.seconds(100.0) == pytest.approx(102.0)


def test_nodes_of_one_size_leave_it_to_the_other_kinds_how_seconds_grow() -> None:
    predicted = took("predict", (1.0, 0.5), (1.0, 0.5))
    alone = Paces(predicted).of("predict")
    assert alone is not None
    assert alone.seconds(100.0) == pytest.approx(50.0)
    with_trained = Paces([*predicted, *took("train", (100.0, 10.0), (500.0, 50.0))]).of("predict")
    assert with_trained is not None
    assert with_trained.seconds(1.0) == pytest.approx(0.5), "its own nodes tell the fixed part"
    assert with_trained.seconds(100.0) == pytest.approx(10.4, rel=0.05)


def test_a_slope_or_a_fixed_part_is_never_negative() -> None:
    falling = Paces(took("train", (1.0, 9.0), (10.0, 1.0))).of("train")
    below = Paces(took("train", (1.0, 0.1), (10.0, 20.0))).of("train")
    assert falling == Pace(0.0, pytest.approx(10 / 11))
    assert below == Pace(0.0, pytest.approx(20.1 / 11))


def test_a_kind_without_a_finished_node_goes_by_the_others_that_run_the_encoder() -> None:
    paces = Paces(took("train", (10.0, 5.0)))
    predict = paces.of("predict")
    assert predict is not None
    assert predict.seconds(20.0) == pytest.approx(10.0)
    assert paces.of("tokenize") is None
    assert Paces([]).of("train") is None
    assert Paces([]).of("score") == Pace(0.0, 0.0)


def test_an_unknown_size_is_the_median_of_its_kind_and_makes_no_others_equal() -> None:
    keys = ("small", "large", "unknown")
    plan = plan_of(*(node(key, "train") for key in keys))
    costs = {"small": Estimate(flops=1.0), "large": Estimate(flops=9.0), "unknown": Estimate()}
    found = node_seconds(plan, costs, keys, Paces(took("train", (1.0, 2.0), (2.0, 4.0))))
    assert found == {"small": pytest.approx(2.0), "large": pytest.approx(18.0), "unknown": pytest.approx(10.0)}
    unsized = dict.fromkeys(keys, Estimate())
    assert node_seconds(plan, unsized, keys, Paces(took("predict", (1.0, 2.0)))) is None
    counted = node_seconds(plan, unsized, keys, Paces(took("train", (None, 2.0))))
    assert counted == dict.fromkeys(keys, 2.0), "without any size the nodes themselves are counted"


def test_two_processes_do_not_halve_one_long_node() -> None:
    nodes = [node("a", "train"), node("b", "train"), node("c", "train", ("a",)), node("d", "predict", ("c",), "c")]
    seconds = {"a": 1.0, "b": 10.0, "c": 2.0, "d": 3.0}
    assert makespan(nodes, seconds, 1) == 16.0
    assert makespan(nodes, seconds, 2) == 10.0
    assert makespan(nodes, {**seconds, "a": 8.0}, 2) == 13.0, "c and d wait for a"
    assert makespan([node(key, "train") for key in "xyz"], {"x": 1.0, "y": 1.0, "z": 5.0}, 1, {"z"}) == 7.0


class Replay:
    """A run whose nodes take what is said, one after the other; sizes are known once data are tokenized."""

    def __init__(self, sizes: dict[str, float], unknown: str) -> None:
        nodes, self.seconds, self.exact = [], {}, {}
        for name, size in sizes.items():
            data, train, predict = f"data {name}", f"train {name}", f"predict {name}"
            nodes += [node(data, "tokenize"), node(train, "train", (data,)), node(predict, "predict", (train,), train)]
            self.seconds |= {data: 0.1 + 0.01 * size, train: 0.5 + 1.0 * size, predict: 0.3 + 0.05 * size}
            self.exact |= {
                data: Estimate(tokens=size),
                train: Estimate(flops=3 * size),
                predict: Estimate(flops=0.2 * size),
            }
        self.plan, self.unknown, self.now = plan_of(*nodes), unknown, 0.0
        self.tokenized = False
        self.remaining = Remaining(self.plan, self.plan.nodes, 1, lambda _: self.costs(), clock=lambda: self.now)

    def costs(self) -> dict[str, Estimate]:
        hidden = () if self.tokenized else [key for key in self.plan.nodes if key.endswith(f" {self.unknown}")]
        return {key: Estimate() if key in hidden else cost for key, cost in self.exact.items()}

    def factors(self) -> list[float]:
        """Return by which factor the told time is off, after each event until the last twentieth of the run."""
        total, found = sum(self.seconds.values()), []
        for key, seconds in sorted(self.seconds.items(), key=lambda item: not item[0].startswith("data")):
            self.remaining.event({"event": "start", "key": key})
            for step in range(1, 11):
                self.now += seconds / 10
                self.remaining.event({"event": "progress", "key": key, "done": step, "total": 10})
                left, told = total - self.now, self.remaining.seconds()
                if told is not None and left > total / 20:
                    found.append(max(told / left, left / told))
            self.tokenized = self.tokenized or key == f"data {self.unknown}"
            self.remaining.event({"event": "end", "key": key, "state": "done", "seconds": seconds})
        assert self.remaining.seconds() == 0.0
        assert self.remaining.share() == 1.0
        return found


def test_a_few_huge_nodes_at_the_end_and_one_unknown_size_are_foreseen() -> None:
    sizes = {**{f"s{place}": 1.0 + place / 10 for place in range(12)}, "unknown": 60.0, "huge": 200.0}
    found = Replay(sizes, "unknown").factors()
    assert len(found) > 100
    assert median(found) < 1.3
    assert max(found) < 2.0


def test_a_running_node_tells_its_own_time() -> None:
    now = [0.0]
    plan = plan_of(node("a", "train"), node("b", "train"))
    costs = {"a": Estimate(flops=10.0), "b": Estimate(flops=30.0)}
    remaining = Remaining(plan, ("a", "b"), 1, lambda _: costs, clock=lambda: now[0])
    remaining.event({"event": "start", "key": "a"})
    assert remaining.seconds() is None
    assert remaining.share() is None
    now[0] = 5.0
    remaining.event({"event": "progress", "key": "a", "done": 1, "total": 4})
    assert remaining.seconds() == pytest.approx(15.0 + 60.0)
    assert remaining.share() == pytest.approx(5.0 / 80.0)
    now[0] = 5.5
    assert remaining.seconds() == pytest.approx(74.5), "between two estimates the clock goes on"


def test_nodes_that_fail_or_that_another_sweep_did_are_no_work_any_more() -> None:
    plan = plan_of(*(node(key, "train") for key in "abc"))
    known = took("train", (1.0, 2.0))
    remaining = Remaining(plan, "abc", 1, lambda _: dict.fromkeys("abc", Estimate(flops=1.0)), known, clock=lambda: 0.0)
    assert remaining.seconds() == pytest.approx(6.0), "the speed of earlier runs counts"
    remaining = Remaining(plan, "abc", 1, lambda _: dict.fromkeys("abc", Estimate(flops=1.0)), known, clock=lambda: 0.0)
    remaining.event({"event": "end", "key": "a", "state": "failed", "error": "it broke"})
    remaining.event({"event": "end", "key": "b", "state": "done", "shared": True})
    assert remaining.seconds() == pytest.approx(2.0)


def test_a_resumed_node_tells_its_speed_by_what_it_does_now() -> None:
    now = [0.0]
    costs = dict.fromkeys("abc", Estimate(flops=10.0))
    remaining = Remaining(
        plan_of(*(node(key, "train") for key in "abc")), "abc", 1, lambda _: costs, clock=lambda: now[0]
    )
    remaining.event({"event": "start", "key": "a", "resumes": True})
    for seconds, done in ((1.0, 90), (11.0, 96)):
        now[0] = seconds
        remaining.event({"event": "progress", "key": "a", "done": done, "total": 100})
    assert remaining.seconds() == pytest.approx((0.04 + 2) * 10.0 / 0.06)
    now[0] = 21.0
    remaining.event({"event": "end", "key": "a", "state": "done", "seconds": 21.0})
    assert remaining.seconds() is None, "21 seconds are those of a part"


def test_a_damaged_node_counts_again_with_what_it_needs() -> None:
    costs = dict.fromkeys("abc", Estimate(flops=1.0))
    plan = plan_of(*(node(key, "train") for key in "abc"))
    remaining = Remaining(plan, "c", 1, lambda _: costs, took("train", (1.0, 2.0)), clock=lambda: 0.0)
    assert remaining.seconds() == pytest.approx(2.0)
    remaining = Remaining(plan, "c", 1, lambda _: costs, took("train", (1.0, 2.0)), clock=lambda: 0.0)
    assert [remaining.again(key) for key in "abc"] == [True, True, False]
    assert remaining.seconds() == pytest.approx(6.0)


@pytest.mark.parametrize(("slow", "most"), [(0.0, 100), (2.0, 3)])
def test_a_slow_estimate_is_made_less_often(slow: float, most: int) -> None:
    """Each end of a data set asks for new sizes; the workers would wait while the sizes of a large plan are summed."""
    now, estimates = [0.0], []

    def costs(plan: Plan) -> dict[str, Estimate]:
        now[0] += slow
        estimates.append(now[0])
        return {key: Estimate(tokens=1.0, flops=1.0) for key in plan.nodes}

    data = [f"data {number}" for number in range(100)]
    plan = plan_of(*(node(key, "tokenize") for key in data), node("train", "train", tuple(data)))
    remaining = Remaining(plan, plan.nodes, 1, costs, clock=lambda: now[0])
    for key in data:
        remaining.event({"event": "start", "key": key})
        now[0] += 2.0
        remaining.event({"event": "end", "key": key, "state": "done", "seconds": 2.0})
        assert remaining.seconds() is None
    assert len(estimates) == most
    assert all(later - earlier >= 50 * slow for earlier, later in pairwise(estimates))
    now[0] += 50 * slow + 1.0
    remaining.event({"event": "end", "key": "train", "state": "done", "seconds": 2.0})
    assert remaining.seconds() == 0.0
