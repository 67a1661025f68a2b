"""The parts of the programs in a model card; the template puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layover import kinds
from layover.escape import Markup
from layover.hub.model_card.page import has_head
from layover.kinds.choice import CHOICES
from layover.layouts import heads
from layover.layouts.heads import HeadForm
from layover.packages.card import Card
from layover.packages.meaning import composition_of
from layover.packages.sections import TaskFacts


@dataclass(frozen=True)
class Programs:
    """The parts that differ from package to package."""

    form: HeadForm | None
    """None without a head."""
    in_parts: bool
    """Whether Layover reads a long input in windows; the other libraries do not."""
    row: Markup
    """An example in a program for Layover; empty without a head."""
    predicting: tuple[Markup, ...]
    """Lines that predict with the head; none without a head."""
    choices: int
    """The number of choices of an example."""
    model: Markup
    """The class of transformers that peft changes."""
    prefix: str
    """The name of the encoder inside a model with a head."""
    layers: Markup
    """The layers inside the model of peft."""
    roles: tuple[tuple[str, str | None], ...]
    """The name of every module in peft, and its package; None for this package."""
    merged: tuple[str, ...]
    """Modules that are added with `factors`; none if all factors are 1."""
    factors: tuple[float, ...]
    active: tuple[str, ...]
    """Names of the modules to activate in peft; none if peft activates them by default."""


def programs_of(card: Card) -> Programs:
    """Return the parts of a package's programs."""
    task, base = card.task if has_head(card) else None, card.base.base()
    form, kind = (None, None) if task is None else (task.form(), kinds.get(task.kind))
    roles = tuple((piece.role.replace(".", "_"), piece.package) for piece in card.attachments)
    merged, factors = _merged(card, roles)
    names = tuple(role for role, _ in roles)
    active = ("merged", *(role for role, package in roles if package is None)) if merged else names
    return Programs(
        form=form,
        in_parts=kind is not None and kind.in_parts,
        row=Markup("" if kind is None or task is None else kind.shown_row(task.columns or {})),
        predicting=() if task is None else _predicting(task),
        choices=len(CHOICES),
        model=Markup(
            f"{base.family.transformers[base.model_type]}Model" if form is None else heads.class_of(form, base)
        ),
        prefix=base.prefix,
        layers=Markup(base.family.layers if form is None else f"{base.prefix}.{base.family.layers}"),
        roles=roles,
        merged=merged,
        factors=factors,
        active=active if active != names[:1] else (),
    )


def _merged(card: Card, roles: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the modules of other packages that peft must weight, and their factors."""
    composition = composition_of(card.composition, Path(card.id))
    apart = tuple(role for role, package in roles if package is not None)
    factors = composition.summed(apart) if composition is not None and apart else None
    return (apart, tuple(factors)) if factors is not None and set(factors) != {1.0} else ((), ())


def _predicting(task: TaskFacts) -> tuple[Markup, ...]:
    cut = f"truncation=True, max_length={task.max_length}"
    return tuple(map(Markup, kinds.get(task.kind).shown_program(task.columns or {}, cut)))
