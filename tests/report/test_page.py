"""The page: whole without a network, escaped, readable without JavaScript, sorted and filtered with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report.conftest import Group

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from layover.report import CellRow
from layover.report.files import write_report
from report import plan_of

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
EVIL = "<script>alert(1)</script>&\"'`|*_"
NONE = [60.0, 61.0, 62.0]


@pytest.fixture
def rows(group: Group) -> list[CellRow]:
    higher = [70.0, 71.0, 72.0]
    made = [
        *group("lora", "none", NONE),
        *group("lora", "mnli", higher, NONE),
        *group("full", "none", [50.0, 51.0, 52.0]),
        *group("full", EVIL, higher, [50.0, 51.0, 52.0]),
    ]
    made += [row for number in range(8) for row in group(f"other-{number}", "none", [10.0 + number] * 3)]
    return [*made, replace(group("bn", "none", [1.0])[0], record=None, failure=EVIL)]


def written(rows: list[CellRow], folder: Path) -> Path:
    write_report(plan_of(rows), rows, folder)
    return folder / "report.html"


class Elements(HTMLParser):
    """The names of elements, the addresses that they load, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.names: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_it_loads_nothing_and_shows_names_literally(rows: list[CellRow], tmp_path: Path) -> None:
    page = written(rows, tmp_path).read_text(encoding="utf-8")
    elements = Elements(page)
    assert all(address.startswith("#") for address in elements.loaded), "only places inside the page"
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", page)
    assert elements.names.count("script") == 1
    assert "<script>alert" not in page
    assert f"/xnli/0: {EVIL}" in "".join(elements.words)
    assert page.count("<svg") == page.count("</svg>") >= 1
    assert "#131416" not in page.split("</style>", 1)[1], "pictures have the colour of the text"


def test_it_has_every_part(rows: list[CellRow], tmp_path: Path) -> None:
    page = written(rows, tmp_path).read_text(encoding="utf-8")
    for part in ("scores", "transfer", "gains", "details", "cells"):
        assert f'id="{part}"' in page
    assert '<span class="mark gain">▲+10.0</span>' in page
    assert "<b>71.0</b>" in page
    files = {path.name for path in tmp_path.iterdir()}
    assert {f"{name}.{suffix}" for name in ("transfer", "gains") for suffix in ("svg", "pdf", "png")} <= files
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "![Transfer matrix](transfer.png)" in text
    assert text.count("<details>") == text.count("</details>") > 3
    assert text.index("| model | method |") < text.index("![Transfer matrix]") < text.index("<details>")


def test_an_earlier_report_leaves_nothing_that_contradicts(rows: list[CellRow], tmp_path: Path) -> None:
    written(rows, tmp_path)
    (tmp_path / "tables.tex").write_text("old", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    alone = [row for row in rows if row.cell.intermediate == "none"]
    written(alone, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert "notes.txt" in names
    assert not names & {"tables.tex", "gains.csv", "gains.svg", "transfer.png"}


def test_titles_of_folded_parts_are_text(rows: list[CellRow], tmp_path: Path) -> None:
    evil = [replace(row, cell=replace(row.cell, target=EVIL)) for row in rows]
    written(evil, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<summary>&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in text


def dom(page: Path, script: str = "", *, width: int = 1280) -> str:
    """Return the document of a page after its scripts, in a real browser without a network."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    if script:
        text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{script}</script></body>")
        page = page.with_name("scripted.html")
        page.write_text(text, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--window-size={width},900"]
    command = [CHROMIUM, *options, f"--user-data-dir={page.parent / 'profile'}", page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def first_column(document: str) -> list[str]:
    """Return the method of each visible line of the first table."""
    body = document.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0]
    lines = re.findall(r"<tr([^>]*)>\s*<td>([^<]*)</td>", body)
    return [method for attributes, method in lines if "hidden" not in attributes]


def test_a_browser_sorts_and_filters(rows: list[CellRow], tmp_path: Path) -> None:
    page = written(rows, tmp_path)
    assert first_column(dom(page))[0] == "lora"
    click = "document.querySelectorAll('#scores th button')[2].click();"
    assert first_column(dom(page, click))[:2] == ["lora", "full"], "the highest scores first"
    assert first_column(dom(page, click * 2))[0] == "other-0"
    filtered = (
        "const f = document.querySelector('#scores input'); f.value = 'OTHER 3'; f.dispatchEvent(new Event('input'));"
    )
    assert first_column(dom(page, filtered)) == ["other-3"]


def test_a_browser_shows_all_without_javascript(rows: list[CellRow], tmp_path: Path) -> None:
    page = written(rows, tmp_path)
    forbidden = """<head><meta http-equiv="Content-Security-Policy" content="script-src 'none'">"""
    page.write_text(page.read_text(encoding="utf-8").replace("<head>", forbidden), encoding="utf-8")
    document = dom(page)
    assert len(first_column(document)) == 13
    assert "<button" not in document
    assert "<input" not in document


@pytest.mark.parametrize("width", [500, 1280, 1920])
def test_no_page_is_wider_than_its_window(rows: list[CellRow], tmp_path: Path, width: int) -> None:
    """Wide tables and pictures scroll inside the page."""
    script = "document.body.dataset.wide = `${document.documentElement.scrollWidth} ${window.innerWidth}`;"
    document = dom(written(rows, tmp_path), script, width=width)
    ((wide, inner),) = re.findall(r'data-wide="(\d+) (\d+)"', document)
    assert int(wide) <= int(inner)
