"""Class weights in a loss: the mean of a step is that of torch's `CrossEntropyLoss(weight=...)`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.heads.test_heads import LENGTHS, build, features_of, hidden, piece_of, targets_of
from torch.nn import CrossEntropyLoss

from layover import heads, kinds
from layover.errors import ModelError
from layover.heads import CLASS_WEIGHTS
from layover.training import Branch

WEIGHTS = {
    "classification": np.array([0.25, 3.0, 1.5], np.float32),
    "tagging": np.array([0.1, 2.0, 1.0, 5.0, 0.5], np.float32),
}
NAMES = {"classification": ("label", -1), "tagging": ("labels", -100)}


def weighed(kind: str) -> dict[str, torch.Tensor]:
    return {**targets_of(kind), CLASS_WEIGHTS: torch.from_numpy(WEIGHTS[kind])}


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_the_mean_of_a_step_is_that_of_torch(kind: str) -> None:
    features, targets, head = features_of(kind), weighed(kind), build(kind)
    name, missing = NAMES[kind]
    logits = head(hidden(), LENGTHS, targets).detach().requires_grad_()
    gold = targets[name].flatten()
    expected = CrossEntropyLoss(weight=targets[CLASS_WEIGHTS], ignore_index=missing)(
        logits.reshape(len(gold), -1), gold
    )
    counted = gold[gold != missing].numpy()
    divided_by = float(WEIGHTS[kind][counted].sum())
    mean = head.loss(logits, targets) / divided_by
    torch.testing.assert_close(mean, expected)
    plain = head.loss(logits, targets_of(kind)) / len(counted)
    assert abs(float((plain - mean).detach())) > 1e-3
    (one,), (other,) = (torch.autograd.grad(loss, logits, retain_graph=True) for loss in (mean, expected))
    torch.testing.assert_close(one, other)
    branch = Branch("task", head, features, class_weights=WEIGHTS[kind])
    units = np.arange(features.units)
    known = head.classes(features, units)
    assert len(known) == head.weight(features, units)
    assert branch.weight(units) == pytest.approx(float(WEIGHTS[kind][known].sum()), rel=1e-6)
    assert sum(branch.weight(half) for half in np.array_split(units[::-1], 2)) == pytest.approx(branch.weight(units))


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_the_sum_does_not_depend_on_the_cut(kind: str) -> None:
    head, targets, states = build(kind), weighed(kind), hidden()
    whole = head.loss(head(states, LENGTHS, targets), targets)
    parts = []
    for start in range(4):
        rows, longest = slice(start, start + 1), int(LENGTHS[start])
        mine = piece_of(kind, targets_of(kind), rows, longest) | {CLASS_WEIGHTS: targets[CLASS_WEIGHTS]}
        parts.append(head.loss(head(states[rows, :longest], LENGTHS[rows], mine), mine))
    torch.testing.assert_close(torch.stack(parts).sum(), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_a_divergence_is_weighed_as_the_loss_is(kind: str) -> None:
    """What answers all gold with certainty is as far from a pass as the weighed loss of that pass."""
    head, targets = build(kind), weighed(kind)
    logits = head(hidden(), LENGTHS, targets)
    name, _ = NAMES[kind]
    certain = 1e6 * torch.nn.functional.one_hot(targets[name].clamp_min(0), logits.shape[-1]).float()
    torch.testing.assert_close(head.divergence(certain, logits, targets), head.loss(logits, targets), rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", heads.names())
def test_heads_have_classes_where_their_kinds_do(kind: str) -> None:
    features = features_of(kind)
    units = np.arange(features.units)
    if kinds.get(kind).classes:
        assert len(build(kind).classes(features, units))
    else:
        with pytest.raises(ModelError, match="no classes, so class weights have no meaning"):
            build(kind).classes(features, units)
