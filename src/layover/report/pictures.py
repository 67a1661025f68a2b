"""Pictures of a report: one figure as SVG, PDF and PNG files, and as SVG inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from layover.escape import drawn_plainly

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

P = ParamSpec("P")

FORMATS = ("svg", "pdf", "png")
DOTS, MOST_PIXELS = 150, 3_000
"""Dots per inch of a PNG, and its largest width or height."""
INK = "#131416"
"""The colour of text and lines; inside a page it is the colour of the page's text."""
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#a6761d")
"""Colours that colour-blind people can tell apart (Okabe and Ito 2008), then grey and brown."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Shapes beside the colours, for grey prints."""

_PLACES = re.compile(r' (d|x|y|transform)="[^"]*"')
"""Attributes of an SVG with places."""
_LONG = re.compile(r"(\d+\.\d)\d+")
"""A number with more digits than a screen shows."""


@contextmanager
def style(name: str = "") -> Iterator[None]:
    """Draw in one style: names are text and not formulas, letters stay letters, backgrounds are transparent.

    Args:
        name: Name of the picture: it makes the ids inside the SVG differ from those of other pictures of a page.
    """
    from matplotlib import rc_context

    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name or "layover",
        "pdf.fonttype": 42,
        "font.size": 9,
        "axes.titley": 1.0,  # else matplotlib looks at all ticks for a title's place, and finds this one
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        **dict.fromkeys(ink, INK),
    }
    with drawn_plainly(), rc_context(settings):
        yield


def styled(draw: Callable[P, Figure | None]) -> Callable[P, Figure | None]:
    """Make a function draw in the style of the report."""

    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure | None:
        with style():
            return draw(*args, **kwargs)

    drawn.__doc__ = draw.__doc__
    return drawn


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, which `picture` arranges; sizes are inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height))
    made.set_layout_engine("none")
    FigureCanvasAgg(made)
    return made


def no_label(axis: Axis) -> None:
    """Say that an axis has no label: matplotlib would measure all its ticks for the place of an empty one."""
    axis.set_label_coords(0.5, 0.5)


def _arrange(drawn: Figure) -> None:
    """Arrange the parts of a figure, once for all formats. With a layout engine, matplotlib draws each format twice."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ConstrainedLayoutEngine().execute(drawn)


@dataclass(frozen=True)
class Picture:
    """A figure in all formats."""

    svg: str
    pdf: bytes
    png: bytes

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write the files of the picture; return their paths."""
        paths = [folder / f"{name}.{suffix}" for suffix in FORMATS]
        for path, content in zip(paths, (self.svg.encode(), self.pdf, self.png), strict=True):
            path.write_bytes(content)
        return paths

    def inside(self, title: str) -> str:
        """Return an SVG element for a page; its ink takes the colour of the text around it.

        Args:
            title: A description for people who do not see it.
        """
        text = self.svg[self.svg.index("<svg") :].replace(INK, "currentColor")
        text = _PLACES.sub(lambda place: _LONG.sub(r"\1", place[0]), text)
        return text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)


def picture(drawn: Figure, name: str) -> Picture:
    """Return a figure in all formats.

    Args:
        drawn: The figure.
        name: Name of the picture, which makes the ids in its SVG differ from those of other pictures.
    """
    with style(name):
        _arrange(drawn)
        vector, pages, pixels = io.StringIO(), io.BytesIO(), io.BytesIO()
        drawn.savefig(vector, format="svg", facecolor="none", metadata={"Date": None})
        drawn.savefig(pages, format="pdf", facecolor="none", metadata={"CreationDate": None})
        dots = min(DOTS, MOST_PIXELS / max(drawn.get_size_inches()))
        drawn.savefig(pixels, format="png", facecolor="white", dpi=dots)
    return Picture(vector.getvalue(), pages.getvalue(), pixels.getvalue())
