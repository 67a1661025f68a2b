from __future__ import annotations

import pytest

from layover_sandbox import world
from layover_sandbox.meaning import Clause, Fact
from layover_sandbox.sampling import Dice, Sampler, facts

DOMAINS = ("general", "legal", "biomedical")


@pytest.fixture(scope="session")
def clauses() -> list[Clause]:
    """Many clauses of all sorts, every predicate among them."""
    sampler = Sampler(Dice("tests"), domains=DOMAINS)
    found = [sampler.any() for _ in range(2_000)]
    found += [sampler.detailed(sampler.event(name)) for name in world.PREDICATES for _ in range(10)]
    return found


@pytest.fixture(scope="session")
def every_fact() -> list[Fact]:
    return facts()
