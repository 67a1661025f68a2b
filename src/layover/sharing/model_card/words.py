"""What a package is, in words: its title, and the sentences that a model card begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layover.compositions import TARGET
from layover.escape import bold, code, plain
from layover.packages.card import Card
from layover.packages.sections import ModuleFacts
from layover.sharing.model_card.results import trained_in

NOUNS = {"lora": "LoRA", "dora": "DoRA", "ia3": "IA3", "bottleneck": "bottleneck adapter"}
HEAD = "head"
UNKNOWN = "unknown tasks"
"""What an imported module learned that does not say so."""


def title(card: Card) -> str:
    """Return one line that says what a package is: `xnli after mnli: a stack of LoRAs on FacebookAI/...`."""
    before = " and ".join(intermediates(card))
    after = f" after {before}" if before else ""
    comma = "," if card.flattened else ""
    return f"{trained_on(card)}{after}: {_form(card)}{comma} on {encoder(card)}"


def encoder(card: Card) -> str:
    """Return what the encoder is called."""
    return card.base.name or f"an encoder of {card.base.num_layers} layers without a public name"


def trained_on(card: Card) -> str:
    """Return the task that it is for; of a mixture, the tasks."""
    return card.task.name if card.task is not None else " + ".join(card.trainings[-1].tasks)


def intermediates(card: Card) -> list[str]:
    """Return what was learned before, each training by its tasks."""
    before = card.learned_before
    if before is None:  # a card of version 0.1
        before = tuple(one.tasks for one in card.trainings if one.key != card.key)
    return [" + ".join(tasks) or UNKNOWN for tasks in before]


def opening(card: Card, head_weights: int) -> str:
    """Return the first sentences: what it is, how many weights were trained, and what it needs.

    Args:
        card: Of the package.
        head_weights: Of its head; 0 without.
    """
    return " ".join([_what(card), _how_many(card, head_weights), _needs(card)])


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def percent(part: int, whole: int) -> str:
    """Return a share with two digits that mean something: `0.58 %`."""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 1 else f"{share:.2g} %"


def _modules(card: Card) -> Sequence[ModuleFacts]:
    """Return all modules that were trained for it, those that a flattened one was made of among them."""
    return card.made_of or card.pieces


def _noun(module: ModuleFacts) -> str:
    """Return what people call a module; that of a plug-in has its own name."""
    name: str = module.module["name"]
    return NOUNS.get(name, name)


def _own(card: Card) -> str:
    """Return what is trained on top of everything else."""
    return next((_noun(one) for one in _modules(card) if one.role == TARGET), HEAD)


def _below(card: Card) -> str:
    """Return what the intermediates' modules are: `LoRA`, `LoRAs`; empty without any."""
    found = [_noun(one) for one in _modules(card) if one.role != TARGET]
    return f"{found[0]}s" if len(found) > 1 else "".join(found)


def _form(card: Card) -> str:
    """Return module and composition in a few words."""
    own, below, end = _own(card), _below(card), " put together into one" if card.flattened else ""
    several = below.endswith("s")
    if card.composition is None:
        return _a(own)
    name = card.composition["name"]
    if name == "warm":
        return f"a warm-started {own}"
    if name == "stack":
        return f"a head on {below if several else _a(below)}{end}" if own == HEAD else f"a stack of {own}s{end}"
    if name == "fuse":
        return f"fused {below}"
    how = {"merge": "merged", "route": "routed"}.get(name, name)
    return f"{_a(own)} on {'' if several else 'a '}{how} {below}{end}"


def _what(card: Card) -> str:
    """Return the sentence that says what was learned, on what."""
    settings: dict[str, Any] = dict(card.composition or {})
    name, own, task = settings.get("name"), _own(card), card.task
    goal: str = bold(trained_on(card))
    if task is not None:
        language = trained_in(card)
        goal += f" ({task.kind}, in {code(language)})" if language is not None else f" ({task.kind})"
    start = f"{_a(own)} for {_frozen(card)}"
    learned = listed([bold(one) for one in intermediates(card)])
    below = f"the {_below(card)} of {learned}"
    if name is None:
        return _sentence(f"{start} that has learned {goal}.")
    if name == "warm":
        return _sentence(f"{start} that learned {learned} first, and then went on to learn {goal}.")
    if name == "fuse":
        what = f"a mix of {below}" + (f" and {_a(own)} of its own" if own != HEAD else "")
        how = f"how much `{settings['mixer']}` takes of each, token by token, was learned on {goal}"
        return _sentence(f"{what} for {_frozen(card)}: {how}.")
    if not card.trainings or card.trainings[-1].key != card.key:
        several = len(intermediates(card)) > 1
        how = "stacked" if name == "stack" else _composed(settings, several=several)
        head = "the head that one of them has" if several else "its head"
        return _sentence(f"{below} for {_frozen(card)}, {how}, with {head} for {goal}.")
    tail = _composed(settings, several=len(intermediates(card)) > 1)
    return _sentence(f"{start} that has learned {goal} on top of {below}, {tail}.")


def _composed(settings: dict[str, Any], *, several: bool) -> str:
    """Return how the intermediates take part."""
    if settings["name"] == "merge":
        weights = listed([f"{weight:g}" for weight in settings["weights"]])
        word = "weights" if several else "weight"
        return f"merged into the encoder's weights (`{settings['method']}`, {word} {weights})"
    if settings["name"] == "route":
        return f"to which each token is routed as it suits (`{settings['router']}`)"
    return "which act unchanged below" if several else "which acts unchanged below"


def _how_many(card: Card, head_weights: int) -> str:
    """Return the sentence that says how many weights were trained."""
    total = card.base.parameters
    if card.cost is None:
        return f"The encoder has {total:,} weights."
    own = card.cost.trained_weights
    if not own:
        return f"{head_weights:,} weights were trained for it, all in its head."
    head = f", and {head_weights:,} in its head" if head_weights else ""
    return f"{own:,} weights were trained for it, {percent(own, total)} of the encoder's {total:,}{head}."


def _needs(card: Card) -> str:
    """Return what must lie beside the package."""
    if card.flattened:
        parts = listed([plain(" + ".join(one.trained_on) or UNKNOWN) for one in card.made_of])
        return f"The modules of {parts} are put together into one here, so that it needs no other package."
    if not card.needed():
        return "It needs no other package."
    weights = {piece.package: piece.weights_sha256 for piece in card.pieces}
    names = listed([f"`{name}` (weights `{weights[name][:12]}`)" for name in card.needed()])
    return f"It needs {names}, {'in a folder' if len(card.needed()) == 1 else 'each in a folder'} beside it."


def _frozen(card: Card) -> str:
    name = card.base.name
    if name is None:
        return f"a frozen encoder of {card.base.num_layers} layers without a public name"
    linked = f"`{name}`" if name.startswith("sandbox/") else f"[{name}](https://huggingface.co/{name})"
    return f"the frozen encoder {linked}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIO' else 'a'} {noun}"


def _sentence(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]
