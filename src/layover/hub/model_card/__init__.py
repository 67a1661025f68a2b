"""README.md of a package: the model card for a reader, `card.md.jinja` filled with values of the transfer card.

Every value passes a filter of `layover.escape` in the template. A value that is neither a number nor `Markup` stops the
rendering. So untrusted text cannot reach the page if a filter is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from layover.errors import first_few
from layover.escape import Markup, bold, cell, code, inline, json_text, listed, note, plain
from layover.files.safe import header as tensors_of
from layover.hub.contents import PICTURE, README
from layover.hub.model_card.page import longest, page_of, percent, settings, title
from layover.hub.model_card.plot import draw
from layover.hub.model_card.programs import programs_of
from layover.hub.model_card.results import shown
from layover.layouts import heads
from layover.packages.card import CARD, Card
from layover.report.rows import OTHER_LANGUAGES
from layover.report.sections.languages import heading

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "card.md.jinja"
WEIGHTS_SHOWN = 6


def write(folder: Path, card: Card) -> None:
    """Write README.md, and the picture if there is a score.

    Args:
        folder: The folder with the other files of the package.
        card: The card, complete except for the hashes of the files that are written here.
    """
    pictured = draw(card, folder / PICTURE)
    head = folder / heads.HEAD
    count = sum(prod(tensor.shape) for tensor in tensors_of(head).values()) if head.is_file() else 0
    (folder / README).write_text(markdown(card, count, pictured=pictured), encoding="utf-8")


def markdown(card: Card, head_weights: int, *, pictured: bool) -> str:
    """Return the model card as Markdown, with the metadata for hubs at its beginning.

    Args:
        card: The card of the package.
        head_weights: The number of weights of its head; 0 without a head.
        pictured: Whether the folder has the picture.
    """
    page = page_of(card, head_weights, pictured=pictured)
    return environment().get_template(TEMPLATE).render(card=card, page=page, programs=programs_of(card))


@cache
def environment() -> Environment:
    """Return the environment of the template, with the filters of values."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        finalize=_shown_only,
        autoescape=False,  # noqa: S701 - it knows HTML, and this is Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    escapes = {"plain": plain, "inline": inline, "bold": bold, "code": code, "note": note, "cell": cell}
    numbers = {
        "number": _number,
        "short": _short,
        "rounded": _rounded,
        "shown": shown,
        "percent": percent,
        "tenths": _tenths,
        "numbers": _numbers,
    }
    others = {"plains": _plains, "codes": _codes, "quoted": _quoted, "address": _address}
    words = {"settings": settings, "heading": heading, "weights": _weights}
    made.filters.update({**escapes, **numbers, **others, **words})
    names = {"CARD": Markup(CARD), "PICTURE": Markup(PICTURE), "OTHER_LANGUAGES": Markup(OTHER_LANGUAGES)}
    made.globals.update(names, longest=longest)
    return made


def _shown_only(value: object) -> object:
    """Return a value after a check that it may appear on the page.

    Raises:
        TypeError: the value is a text that passed no filter.
    """
    if not isinstance(value, (Markup, int)):
        raise TypeError(f"{value!r:.80} passed no filter of layover.escape")
    return value


def _number(value: int) -> Markup:
    return Markup(f"{value:,}")


def _short(value: float) -> Markup:
    """Return a number in its shortest form: `0.01`, `2`."""
    return Markup(f"{value:g}")


def _numbers(values: Sequence[int]) -> Markup:
    return Markup(", ".join(map(str, values)))


def _tenths(value: float) -> Markup:
    return Markup(f"{value:,.1f}")


def _rounded(value: float | None, digits: int) -> Markup:
    """Return a number with `digits` significant digits, and None as `–`."""
    return Markup("–" if value is None else f"{value:.{digits}g}")


def _quoted(value: str | Sequence[object]) -> Markup:
    """Return a text, or a list of texts and numbers, as Python writes it in a program."""
    return Markup(json_text(value))


def _plains(texts: Sequence[str]) -> Markup:
    return Markup(listed([plain(text) for text in texts]))


def _codes(texts: Sequence[str]) -> Markup:
    return Markup(listed([code(text) for text in texts]))


def _address(name: str) -> Markup:
    return Markup(quote(name))


def _weights(by_label: Mapping[str, float]) -> str:
    """Return the class weights of the first labels; the labels are untrusted text."""
    return first_few([f"{label} {weight:.4g}" for label, weight in by_label.items()], WEIGHTS_SHOWN)


__all__ = ["PICTURE", "README", "markdown", "title", "write"]
