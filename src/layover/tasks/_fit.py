"""Checks of a task's metrics and labels, for built-in tasks and tasks of a recipe."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from unicodedata import normalize

from layover import kinds, metrics
from layover.errors import listed, nearest
from layover.kinds.retrieval import MINED


def unfit_metrics(kind: str, named: Sequence[str], columns: Collection[str], *, mined: bool) -> Iterator[str]:
    """Yield a message for each problem of a task's metrics.

    Args:
        kind: Kind of the task.
        named: Names of existing metrics.
        columns: Fields of the kind that the task reads.
        mined: Whether its sentences have ids and a file of gold pairs.
    """
    usual = kinds.get(kind).metrics
    if not named:
        yield f"at least one metric is needed; for {kind} use: {', '.join(usual)}"
        return
    foreign = [name for name in named if not kinds.get(kind).scores_with(name)]
    for name in foreign:
        yield f"{name} does not score {kind}; {nearest(name, usual)}"
    if not foreign and not metrics.get(named[0]).higher_is_better:
        fitting = [name for name in usual if metrics.get(name).higher_is_better]
        yield (
            f"the first metric selects the weights, but for {named[0]} lower is better; write another metric first: "
            f"{', '.join(fitting)}"
        )
    if not foreign and kinds.get(kind).sides and (MINED in named) != mined:
        yield (
            f"{MINED} is the only metric for sentences with ids and a file of gold pairs, and scores no other data; "
            f"the columns are {', '.join(columns)}, the metrics {', '.join(named)}"
        )


def unfit_labels(kind: str, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:
    """Yield a message for each problem of a task's labels.

    Args:
        kind: Kind of the task.
        labels: The declared labels; empty if they come from the training data.
        from_training: Whether the labels come from the training data.
    """
    if len(set(labels)) < len(labels):
        yield f"a label appears twice in {listed(labels)}; remove one"
    elif problem := written_in_two_forms(labels):
        yield problem
    if from_training and (not kinds.get(kind).open_labels or labels):
        open_kinds = ", ".join(name for name in kinds.usable() if kinds.get(name).open_labels)
        yield f"labels from the training data are possible only for {open_kinds}, and only without declared labels"
    yield from kinds.get(kind).unfit_labels(labels, from_training=from_training)


def written_in_two_forms(labels: Sequence[str]) -> str:
    """Return a message about two labels that are the same text in Unicode, or an empty text."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(normalize("NFC", label), label)
        if other != label:
            return (
                f"the labels {other!a} and {label!a} are the same text in two Unicode normal forms; write both in "
                "the same form (NFC)"
            )
    return ""
