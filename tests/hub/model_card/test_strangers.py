"""Names, labels and texts of others on a card, in the report and in its tables: shown, and without a meaning."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.hub.model_card.strangers import elements, told

import layover
from layover.escape import Markup, csv_file, csv_value, drawn_plainly, inline, markdown_table
from layover.hub import index
from layover.hub.model_card import markdown
from layover.hub.model_card.plot import draw
from layover.packages.card import Card

TEXTS = (
    *("on", "null", "~", "1e3", "0x1f", "12:30", "2020-01-01", ".nan", "=1+1", "#x", "'q'", '"d"', "\\n", "- x"),
    *("---\nlicense: mit\n---", "a: b", "!!python/object:os.system", "&a *a", "{a: b}", "%x", "@x", "`x`", "? x"),
    *("\x85x", "\u2028x", "x\u202etxt", "\ufeffx", "\x1b[2J", "\x07", "\x00", "\ud83d", "\U000e0041"),
    *("a|b `c` [d](e) <b>x</b> $x$", "http://x.org www.x.org a@x.org", "| --- |\n| x |", "</td><script>", "${x}"),
)


def parts(card: Card) -> tuple[str, str]:
    """Return metadata and text of a page."""
    page = markdown(card, 5, pictured=True)
    assert {one for one in page if not one.isprintable()} <= {"\n"}
    assert page.startswith("---\n")
    head, _, body = page[4:].partition("\n---\n")
    return head, body


@pytest.mark.parametrize("text", TEXTS)
def test_metadata_are_read_as_they_were_meant(shipped: Card, text: str) -> None:
    head, _ = parts(told(shipped, text))
    found = yaml.safe_load(head)
    assert found == YAML(typ="safe", pure=True).load(head)
    assert set(found) == set(yaml.safe_load(parts(told(shipped, "word"))[0]))
    sets = [one["dataset"] for one in found["model-index"][0]["results"]]
    assert [one["split"] for one in sets] == [text, text, text]
    assert {one["name"] for one in sets} == {f"sandbox/paraphrase ({language})" for language in ("en", "de-x", text)}


@pytest.mark.parametrize("text", TEXTS)
def test_a_page_has_no_markup_of_a_stranger(shipped: Card, text: str) -> None:
    """The page has the elements that it has with a harmless word; of the word's own there are none."""

    assert elements(parts(told(shipped, text))[1]) == elements(parts(told(shipped, "word"))[1])


def test_the_page_of_packages_escapes_what_a_card_says(shipped: Card) -> None:
    values = json.loads(shipped.model_dump_json(by_alias=True))
    values["task"]["name"] = "a|b [x](http://x.org) <b>"
    page = index.markdown([Card.model_validate(values)])
    (table,) = [line for line in page.splitlines() if "a\\|b" in line]
    assert "a\\|b \\[x\\](http\\://x.org) \\<b\\>" in table


def test_dollars_in_a_picture_are_no_formula(shipped: Card, tmp_path: Path) -> None:
    from matplotlib import rcParams
    from matplotlib.text import Text

    before = rcParams["text.parse_math"]
    with drawn_plainly():
        assert not Text(text="$x_1$").get_parse_math()
    assert rcParams["text.parse_math"] == before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that the font does not have
        assert draw(told(shipped, r"$\frac{$ \x1b"), tmp_path / "one.png")


FORMULAS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-x",
    "@SUM(1)",
    "\t=1",
    "\n=1",
    " =1",
    "＝1",
    "-",
    "=",
    "-1+2",
    "+1 a",
)
NUMBERS = ("-1", "+1", "-0.5", "1e-05", "-1.5E+10", "3", "-.5", "12.")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    assert csv_value(text).startswith("'")
    assert csv_value(text)[1:] == text


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_stay_numbers(text: str) -> None:
    assert csv_value(text) == text
    assert float(csv_value(text)) == float(text)


def test_cells_that_are_no_texts() -> None:
    assert csv_value("\r=1") == "\\r=1"
    assert [csv_value(one) for one in (None, 1, -0.1, True, "")] == ["", "1", "-0.1", "True", ""]


@given(st.lists(st.lists(st.text(st.characters(), max_size=8), min_size=2, max_size=2), max_size=4))
def test_a_file_of_cells_is_read_as_it_was_meant(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = tmp_path_factory.mktemp("csv") / "one.csv"
    with csv_file(file) as write:
        for row in rows:
            write(row)
    text = file.read_bytes().decode("utf-8")
    assert {one for one in text if not one.isprintable()} <= {"\n", "\t", "\u200c", "\u200d"}
    with file.open(encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream))
    assert found == [[csv_value(cell) for cell in row] for row in rows]
    for row, cells in zip(rows, found, strict=True):
        for cell, there in zip(row, cells, strict=True):
            if cell.isprintable() and not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")):
                assert there == cell


def test_csv_files_are_written_in_one_place() -> None:
    source = Path(layover.__file__).parents[1]
    writers = {"csv.writer", "csv.DictWriter", "to_csv("}
    found = {
        file.relative_to(source).as_posix()
        for package in ("layover", "layover_sandbox")
        for file in (source / package).rglob("*.py")
        if any(one in file.read_text(encoding="utf-8") for one in writers)
    }
    assert found == {"layover/escape.py", "layover_sandbox/sets/similarity.py"}, "and data of the sandbox's own"


def test_markup_of_our_own_stays_in_tables() -> None:
    assert markdown_table(["a"], [[Markup("**b|c**")], ["**b|c**"]]).splitlines()[2:] == [
        "| **b\\|c** |",
        "| \\*\\*b\\|c\\*\\* |",
    ]
    assert inline("x\n# y") == "x # y"
