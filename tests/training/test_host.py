"""Training, prediction, embeddings, neighbours, folds and probes are the same in every host program, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.host import products_of_a_host
from tests.training.conftest import LAYERS, VOCABULARY, Model, make_features, make_model
from torch.utils._python_dispatch import TorchDispatchMode

from layover import modules
from layover.compositions import AttachedModule, Fold
from layover.data.features import Features
from layover.execution import Execution
from layover.heads import MeanPooling
from layover.inference import probe
from layover.inference.hidden_states import HiddenStates
from layover.inference.neighbours import both_ways
from layover.inference.predict import embed, keep_states, predict
from layover.modules import Site
from layover.specs import Hyperparameters
from layover.training import Branch, fit

ROOT = Path(__file__).resolve().parents[2]
CPU = Execution(device="cpu", threads=1, micro_batch_tokens=512)


class Products(TorchDispatchMode):
    """Records torch's setting at every matrix product."""

    NAMES = ("matmul", "linear", "mm", "addmm", "bmm", "baddbmm", "scaled_dot_product", "linalg_qr", "linalg_svd")

    def __init__(self) -> None:
        super().__init__()
        self.settings: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: object, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        if any(name in function.name() for name in self.NAMES):
            self.settings.append(torch.get_float32_matmul_precision())
        return function(*arguments, **(named or {}))


def work(recorded: dict[str, list[str]] | None = None) -> dict[str, str]:
    """Return the hash of the numbers of every kind of work; record the setting at its products if asked to."""
    features, hashes = make_features(), dict[str, str]()
    model = make_model(module=modules.get("dora")(rank=4))
    sides = np.random.default_rng(1).standard_normal((2, 300, 64)).astype(np.float32)
    vectors = np.zeros((1, features.rows, 32), np.float32)
    pooling, rows = MeanPooling((LAYERS,), frozenset({0, 2})), probe.rows_for((0, 2), VOCABULARY, frozenset({0, 1, 2}))
    kinds: dict[str, Callable[[], list[np.ndarray]]] = {
        "training": lambda: trained(model, features),
        "prediction": lambda: list(predict(model.encoder, model.head, features, execution=CPU).values()),
        "embeddings": lambda: [embed(model.encoder, pooling, features, vectors, execution=CPU) or vectors],
        "neighbours": lambda: [side.similarity for side in both_ways(sides[0], sides[1], execution=CPU)],
        "fold": lambda: folded(make_model()),
        "probe": lambda: [np.array(probe.compute(model.encoder, model.head, rows)[0])],
        "states": lambda: states_of(make_model(module=modules.get("lora")(rank=4, layers=(2,))), features),
    }
    for name, compute in kinds.items():
        if recorded is None:
            hashes[name] = digest(compute())
        else:
            with Products() as products:
                hashes[name] = digest(compute())
            recorded[name] = products.settings
    return hashes


def trained(model: Model, features: Features) -> list[np.ndarray]:
    fit(
        model.encoder,
        [Branch("made up", model.head, features)],
        hyperparameters=Hyperparameters(lr=1e-2, epochs=2, batch=8, seed=1),
        execution=CPU,
        clock=model.clock,
        judge=None,
        checkpoint_dir=None,
        progress=lambda _: None,
    )
    return [value.detach().numpy() for value in model.weights().values()]


def folded(model: Model) -> list[np.ndarray]:
    """Return the weights with a fold and a fresh dora module on it, which starts from the lengths of their columns."""
    site = modules.get("lora")(rank=4).sites(model.encoder.shape)[0]
    left, right = (torch.randn(32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))

    def change(_site: Site) -> torch.Tensor:
        return left @ right

    dora = AttachedModule("dora", modules.get("dora")(rank=4), None, trainable=True)
    model.encoder.attach([Fold("sum", (site,), change), dora])
    return [value.detach().numpy() for value in model.weights().values()]


def states_of(model: Model, features: Features) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "states"
        into = HiddenStates.create(file, layer=2, kind="float32", tokens=len(features.arrays["ids"]), hidden=32)
        keep_states(model.encoder, features, into, execution=CPU, precision="fp32")
        into.flush()
        return [np.fromfile(file, np.uint8)]


def digest(arrays: object) -> str:
    assert isinstance(arrays, list)
    found = hashlib.sha256()
    for values in arrays:
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    """The hashes in a program that sets nothing, in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work()
    finally:
        torch.set_num_threads(threads)


def test_every_product_is_exact_in_every_host() -> None:
    recorded: dict[str, list[str]] = {}
    with products_of_a_host():
        torch.set_float32_matmul_precision("medium")
        work(recorded)
    assert len(recorded) == 7
    assert {name: set(settings) for name, settings in recorded.items()} == {name: {"highest"} for name in recorded}


@pytest.mark.parametrize("setting", ["high", "medium"])
def test_every_host_gets_the_same_bits(plain: dict[str, str], setting: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with products_of_a_host():
        torch.set_float32_matmul_precision(setting)
        assert work() == plain
        assert torch.get_float32_matmul_precision() == setting
    torch.set_num_threads(threads)


def test_the_environment_of_an_image_of_nvidia_changes_no_bit(plain: dict[str, str]) -> None:
    path = os.pathsep.join([str(ROOT), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"}
    ran = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == plain


if __name__ == "__main__":
    assert torch.get_float32_matmul_precision() == "high"
    sys.stdout.write(json.dumps(work()))
