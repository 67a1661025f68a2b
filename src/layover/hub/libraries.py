"""The other libraries whose outputs equal the outputs of a package with all its modules."""

from __future__ import annotations

from pathlib import Path

from layover import layouts
from layover.layouts import CONFIG
from layover.packages.card import ADAPTERHUB, Card
from layover.packages.meaning import composition_of, module_of
from layover.packages.package import MODULE_LAYOUT

PEFT, ADAPTERS, LAYOVER = "peft", "adapters", "layover"


def reader_of(card: Card) -> str:
    """Return the library that a hub names for a package: `peft`, `adapters`, or Layover alone."""
    if not peft_refuses(card):
        return PEFT
    return LAYOVER if adapters_refuses(card) else ADAPTERS


def only_in_layover(card: Card) -> str:
    """Return the reason why no other library has a layout for a package's module, or an empty text."""
    own = card.own()
    if not own or card.layout != MODULE_LAYOUT:
        return ""
    module, base = module_of(own[0].module, Path(card.id)), card.base.base()
    return "; ".join(dict.fromkeys(layout.refuses(module, base) for layout in layouts.every()))


def peft_refuses(card: Card) -> str:
    """Return the reason why the outputs of peft differ from a package's outputs, or an empty text."""
    if not card.attachments:
        return "the package is a head on the frozen encoder, without a module"
    base, layout = card.base.base(), layouts.get("peft")
    for piece in card.attachments:
        if reason := layout.refuses(module_of(piece.module, Path(card.id)), base):
            return reason
    composition = composition_of(card.composition, Path(card.id))
    apart = [piece for piece in card.attachments if piece.package is not None]
    if composition is None or not apart:
        return ""
    return composition.not_in_peft([piece.role for piece in apart], card.skipped_layers)


def adapters_refuses(card: Card) -> str:
    """Return the reason why the outputs of adapters differ from a package's outputs, or an empty text."""
    if not card.attachments:
        return "the package is a head on the frozen encoder, without a module"
    if len(card.attachments) > 1 and (reason := _no_stack(card)):
        return reason
    return "" if f"{ADAPTERHUB}/{CONFIG}" in card.files else _no_layout(card)


def _no_layout(card: Card) -> str:
    """Return the reason why a package does not have AdapterHub's layout."""
    if not (own := card.own()):
        return "the package has a head and no module of its own, and AdapterHub has no layout for this"
    module = module_of(own[0].module, Path(card.id))
    reason = layouts.get("adapterhub").refuses(module, card.base.base())
    return reason or "the package was exported without AdapterHub's layout; `--adapterhub` adds it"


def _no_stack(card: Card) -> str:
    """Return the reason why a stack in adapters does not compute the same, or an empty text."""
    composition = composition_of(card.composition, Path(card.id))
    if composition is None or (reason := composition.not_in_adapters()):
        return reason if composition is not None else "the card does not name a composition of its modules"
    reasons = (module_of(piece.module, Path(card.id)).stacked_in_adapters() for piece in card.attachments)
    return next((reason for reason in reasons if reason), "")
