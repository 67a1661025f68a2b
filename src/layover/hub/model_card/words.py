"""What a package is, in words: its title, and the sentences that a model card begins with."""

from __future__ import annotations

from pathlib import Path

from layover.compositions import TARGET, CardWords, Composition, SentenceWords, a
from layover.escape import bold, code, listed, plain
from layover.hub.model_card.results import trained_in
from layover.packages.card import Card
from layover.packages.meaning import composition_of, module_of
from layover.packages.sections import ModuleFacts

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


def percent(part: int, whole: int) -> str:
    """Return a share with two digits that mean something: `0.58 %`."""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 1 else f"{share:.2g} %"


def _words(card: Card) -> CardWords:
    """Return what the card calls all that takes part."""
    modules = card.made_of or card.pieces  # those that a flattened one was made of among them
    own = [_noun(one, card) for one in modules if one.role == TARGET]
    below = [_noun(one, card) for one in modules if one.role != TARGET]
    several = len(below) > 1
    return CardWords(next(iter(own), None), f"{below[0]}s" if several else "".join(below), several, card.flattened)


def _noun(piece: ModuleFacts, card: Card) -> str:
    """Return what people call a module of a card."""
    return module_of(piece.module, Path(card.id)).called()


def _composition(card: Card) -> Composition | None:
    return composition_of(card.composition, Path(card.id))


def _form(card: Card) -> str:
    """Return module and composition in a few words."""
    words, composition = _words(card), _composition(card)
    return a(words.trained) if composition is None else composition.headline(words)


def _what(card: Card) -> str:
    """Return the sentence that says what was learned, on what."""
    task, composition = card.task, _composition(card)
    goal: str = bold(trained_on(card))
    if task is not None:
        language = trained_in(card)
        goal += f" ({task.kind}, in {code(language)})" if language is not None else f" ({task.kind})"
    learned = intermediates(card)
    told = SentenceWords(
        **vars(_words(card)),
        encoder=_frozen(card),
        goal=goal,
        learned=listed([bold(one) for one in learned]),
        count=len(learned),
        untrained=not card.trainings or card.trainings[-1].key != card.key,
    )
    if composition is None:
        return _sentence(f"{told.start} that has learned {goal}.")
    return _sentence(composition.sentence(told))


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


def _sentence(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]
