"""Heads under the names of transformers and adapters: their models give the logits of our heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.kinds_of import SHARED, form_of
from tests.tolerances import ROUNDING
from torch import Tensor

from layover import heads as own_heads
from layover import kinds, layouts, modules
from layover.encoder import DropoutClock, write_weights
from layover.errors import ModelError
from layover.families import model_types
from layover.heads import Head
from layover.layouts import WrittenNames, heads
from layover.store import write_json

LABELS = {
    "classification": ("no", "maybe", "yes"),
    "tagging": ("O", "B-X", "I-X"),
    "span": (),
    "choice": (),
    "multilabel": ("food", "keys", "weather"),
    "regression": (),
}
OUTPUTS = {"classification": 3, "tagging": 3, "span": 2, "choice": 1, "multilabel": 3, "regression": 1}
MODEL_TYPES = list(model_types())


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=ROUNDING, rtol=0)


def head_of(sample: Any, kind: str, seed: int = 5) -> Head:
    head = own_heads.build(kind, sample.base.shape.hidden, OUTPUTS[kind], clock=DropoutClock(seed), dropout=0.0)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in head.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    return head.eval()


def ours(sample: Any, head: Head, hidden: Tensor) -> Tensor:
    with torch.inference_mode():
        return head(hidden, torch.full((len(hidden),), hidden.shape[1]))


def theirs(sample: Any, kind: str, model: Any) -> Tensor:
    """Return the logits of a model of another library, in our shape."""
    choice = kind == "choice"
    ids = sample.ids[None] if choice else sample.ids
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=torch.ones_like(ids))
    if kind == "span":
        return torch.stack((output.start_logits, output.end_logits), -1)
    if kind == "regression":
        return output.logits[:, 0]
    return output.logits[0] if choice else output.logits


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_transformers_takes_it_over(sample_of: Callable[..., Any], tmp_path: Path, model_type: str, kind: str) -> None:
    sample = sample_of(model_type)
    head, file = head_of(sample, kind), tmp_path / heads.HEAD
    names = heads.in_transformers(form_of(kind), sample.base)
    write_weights(file, heads.renamed(head.state_dict(), names))
    model = sample.with_head(kind)
    assert type(model).__name__ == heads.class_of(form_of(kind), sample.base)
    told = model.load_state_dict(load_file(file), strict=False)
    assert not told.unexpected_keys
    expected = ours(sample, head, sample.ours())
    assert float(expected.std()) > 0.1
    close(theirs(sample, kind, model), expected)
    assert {name: value.shape for name, value in heads.read(file, kind, form_of(kind), sample.base).items()} == {
        name: value.shape for name, value in head.state_dict().items()
    }


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_head_and_module_act_together_in_peft(
    sample_of: Callable[..., Any], tmp_path: Path, model_type: str, kind: str
) -> None:
    from peft import PeftModel

    sample, module = sample_of(model_type), modules.get("lora")(rank=3, target=("value", "output"))
    weights, head = sample.random(module), head_of(sample, kind)
    folder = sample.write(tmp_path / "one", "peft", module, weights)
    model = sample.with_head(kind)
    names = heads.in_transformers(form_of(kind), sample.base)
    model.load_state_dict(heads.renamed(head.state_dict(), names), strict=False)
    model = PeftModel.from_pretrained(model, str(folder)).eval()
    close(theirs(sample, kind, model), ours(sample, head, sample.ours(module, weights)))


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_head_of_transformers_is_read(
    sample_of: Callable[..., Any], tmp_path: Path, model_type: str, kind: str
) -> None:
    sample = sample_of(model_type)
    model, head = sample.with_head(kind), head_of(sample, kind)
    wanted = heads.in_transformers(form_of(kind), sample.base).values()
    write_weights(tmp_path / "x", {name: value for name, value in model.state_dict().items() if name in wanted})
    head.load_weights(heads.read(tmp_path / "x", kind, form_of(kind), sample.base), "x")
    close(theirs(sample, kind, model), ours(sample, head, sample.ours()))


def config_of(sample: Any, kind: str, choices: int | None = 3) -> dict[str, Any]:
    choices = choices if kind == "choice" else None
    return heads.adapters_config(
        form_of(kind), LABELS[kind], sample.base, WrittenNames("one", None, None), choices=choices
    )


def written(sample: Any, folder: Path, kind: str, head: Head) -> Path:
    """Write a module and a head as an export does, in adapters' layout."""
    module = modules.get("bottleneck")(reduction=5)
    sample.write(folder, "adapterhub", module, sample.random(module))
    write_json(folder / heads.HEAD_CONFIG, config_of(sample, kind))
    weights = heads.renamed(head.state_dict(), heads.in_adapters(form_of(kind), "one"))
    write_weights(folder / heads.ADAPTERS_HEAD, weights)
    return folder


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("model_type", ["xlm-roberta", "bert", "roberta"])
def test_adapters_takes_it_over(sample_of: Callable[..., Any], tmp_path: Path, model_type: str, kind: str) -> None:
    adapters = pytest.importorskip("adapters", reason="the extra `adapterhub` is missing", exc_type=ImportError)
    sample = sample_of(model_type)
    head = head_of(sample, kind)
    folder = written(sample, tmp_path / "one", kind, head)
    model = adapters.AutoAdapterModel.from_config(sample.config())
    model.get_submodule(sample.prefix).load_state_dict(sample.encoder().state_dict(), strict=False)
    model.load_adapter(str(folder), set_active=True, use_safetensors=True)
    model.eval()
    assert model.active_head == "one"
    module = layouts.read(folder, sample.base)
    expected = ours(sample, head, sample.ours(module.module, module.weights()))
    close(theirs(sample, kind, model), expected)
    if LABELS[kind]:
        assert model.get_labels_dict() == dict(enumerate(LABELS[kind]))
    # the head by itself, on an encoder without the module
    again = adapters.AutoAdapterModel.from_config(sample.config())
    again.get_submodule(sample.prefix).load_state_dict(sample.encoder().state_dict(), strict=False)
    again.load_head(str(folder), use_safetensors=True)
    again.active_head = "one"
    close(theirs(sample, kind, again.eval()), ours(sample, head, sample.ours()))


