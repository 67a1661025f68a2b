"""The report as one HTML page: self-contained, readable without JavaScript, sorted and filtered with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from layover import __version__
from layover.errors import printable
from layover.escape import note
from layover.plan import Plan
from layover.report import sections
from layover.report.gains import ARROWS, Gain
from layover.report.markdown import Part, finished, plugins_text
from layover.report.pictures import Picture
from layover.report.rows import CellRow, signed
from layover.report.sections.transfer_plot import Panel, limit_of, panels
from layover.report.summary import Summary, explained, summary

FOLDER = Path(__file__).parent
MATRIX = "transfer"
"""The picture that the page shows as a table."""
_BORDER = re.compile(r"(?<!\\)\|")
"""The border between two cells of a Markdown table."""
_PLAIN = re.compile(r"[\w .,:;()±+–%/=-]*")
"""A cell without special characters."""


@dataclass(frozen=True)
class Square:
    """One square of the transfer matrix."""

    text: str
    title: str
    """The gain with its interval, or the reason why it is missing."""
    side: str
    """`pos`, `neg` or `none`."""
    share: float
    """The strength of the colour, 0 to 1."""


def html(plan: Plan, rows: Sequence[CellRow], parts: Sequence[Part], pictures: Mapping[str, Picture]) -> str:
    """Return the report as a page.

    Args:
        plan: The plan of the sweep.
        rows: Rows of its cells.
        parts: The details, as `layover.report.markdown.details` returns them.
        pictures: Name -> picture.
    """
    table = summary(rows)
    by_method = panels(rows)
    shown = [section for section in sections.in_order() if section.picture in pictures and section.picture != MATRIX]
    failures = [f"{row.cell.label}: {row.failure}" for row in rows if row.failure is not None]
    matrix = next(section for section in sections.in_order() if section.picture == MATRIX)
    page: str = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            name=printable(plan.recipe.document.name),
            finished=finished(plan, rows),
            explained=explained(table),
            table=table,
            matrix=(matrix.title, _markdown(matrix.explained, inline=True)),
            matrices=_matrices(by_method),
            targets=list(table.targets),
            marked=_marked(table),
            pictures=[
                (
                    section.picture,
                    section.title,
                    _own(pictures[section.picture].inside(section.title)),
                    _markdown(section.explained, inline=True),
                )
                for section in shown
            ],
            details=[(printable(title), _details(text)) for title, text in parts],
            notes=[_markdown(f"{note(remark)}.", inline=True) for remark in plan.notes],
            failures=list(map(printable, failures)),
            rows=rows,
            version=__version__,
            plugins=_markdown(plugins_text(plan), inline=True),
            style=_own((FOLDER / "page.css").read_text(encoding="utf-8")),
            script=_own((FOLDER / "page.js").read_text(encoding="utf-8")),
        )
    )
    return page


def _marked(table: Summary) -> set[int]:
    """Return the places of the targets with a mark: their columns have room for marks."""
    lines = [list(line.values()) for line in table.lines.values()]
    return {place for line in lines for place, cell in enumerate(line) if cell.marked()}


def _own(text: str) -> Markup:
    """Return markup that Layover or a library wrote, in which texts of others are escaped already."""
    return Markup(text)  # noqa: S704


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["printable"] = lambda value: printable(str(value))
    return made


@cache
def _converter() -> MarkdownIt:
    """Return the converter of our own Markdown; HTML inside it is shown as text."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _markdown(text: str, *, inline: bool = False) -> Markup:
    """Return Markdown as HTML."""
    return _own(str(_converter().renderInline(text) if inline else _converter().render(text)))


def _details(paragraphs: Sequence[str]) -> Markup:
    """Return paragraphs of Markdown as HTML; wide tables scroll inside the page."""
    return _own("\n".join(_table(text) if text.startswith("| ") else _markdown(text) for text in paragraphs))


def _table(text: str) -> str:
    """Return a table of Markdown as HTML. A report has many, and the converter takes long for tables."""
    head, _, *lines = ([cell.strip() for cell in _BORDER.split(line)[1:-1]] for line in text.split("\n"))
    heads = "".join(f'<th scope="col">{_inside(cell)}</th>' for cell in head)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_inside(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return (
        f'<div class="scroll" tabindex="0"><table class="sortable"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


@lru_cache(maxsize=10_000)
def _inside(cell: str) -> str:
    """Return the Markdown of a cell as HTML; a border inside it is escaped."""
    if _PLAIN.fullmatch(cell):
        return cell
    return str(_converter().renderInline(cell.replace("\\|", "|")))


Matrix = dict[str, dict[str, Square]]
"""Intermediate -> target -> square."""


def _matrices(by_method: Mapping[tuple[str, str], Panel]) -> dict[str, Matrix]:
    limit = limit_of(by_method)
    return {
        printable(f"{model} {method}"): {
            intermediate: {target: _square(gain, limit) for target, gain in line.items()}
            for intermediate, line in panel.items()
        }
        for (model, method), panel in by_method.items()
    }


def _square(gain: Gain, limit: float) -> Square:
    if gain.finding is None:
        return Square("–", gain.reason, "none", 0.0)
    mean = gain.finding.difference.mean
    side = "pos" if mean > 0 else "neg"
    text = f"{signed(mean)} {ARROWS[gain.finding.mark]}".rstrip()
    return Square(text, f"{gain.text()} ({gain.languages})", side, min(1.0, abs(mean) / limit))
