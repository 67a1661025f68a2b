"""The values that the template of a model card needs in addition to the transfer card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from layover import kinds
from layover.compositions import TARGET, CardWords, SentenceWords, a
from layover.data.languages import Listed
from layover.escape import Markup, bold, code, inline, listed
from layover.hub.checks.libraries import compared_in
from layover.hub.libraries import ADAPTERS, PEFT, adapters_refuses, peft_refuses
from layover.hub.model_card import metadata
from layover.hub.model_card.results import Group, Line, groups_of, lines_of, trained_in
from layover.hub.model_card.sandbox import FromSandbox, from_sandbox
from layover.hub.verify import provable
from layover.packages.card import Card
from layover.packages.meaning import composition_of, module_of
from layover.packages.sections import CheckpointFacts, ModuleFacts, TrainingFacts

UNKNOWN_TASKS = "unknown tasks"
"""The tasks of an imported module that does not name them."""
SHARES = frozenset({"accuracy", "mlqa_em", "squad_em"})
"""Metrics that are a share of the scored examples; the number of examples determines their confidence interval."""
CHECKPOINTS_SHOWN = 12
FIRST_SETTINGS = ("placement", "rank", "alpha", "reduction", "target", "layers")
"""Settings of a module that are listed first."""


@dataclass(frozen=True)
class Library:
    """A library that may load the package."""

    name: Markup
    refusal: str
    """The reason why it does not load the package; empty if it does."""


@dataclass(frozen=True)
class Gap:
    """Languages without a score or with a partial score, for the same reason."""

    reason: str
    languages: tuple[str, ...]
    every: bool
    """Whether these are all languages."""


@dataclass(frozen=True)
class Curve:
    """The checkpoints of a training for a table."""

    training: TrainingFacts
    metrics: tuple[str, ...]
    shown: tuple[CheckpointFacts, ...]
    """Every n-th checkpoint, the last one and the kept one."""


@dataclass(frozen=True)
class Page:
    """The values that the template reads."""

    head_weights: int
    pictured: bool
    metadata: Markup
    languages: Listed
    no_data_sets: tuple[str, ...]
    """Names of data that no hub accepts."""
    licence: str
    summary: Markup
    """The sentence on the module, the encoder and the tasks."""
    encoder: str
    task: str
    intermediates: tuple[str, ...]
    made_of: tuple[str, ...]
    sandbox: FromSandbox
    trained_in: str | None
    lines: tuple[Line, ...]
    groups: tuple[Group, ...]
    unscored: tuple[Gap, ...]
    partial: tuple[Gap, ...]
    other_seeds: tuple[tuple[str, float | None], ...]
    fewest: int | None
    """The examples of the language with the fewest, or None if the metric is no share of them."""
    reach: float
    """Half the width of the 95 % interval of a score near 50 %, in points."""
    labels: tuple[tuple[str, str], ...]
    """Labels with a known meaning, and the meaning."""
    unexplained: tuple[str, ...]
    """The other labels."""
    curves: tuple[Curve, ...]
    libraries: tuple[Library, ...]
    together: tuple[Markup, ...]
    """Libraries in which `verify` loads the package, and compares all modules together."""
    alone: tuple[Markup, ...]
    """Libraries in which `verify` compares the package's own module alone."""
    proved: tuple[str, ...]
    claimed: tuple[str, ...]

    @property
    def others(self) -> tuple[Library, ...]:
        """The other libraries that load it."""
        return tuple(library for library in self.libraries if not library.refusal)


def page_of(card: Card, head_weights: int, *, pictured: bool) -> Page:
    """Return the values of a model card.

    Args:
        card: The card of the package.
        head_weights: The number of weights of its head; 0 without a head.
        pictured: Whether the folder has the picture.
    """
    lines, scores = tuple(lines_of(card)), card.scores
    scored = [line for line in lines if line.score is not None]
    counts = [line.examples for line in scored if line.examples]
    fewest = min(counts) if scores is not None and scores.metric in SHARES and counts else None
    labels = card.task.labels if card.task is not None and has_head(card) else ()
    meanings = (card.task.meanings if card.task is not None else None) or {}
    proved, claimed = provable(card)
    compared = compared_in(card)
    return Page(
        head_weights=head_weights,
        pictured=pictured,
        metadata=Markup(metadata.as_yaml(card)),
        languages=metadata.languages_of(card),
        no_data_sets=tuple(name for name in metadata.data_sets(card) if not metadata.is_id(name)),
        licence=metadata.licence_of(card),
        summary=_summary(card),
        encoder=encoder(card),
        task=trained_on(card),
        intermediates=tuple(intermediates(card)),
        made_of=tuple(_joined(part.trained_on) for part in card.made_of),
        sandbox=from_sandbox(card),
        trained_in=trained_in(card),
        lines=lines,
        groups=groups_of(lines),
        unscored=_gaps([line for line in lines if line.score is None], len(lines)),
        partial=_gaps([line for line in scored if line.remark], len(lines)),
        other_seeds=tuple(
            (seed, value) for seed, value in (scores.by_seed if scores else {}).items() if int(seed) not in card.seeds
        ),
        fewest=fewest,
        reach=98 / sqrt(fewest) if fewest else 0.0,
        labels=tuple((label, meanings[label]) for label in labels if label in meanings),
        unexplained=tuple(label for label in labels if label not in meanings),
        curves=tuple(_curve(training) for training in card.trainings if training.curve),
        libraries=(
            Library(Markup(PEFT), peft_refuses(card)),
            Library(Markup(ADAPTERS), adapters_refuses(card)),
        ),
        together=tuple(Markup(name) for name, every in compared.items() if every),
        alone=tuple(Markup(name) for name, every in compared.items() if not every),
        proved=proved,
        claimed=claimed,
    )


