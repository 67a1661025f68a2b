"""Merging against its definitions, over random ranks, scales, weights and densities."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from layover import compositions, modules
from layover.compositions import AttachedModule, Fold
from layover.errors import ModelError
from layover.modules import Site
from layover.shape import Shape

SHAPE = Shape(layers=2, hidden=6, intermediate=10, vocabulary=100)
SITE = Site(layer=1, place="intermediate", inputs=6, outputs=10, num_layers=2)
Matrix = npt.NDArray[np.float64]
merge = compositions.get("merge")


@dataclass(frozen=True)
class Case:
    """Some LoRAs on one kind of linear map, and their weights."""

    ranks: list[int]
    alphas: list[float]
    weights: list[float]
    seed: int

    def parts(self) -> list[AttachedModule]:
        generator = torch.Generator().manual_seed(self.seed)
        parts = []
        for place, (rank, alpha) in enumerate(zip(self.ranks, self.alphas, strict=True)):
            module = modules.get("lora")(rank=rank, alpha=alpha, target=("intermediate",))
            weights = {
                f"{site.name}.{name}": torch.randn(size, generator=generator)
                for site in module.sites(SHAPE)
                for name, size in module.weights(site).items()
            }
            parts.append(AttachedModule(f"intermediate.{place}", module, weights, trainable=False))
        return parts

    def deltas(self, site: Site = SITE) -> list[Matrix]:
        """Return alpha / rank B A in double precision."""
        found = []
        for part, rank, alpha in zip(self.parts(), self.ranks, self.alphas, strict=True):
            assert part.weights is not None
            a, b = (part.weights[f"{site.name}.{name}"].double().numpy() for name in "AB")
            found.append(alpha / rank * b @ a)
        return found


numbers = st.floats(-2.0, 2.0).filter(lambda value: abs(value) > 0.01)
densities = st.sampled_from([0.05, 0.2, 0.5, 0.77, 1.0])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 4))
    listed = {"min_size": count, "max_size": count}
    return Case(
        draw(st.lists(st.integers(1, 6), **listed)),
        draw(st.lists(st.floats(0.25, 32.0), **listed)),
        draw(st.lists(numbers, **listed)),
        draw(st.integers(0, 2**20)),
    )


def merged(case: Case, *, seed: int = 1, site: Site = SITE, **how: Any) -> Matrix:
    composition = merge(weights=tuple(case.weights), **how)
    composition = composition.for_intermediates([f"task{place}" for place in range(len(case.weights))])
    target = modules.get("lora")(target=("intermediate",))
    fold, *_ = composition.attachments(target, case.parts(), shape=SHAPE, seed=seed)
    assert isinstance(fold, Fold)
    assert {one.name for one in fold.sites} == {"layers.0.intermediate", "layers.1.intermediate"}
    change: Matrix = fold.change(site).double().numpy()
    return change


def close(one: Matrix, other: Matrix) -> bool:
    """Equal within 1e-5 of the largest entry."""
    return bool(np.abs(one - other).max() <= 1e-5 * max(1.0, float(np.abs(other).max())))


def total(case: Case) -> Matrix:
    return np.sum([weight * delta for weight, delta in zip(case.weights, case.deltas(), strict=True)], axis=0)


@given(cases())
def test_exact_is_the_weighted_sum(case: Case) -> None:
    assert close(merged(case), total(case))


@given(cases(), st.integers(1, 6))
def test_svd_is_the_nearest_matrix_of_its_rank(case: Case, rank: int) -> None:
    found, whole = merged(case, method="svd", rank=rank), total(case)
    values = np.linalg.svd(whole, compute_uv=False)
    size = max(1.0, float(values[0]))
    assert np.linalg.matrix_rank(found, tol=1e-4 * size) <= rank
    # no matrix of that rank is nearer (Eckart and Young)
    assert np.linalg.norm(whole - found) == pytest.approx(np.linalg.norm(values[rank:]), abs=1e-4 * size)


def trimmed(delta: Matrix, density: float) -> Matrix:
    """Keep the largest entries, one by one."""
    order = sorted(np.ndindex(delta.shape), key=lambda place: -abs(delta[place]))
    kept = np.zeros_like(delta)
    for place in order[: ceil(density * delta.size)]:
        kept[place] = delta[place]
    return kept


@given(cases(), densities)
def test_magnitude_keeps_the_largest_entries_of_each(case: Case, density: float) -> None:
    kept = [trimmed(delta, density) for delta in case.deltas()]
    expected = np.sum([weight * delta for weight, delta in zip(case.weights, kept, strict=True)], axis=0)
    assert close(merged(case, method="magnitude", density=density), expected)


def elected(deltas: list[Matrix], weights: list[float]) -> Matrix:
    """TIES entry by entry."""
    found = np.zeros_like(deltas[0])
    for place in np.ndindex(found.shape):
        parts = [(weight * delta[place], abs(weight)) for weight, delta in zip(weights, deltas, strict=True)]
        sign = np.sign(sum(value for value, _ in parts))
        agree = [(value, size) for value, size in parts if value and np.sign(value) == sign]
        if agree:
            mean = sum(value for value, _ in agree) / sum(size for _, size in agree)
            found[place] = mean * sum(abs(weight) for weight in weights)
    return found


@given(cases(), densities)
@settings(max_examples=60)
def test_ties_elects_signs(case: Case, density: float) -> None:
    expected = elected([trimmed(delta, density) for delta in case.deltas()], case.weights)
    found = merged(case, method="ties", density=density)
    # where the sum is zero within rounding its sign is a toss-up
    sums = np.sum([w * trimmed(d, density) for w, d in zip(case.weights, case.deltas(), strict=True)], axis=0)
    clear = (np.abs(sums) > 1e-4) | (expected == 0)
    assert close(np.where(clear, found, 0), np.where(clear, expected, 0))


@given(cases())
def test_ties_of_one_is_its_trimmed_delta(case: Case) -> None:
    one = Case(case.ranks[:1], case.alphas[:1], case.weights[:1], case.seed)
    assert close(merged(one, method="ties", density=0.3), one.weights[0] * trimmed(one.deltas()[0], 0.3))


@given(cases(), st.sampled_from([0.25, 0.5, 1.0]))
def test_dare_drops_and_rescales(case: Case, density: float) -> None:
    one = Case(case.ranks[:1], case.alphas[:1], case.weights[:1], case.seed)
    found, whole = merged(one, method="dare", density=density), total(one) / density
    kept = np.abs(found - whole) <= 1e-5 * max(1.0, float(np.abs(whole).max()))
    assert np.all(kept | (found == 0))
    assert np.array_equal(found, merged(one, method="dare", density=density))
    if density == 1.0:
        assert kept.all()


def test_dare_keeps_its_share_and_the_sum_on_average() -> None:
    case = Case([4, 2], [8.0, 8.0], [0.5, 0.5], 3)
    draws = np.stack([merged(case, method="dare", density=0.25, seed=seed) for seed in range(400)])
    whole = total(case)
    # each entry's mean over 400 draws is within five standard errors of the sum
    deviation = np.sqrt(sum((0.5 * delta) ** 2 * (1 / 0.25 - 1) for delta in case.deltas()) / 400)
    assert np.all(np.abs(draws.mean(0) - whole) < 5 * deviation)
    masks = [draw != 0 for draw in draws[:2]]
    assert not np.array_equal(*masks)  # another seed
    other = merged(case, method="dare", density=0.25, site=Site(0, "intermediate", 6, 10, 2))
    assert not np.array_equal(other != 0, merged(case, method="dare", density=0.25) != 0)  # another place


def test_dare_draws_the_entries_of_each_intermediate_by_themselves() -> None:
    """Of two equal changes, one added and one taken away, only entries that are kept in both cancel."""
    density = 0.25
    (part,) = Case([4], [8.0], [1.0], 3).parts()
    twin = AttachedModule("intermediate.1", part.module, part.weights, trainable=False)
    composition = merge(method="dare", density=density, weights=(1.0, -1.0)).for_intermediates(["one", "other"])
    fold, *_ = composition.attachments(modules.get("lora")(target=("intermediate",)), [part, twin], shape=SHAPE, seed=1)
    assert isinstance(fold, Fold)
    left = np.concatenate([fold.change(site).double().numpy().ravel() for site in fold.sites])
    share = 2 * density * (1 - density)  # kept in exactly one
    assert abs((left != 0).mean() - share) < 4 * np.sqrt(share * (1 - share) / left.size)


@given(cases(), st.sampled_from(["exact", "svd", "magnitude", "ties"]))
def test_the_order_means_nothing(case: Case, method: str) -> None:
    composition = merge(method=method, weights=tuple(case.weights))
    composition = composition.for_intermediates(["any"] * len(case.weights))
    order = list(range(len(case.weights)))[::-1]
    target = modules.get("lora")(target=("intermediate",))
    parts = case.parts()
    changes = []
    for one, given_parts in ((composition, parts), (composition.reordered(order), [parts[place] for place in order])):
        fold, *_ = one.attachments(target, given_parts, shape=SHAPE, seed=1)
        assert isinstance(fold, Fold)
        changes.append(fold.change(SITE).double().numpy())
    if method == "ties":  # a sum that is zero within rounding has either sign
        sums = np.sum([w * trimmed(d, 0.2) for w, d in zip(case.weights, case.deltas(), strict=True)], axis=0)
        changes = [np.where(np.abs(sums) > 1e-4, change, 0) for change in changes]
    assert close(*changes)


def test_weights_of_intermediates() -> None:
    names = ["nli", "qa"]
    assert merge().for_intermediates(names).weights == (0.5, 0.5)
    assert merge(weights=1.0).for_intermediates(names).weights == (1.0, 1.0)
    assert merge(weights={"qa": -0.5, "nli": 2.0}).for_intermediates(names).weights == (2.0, -0.5)
    with pytest.raises(ModelError, match="weights has no weight for 'qa'; did you mean 'qas'"):
        merge(weights={"qas": 1.0, "nli": 1.0}).for_intermediates(names)
    with pytest.raises(ModelError, match="the weight of nli is 0, so nothing would be merged"):
        merge(weights={"qa": 1.0, "nli": 0.0}).for_intermediates(["nli"])
    with pytest.raises(ModelError, match="weights has 3 numbers, but there are 2 intermediates: nli, qa"):
        merge(weights=(1.0, 2.0, 3.0)).for_intermediates(names)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"density": 0.5}, "density has no effect with exact; it is a setting of ties, dare, magnitude"),
        ({"method": "ties", "rank": 3}, "rank has no effect with ties; it is a setting of svd"),
        ({"weights": {"a": 0.0, "b": 0.0}}, "a weight other than 0"),
        ({"weights": []}, "a weight other than 0"),
        ({"weights": "half"}, "'half' is not a weight; write a number"),
        ({"method": "ties", "density": 0.0}, "greater than or equal to"),
        ({"weights": float("nan")}, "finite"),
        ({"method": "linear"}, "'exact', 'svd', 'ties', 'dare' or 'magnitude'"),
    ],
)
def test_settings_without_meaning(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        merge(**how)
