"""The page beside packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layover.errors import LayoverError
from layover.hub import index
from layover.packages.card import read_card

STACK = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"


def lines(page: str, section: str) -> dict[str, list[str]]:
    """Return the cells of the table of a section by the name that stands first."""
    table = [
        line
        for line in page.split(f"## {section}\n")[1].split("## ", maxsplit=1)[0].splitlines()
        if line.startswith("| [")
    ]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {row[0].partition("]")[0].removeprefix("["): row for row in rows}


def test_it_lists_every_package_once(exported: Path) -> None:
    page = (exported / index.PAGE).read_text(encoding="utf-8")
    scored, others = lines(page, "Trained for a task"), lines(page, "Intermediates")
    cards = {file.parent.name: read_card(file.parent) for file in exported.glob("*/transfer_card.json")}
    assert {name for name, card in cards.items() if card.scores is not None} == set(scored)
    assert {name for name, card in cards.items() if card.scores is None} == set(others)
    assert page.count("\n| [") == len(cards)


def test_a_line_says_what_the_card_says(exported: Path) -> None:
    card = read_card(exported / STACK)
    assert card.scores is not None
    page = (exported / index.PAGE).read_text(encoding="utf-8")
    mean = sum(value or 0.0 for value in card.scores.languages.values()) / 2
    row = lines(page, "Trained for a task")[STACK]
    assert row[:4] == [f"[{STACK}]({STACK})", "lora, stack", "sandbox/paraphrase", "sandbox/nli"]
    assert row[4] == f"{mean:.1f} accuracy (2)"
    assert row[5] == f"{card.scores.languages['de']:.1f}"
    assert row[8:] == ["sandbox/mini", "peft", "[mini-stack-sandbox-nli-s1](mini-stack-sandbox-nli-s1)"]
    flat = lines(page, "Trained for a task")[f"{STACK}-flat"]
    assert (flat[1], flat[-1]) == ("lora, stack, flattened", "–")
    both = lines(page, "Trained for a task")["mini-lora-for-adapters"]
    assert both[9] == "peft, adapters"
    assert lines(page, "Trained for a task")["mini-head-sandbox-paraphrase-s1"][9] == "–"
    own = lines(page, "Intermediates")["own-stack-sandbox-nli-s1"]
    assert own[3] == "without a public name"
    assert "chosen by the scores" not in page


def test_it_is_written_anew(exported: Path, sweep: Any, tmp_path: Path) -> None:
    sweep.export(tmp_path, "mini/head")
    before = (tmp_path / index.PAGE).read_text(encoding="utf-8")
    sweep.export(tmp_path, "mini/dora")
    after = (tmp_path / index.PAGE).read_text(encoding="utf-8")
    assert "mini-dora-sandbox-copa-s1" not in before
    assert "mini-dora-sandbox-copa-s1" in after
    assert "mini-head-sandbox-paraphrase-s1" in after
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [index.PAGE]


def test_a_folder_being_written_is_no_package(exported: Path, tmp_path: Path) -> None:
    hidden = tmp_path / ".half.abc"
    hidden.mkdir()
    (hidden / "transfer_card.json").write_text("{")
    index.write(tmp_path)
    assert "half" not in (tmp_path / index.PAGE).read_text(encoding="utf-8")


def test_a_card_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "transfer_card.json").write_text('{"schema_version": 9}')
    with pytest.raises(LayoverError, match="schema_version is 9"):
        index.write(tmp_path)
    assert not (tmp_path / index.PAGE).exists()


def test_demonstrations_say_so(exported: Path) -> None:
    cards = [read_card(file.parent) for file in sorted(exported.glob("*/transfer_card.json"))]
    sandbox = [card for card in cards if card.base.name == "sandbox/mini"]
    assert len(sandbox) < len(cards)
    assert index.DEMONSTRATIONS in index.markdown(sandbox)
    assert index.DEMONSTRATIONS not in index.markdown(cards)
    assert index.DEMONSTRATIONS not in index.markdown([])


def test_nothing_is_written_beside_what_the_page_cannot_list(sweep: Any, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "transfer_card.json").write_text('{"schema_version": 9}')
    with pytest.raises(LayoverError, match=r"schema_version is 9.*remove this package, or name another folder"):
        sweep.export(tmp_path, "mini/head")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize("theirs", [b"# Mine\n", b"\xff\xfe\x00", b""])
def test_a_page_of_somebody_else_is_left_alone(sweep: Any, tmp_path: Path, theirs: bytes) -> None:
    (tmp_path / index.PAGE).write_bytes(theirs)
    with pytest.raises(LayoverError, match="was not written by Layover and is not overwritten"):
        sweep.export(tmp_path, "mini/head")
    assert [path.name for path in tmp_path.iterdir()] == [index.PAGE]
    assert (tmp_path / index.PAGE).read_bytes() == theirs


def test_a_folder_in_the_place_of_the_page(tmp_path: Path) -> None:
    (tmp_path / index.PAGE).mkdir()
    with pytest.raises(LayoverError, match="was not written by Layover"):
        index.check(tmp_path)


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.write(tmp_path)
    before = (tmp_path / index.PAGE).read_text(encoding="utf-8")
    monkeypatch.setattr(index, "markdown", lambda _: before + "\ud800")  # no UTF-8 is made of it
    with pytest.raises(UnicodeEncodeError):
        index.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [index.PAGE]
    assert (tmp_path / index.PAGE).read_text(encoding="utf-8") == before
