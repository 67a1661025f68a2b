"""The section of a model card on use: programs, what they need, and in which numbers they compute."""

from __future__ import annotations

from layover import kinds
from layover.escape import listed
from layover.hub.libraries import ADAPTERS, PEFT, adapters_refuses, peft_refuses
from layover.hub.model_card import demonstration, snippets
from layover.packages.card import Card

_DIFFERENCE = {
    "fp32-onednn": "what comes out differs in the last digits.",
    "bf16": "what comes out differs by rounding, often in the third digit.",
    "nf4": "with weights that are not cut to 4 bits, so what comes out differs, by more than rounding.",
    "int8": "with weights that are not cut to 8 bits, so what comes out differs, by more than rounding.",
}
"""What other numbers than those of the training change."""


def use(card: Card) -> list[str]:
    """Return the programs that use the package."""
    found = ["## Use", _needed(card), _precision(card), "### Layover"]
    if program := snippets.for_layover(card):
        found.append(f"```python layover\n{program}\n```")
    else:
        found += _for_recipes(card)
    if reason := peft_refuses(card):
        found += ["### peft", f"Not with peft: {reason}."]
    else:
        found += ["### peft", f"```python peft\n{snippets.for_peft(card)}\n```"]
    if reason := adapters_refuses(card):
        found += ["### adapters", f"Not with adapters: {reason}."]
    else:
        found += ["### adapters", f"```python adapters\n{snippets.for_adapters(card)}\n```"]
    return found


def _needed(card: Card) -> str:
    """Return what the programs need, and how long a text they read."""
    text = (
        "Layover is a Python package for intermediate-task transfer with adapters (`pip install .` in a checkout of "
        f"it). Run each program from the folder that holds the folder `{card.id}`, with Layover (or peft, adapters) "
        "installed."
    )
    if card.plugins:
        text += f" They need {listed([f'{name} {version}' for name, version in card.plugins.items()])}, too: plug-ins."
    if demonstration.has_sandbox_encoder(card):
        text += " The encoder comes with Layover, so every program needs it."
    if snippets.has_head(card) and card.task is not None and kinds.get(card.task.kind).in_parts:
        text += f" Input of more than {card.task.max_length} tokens is read in windows by Layover only."
    return text


def _precision(card: Card) -> str:
    """Return in which numbers the package was trained and scored, and in which the programs compute."""
    own = card.precision
    text = f"The package was {'trained' if card.scores is None else 'trained and scored'} in `{own}`"
    refusals = {PEFT: peft_refuses(card), ADAPTERS: adapters_refuses(card)}
    others = [library for library, reason in refusals.items() if not reason]
    if own == "fp32":
        return f"{text}, and every program here computes in it."
    if snippets.has_head(card):
        text += ', in which Layover predicts, too; `precision="fp32"` of `Layover.load` changes that'
    if not others:
        return f"{text}."
    programs = f"program{'s' if len(others) > 1 else ''} for {listed(others)} compute{'' if len(others) > 1 else 's'}"
    return f"{text}. The {programs} in `fp32`, as the probe does: {_DIFFERENCE[own]}"


def _for_recipes(card: Card) -> list[str]:
    """Return what a recipe makes of a package without a head."""
    text = "It has no head, so there is nothing to predict with."
    if card.acts_alone():
        recipe = f"modules: {{mine: {{path: {card.id}}}}}\nsweep: {{intermediate: [none, mine]}}"
        return [f"{text} It is an intermediate for a recipe:", f"```yaml\n{recipe}\n```"]
    others = listed([f"`{name}`" for name in card.needed()])
    text += f" It acts only together with others, so it is no module for a recipe either: import {others}, or a package"
    return [f"{text} that was exported with `--flatten`."]
