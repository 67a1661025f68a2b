"""What the programs of a model card are made of; the template writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layover import kinds
from layover.escape import Markup
from layover.hub.model_card.page import has_head
from layover.kinds._answers import FIRST
from layover.kinds.choice import CHOICES
from layover.layouts import heads
from layover.packages.card import ADAPTERHUB, Card
from layover.packages.meaning import composition_of
from layover.packages.sections import TaskFacts


@dataclass(frozen=True)
class Programs:
    """The parts that differ from package to package."""

    model: Markup
    """The class of transformers that peft changes."""
    headed: bool
    labelled: bool
    """Whether the outputs of the head are those of labels."""
    competes: bool
    in_parts: bool
    """Whether Layover reads a long input in windows, which the other libraries do not."""
    row: Markup
    """An example as a program for Layover writes it; empty without a head."""
    asked: tuple[Markup, ...]
    """Lines that ask the head; none without a head."""
    text: str
    """A text for a package without a head."""
    choices: int
    prefix: str
    """The name of the encoder inside a model with a head."""
    layers: Markup
    """The layers inside the model of peft."""
    roles: tuple[tuple[str, str | None], ...]
    """The name of every module in peft, and the package that holds it; None for this one."""
    merged: tuple[str, ...]
    """Modules that add up with `factors`; none where all simply act together."""
    factors: tuple[float, ...]
    active: tuple[str, ...]
    """Names that peft must be told to use; none where it uses the right ones anyway."""
    below: tuple[str, ...]
    """Packages whose modules act before the own one, for adapters."""
    folder: str
    """The folder with AdapterHub's layout."""
    skipped: tuple[int, ...]


def programs_of(card: Card) -> Programs:
    """Return the parts of a package's programs."""
    task, base = card.task if has_head(card) else None, card.base.base()
    form = None if task is None else task.form()
    roles = tuple((piece.role.replace(".", "_"), piece.package) for piece in card.pieces)
    merged, factors = _merged(card, roles)
    active = ("merged", *(role for role, package in roles if package is None)) if merged else tuple(map(_role, roles))
    return Programs(
        model=Markup(f"{heads.FAMILIES[base.model_type]}Model" if form is None else heads.class_of(form, base)),
        headed=task is not None,
        labelled=form is not None and form.labelled,
        competes=form is not None and form.competes,
        in_parts=task is not None and kinds.get(task.kind).in_parts,
        row=Markup("" if task is None else kinds.get(task.kind).shown_row(task.columns or {})),
        asked=() if task is None else _asked(task),
        text=FIRST,
        choices=len(CHOICES),
        prefix=base.prefix,
        layers=Markup(base.points.layers if task is None else f"{base.prefix}.{base.points.layers}"),
        roles=roles,
        merged=merged,
        factors=factors,
        active=active if active != tuple(map(_role, roles[:1])) else (),
        below=tuple(piece.package for piece in card.pieces if piece.package is not None),
        folder=ADAPTERHUB,
        skipped=tuple(range(card.skipped_layers)),
    )


def _role(named: tuple[str, str | None]) -> str:
    return named[0]


def _merged(card: Card, roles: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the modules of other packages that peft must weight, and their weights."""
    composition = composition_of(card.composition, Path(card.id))
    apart = tuple(role for role, package in roles if package is not None)
    factors = composition.summed(apart) if composition is not None and apart else None
    return (apart, tuple(factors)) if factors is not None and set(factors) != {1.0} else ((), ())


def _asked(task: TaskFacts) -> tuple[Markup, ...]:
    cut = f"truncation=True, max_length={task.max_length}"
    return tuple(map(Markup, kinds.get(task.kind).shown_program(task.columns or {}, cut)))
