"""Micro-averaged F1 over spans: the XTREME metric of PAN-X, and of UD-POS on bare tags."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np

from layover.metrics._detect import detect_or_none
from layover.metrics._metric import Array, Metric, Rules, Score, Summed
from layover.metrics._paired import Tags, tagged
from layover.metrics._scheme import Scheme

_LETTER = re.compile("[BIES](-.+)?", re.DOTALL)

Sentences = Sequence[Tags]


def seqeval_f1(predictions: Sentences, golds: Sentences, _language: str = "en") -> float:
    """Return 100 * 2 * right / (predicted + gold), 0 to 100, counting spans: right with both borders and the type.

    The scheme of a task converts its letters into B, I, E and S, for any separator and side. Neighbouring words of one
    type are one span, unless the second word has B or S, or the first has E or S. So I without B begins a span, and
    so does I of another type: this is the default mode of seqeval, not its strict mode. Both modes agree on spans
    that the scheme allows. 0 if nothing is right, also if neither side has a span.

    For bare classes, neighbouring words of one class are one span; words with the outside tag are in no span. For
    universal parts of speech (NOUN, VERB) the result is XTREME's UD-POS score, mostly lower than the accuracy of the
    same tags. There the first letter still has an effect: SYM SYM are two spans, because SYM begins with S. Since
    seqeval 0.0.16 (September 2020), the type of a bare tag lacks its first letter, so that CCONJ equals SCONJ, and X
    equals O. XTREME's scores are older, and here each tag is its own type.

    Without a task, the function detects the scheme of the given tags. If they fit several schemes, tags such as `B-PER`
    are read by their letters, and all other tags are classes.

    Source: seqeval's `f1_score`, as `evaluate.py` of google-research/xtreme calls it: 1.2 for tags with a letter, the
    score of 0.0.12 for parts of speech.

    Raises:
        DataError: a sentence is missing, or its numbers of tags and words differ.
    """
    every = {tag for side in (predictions, golds) for tags in side for tag in tags}
    return _score(predictions, golds, _by_themselves(every))


def _by_rules(rules: Rules) -> Score:
    scheme = rules.tags
    if scheme is None:
        return seqeval_f1
    return lambda predictions, golds, _language: _score(predictions, golds, scheme.canonical)


def _score(predictions: Sentences, golds: Sentences, canonical: Callable[[str], str]) -> float:
    from seqeval.metrics import f1_score

    sentences, known = tagged(predictions, golds), cache(canonical)
    predicted = [[known(tag) for tag in tags] for tags, _ in sentences]
    expected = [[known(tag) for tag in tags] for _, tags in sentences]
    with warnings.catch_warnings():
        # about 0 / 0, which is scored as 0, and about the first letters of parts of speech
        warnings.simplefilter("ignore")
        return 100.0 * float(f1_score(expected, predicted))


def _summed(rules: Rules) -> Summed:
    """Return the score as a function of the numbers of right, predicted and gold spans of each sentence."""

    def counts(predictions: Sentences, golds: Sentences, _language: str) -> Array:
        from seqeval.metrics.sequence_labeling import get_entities

        scheme = rules.tags
        every = {tag for side in (predictions, golds) for tags in side for tag in tags}
        known = cache(_by_themselves(every) if scheme is None else scheme.canonical)
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for predicted, gold in tagged(predictions, golds):
                spans = [set(get_entities([known(tag) for tag in tags])) for tags in (predicted, gold)]
                rows.append([len(spans[0] & spans[1]), len(spans[0]), len(spans[1])])
        return np.array(rows, np.float64)

    return Summed(counts, lambda sums: 200.0 * float(sums[0] / (sums[1] + sums[2])) if sums[0] else 0.0)


def _by_themselves(tags: Iterable[str]) -> Callable[[str], str]:
    """Return the function that converts tags without a task for seqeval."""
    scheme = detect_or_none(tags)
    return _one_by_one if scheme is None else scheme.canonical


def _one_by_one(tag: str) -> str:
    """Return a tag for seqeval: read by its letter if it has one; any other tag except `O` is a class."""
    if tag == "O":
        return tag
    if not _LETTER.fullmatch(tag):
        return f"I-={tag}"
    return Scheme("bioes", separator="-" if len(tag) > 1 else "").canonical(tag)


METRIC = Metric(
    "seqeval_f1",
    frozenset({"tagging"}),
    higher_is_better=True,
    score=seqeval_f1,
    by_rules=_by_rules,
    summed=_summed,
    reads_spans=True,
    hub="f1",
)
