"""Jobs and resources, without processes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.made_specs import some_scores

from layover.allowed import cores, total_memory
from layover.engine.jobs import RunOutcome, group
from layover.engine.resources import resources
from layover.engine.schedule import JobSchedule
from layover.execution import Execution
from layover.plan import Node
from layover.specs.score import ScoreSpec


def node(metric: str, job: str, *needs: str) -> Node[ScoreSpec]:
    return Node(replace(some_scores(), metrics=(metric,)), needs, metric, job)


def test_nodes_of_one_job_run_together_and_need_what_lies_outside() -> None:
    outside, first = node("d", "z"), node("a", "x")
    second, third = node("b", "y", first.key), node("c", "x", first.key, outside.key)
    jobs = group([first, second, third])
    assert [(job.name, [one.label for one in job.nodes.values()]) for job in jobs] == [("x", ["a", "c"]), ("y", ["b"])]
    schedule = JobSchedule({one.key: one for one in (outside, first, second, third)}, jobs, RunOutcome())
    assert schedule.take() is None, "x needs z, and y needs x"
    schedule.finish(outside.key)
    assert schedule.take() is jobs[0]
    assert schedule.take() is None
    schedule.finish(first.key)
    assert schedule.take() is jobs[1]


def test_what_the_recipe_asks_for_is_what_it_gets() -> None:
    found = resources(Execution(workers=3, threads=5, device="cpu"), None)
    assert (found.workers, found.threads) == (3, 5)


def test_the_cpu_is_shared_among_workers() -> None:
    found = resources(Execution(device="cpu"), 1)
    assert (found.workers, found.threads) == (cores(), 1)


def test_large_nodes_run_one_at_a_time() -> None:
    found = resources(Execution(device="cpu"), total_memory())
    assert (found.workers, found.threads) == (1, cores())


def test_one_process_on_an_accelerator() -> None:
    assert resources(Execution(device="cuda"), 1).workers == 1


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Execution(workers=0)
