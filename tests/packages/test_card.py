"""A folder without a card: what it is instead, and what may be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.errors import ModelError
from layover.packages.card import CARD, read_card


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in ("mini-lora-a-s1", "mini-lora-b-s1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CARD).write_text("{}", encoding="utf-8")
    (tmp_path / "texts").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mini-lora-a-s2", "there is no such folder; did you mean 'mini-lora-a-s1'?"),
        ("zzz", "there is no such folder; one of: mini-lora-a-s1, mini-lora-b-s1"),
        ("texts", f"no package: there is no {CARD} in it"),
        ("nowhere/texts", "there is no such folder"),
        (".", f"no package: there is no {CARD} in it; it holds packages, name them: {{root}}/*"),
        (f"mini-lora-a-s1/{CARD}", f"it is a file; a package is a folder with a {CARD} in it"),
        ("mini-lora-a-s1", "a card of schema None; this version reads 1"),
    ],
)
def test_what_is_no_package(packages: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_card(packages / name)
    assert str(caught.value).endswith(f": {message.format(root=packages)}")
