"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from layover import __version__
from layover.errors import printable
from layover.escape import Markup, inline, markdown_table, note
from layover.plan import Plan
from layover.report import main_table, sections
from layover.report.rows import CellRow
from layover.report.summary import Summary, explained, summary

Part = tuple[str, list[str]]
"""A title, plain text, and paragraphs of Markdown."""


def markdown(plan: Plan, rows: Sequence[CellRow], parts: Sequence[Part], pictures: Collection[str] = ()) -> str:
    """Return the whole report as Markdown: a short table and pictures first, details folded.

    Args:
        plan: The plan of the sweep.
        rows: Rows of its cells.
        parts: The details, as `details` returns them.
        pictures: Names of the pictures beside the report.
    """
    table = summary(rows)
    text = [
        f"# {inline(plan.recipe.document.name)}",
        finished(plan, rows),
        inline(explained(table)),
        first_table(table),
    ]
    report_sections = sections.in_order()
    for section in report_sections:
        if section.picture in pictures and section.picture:
            text += [f"## {section.title}", section.explained, f"![{section.title}]({section.picture}.png)"]
    text.extend(f"Note: {note(remark)}." for remark in plan.notes)
    text.extend(f"Failed: {note(f'{row.cell.label}: {row.failure}')}" for row in rows if row.failure is not None)
    for title, paragraphs in parts:
        text += [f"<details><summary>{escape(printable(title))}</summary>", *paragraphs, "</details>"]
    text.append(f"Made by Layover {__version__}{plugins_text(plan)}.")
    return "\n\n".join(text) + "\n"


def finished(plan: Plan, rows: Sequence[CellRow]) -> str:
    """Return how many cells are finished."""
    done, every = sum(row.is_scored for row in rows), len(rows) + len(plan.pending)
    return f"{done} of {every} cells finished."


def first_table(table: Summary) -> Markup:
    """Return the first table as Markdown; the best score of a target is bold."""
    lines = []
    for group, by_target in table.lines.items():
        cells = []
        for cell in by_target.values():
            score = Markup(f"**{cell.score()}**") if cell.best else inline(cell.score())
            cells.append(Markup(f"{score} {cell.marked()}".rstrip()))
        lines.append([*group, *cells])
    headings = [f"{target} {metric}" for target, metric in table.targets.items()]
    return markdown_table(["model", "method", "intermediate", *headings], lines)


def details(plan: Plan, rows: Sequence[CellRow]) -> list[Part]:
    """Return the parts after the first table and the pictures, each with a plain title and paragraphs of Markdown."""
    baseline = plan.recipe.baseline()
    parts = [
        ("All scores and differences", [*_explained(plan, rows), markdown_table(*main_table.cells(rows, baseline))])
    ]
    for section in sections.in_order():
        paragraphs = section.whole(plan, rows) if section.whole is not None else []
        if paragraphs:
            parts.append((_title(paragraphs[0]), paragraphs[1:]))
    for target in plan.recipe.document.sweep.target:
        paragraphs = []
        for section in sections.in_order():
            paragraphs += section.target(plan, rows, target) if section.target is not None else []
        parts.append((target, paragraphs))
    return parts


def _title(paragraph: str) -> str:
    """Return the title of a section: its first paragraph is a heading."""
    return paragraph.lstrip("# ")


def _explained(plan: Plan, rows: Sequence[CellRow]) -> list[str]:
    """Return what the numbers of the table of all scores mean."""
    text = (
        "Scores are percent: the mean over languages (including the language of the training data), then mean ± "
        "standard deviation over n seeds. Brackets contain paired differences: `none` is the difference to the same "
        "method without an intermediate, `full` the difference to full fine-tuning with the same intermediate. "
        "Differences compare scores over the same languages; a missing difference is –, with the reason."
    )
    if any(not row.cell.seeded for row in rows):
        text += (
            " Without training, the result does not depend on a seed: there is one result, marked `no seed`. Each seed "
            "of a cell with an intermediate is compared with it."
        )
    baseline = plan.recipe.baseline()
    if baseline is not None and len(plan.recipe.full_methods()) > 1:
        text += f" Differences `full` compare with the method {inline(baseline)}."
    return [text]


def plugins_text(plan: Plan) -> str:
    """Return the plug-ins that the scores depend on, with their versions, as text after the version of Layover."""
    versions: dict[str, str] = {}
    for node in plan.nodes.values():
        versions |= node.spec.needed_plugins()
    listed = ", ".join(f"{inline(name)} {inline(version)}" for name, version in sorted(versions.items()))
    return f" with {listed}" if listed else ""
