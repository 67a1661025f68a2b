"""What metrics and labels a task may have: for built-in tasks and for those of a recipe."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from unicodedata import normalize

from layover import kinds, metrics
from layover.errors import listed, nearest
from layover.kinds.retrieval import MINED


def unfit_metrics(kind: str, named: Sequence[str], columns: Collection[str], *, mined: bool) -> Iterator[str]:
    """Yield why the metrics do not score a task.

    Args:
        kind: Of the task.
        named: Names of metrics that there are.
        columns: Fields of the kind that the task reads.
        mined: Whether its sentences have ids, and a file of gold pairs.
    """
    usual = kinds.get(kind).metrics
    if not named:
        yield f"at least one metric is needed; {', '.join(usual)} score {kind}"
        return
    foreign = [name for name in named if not kinds.get(kind).scores_with(name)]
    for name in foreign:
        yield f"{name} does not score {kind}; {nearest(name, usual)}"
    if not foreign and not metrics.get(named[0]).higher_is_better:
        fitting = [name for name in usual if metrics.get(name).higher_is_better]
        yield f"the first metric selects, and of {named[0]} lower is better; name another first: {', '.join(fitting)}"
    if not foreign and kinds.get(kind).sides and (MINED in named) != mined:
        yield (
            f"{MINED} scores sentences with ids and a file of gold pairs, and nothing else does; "
            f"columns {', '.join(columns)}, metrics {', '.join(named)}"
        )


def unfit_labels(kind: str, labels: Sequence[str], *, from_training: bool) -> Iterator[str]:
    """Yield why the labels are none of a task of a kind.

    Args:
        kind: Of the task.
        labels: Those that are declared; none where they come from the training data.
        from_training: Whether they do.
    """
    if len(set(labels)) < len(labels):
        yield f"a label stands twice in {listed(labels)}"
    elif one_text := written_in_two_forms(labels):
        yield one_text
    if from_training and (not kinds.get(kind).open_labels or labels):
        open_kinds = ", ".join(name for name in kinds.names() if kinds.get(name).open_labels)
        yield f"only labels of {open_kinds} can be taken from the training data, and only undeclared ones"
    yield from kinds.get(kind).unfit_labels(labels, from_training=from_training)


def written_in_two_forms(labels: Sequence[str]) -> str:
    """Return why labels are refused that Unicode takes for the same text; empty text where none are."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(normalize("NFC", label), label)
        if other != label:
            return (
                f"the labels {other!a} and {label!a} are one text in two Unicode normal forms; write both in "
                "one of them (NFC)"
            )
    return ""