def test_the_number_of_choices_is_never_guessed(sample: Any) -> None:
    """adapters cuts its rows into so many: a wrong number would compare the choices of different examples."""
    assert config_of(sample, "choice", choices=5)["config"]["num_choices"] == 5
    for wrong in (None, 1):
        with pytest.raises(ModelError, match="adapters needs a number from 2 on"):
            config_of(sample, "choice", choices=wrong)


def test_a_head_of_another_kind_is_refused(sample: Any, tmp_path: Path) -> None:
    names = heads.in_transformers(form_of("tagging"), sample.base)
    write_weights(tmp_path / "x", heads.renamed(head_of(sample, "tagging").state_dict(), names))
    with pytest.raises(ModelError, match=r"a head for classification has .*'classifier\."):
        heads.read(tmp_path / "x", "classification", form_of("classification"), sample.base)
    with pytest.raises(ModelError, match="missing or unexpected"):
        heads.renamed(head_of(sample, "choice").state_dict(), names)


def test_a_head_of_other_sizes_is_refused(sample_of: Callable[..., Any], tmp_path: Path) -> None:
    small, large = sample_of(), sample_of(hidden_size=48)
    names = heads.in_transformers(form_of("classification"), small.base)
    write_weights(tmp_path / "x", heads.renamed(head_of(small, "classification").state_dict(), names))
    with pytest.raises(ModelError, match="has the shape"):
        head_of(large, "classification").load_weights(
            heads.read(tmp_path / "x", "classification", form_of("classification"), large.base), "x"
        )


@pytest.mark.parametrize("kind", SHARED)
def test_the_config_says_what_the_outputs_are(sample: Any, kind: str) -> None:
    config = heads.config(kind, form_of(kind), LABELS[kind], sample.base)
    assert config["num_labels"] == OUTPUTS[kind]
    assert config["transformers_class"] == type(sample.with_head(kind)).__name__
    assert [label for label, _ in sorted(config["label2id"].items(), key=lambda one: one[1])] == list(LABELS[kind])
    assert form_of(kind).size(LABELS[kind]) == OUTPUTS[kind]
    assert kinds.get("mlm").head is None


@pytest.mark.parametrize("kind", ["classification", "regression", "multilabel"])
def test_the_problem_type_gives_transformers_our_loss(sample: Any, kind: str) -> None:
    head, count = head_of(sample, kind), len(sample.ids)
    config = heads.config(kind, form_of(kind), LABELS[kind], sample.base)
    model = sample.with_head(kind)
    model.load_state_dict(
        heads.renamed(head.state_dict(), heads.in_transformers(form_of(kind), sample.base)), strict=False
    )
    assert config.get("problem_type") == form_of(kind).problem_type
    model.config.problem_type = config.get("problem_type")  # None: transformers takes it from the gold
    draw = torch.Generator().manual_seed(3)
    name, gold = {
        "classification": ("label", torch.randint(0, 3, (count,), generator=draw)),
        "regression": ("number", torch.rand(count, generator=draw) * 5),
        "multilabel": ("present", torch.randint(0, 2, (count, 3), generator=draw).float()),
    }[kind]
    with torch.inference_mode():
        loss = model(input_ids=sample.ids, attention_mask=torch.ones_like(sample.ids), labels=gold).loss
        own = head.loss(ours(sample, head, sample.ours()), {name: gold}) / count
    assert float(loss) > 0.1
    torch.testing.assert_close(own, loss, atol=ROUNDING, rtol=1e-5)
