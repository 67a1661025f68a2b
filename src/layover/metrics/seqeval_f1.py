"""Micro-averaged F1 over spans: the XTREME metric of PAN-X, and of UD-POS on bare tags."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from layover.metrics._metric import Metric


def seqeval_f1(predictions: Sequence[Sequence[str]], golds: Sequence[Sequence[str]], _language: str = "en") -> float:
    """Return the percentage F1 of spans, both borders and the type right.

    On bare tags (NOUN, VERB) seqeval joins neighbours of one tag into one span, which gives XTREME's UD-POS
    number and is lower than the accuracy of the same tags.

    Source: seqeval 1.2 `f1_score`, as `evaluate.py` of google-research/xtreme calls it. 0 when neither
    side has a span.
    """
    from seqeval.metrics import f1_score

    with warnings.catch_warnings():
        # seqeval warns of every bare tag, and of 0 / 0, which it scores as 0
        warnings.simplefilter("ignore")
        score = f1_score([list(gold) for gold in golds], [list(tags) for tags in predictions])
    return 100.0 * float(score)


METRIC = Metric("seqeval_f1", frozenset({"tagging"}), higher_is_better=True, score=seqeval_f1)
