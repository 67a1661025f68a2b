from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.kinds_of import COLUMNS
from tests.tiny import tiny_model
from torch import Tensor
from torch.nn import functional
from transformers import XLMRobertaConfig

from layover import heads, kinds
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.heads import Head
from layover.heads._base import unpadded

HIDDEN = 16
SIZES = {"classification": 3, "tagging": 5, "span": 2, "choice": 1, "mlm": 9, "multilabel": 3, "regression": 1}
LENGTHS = torch.tensor([7, 4, 6, 2])


def encoder(vocabulary: int = SIZES["mlm"]) -> Encoder:
    """An encoder that only lends its word embeddings."""
    model = tiny_model(vocabulary=vocabulary, hidden=HIDDEN, layers=1, attention_heads=1, inner=4, positions=512)
    return Encoder.from_model(model, clock=DropoutClock(0))


def fresh(kind: str, *, dropout: float = 0.0, seed: int = 0) -> Head:
    head = heads.build(kind, HIDDEN, SIZES[kind], clock=DropoutClock(seed), dropout=dropout)
    head.tie(encoder())
    return head


def build(kind: str, *, dropout: float = 0.0, seed: int = 0) -> Head:
    head = fresh(kind, dropout=dropout, seed=seed)
    # larger than fresh ones, so that losses differ from those of zeros
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(20)
    return head.eval()


def hidden(rows: int = 4, longest: int = 7) -> Tensor:
    return torch.randn(rows, longest, HIDDEN, generator=torch.Generator().manual_seed(1))


def targets_of(kind: str) -> dict[str, Tensor]:
    labels = torch.randint(0, 5, (4, 7), generator=torch.Generator().manual_seed(2))
    labels[:, 0] = -100
    return {
        "classification": {"label": torch.tensor([2, -1, 0, 1])},
        "tagging": {"labels": labels.masked_fill(torch.arange(7) >= LENGTHS[:, None], -100)},
        "span": {"start": torch.tensor([3, 0, -1, 1]), "end": torch.tensor([5, 0, -1, 1])},
        "choice": {"label": torch.tensor([1, -1])},
        "multilabel": {"present": torch.tensor([[1.0, 0, 1], [-1, -1, -1], [0, 0, 0], [1, 1, 1]])},
        "regression": {"number": torch.tensor([2.5, math.nan, -1, 0])},
        # rows of 7 places: two in the first, none in the second, one in the third and in the fourth
        "mlm": {"places": torch.tensor([1, 5, 14 + 3, 21 + 1]), "masked": torch.tensor([4, 8, 5, 6])},
    }[kind]


