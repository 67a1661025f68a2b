"""A worker starts light: neither its preload nor a training from tokenized rows imports what computes nothing there."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "adapters",
    "datasets",
    "huggingface_hub",
    "jinja2",
    "matplotlib",
    "networkx",
    "pandas",
    "peft",
    "pyarrow",
    "scipy",
    "sklearn",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.distributed.tensor",
    "torch.onnx",
    "transformers",
)
"""Each takes a tenth of a second or several MiB. `import torch` itself has some other parts of `torch.distributed`."""

WORKER = f"""
import sys

def heavy():
    print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))

import layover.engine.preload
heavy()

import numpy as np, torch
from layover import heads, kinds, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.execution import Execution
from layover.inference.predict import predict
from layover.specs import Hyperparameters
from layover.steps import loaded
from layover.training import Branch, fit
from layover.encoder import DropoutClock
from layover_sandbox.encoders import folder_of

rows, length = 8, 6
features = Features({{
    "ids": np.full(rows * length, 5, np.int32),
    "offsets": np.arange(0, rows * length + 1, length),
    "example": np.arange(rows, dtype=np.int32),
    "label": np.arange(rows, dtype=np.int64) % 2,
}}, columns=kinds.get("classification").columns)
clock, execution = DropoutClock(1), Execution(device="cpu", deterministic=True, micro_batch_tokens=64)
encoder = loaded.load(str(folder_of("sandbox/mini")), None, clock=clock, dropout=0.1)
encoder.attach([AttachedModule("target", modules.get("lora")(rank=4), None, trainable=True)])
head = heads.build("classification", encoder.hidden_size, 2, clock=clock, dropout=0.1)
result = fit(
    encoder, [Branch("task", head, features)], hyperparameters=Hyperparameters(0.01, 1, 8, seed=1),
    execution=execution, clock=clock, judge=None, checkpoint_dir=None, progress=lambda _: None,
)
predict(encoder, head, features, execution=execution, precision="fp32")
heavy()
print(result.history[-1].loss)
"""


def test_a_worker_that_trains_from_tokenized_rows_imports_no_heavy_package() -> None:
    done = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    preload, training, loss = done.stdout.splitlines()
    assert preload == "", "imported by the preload of workers"
    assert training == "", "imported by a training or a prediction"
    assert float(loss) > 0
