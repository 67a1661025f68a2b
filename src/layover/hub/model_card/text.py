"""The sections of a model card, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from layover import kinds
from layover.data.languages import UNKNOWN
from layover.errors import first_few
from layover.escape import Markup, bold, code, inline, listed, markdown_table, plain
from layover.hub.contents import PICTURE
from layover.hub.model_card import demonstration
from layover.hub.model_card.hub import is_id, left_out, licence_of
from layover.hub.model_card.results import Line, lines_of, mean, shown, trained_in
from layover.hub.model_card.words import intermediates, opening
from layover.packages.card import CARD, Card
from layover.packages.sections import DataFacts, Scores, TrainingFacts
from layover.report.rows import OTHER_LANGUAGES
from layover.report.sections.languages import heading

Value = Callable[[Line], float | None]

UNSCORED = (
    "It was not scored itself: it is an intermediate, to be built upon. What it gives a target stands on the card"
    " of the package that was trained on top of it. Its own predictions were not measured."
)
CLAIMED = "Scores, data and trainings are claims of this page: nothing computes them again."

_SEEN = {True: ", zero-shot", False: ", trained", None: ""}


def what(card: Card, head_weights: int) -> list[str]:
    """Return what the package is, in a few sentences."""
    said = demonstration.remark(card)
    return [opening(card, head_weights), *([said] if said else [])]


def results(card: Card, *, pictured: bool) -> list[str]:
    """Return the table of results, what must be known to read it, and the picture."""
    scores, lines = card.scores, lines_of(card)
    if scores is None:
        return ["## Results", UNSCORED]
    columns = _columns(scores)
    headers = ["language", heading(scores.metric), "n", *(name for name, _ in columns)]
    table = [
        [
            f"{line.language}{_SEEN[line.zero_shot]}",
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


def training(card: Card) -> list[str]:
    """Return how it was trained: on what, with which numbers, at what cost."""
    found = ["## How it was trained", "Data:", _data(card.data), *_unlisted(card), _licences(card)]
    if card.trainings:
        found += ["Trainings, one after the other:", _numbers(card)]
    versions = ", ".join(inline(f"{name} {version}") for name, version in card.versions.items())
    found.append(
        f"Recipe {code(card.recipe)}, key `{card.key[:16]}`: the hash of all that decided the weights; `{CARD}` has "
        f"the settings. Exported by {versions}."
    )
    return [*found, *left_out(card)]


def verification(card: Card) -> list[str]:
    """Return how to see that it is what it says."""
    held = (
        f"`{CARD}` has the SHA-256 of every other file, fingerprints of the encoder's config, weights and tokenizer, "
        f"and a probe: {len(card.probe.rows)} rows of token ids and what comes out of them."
    )
    return ["## Verify", f"```bash\nlayover verify {card.id}\n```", f"{held} {CLAIMED}"]


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
        found.append([Markup(f"**{cell}**") if cell else "" for cell in (f"{name} of {of}", *cells)])
    return found


def _unseen(card: Card, lines: Sequence[Line]) -> str:
    """Return why some scores are not called zero-shot, nor those of the language of the training."""
    trained = trained_in(card)
    if trained is None:
        return "The language of the training data is not known, so no score is called zero-shot. "
    names = listed([code(line.language) for line in lines if line.zero_shot is None])
    return f"By its name {names} may be the language of the training, {code(trained)}, or another. "


def _reading(card: Card, scores: Scores, lines: Sequence[Line], compared: Sequence[str]) -> str:
    """Return how the table is read."""
    of = f" of {bold(scores.task)}" if scores.task is not None else ""
    text = f"On the {inline(scores.split)} split{of}, of these very weights (seed {', '.join(map(str, card.seeds))}). "
    if any(line.zero_shot for line in lines):
        text += "*zero-shot*: a language that the task was not trained in. "
    if compared:
        said = {
            "to no intermediate": "the same method and seed without an intermediate",
            "to full fine-tuning": "all weights trained, same intermediate and seed",
        }
        text += f"Differences in points: {'; '.join(f'*{name}*: {said[name]}' for name in compared)}. "
    if "to full fine-tuning" not in compared:
        same = "the same intermediate and seed" if intermediates(card) else "the same seed"
        text += f"The sweep has no full fine-tuning with {same} to compare with. "
    if "to no intermediate" not in compared and intermediates(card):
        text += "The sweep has no training of the same method and seed without an intermediate to compare with. "
    if any(line.zero_shot is None for line in lines):
        text += _unseen(card, lines)
    return text.strip()


def _remarks(card: Card, scores: Scores, lines: Sequence[Line]) -> list[str]:
    """Return what a table cannot say: gaps and their reasons, partial splits, other seeds, a choice by these scores."""
    found = [_cut_otherwise(scores.thresholds)] if scores.thresholds else []
    for begin, group in (
        ("No score", [line for line in lines if line.score is None]),
        ("Not the whole split", [line for line in lines if line.score is not None and line.remark]),
    ):
        by_reason: dict[str, list[str]] = {}
        for line in group:
            by_reason.setdefault(line.remark or "no reason known", []).append(line.language)
        said = "; ".join(
            f"{'every language' if len(languages) == len(lines) else ', '.join(map(plain, languages))} "
            f"({plain(reason)})"
            for reason, languages in by_reason.items()
        )
        found += [f"{begin}: {said}."] if said else []
    others = {seed: value for seed, value in scores.by_seed.items() if int(seed) not in card.seeds}
    if others:
        values = ", ".join(
            f"{shown(scores, value)} (seed {seed}{', ' + OTHER_LANGUAGES if value is None else ''})"
            for seed, value in others.items()
        )
        found.append(f"The same training with other seeds, mean over the languages: {values}.")
    if scores.best_of is not None:
        found.append(
            f"**Chosen by the scores shown**: of {scores.best_of} combinations of model, method and intermediate this "
            "one scored best on this very split, so the numbers are a little too good; on new data expect less."
        )
    return found


def _cut_otherwise(thresholds: Mapping[str, float]) -> str:
    """Return at which thresholds the scored answers were cut, which the package does not use."""
    said = "; ".join(f"{plain(language)} {at:.4g}" for language, at in thresholds.items())
    return (
        f"**Scored with other thresholds than the package uses**: {said}. It predicts with the usual one (0.5 for the "
        "probability of a label, 0 for no answer), so its own answers may score differently."
    )


def _data(data: Sequence[DataFacts]) -> str:
    lines = [
        [
            one.task if one.joined is None else f"{one.task}, in {one.joined}",
            one.split,
            "not known" if one.language in {None, UNKNOWN} else str(one.language),
            _source(one),
            "–" if one.examples is None else f"{one.examples:,}",
            one.licence or "not known",
        ]
        for one in data
    ]
    return markdown_table(["task", "split", "language", "from", "examples", "licence"], lines)


def _unlisted(card: Card) -> list[str]:
    """Return what must be known of data that are not in the table."""
    return ["What was imported brings data of its own, which are not listed here."] if card.imports() else []


def _licences(card: Card) -> str:
    """Return whose licences these are."""
    if licence_of(card):
        return (
            "The licence column, and `license` at the head of this page, name the licence of the training data, not of "
            "this package."
        )
    return "The licence column names the licence of the training data, not of this package."


def _source(data: DataFacts) -> Markup:
    if data.hub is None:
        digests = [f"`{digest[:12]}`" for digest in data.files_sha256[:2]]
        more = f" and {len(data.files_sha256) - 2} more" if len(data.files_sha256) > 2 else ""
        return Markup(f"files, SHA-256 {listed(digests)}{more}")
    name, _, config = data.hub.partition(":")
    at = f" at {code(data.revision[:12])}" if data.revision else ""
    linked = f"[{name}](https://huggingface.co/datasets/{name})" if is_id(name) else plain(name)
    return Markup(f"{linked}{f' {inline(config)}' if config else ''}{at}")


def _numbers(card: Card) -> str:
    """Return a table with a column per training."""
    rows: list[tuple[str, Callable[[TrainingFacts], str]]] = [
        ("module", lambda one: _settings(one.module)),
        ("longest input", lambda one: _longest(card, one)),
        ("epochs, batch", lambda one: f"{one.epochs:g}, {one.batch}"),
        ("peak learning rate", lambda one: f"{one.lr:g}, warm-up over {_warmup(one)}"),
        ("weight decay, clip, dropout", lambda one: f"{one.weight_decay:g}, {one.clip:g}, {one.dropout:g}"),
        *([("class weights", _class_weights)] if any(one.class_weights for one in card.trainings) else []),
        ("precision", lambda one: one.precision),
        ("seed", lambda one: str(one.seed)),
        ("weights kept", lambda one: "the last ones" if one.selection is None else f"best {one.selection}"),
        ("time", lambda one: "stopped in between" if one.seconds is None else f"{one.seconds:.1f} s"),
    ]
    headers = ["", *(f"{one.stage}: {' + '.join(one.tasks)}" for one in card.trainings)]
    return markdown_table(headers, [[name, *(cell(one) for one in card.trainings)] for name, cell in rows])


WEIGHTS_SHOWN = 6


def _class_weights(training: TrainingFacts) -> str:
    """Return what the first labels counted, of each task whose labels did not all count alike."""
    found = training.class_weights or {}
    each = {
        task: first_few([f"{label} {weight:.4g}" for label, weight in weights.items()], WEIGHTS_SHOWN)
        for task, weights in found.items()
    }
    told = [said if len(training.tasks) == 1 else f"{task}: {said}" for task, said in each.items()]
    return inline("; ".join(told)) if told else "all labels count alike"


def _warmup(training: TrainingFacts) -> str:
    """Return how long the learning rate rises."""
    return f"{100 * training.warmup:g} % of the steps" if training.warmup < 1 else f"{training.warmup:g} steps"


def _longest(card: Card, training: TrainingFacts) -> str:
    """Return how much of a text a training read; a card knows it of its own task alone."""
    task = card.task
    if task is None or training.tasks != (task.name,):
        return "–"
    return f"{task.max_length} tokens" + (f", stride {task.stride}" if kinds.get(task.kind).windowed else "")


def _settings(module: dict[str, Any]) -> Markup:
    """Return the settings of a module in one line, what a reader looks for first."""
    first = [name for name in ("placement", "rank", "alpha", "reduction", "target", "layers") if name in module]
    others = [name for name in module if name not in {*first, "name"}]
    said = [code(str(module.get("name"))), *(inline(f"{name} {_value(module[name])}") for name in [*first, *others])]
    return Markup(", ".join(said))


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_value(one)}" for name, one in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