def piece_of(kind: str, targets: dict[str, Tensor], rows: slice, longest: int) -> dict[str, Tensor]:
    """Return the targets of some rows, cut to the longest of them."""
    if kind == "choice":
        return {"label": targets["label"][rows.start // 2 : rows.stop // 2]}
    if kind == "mlm":
        row, place = targets["places"] // 7, targets["places"] % 7
        mine = (row >= rows.start) & (row < rows.stop)
        return {"places": ((row - rows.start) * longest + place)[mine], "masked": targets["masked"][mine]}
    mine = {name: value[rows] for name, value in targets.items()}
    by_token = kind == "tagging"
    return {name: value[:, :longest] if by_token else value for name, value in mine.items()}


def features_of(kind: str) -> Features:
    offsets = np.concatenate([[0], np.cumsum(LENGTHS.numpy())]).astype(np.int64)
    arrays = {
        "ids": np.full(offsets[-1], 5, np.int32),
        "offsets": offsets,
        "example": np.arange(4, dtype=np.int32) // (2 if kind == "choice" else 1),
    }
    if kind == "mlm":
        return Features({**arrays, "roles": np.array([1, 1, 1, 1, 0, 0, 0, 0, 2], np.int8)})
    for name, values in targets_of(kind).items():
        real = torch.arange(7) < LENGTHS[:, None]
        arrays[name] = (values[real] if kind == "tagging" else values).numpy()
    return Features(arrays, group=2 if kind == "choice" else 1, columns=COLUMNS)


def test_kinds_and_heads_agree_on_the_tokens_that_are_read() -> None:
    assert {name: heads.get(name).first_only for name in heads.names()} == {
        name: kinds.get(name).first_only for name in heads.names()
    }


def test_every_kind_has_a_head() -> None:
    assert set(heads.names()) == set(SIZES)
    with pytest.raises(ModelError, match="no head is called 'tager'"):
        heads.build("tager", 4, 2, clock=DropoutClock(0), dropout=0.0)


@pytest.mark.parametrize("kind", heads.names())
def test_fresh_weights_come_from_the_seed(kind: str) -> None:
    def state(seed: int) -> dict[str, Tensor]:
        return fresh(kind, dropout=0.1, seed=seed).state_dict()

    before = torch.random.get_rng_state()
    one, same, other = state(1), state(1), state(2)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in one.items():
        assert torch.equal(value, same[name])
        if name.endswith("bias"):
            assert not value.any()
        elif name.endswith("norm.weight"):
            assert bool((value == 1).all())
        else:
            assert not torch.equal(value, other[name])
            assert 0 < float(value.std()) < 0.05


@pytest.mark.parametrize("kind", heads.names())
def test_weights_travel(kind: str) -> None:
    head, other, targets = build(kind, seed=1), build(kind, seed=2), targets_of(kind)
    other.load_weights({name: value.clone() for name, value in head.state_dict().items()}, "file")
    assert torch.equal(other(hidden(), LENGTHS, targets), head(hidden(), LENGTHS, targets))
    name = next(iter(head.state_dict()))
    with pytest.raises(ModelError, match=f"file: the weight '{name}'"):
        other.load_weights({**head.state_dict(), name: torch.zeros(9, HIDDEN, 1)}, "file")


@pytest.mark.parametrize("kind", heads.names())
def test_micro_batches_and_padding(kind: str) -> None:
    head, targets = build(kind), targets_of(kind)
    states = hidden()
    logits = head(states, LENGTHS, targets)
    loss = head.loss(logits, targets)
    outputs = head.outputs(logits, LENGTHS, targets)
    assert loss.dtype == torch.float32
    step = 2
    parts, found = [], []
    for start in range(0, 4, step):
        rows = slice(start, start + step)
        longest = int(LENGTHS[rows].max())
        mine = piece_of(kind, targets, rows, longest)
        piece = head(states[rows, :longest], LENGTHS[rows], mine)
        parts.append(head.loss(piece, mine))
        found.append(head.outputs(piece, LENGTHS[rows], mine))
    torch.testing.assert_close(torch.stack(parts).sum(), loss, atol=1e-5, rtol=0)
    for name, value in outputs.items():
        torch.testing.assert_close(torch.cat([one[name] for one in found]), value, atol=1e-5, rtol=0)
        assert value.device.type == "cpu"


# of the mlm rows 7, 4, 6 and 2 tokens are ordinary, of each one is hidden
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *[("classification", 3), ("tagging", 15), ("span", 3), ("choice", 1), ("mlm", 4)],
        *[("multilabel", 3), ("regression", 3)],  # no label at all is gold, and so is the number -1
    ],
)
def test_weight_counts_gold(kind: str, expected: int) -> None:
    features = features_of(kind)
    units = np.arange(features.units)
    assert build(kind).weight(features, units) == expected
    halves = [build(kind).weight(features, half) for half in np.array_split(units[::-1], 2)]
    assert sum(halves) == expected


@pytest.mark.parametrize("kind", heads.names())
def test_no_gold_is_no_loss(kind: str) -> None:
    head = build(kind)
    missing = {"tagging": -100, "regression": math.nan}.get(kind, -1)
    nothing = {
        name: value[:0] if kind == "mlm" else torch.full_like(value, missing)
        for name, value in targets_of(kind).items()
    }
    loss = head.loss(head(hidden(), LENGTHS, nothing), nothing)
    assert loss.item() == 0.0
    loss.backward()
    assert all(value.grad is None or not value.grad.any() for value in head.parameters())


def test_output_shapes_and_values() -> None:
    tokens = int(LENGTHS.sum())
    expected = {
        "classification": {"logits": ((4, 3), torch.float32)},
        "tagging": {"tags": ((tokens,), torch.int16)},
        "span": {"start": ((tokens,), torch.float32), "end": ((tokens,), torch.float32)},
        "choice": {"score": ((4,), torch.float32)},
        "multilabel": {"logits": ((4, 3), torch.float32)},
        "regression": {"number": ((4,), torch.float32)},
        "mlm": {"nats": ((4,), torch.float32), "masked": ((4,), torch.int64), "correct": ((4,), torch.int64)},
    }
    assert set(expected) == set(heads.names())
    for kind, shapes in expected.items():
        head, targets = build(kind), targets_of(kind)
        outputs = head.outputs(head(hidden(), LENGTHS, targets), LENGTHS, targets)
        assert {name: (tuple(value.shape), value.dtype) for name, value in outputs.items()} == shapes
    head = build("tagging")
    assert head.outputs(head(hidden(), LENGTHS), LENGTHS)["tags"][:7].equal(
        head.get_submodule("out")(hidden())[0].argmax(-1).to(torch.int16)
    )


