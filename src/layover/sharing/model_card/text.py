"""The sections of a model card, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from layover.data.languages import UNKNOWN
from layover.packages.card import CARD, Card
from layover.packages.sections import DataFacts, Scores, TrainingFacts
from layover.report._section import markdown_table
from layover.report.sections.languages import heading
from layover.sharing.contents import PICTURE
from layover.sharing.libraries import adapters_refuses, peft_refuses
from layover.sharing.model_card import snippets
from layover.sharing.model_card.hub import licence_of
from layover.sharing.model_card.results import Line, lines_of, mean, shown
from layover.sharing.model_card.words import intermediates, listed, opening

Value = Callable[[Line], float | None]

UNSCORED = (
    "It was not scored itself: it is an intermediate, to be built upon. What it gives a target stands on the card"
    " of the package that was trained on top of it. Its own predictions were not measured."
)


def what(card: Card, head_weights: int) -> list[str]:
    """Return what the package is, in a few sentences."""
    found = [opening(card, head_weights)]
    if card.base.random:
        found.append(
            "> **A demonstration.** The encoder's weights were drawn at random and never pretrained. It knows no "
            "language; the scores say that the machinery works, and nothing about what transfer is worth."
        )
    elif snippets.in_sandbox(card):
        found.append(
            "> **A demonstration.** The encoder and the data are those of Layover's sandbox: a small model of a small "
            "generated world. The scores are real, and say nothing about natural text."
        )
    return found


def results(card: Card, *, pictured: bool) -> list[str]:
    """Return the table of results, what must be known to read it, and the picture."""
    scores, lines = card.scores, lines_of(card)
    if scores is None:
        return ["## Results", UNSCORED]
    columns = _columns(scores)
    headers = ["language", heading(scores.metric), "n", *(name for name, _ in columns)]
    table = [
        [
            line.named,
            shown(scores, line.score),
            "–" if line.examples is None else f"{line.examples:,}",
            *(shown(scores, value(line), signed=True) for _, value in columns),
        ]
        for line in lines
    ]
    table += _means(scores, lines, columns)
    found = ["## Results", _reading(card, scores, lines, [name for name, _ in columns])]
    found.append(markdown_table(headers, table))
    found += [f"![The score in each language]({PICTURE})"] if pictured else []
    return [*found, *_remarks(card, scores, lines)]


def use(card: Card) -> list[str]:
    """Return the programs that use the package."""
    found = ["## Use", _needed(card), "### Layover"]
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


def training(card: Card) -> list[str]:
    """Return how it was trained: on what, with which numbers, at what cost."""
    found = ["## How it was trained", "Data:", _data(card.data), _licences(card.data)]
    if card.trainings:
        found += ["Trainings, one after the other:", _numbers(card)]
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    found.append(
        f"Recipe `{card.recipe}`, key `{card.key[:16]}`, which stands for every number that decided the weights; they "
        f"are all in `{CARD}`. Exported by {versions}."
    )
    return found


def verification(card: Card) -> list[str]:
    """Return how to see that it is what it says."""
    held = (
        f"`{CARD}` has the SHA-256 of every file, fingerprints of the encoder's config, weights and tokenizer, and a "
        f"probe: {len(card.probe.rows)} rows of token ids and what comes out of them."
    )
    return ["## Verify", f"```bash\nlayover verify {card.id}\n```", held]


def _needed(card: Card) -> str:
    """Return what the programs need, and how long a text they read."""
    text = (
        "Layover is a Python package for intermediate-task transfer with adapters (`pip install .` in a checkout of "
        f"it). Run each program from the folder that holds the folder `{card.id}`, with Layover (or peft, adapters) "
        "installed."
    )
    if snippets.in_sandbox(card):
        text += " The encoder comes with Layover, so every program needs it."
    if snippets.has_head(card) and card.task is not None and card.task.kind in {"span", "tagging"}:
        text += f" Input of more than {card.task.max_length} tokens is read in windows by Layover only."
    return text


def _for_recipes(card: Card) -> list[str]:
    """Return what a recipe makes of a package without a head."""
    text = "It has no head, so there is nothing to predict with."
    if card.acts_alone():
        recipe = f"modules: {{mine: {{path: {card.id}}}}}\nsweep: {{intermediate: [none, mine]}}"
        return [f"{text} It is an intermediate for a recipe:", f"```yaml\n{recipe}\n```"]
    others = listed([f"`{name}`" for name in card.needed()])
    text += f" It acts only together with others, so it is no module for a recipe either: import {others}, or a package"
    return [f"{text} that was exported with `--flatten`."]


def _columns(scores: Scores) -> list[tuple[str, Value]]:
    """Return the differences that there are."""
    found: list[tuple[str, Value]] = []
    if scores.without_intermediate is not None:
        found.append(("to no intermediate", lambda line: line.to_none))
    if scores.full is not None:
        found.append(("to full fine-tuning", lambda line: line.to_full))
    return found


def _means(scores: Scores, lines: Sequence[Line], columns: Sequence[tuple[str, Value]]) -> list[list[str]]:
    """Return the mean over all languages, and that over the zero-shot ones."""
    groups = [("mean", lines)]
    zero_shot = [line for line in lines if line.zero_shot]
    if 0 < len(zero_shot) < len(lines):
        groups.append(("zero-shot mean", zero_shot))
    found = []
    for name, group in groups:
        whole = mean(group, lambda line: line.score)
        count = 0 if whole is None else whole.languages
        of = f"{count}" if count == len(group) else f"{count} of {len(group)}"
        cells = [shown(scores, None if whole is None else whole.value), ""]
        for _, value in columns:
            paired = mean(group, value)
            text = shown(scores, None if paired is None else paired.value, signed=True)
            cells.append(text if paired is None or paired.languages == count else f"{text} ({paired.languages})")
        found.append([f"**{name} of {of}**", *(f"**{cell}**" if cell else "" for cell in cells)])
    return found


def _reading(card: Card, scores: Scores, lines: Sequence[Line], compared: Sequence[str]) -> str:
    """Return how the table is read."""
    text = f"On the {scores.split} split, of these very weights (seed {', '.join(map(str, card.seeds))}). "
    if any(line.zero_shot for line in lines):
        text += "*zero-shot*: a language that the task was not trained in. "
    if card.task is not None and card.task.language == UNKNOWN:
        text += "Nothing says the language of the training data, so no language is called zero-shot. "
    if compared:
        said = {
            "to no intermediate": "the same method and seed without an intermediate",
            "to full fine-tuning": "all weights trained, same intermediate and seed",
        }
        text += f"Differences in points: {'; '.join(f'*{name}*: {said[name]}' for name in compared)}. "
    if "to full fine-tuning" not in compared:
        text += "The sweep has no full fine-tuning to compare with. "
    if "to no intermediate" not in compared and intermediates(card):
        text += "The sweep has no such training without an intermediate to compare with. "
    return text.strip()


def _remarks(card: Card, scores: Scores, lines: Sequence[Line]) -> list[str]:
    """Return what a table cannot say: gaps and their reasons, partial splits, other seeds, a choice by these scores."""
    found = []
    for begin, group in (
        ("No score", [line for line in lines if line.score is None]),
        ("Not the whole split", [line for line in lines if line.score is not None and line.remark]),
    ):
        by_reason: dict[str, list[str]] = {}
        for line in group:
            by_reason.setdefault(line.remark or "no reason known", []).append(line.language)
        said = "; ".join(
            f"{'every language' if len(languages) == len(lines) else ', '.join(languages)} ({reason})"
            for reason, languages in by_reason.items()
        )
        found += [f"{begin}: {said}."] if said else []
    others = {seed: value for seed, value in scores.by_seed.items() if int(seed) not in card.seeds}
    if others:
        values = ", ".join(f"{shown(scores, value)} (seed {seed})" for seed, value in others.items())
        found.append(f"The same training with other seeds, mean over the languages: {values}.")
    if scores.best_of is not None:
        found.append(
            f"**Chosen by the scores shown**: of {scores.best_of} combinations of model, method and intermediate this "
            "one scored best on this very split, so the numbers are a little too good; on new data expect less."
        )
    return found


def _data(data: Sequence[DataFacts]) -> str:
    lines = [
        [
            one.task if one.joined is None else f"{one.task}, in {one.joined}",
            one.split,
            one.language,
            _source(one),
            "–" if one.examples is None else f"{one.examples:,}",
            one.licence or "not known",
        ]
        for one in data
    ]
    return markdown_table(["task", "split", "language", "from", "examples", "licence"], lines)


def _licences(data: Sequence[DataFacts]) -> str:
    """Return whose licences these are."""
    also = ", and so is `license` at the head of this page" if licence_of(data) else ""
    return f"A licence here is that of the training data{also}; it is none that the author of the package gave."


def _source(data: DataFacts) -> str:
    if data.hub is None:
        digests = [f"`{digest[:12]}`" for digest in data.files_sha256[:2]]
        more = f" and {len(data.files_sha256) - 2} more" if len(data.files_sha256) > 2 else ""
        return f"files, SHA-256 {listed(digests)}{more}"
    name, _, config = data.hub.partition(":")
    at = f" at `{data.revision[:12]}`" if data.revision else ""
    return f"[{name}](https://huggingface.co/datasets/{name}){f' {config}' if config else ''}{at}"


def _numbers(card: Card) -> str:
    """Return a table with a column per training."""
    rows: list[tuple[str, Callable[[TrainingFacts], str]]] = [
        ("module", lambda one: _settings(one.module)),
        ("longest input", lambda one: _longest(card, one)),
        ("epochs, batch", lambda one: f"{one.epochs:g}, {one.batch}"),
        ("peak learning rate", lambda one: f"{one.lr:g}, warm-up over {100 * one.warmup:g} % of the steps"),
        ("weight decay, clip, dropout", lambda one: f"{one.weight_decay:g}, {one.clip:g}, {one.dropout:g}"),
        ("precision", lambda one: one.precision),
        ("seed", lambda one: str(one.seed)),
        ("weights kept", lambda one: "the last ones" if one.selection is None else f"best {one.selection}"),
        ("time", lambda one: "stopped in between" if one.seconds is None else f"{one.seconds:.1f} s"),
    ]
    headers = ["", *(f"{one.stage}: {' + '.join(one.tasks)}" for one in card.trainings)]
    return markdown_table(headers, [[name, *(cell(one) for one in card.trainings)] for name, cell in rows])


def _longest(card: Card, training: TrainingFacts) -> str:
    """Return how much of a text a training read; a card knows it of its own task alone."""
    task = card.task
    if task is None or training.tasks != (task.name,):
        return "–"
    return f"{task.max_length} tokens" + (f", stride {task.stride}" if task.kind == "span" else "")


def _settings(module: dict[str, Any]) -> str:
    """Return the settings of a module in one line, what a reader looks for first."""
    first = [name for name in ("placement", "rank", "alpha", "reduction", "target", "layers") if name in module]
    others = [name for name in module if name not in {*first, "name"}]
    return ", ".join([f"`{module['name']}`", *(f"{name} {_value(module[name])}" for name in [*first, *others])])


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_value(one)}" for name, one in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
