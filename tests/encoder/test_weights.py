from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.fingerprint import fingerprint
from torch import nn

from layover.encoder import check_weights, generator_for, read_weights, write_weights
from layover.errors import ModelError


def test_round_trip(tmp_path: Path) -> None:
    weights = {"b": torch.randn(3, 2), "a": torch.randn(2, 3).t()}
    write_weights(tmp_path / "one", weights)
    write_weights(tmp_path / "two", dict(reversed(weights.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = read_weights(tmp_path / "one")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no weights")
    for name in ("text", "absent"):
        with pytest.raises(ModelError, match=name):
            read_weights(tmp_path / name)


def test_check_names_the_key() -> None:
    expected = {"a": (2,), "b": (1, 3)}
    good = {"a": torch.zeros(2), "b": torch.zeros(1, 3)}
    check_weights(good, expected, "here")
    with pytest.raises(ModelError, match="here: the weight 'b' is missing"):
        check_weights({"a": good["a"]}, expected, "here")
    with pytest.raises(ModelError, match="the weight 'c' is unexpected"):
        check_weights({**good, "c": good["a"]}, expected, "here")
    with pytest.raises(ModelError, match="'a' has the shape"):
        check_weights({**good, "a": torch.zeros(3)}, expected, "here")


def test_fingerprint_is_of_what_is_frozen() -> None:
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(requires_grad=False)
    before = fingerprint(model)
    with torch.no_grad():
        model.weight.add_(1)
        assert fingerprint(model) == before
        model.bias.add_(1e-7)
    assert fingerprint(model) != before


def test_generators_follow_seed_and_name() -> None:
    def draw(seed: int, name: str) -> float:
        return float(torch.rand(1, generator=generator_for(seed, name)))

    assert draw(1, "a") == draw(1, "a")
    assert len({draw(1, "a"), draw(2, "a"), draw(1, "b"), draw(12, "a")}) == 4
