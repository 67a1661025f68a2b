"""One type says how work is done, from the recipe to the loops; the device `auto` becomes a real one in one place."""

from __future__ import annotations

import pytest
import torch

from layover.errors import ModelError
from layover.execution import Execution
from layover.inference.machine import device_of, here, on_machine
from layover.recipe.schema import Document

ASKED = Execution(
    workers=2, threads=3, micro_batch_tokens=64, gradient_checkpointing=True, memory="2GiB", deterministic=False
)  # type: ignore[arg-type]


def test_a_recipe_says_it_in_the_same_type_as_the_loops() -> None:
    assert Document.model_fields["run"].annotation is Execution


def test_auto_becomes_a_device_of_this_machine_and_nothing_else_changes() -> None:
    resolved = here(ASKED)
    assert ASKED.device == "auto"
    assert resolved.device == device_of("auto") != "auto"
    assert resolved == ASKED.model_copy(update={"device": resolved.device})
    assert here(resolved) == resolved
    assert here(Execution(device="cpu")).device == "cpu"


def test_a_block_of_work_has_the_threads_and_the_device_that_are_asked_for() -> None:
    threads = torch.get_num_threads()
    with on_machine(ASKED.model_copy(update={"threads": threads + 2})) as device:
        assert torch.get_num_threads() == threads + 2
        assert device.type == device_of("auto")
    assert torch.get_num_threads() == threads
    with on_machine(ASKED.model_copy(update={"threads": None})):
        assert torch.get_num_threads() == threads


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused = pytest.raises(ModelError, match=r"run\.device: cuda is not available here; usable: .*cpu")
    with refused, on_machine(Execution(device="cuda")):
        raise AssertionError("the block does not begin")
    with pytest.raises(ModelError, match=r"device: 'cdua' is not a device.*cuda"):
        device_of("cdua", where="device")
