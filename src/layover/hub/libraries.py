"""Which other library gives out what a package does, all that acts together."""

from __future__ import annotations

from pathlib import Path

from layover import layouts
from layover.layouts import CONFIG
from layover.packages.card import ADAPTERHUB, Card
from layover.packages.meaning import composition_of, module_of
from layover.packages.package import MODULE_LAYOUT

PEFT, ADAPTERS, LAYOVER = "peft", "adapters", "layover"


def reader_of(card: Card) -> str:
    """Return the library that a package is for, as a hub may say it: `peft`, `adapters`, or Layover alone."""
    if not peft_refuses(card):
        return PEFT
    return LAYOVER if adapters_refuses(card) else ADAPTERS


def only_in_layover(card: Card) -> str:
    """Return why no other library has a layout for the module that a package holds; empty where one has."""
    own = card.own()
    if not own or card.layout != MODULE_LAYOUT:
        return ""
    module, base = module_of(own[0].module, Path(card.id)), card.base.base()
    return "; ".join(dict.fromkeys(layout.refuses(module, base) for layout in layouts.every()))


def peft_refuses(card: Card) -> str:
    """Return why peft does not give out what a package does; empty when it does."""
    if not card.attachments:
        return "it is a head on the frozen encoder, with no module"
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
    """Return why adapters does not give out what a package does; empty when it does."""
    if not card.attachments:
        return "it is a head on the frozen encoder, with no module"
    if len(card.attachments) > 1 and (reason := _no_stack(card)):
        return reason
    return "" if f"{ADAPTERHUB}/{CONFIG}" in card.files else _no_layout(card)


def _no_layout(card: Card) -> str:
    """Return why a package lies there without AdapterHub's layout."""
    if not (own := card.own()):
        return "it holds a head and no module of its own, for which AdapterHub has no layout"
    module = module_of(own[0].module, Path(card.id))
    reason = layouts.get("adapterhub").refuses(module, card.base.base())
    return reason or "it was exported without AdapterHub's layout, which `--adapterhub` adds"


def _no_stack(card: Card) -> str:
    """Return why a stack of adapters is not what acts here; empty when it is."""
    composition = composition_of(card.composition, Path(card.id))
    if composition is None or (reason := composition.not_in_adapters()):
        return reason if composition is not None else "nothing says how adapters puts them together"
    reasons = (module_of(piece.module, Path(card.id)).stacked_in_adapters() for piece in card.attachments)
    return next((reason for reason in reasons if reason), "")
