"""The schedule against a reference that scans all waiting jobs, and the promises of a run whatever happens to nodes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.engine.simulated import Chances, Simulation, node, plan_of, random_plan
from tests.thorough import count

from layover.engine import local
from layover.engine.jobs import Job, RunOutcome, group
from layover.engine.schedule import MOST_LOSSES, JobSchedule
from layover.plan import Plan

SWEEPS = count(40, 400)
"""Number of random sweeps of each kind."""
KINDS = {
    "all finish": Chances(),
    "some fail": Chances(failed=0.15),
    "others compute": Chances(busy=0.3, doubted=0.1, shared=0.2),
    "nodes are damaged": Chances(lost=0.2),
    "workers are killed": Chances(killed=0.2, worn=0.3),
    "everything": Chances(failed=0.05, busy=0.1, doubted=0.05, lost=0.1, killed=0.05),
}


@pytest.fixture(scope="module")
def rescan() -> Any:
    """The reference, which the benchmark uses too."""
    file = Path(__file__).parents[2] / "benchmarks" / "_rescan.py"
    spec = importlib.util.spec_from_file_location("_rescan", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Rescan


def below(plan: Plan, keys: list[str]) -> set[str]:
    """Return nodes with all that they need."""
    seen: set[str] = set()
    while keys:
        key = keys.pop()
        seen.add(key)
        keys += [need for need in plan.nodes[key].needs if need not in seen]
    return seen


def swept(seed: int, chances: Chances, monkeypatch: pytest.MonkeyPatch) -> tuple[Simulation, RunOutcome]:
    """Run a random sweep: first some of its nodes, as for exact sizes, then all."""
    random = Random(seed)  # noqa: S311
    plan = random_plan(random, random.choice((1, 3, 10, 25, 60)))
    keys = list(plan.nodes)
    stored = below(plan, random.sample(keys, random.choice((0, 0, len(keys) // 4))))
    simulation = Simulation(plan, seed, chances, stored)
    engine = simulation.engine(random.choice((1, 2, 3, 7)), monkeypatch)
    if random.random() < 0.5:
        engine.run(plan, only=below(plan, random.sample(keys, len(keys) // 3)))
        simulation.trace.append("second run")
    return simulation, engine.run(plan)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_decides_as_a_scan_of_all_jobs(kind: str, rescan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers, the jobs that they get, all events and the outcome are equal, and in the same order."""
    for seed in range(SWEEPS):
        ours, outcome = swept(seed, KINDS[kind], monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr(local, "JobSchedule", rescan)
            theirs, expected = swept(seed, KINDS[kind], monkeypatch)
        assert ours.trace == theirs.trace, seed
        assert outcome == expected, seed
        _all_is_told(ours, outcome)


def _all_is_told(simulation: Simulation, outcome: RunOutcome) -> None:
    """Each node of a run is finished, has failed, or is blocked, once, by a node that has failed."""
    assert {*outcome.done, *outcome.failed, *outcome.blocked} == set(simulation.plan.nodes)
    assert set(outcome.blocked.values()) <= outcome.failed.keys()
    trace = simulation.trace
    last = trace[trace.index("second run") :] if "second run" in trace else trace
    blocked = [event["key"] for event in simulation.ends(last) if event["state"] == "blocked"]
    assert len(blocked) == len(set(blocked))
    assert set(blocked) == outcome.blocked.keys() - outcome.done


def test_a_node_behind_a_later_job_is_blocked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the run ends with an error: no worker works, and nothing can start."""
    plan = plan_of(
        node("tokenized"),
        node("en", "tokenized", job="evaluate"),
        node("data"),
        node("adapter", "data"),
        node("sw", "tokenized", "adapter", job="evaluate"),
    )
    simulation = Simulation(plan, 1, Chances(), {"tokenized"})
    engine = simulation.engine(1, monkeypatch)
    engine.outcome.failed["data"] = "an error"
    outcome = engine.run(plan)
    assert outcome.blocked == {"adapter": "data", "sw": "data"}
    ends = [(event["key"], event["state"], event.get("cause")) for event in simulation.ends()]
    assert ends == [("adapter", "blocked", "data"), ("sw", "blocked", "adapter"), ("en", "done", None)]


def test_a_node_that_is_damaged_while_its_own_job_still_runs_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(node("p1", job="evaluate"), node("p2", job="evaluate"), node("score", "p1", "p2", job="evaluate"))
    simulation = Simulation(plan, 1, Chances(lost=1e-9))
    engine = simulation.engine(1, monkeypatch)

    def report(event: Any) -> None:
        simulation.report(event)
        if event["event"] == "end" and event["key"] == "p2" and engine._losses == {}:
            simulation.stored.discard("p1")

    engine.report = report
    assert engine.run(plan).done == {"p1", "p2", "score"}
    assert [event for event in simulation.trace if isinstance(event, dict) and event["event"] == "aside"] == [
        {"event": "aside", "key": "p1", "reason": "it is damaged", "needed_by": "score", "again": ["p1"]}
    ]


def schedule_of(*nodes: Any) -> JobSchedule:
    """Return a schedule of all nodes."""
    return JobSchedule(plan_of(*nodes).nodes, group(nodes), RunOutcome())


def names(schedule: JobSchedule) -> list[str]:
    """Take all ready jobs; return their names."""
    return [job.name for job in iter(schedule.take, None)]


def test_jobs_with_a_time_wait_for_it() -> None:
    a, b, c = node("a"), node("b"), node("c")
    schedule = JobSchedule(plan_of(a, b, c).nodes, group([a]), RunOutcome())
    assert not schedule.timed
    schedule.put_in_front([Job("late", {"b": b}, 5.0), Job("early", {"c": c}, 2.0)])
    assert schedule.timed
    assert list(schedule.names()) == ["late", "early", "a"]
    assert schedule.settle(1.9) == []
    assert names(schedule) == ["a"]
    schedule.settle(2.0)
    assert names(schedule) == ["early"]
    assert (schedule.timed, schedule.ready(), len(schedule)) == (True, False, 1)
    schedule.settle(5.0)
    assert names(schedule) == ["late"]
    assert (schedule.timed, len(schedule)) == (False, 0)


def test_a_worker_gets_the_first_job_of_its_encoder_or_of_none() -> None:
    small, large = ("small", None), ("large", None)
    nodes = [node(f"{number}", encoder=encoder) for number, encoder in enumerate((large, small, None, small, large))]
    schedule = schedule_of(*nodes)
    taken = [schedule.take_for(encoder) for encoder in (small, small, ("tiny", None), large, None)]
    assert [job and job.name for job in taken] == ["1", "2", None, "0", None]
    assert names(schedule) == ["3", "4"]


def test_a_job_that_loses_the_node_of_its_encoder_waits_for_another_one() -> None:
    small, large = ("small", None), ("large", None)
    schedule = schedule_of(node("a", job="both", encoder=small), node("b", job="both", encoder=large))
    schedule.settle(0.0)
    schedule.finish("a")
    schedule.settle(0.0)
    assert schedule.take_for(small) is None
    job = schedule.take_for(large)
    assert job is not None
    assert list(job.nodes) == ["b"]


def test_a_node_that_has_lost_too_many_needs_fails() -> None:
    schedule = schedule_of(node("a"), node("b", "a"))
    assert [schedule.lose("b", "a") for _ in range(MOST_LOSSES + 1)] == [True] * MOST_LOSSES + [False]
    assert not schedule.lose("a", "a node of no plan")


def test_a_job_waits_for_a_node_that_it_has_lost_though_it_does_not_need_it_itself() -> None:
    outcome = RunOutcome(done={"a", "b"})
    a, b, c = node("a"), node("b", "a"), node("c", "b")
    schedule = JobSchedule(plan_of(a, b, c).nodes, [], outcome)
    assert schedule.lose("c", "a")
    schedule.put_in_front([Job("c", {"c": c})])
    assert schedule.ready()
    assert schedule.run_again("a", lambda key: key != "a", {"c"}) == ["a"]
    assert names(schedule) == ["a"]
    assert outcome.done == {"b"}
    schedule.finish("a")
    assert names(schedule) == ["c"]


@pytest.mark.parametrize(("failed", "kept"), [(0.0, []), (1.0, ["a.log"])])
def test_the_log_of_a_job_is_kept_after_a_failure(
    failed: float, kept: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = Simulation(plan_of(node("a")), 1, Chances(failed=failed, shared=0.0))
    simulation.root = tmp_path
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").touch()
    simulation.engine(1, monkeypatch).run(simulation.plan)
    assert [file.name for file in (tmp_path / "logs").iterdir()] == kept