def test_classification_is_the_one_of_transformers() -> None:
    from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaClassificationHead

    reference = XLMRobertaClassificationHead(XLMRobertaConfig(hidden_size=HIDDEN, num_labels=3)).eval()
    head = build("classification")
    names = {"dense.weight": "dense.weight", "dense.bias": "dense.bias", "out_proj.weight": "out.weight"}
    reference.load_state_dict({**{a: head.state_dict()[b] for a, b in names.items()}, "out_proj.bias": torch.zeros(3)})
    assert torch.equal(head(hidden(), LENGTHS), reference(hidden()))


def test_losses_of_numbers_and_label_sets_are_the_means_of_torch() -> None:
    for kind, loss in (
        ("regression", functional.mse_loss),
        ("multilabel", functional.binary_cross_entropy_with_logits),
    ):
        head, targets = build(kind), targets_of(kind)
        logits, (gold,) = head(hidden(), LENGTHS), targets.values()
        known = torch.tensor([0, 2, 3])
        own = head.loss(logits, targets) / 3
        torch.testing.assert_close(own, loss(logits[known], gold[known]))
        own.backward()
        assert all(bool(torch.isfinite(value.grad).all()) for value in head.parameters() if value.grad is not None)


def test_divergences_of_numbers_and_label_sets() -> None:
    one, other = build("regression", seed=1), build("regression", seed=2)
    targets = targets_of("regression")
    known = torch.tensor([0, 2, 3])
    p, q = one(hidden(), LENGTHS), other(hidden(), LENGTHS)
    torch.testing.assert_close(one.divergence(p, q, targets), (p[known] - q[known]).square().sum())
    one, other = build("multilabel", seed=1), build("multilabel", seed=2)
    targets = targets_of("multilabel")
    p, q = one(hidden(), LENGTHS), other(hidden(), LENGTHS)
    bernoulli = [torch.distributions.Bernoulli(logits=logits[known]) for logits in (p, q)]
    expected = torch.distributions.kl_divergence(*bernoulli).sum()
    torch.testing.assert_close(one.divergence(p, q, targets), expected)
    assert float(expected.detach()) > 0.01
    for head, logits, gold in ((one, p, targets), (build("regression"), q[:, 0], targets_of("regression"))):
        assert head.divergence(logits, logits, gold).item() == pytest.approx(0.0, abs=1e-6)
    extreme = torch.tensor([[90.0, -90, 0]]).expand(4, 3)
    assert bool(torch.isfinite(one.divergence(extreme, -extreme, targets)))


def test_span_loss_is_the_one_of_transformers_without_padding() -> None:
    head = build("span")
    states, lengths = hidden(2), torch.tensor([7, 7])
    targets = {"start": torch.tensor([3, 0]), "end": torch.tensor([5, 0])}
    logits = head(states, lengths)
    start, end = logits.unbind(-1)
    expected = (functional.cross_entropy(start, targets["start"]) + functional.cross_entropy(end, targets["end"])) / 2
    torch.testing.assert_close(head.loss(logits, targets) / 2, expected)
    padded = head(torch.cat([states, states], dim=1), lengths)
    torch.testing.assert_close(head.loss(padded, targets), head.loss(logits, targets))


def test_dropout_follows_the_clock() -> None:
    clock = DropoutClock(0)
    head = heads.build("classification", HIDDEN, 3, clock=clock, dropout=0.5).train()
    clock.set(1, torch.arange(4))
    one = head(hidden(), LENGTHS)
    assert torch.equal(head(hidden(), LENGTHS), one)
    clock.set(1, torch.tensor([2]))
    torch.testing.assert_close(head(hidden()[2:3], LENGTHS[2:3])[0], one[2])
    clock.set(2, torch.arange(4))
    assert not torch.equal(head(hidden(), LENGTHS), one)


def test_wrong_sizes() -> None:
    for kind, size in (("span", 3), ("choice", 4), ("regression", 2), ("classification", 0), ("tagging", 0)):
        with pytest.raises(ModelError, match="output"):
            heads.build(kind, HIDDEN, size, clock=DropoutClock(0), dropout=0.0)
    head = build("choice")
    with pytest.raises(ModelError, match="4 rows do not divide into 3 units"):
        head.loss(head(hidden(), LENGTHS), {"label": torch.tensor([0, 0, 0])})


@pytest.mark.parametrize("lengths", [[3, 1, 4], [2, 2], [5], [1, 1, 1]])
def test_padding_is_cut_in_row_order(lengths: list[int]) -> None:
    values = torch.arange(len(lengths) * max(lengths) * 2).view(len(lengths), -1, 2)
    cut = unpadded(values, torch.tensor(lengths))
    assert torch.equal(cut, torch.cat([row[:length] for row, length in zip(values, lengths, strict=True)]))
    assert unpadded(values[..., 0], torch.tensor(lengths)).shape == (sum(lengths),)
