"""A finished sweep, made once for all tests that damage its store."""

from __future__ import annotations

import shutil

import pytest
from tests.store.faults import STATES, Sweep


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A finished sweep, and its store in several states beside it; each test puts one of them into place first."""
    made = Sweep(tmp_path_factory.mktemp("faults"))
    code, said = made.run()
    assert code == 0, said
    made.keep("whole")
    for state in STATES[1:]:
        made.put("whole")
        made.leave({"score", "predict"})
        targets = {cell.train for cell in made.plan().plan.cells}
        for key in targets if state != "unscored" else ():
            assert key is not None
            shutil.rmtree(made.store / "nodes" / key[:2] / key)
        if state == "stopped":
            made.stop_trainings()
            assert len(list(made.store.glob("work/*/step-*"))) == len(targets)
        made.keep(state)
    return made


@pytest.fixture(scope="session")
def clean(sweep: Sweep) -> dict[str, str]:
    """The files of its report."""
    sweep.put("whole")
    return sweep.report()