def has_head(card: Card) -> bool:
    """Return whether a package has a head."""
    return card.probe.outputs is not None


def title(card: Card) -> str:
    """Return the title of a package: `xnli after mnli: a stack of LoRAs on FacebookAI/...`."""
    before = " and ".join(intermediates(card))
    after = f" after {before}" if before else ""
    words, composition = _words(card), composition_of(card.composition, Path(card.id))
    form = a(words.trained) if composition is None else composition.headline(words)
    return f"{trained_on(card)}{after}: {form}{',' if card.flattened else ''} on {encoder(card)}"


def encoder(card: Card) -> str:
    """Return the name of the encoder."""
    return card.base.name or f"an encoder of {card.base.num_layers} layers without a public name"


def trained_on(card: Card) -> str:
    """Return the task of a package; for a mixture, the tasks."""
    return card.task.name if card.task is not None else " + ".join(card.trainings[-1].tasks)


def intermediates(card: Card) -> list[str]:
    """Return the intermediates of a package, each by its tasks."""
    before = card.learned_before
    if before is None:  # a card of version 0.1
        before = tuple(training.tasks for training in card.trainings if training.key != card.key)
    return [_joined(tasks) for tasks in before]


def percent(part: int, whole: int) -> Markup:
    """Return a share with two significant digits: `0.58 %`."""
    share = 100 * part / whole
    return Markup(f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 1 else f"{share:.2g} %")


def settings(module: dict[str, Any]) -> Markup:
    """Return the settings of a module in one line, with `FIRST_SETTINGS` at its beginning."""
    names = [name for name in FIRST_SETTINGS if name in module]
    names += [name for name in module if name not in {*names, "name"}]
    parts = [code(str(module.get("name"))), *(inline(f"{name} {_value(module[name])}") for name in names)]
    return Markup(", ".join(parts))


def longest(card: Card, training: TrainingFacts) -> Markup:
    """Return the longest input of a training; a card has it for its own task only."""
    task = card.task
    if task is None or training.tasks != (task.name,):
        return Markup("–")
    stride = f", stride {task.stride}" if kinds.get(task.kind).windowed else ""
    return Markup(f"{task.max_length} tokens{stride}")


def _joined(tasks: Sequence[str]) -> str:
    return " + ".join(tasks) or UNKNOWN_TASKS


def _words(card: Card) -> CardWords:
    """Return the card's words for all modules."""
    modules = card.made_of or card.attachments  # a flattened package names the merged modules
    own = [_noun(module, card) for module in modules if module.role == TARGET]
    below = [_noun(module, card) for module in modules if module.role != TARGET]
    several = len(below) > 1
    return CardWords(next(iter(own), None), f"{below[0]}s" if several else "".join(below), several, card.flattened)


def _noun(module: ModuleFacts, card: Card) -> str:
    return module_of(module.module, Path(card.id)).called()


def _summary(card: Card) -> Markup:
    """Return the sentence on the module, the encoder and the tasks."""
    composition, goal = composition_of(card.composition, Path(card.id)), bold(trained_on(card))
    if card.task is not None:
        language = trained_in(card)
        goal = Markup(f"{goal} ({card.task.kind}{f', in {code(language)}' if language is not None else ''})")
    words = SentenceWords(
        **vars(_words(card)),
        encoder=_frozen(card),
        goal=goal,
        learned=listed([bold(tasks) for tasks in intermediates(card)]),
        count=len(intermediates(card)),
        untrained=not card.trainings or card.trainings[-1].key != card.key,
    )
    text = f"{words.start} that has learned {goal}." if composition is None else composition.sentence(words)
    return Markup(text[:1].upper() + text[1:])


def _frozen(card: Card) -> str:
    name = card.base.name
    if name is None:
        return f"a frozen {encoder(card).removeprefix('an ')}"
    linked = code(name) if name.startswith("sandbox/") else f"[{name}](https://huggingface.co/{name})"
    return f"the frozen encoder {linked}"


def _gaps(lines: Sequence[Line], count: int) -> tuple[Gap, ...]:
    """Return the languages by their remark."""
    by_reason: dict[str, list[str]] = {}
    for line in lines:
        by_reason.setdefault(line.remark or "the reason is unknown", []).append(line.language)
    return tuple(Gap(reason, tuple(names), len(names) == count) for reason, names in by_reason.items())


def _curve(training: TrainingFacts) -> Curve:
    checkpoints = training.curve or ()
    every = -(-len(checkpoints) // CHECKPOINTS_SHOWN)
    shown = tuple(
        at
        for number, at in enumerate(checkpoints, start=1)
        if number % every == 0 or number == len(checkpoints) or at.step == training.kept_step
    )
    names = dict.fromkeys(name for at in checkpoints for name in at.scores)
    return Curve(training, tuple(names), shown)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_value(inner) for inner in value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_value(inner)}" for name, inner in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
