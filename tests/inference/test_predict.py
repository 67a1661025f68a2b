"""Predictions come in the order of the features and do not depend on how they are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.kinds_of import COLUMNS
from tests.tiny import tiny_model
from tests.tolerances import ROUNDING

from layover import heads
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.errors import DataError, ModelError, NodeError
from layover.execution import Execution
from layover.heads import Head, MeanPooling
from layover.inference.predict import embed, predict

HIDDEN, VOCABULARY = 32, 100
SIZES = {"classification": 3, "tagging": 5, "span": 2, "choice": 1, "mlm": VOCABULARY}
WHOLE = Execution(device="cpu", micro_batch_tokens=10_000)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    model = tiny_model(vocabulary=VOCABULARY, hidden=HIDDEN)
    return Encoder.from_model(model, clock=DropoutClock(0), dropout=0.3)


def head_of(kind: str, encoder: Encoder) -> Head:
    head = heads.build(kind, HIDDEN, SIZES[kind], clock=encoder.clock, dropout=0.3)
    head.tie(encoder)
    return head


def features(rows: int = 24, group: int = 1, kind: str = "") -> Features:
    random = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(random.integers(2, 40, rows))]).astype(np.int64)
    ids = random.integers(4, VOCABULARY, offsets[-1]).astype(np.int32)
    arrays = {"ids": ids, "offsets": offsets, "example": np.arange(rows, dtype=np.int32)}
    if kind == "mlm":
        arrays["roles"] = np.repeat(np.array([1, 0, 2], np.int8), [4, VOCABULARY - 5, 1])
    return Features(arrays, group, columns=COLUMNS)


@pytest.mark.parametrize(
    ("kind", "group"), [("classification", 1), ("tagging", 1), ("span", 1), ("choice", 4), ("mlm", 1)]
)
def test_the_cut_and_the_order_of_work_do_not_show(kind: str, group: int, encoder: Encoder) -> None:
    data, head = features(group=group, kind=kind), head_of(kind, encoder)
    whole = predict(encoder, head, data, execution=WHOLE)
    for micro_tokens in (1, 90):
        cut = predict(encoder, head, data, execution=Execution(device="cpu", micro_batch_tokens=micro_tokens))
        for name, values in whole.items():
            assert values.dtype == cut[name].dtype
            assert np.allclose(values, cut[name], atol=ROUNDING), name


@pytest.mark.parametrize("special_tokens", [True, False])
def test_embeddings_of_all_layers_come_in_the_order_of_the_features(special_tokens: bool, encoder: Encoder) -> None:
    data = features()
    data.arrays["offsets"][1:] += np.arange(1, data.rows + 1)  # three tokens at least
    data.arrays["ids"] = np.resize(data.arrays["ids"], data.arrays["offsets"][-1])
    found = {}
    for name, layers, execution in [
        ("all", (0, 1, 2), WHOLE),
        ("one", (1,), WHOLE),
        ("cut", (1,), Execution(device="cpu", micro_batch_tokens=90)),
    ]:
        found[name] = np.full((len(layers), data.rows, HIDDEN), np.nan, np.float32)
        embed(encoder, MeanPooling(layers, special_tokens), data, found[name], execution=execution)
    assert np.array_equal(found["all"][1], found["one"][0]), "a layer is the same with or without others beside it"
    assert np.allclose(found["cut"], found["one"], atol=ROUNDING)
    offsets, ids = data.arrays["offsets"], torch.from_numpy(data.arrays["ids"].astype(np.int64))
    cut = slice(None) if special_tokens else slice(1, -1)
    encoder.eval()
    for row in range(data.rows):
        begin, end = int(offsets[row]), int(offsets[row + 1])
        with torch.no_grad():
            states = list(encoder.after((0, 1, 2), ids[None, begin:end], torch.tensor([end - begin])))
        expected = torch.stack([hidden[0, cut].mean(0) for hidden in states]).numpy()
        assert np.allclose(found["all"][:, row], expected, atol=ROUNDING)


def test_each_row_has_its_own_output(encoder: Encoder) -> None:
    data, head = features(), head_of("span", encoder)
    found = predict(encoder, head, data, execution=WHOLE)
    offsets, ids = data.arrays["offsets"], torch.from_numpy(data.arrays["ids"].astype(np.int64))
    encoder.eval()
    head.eval()
    for row in range(data.rows):
        begin, end = int(offsets[row]), int(offsets[row + 1])
        length = torch.tensor([end - begin])
        with torch.no_grad():
            logits = head(encoder(ids[None, begin:end], length), length)[0].numpy()
        assert np.allclose(logits[:, 0], found["start"][begin:end], atol=ROUNDING)
        assert np.allclose(logits[:, 1], found["end"][begin:end], atol=ROUNDING)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_dropped_and_the_mode_comes_back(training: bool, encoder: Encoder) -> None:
    head = head_of("classification", encoder)
    encoder.train(training)
    head.train(training)
    first = predict(encoder, head, features(), execution=WHOLE)
    second = predict(encoder, head, features(), execution=WHOLE)
    assert np.array_equal(first["logits"], second["logits"])
    assert (encoder.training, head.training) == (training, training)
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_bf16_gives_float32_outputs_close_to_fp32(encoder: Encoder) -> None:
    head = head_of("classification", encoder)
    exact = predict(encoder, head, features(), execution=WHOLE)["logits"]
    short = predict(encoder, head, features(), execution=WHOLE, precision="bf16")["logits"]
    assert short.dtype == np.float32
    assert 0 < np.abs(exact - short).max() < 0.1 * np.abs(exact).max()


def test_progress_counts_rows(encoder: Encoder) -> None:
    seen: list[tuple[int, int]] = []
    predict(
        encoder,
        head_of("choice", encoder),
        features(),
        execution=Execution(device="cpu", micro_batch_tokens=100),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (24, 24)


NO_MEMORY = torch.OutOfMemoryError("no memory")
FORMS = [
    NO_MEMORY,
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]


def limited(encoder: Encoder, most: int, error: Exception = NO_MEMORY) -> Any:
    forward = type(encoder).forward

    def wrapper(self: Any, ids: torch.Tensor, *rest: Any, **settings: Any) -> torch.Tensor:
        if ids.numel() > most:
            raise error
        return forward(self, ids, *rest, **settings)

    return wrapper


@pytest.mark.parametrize("error", FORMS, ids=str)
def test_running_out_of_memory_changes_nothing(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    head = head_of("classification", encoder)
    whole = predict(encoder, head, features(), execution=WHOLE)
    monkeypatch.setattr(Encoder, "forward", limited(encoder, 80, error))
    again = predict(encoder, head, features(), execution=WHOLE)
    assert np.allclose(whole["logits"], again["logits"], atol=ROUNDING)


def test_what_cannot_be_predicted_is_an_error(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_of("classification", encoder)
    with pytest.raises(DataError, match="no rows"):
        predict(encoder, head, features(0), execution=WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "forward", limited(encoder, 5))
        with pytest.raises(NodeError, match=r"row \d+ alone \(\d+ tokens\) does not fit"):
            predict(encoder, head, features(), execution=WHOLE)
    broken = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "forward", limited(encoder, 5, broken))
        with pytest.raises(torch.AcceleratorError, match="illegal"):
            predict(encoder, head, features(), execution=WHOLE)
    monkeypatch.setattr(head, "outputs", lambda *_: {"odd": torch.zeros(3)})
    with pytest.raises(ModelError, match=r"'odd' has 3 values for 24 rows"):
        predict(encoder, head, features(), execution=WHOLE)


@pytest.mark.parametrize("kind", ["classification", "tagging", "mlm"])
def test_equal_rows_are_computed_once(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    few = features(rows=6, kind=kind)
    offsets, ids = few.arrays["offsets"], few.arrays["ids"]
    order = [0, 1, 2, 1, 3, 4, 0, 5]
    rows = [ids[offsets[row] : offsets[row + 1]] for row in order]
    starts = np.cumsum([0, *map(len, rows)])
    arrays = {"ids": np.concatenate(rows), "offsets": starts, "example": np.arange(8, dtype=np.int32)}
    roles = {"roles": few.arrays["roles"]} if kind == "mlm" else {}
    many, head, seen = Features({**arrays, **roles}, columns=COLUMNS), head_of(kind, encoder), []
    forward = Encoder.forward

    def counted(self: Encoder, ids: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        seen.append(len(ids))
        return forward(self, ids, *rest, **more)

    monkeypatch.setattr(Encoder, "forward", counted)
    outputs = predict(encoder, head, many, execution=WHOLE)
    # what is hidden in a row depends on its number
    assert sum(seen) == (8 if kind == "mlm" else 6)
    if kind != "mlm":
        alone = predict(encoder, head, few, execution=WHOLE)
        by_row = kind == "classification"
        for name, values in outputs.items():
            for place, row in enumerate(order):
                found = values[place] if by_row else values[starts[place] : starts[place + 1]]
                expected = alone[name][row] if by_row else alone[name][offsets[row] : offsets[row + 1]]
                np.testing.assert_allclose(found, expected, atol=1e-6)
