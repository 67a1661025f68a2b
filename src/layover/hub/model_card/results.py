"""The scores of a model card by language, without an intermediate, of full fine-tuning, and their means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from layover import metrics
from layover.data.languages import UNKNOWN, is_other
from layover.escape import Markup
from layover.packages.card import Card

Values = Mapping[str, float | None]


@dataclass(frozen=True)
class Line:
    """The scores in a language; None is a gap."""

    language: str
    zero_shot: bool | None
    """Whether the task was not trained in it, or None if unknown."""
    score: float | None
    examples: int | None
    without: float | None
    """The score of the same method without an intermediate."""
    full: float | None
    """The score of full fine-tuning."""
    remark: str
    """The reason why there is no score, or why it may not be of the whole split; mostly empty."""

    @property
    def to_none(self) -> float | None:
        """The difference to no intermediate."""
        return _minus(self.score, self.without)

    @property
    def to_full(self) -> float | None:
        """The difference to full fine-tuning."""
        return _minus(self.score, self.full)


@dataclass(frozen=True)
class Mean:
    """The mean over the languages that have a value."""

    value: float
    languages: int


def trained_in(card: Card) -> str | None:
    """Return the language of the training data, or None if unknown."""
    language = card.task.language if card.task is not None else None
    return None if language == UNKNOWN else language


def lines_of(card: Card) -> list[Line]:
    """Return a line per language: the language of the training first, then by code."""
    scores = card.scores
    if scores is None:
        return []
    trained = trained_in(card)
    order = sorted(scores.languages, key=lambda language: (language != trained, language))
    return [
        Line(
            language=language,
            zero_shot=is_other(language, trained or UNKNOWN),
            score=scores.languages[language],
            examples=scores.examples.get(language),
            without=_of(scores.without_intermediate, language),
            full=_of(scores.full, language),
            remark=scores.missing.get(language) or scores.partial.get(language, ""),
        )
        for language in order
    ]


@dataclass(frozen=True)
class Group:
    """Languages of a mean in the table."""

    name: Markup
    lines: tuple[Line, ...]

    @property
    def score(self) -> Mean | None:
        """The mean of the scores."""
        return mean(self.lines, lambda line: line.score)

    @property
    def to_none(self) -> Mean | None:
        """The mean difference to no intermediate."""
        return mean(self.lines, lambda line: line.to_none)

    @property
    def to_full(self) -> Mean | None:
        """The mean difference to full fine-tuning."""
        return mean(self.lines, lambda line: line.to_full)


def groups_of(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Return all languages, and the zero-shot languages if there are others, too."""
    every, zero_shot = tuple(lines), tuple(line for line in lines if line.zero_shot)
    groups = [Group(Markup("mean"), every)] if every else []
    if 0 < len(zero_shot) < len(every):
        groups.append(Group(Markup("zero-shot mean"), zero_shot))
    return tuple(groups)


def mean(lines: Sequence[Line], value: Callable[[Line], float | None]) -> Mean | None:
    """Return the mean of a number over the languages that have it, or None if no language has it."""
    known = [number for line in lines if (number := value(line)) is not None]
    return Mean(fmean(known), len(known)) if known else None


def shown(value: float | None, metric: str, *, signed: bool = False) -> Markup:
    """Return a score for a table, and None as `–`."""
    if value is None:
        return Markup("–")
    digits = 1 if metrics.get(metric).unit == "percent" else 3
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return Markup(text.replace("-", "−"))


def _minus(value: float | None, baseline: float | None) -> float | None:
    return None if value is None or baseline is None else value - baseline


def _of(values: Values | None, language: str) -> float | None:
    return None if values is None else values.get(language)
