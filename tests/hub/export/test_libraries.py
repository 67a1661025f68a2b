"""Every package in the libraries that it is for: the same outputs, and a training step that changes it alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tests.tolerances import ROUNDING
from torch import Tensor, nn

from layover.hub.libraries import adapters_refuses, peft_refuses, reader_of
from layover.layouts import heads
from layover.packages.card import ADAPTERHUB, Card, read_card
from layover.packages.package import Package

CLOSE = ROUNDING
"""Of the largest number among what is compared, or absolutely where that is below 1."""
Load = Callable[[str], Any]
BaseOf = Callable[[Package], str]


def logits_of(output: Any) -> Tensor:
    """Return what a model with a head gives out, as our heads do."""
    if "start_logits" in output:
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.logits


def given(card: Card, row: tuple[int, ...]) -> Tensor:
    ids = torch.tensor([row])
    return ids[None] if card.task is not None and card.task.kind == "choice" else ids


def assert_same(model: Callable[..., Any], ours: Any) -> None:
    """Hold a model of transformers to a package as Layover puts it together, on the rows of the probe."""
    card = ours.package.card
    for row in card.probe.rows:
        with torch.inference_mode():
            output = model(input_ids=given(card, row), output_hidden_states=True)
        assert_close(output.hidden_states[-1], ours.hidden(row))
        if ours.head is not None:
            assert_close(logits_of(output), ours.logits(row))


def assert_close(found: Tensor, expected: Tensor) -> None:
    difference = float((found.reshape(expected.shape) - expected).abs().max())
    assert difference <= CLOSE * max(1.0, float(expected.abs().max()))


def step(model: Callable[..., Any], card: Card, trained: Mapping[str, nn.Parameter]) -> None:
    """Train one step on anything."""
    optimiser = torch.optim.AdamW(trained.values(), lr=1e-2)
    output = model(input_ids=given(card, card.probe.rows[0]), output_hidden_states=True)
    loss = output.hidden_states[-1].pow(3).mean()
    loss.backward()
    assert bool(loss.isfinite())
    optimiser.step()


def changed(before: Mapping[str, Tensor], model: nn.Module) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def in_transformers(card: Card, base: str, folder: Path) -> nn.Module:
    """Return the encoder with the package's head, or without one."""
    if card.probe.outputs is None or card.task is None:
        model = transformers.XLMRobertaModel.from_pretrained(base, dtype=torch.float32, add_pooling_layer=False)
    else:
        made = getattr(transformers, heads.class_of(card.task.form(), card.base.base()))
        count = json.loads((folder / "head_config.json").read_text(encoding="utf-8"))["num_labels"]
        model = made.from_pretrained(base, dtype=torch.float32, num_labels=count)
        left = model.load_state_dict(load_file(folder / "head.safetensors"), strict=False)
        assert left.unexpected_keys == []
    found: nn.Module = model.eval()
    return found


def in_peft(card: Card, base: str, packages: Path) -> Any:
    """Return the model with all modules of a package active, its own the last."""
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    model: Any = in_transformers(card, base, packages / card.id)
    mapping = None if card.probe.outputs is not None else {"^roberta\\.": ""}
    names = []
    for number, piece in enumerate(card.attachments):
        folder, name = str(packages / (piece.package or card.id)), f"part{number}"
        trainable = piece.package is None
        if number == 0:
            model = PeftModel.from_pretrained(
                model, folder, adapter_name=name, is_trainable=trainable, key_mapping=mapping
            )
        else:
            model.load_adapter(folder, name, is_trainable=trainable, key_mapping=mapping)
        names.append(name)
    if card.composition is not None and card.composition["name"] == "merge" and not card.flattened:
        weights, merged = card.composition["weights"], names[: len(card.composition["weights"])]
        model.add_weighted_adapter(merged, list(weights), "merged", combination_type="cat")
        names = ["merged", *names[len(merged) :]]
    model.base_model.set_adapter(names)
    for name in names:
        model.set_requires_grad(name, requires_grad=name == names[-1] and card.attachments[-1].package is None)
    layers = next(module for name, module in model.named_modules() if name.endswith("encoder.layer"))
    for layer in list(layers)[: card.skipped_layers]:
        for module in layer.modules():
            if isinstance(module, BaseTunerLayer):
                module.enable_adapters(enabled=False)
    return model.eval()


def test_in_peft(exported: Path, load: Load, base_of: BaseOf, peft_name: str) -> None:
    card, ours = read_card(exported / peft_name), load(peft_name)
    assert peft_refuses(card) == ""
    model = in_peft(card, base_of(ours.package), exported)
    assert_same(model, ours)
    trained = {key: value for key, value in model.named_parameters() if value.requires_grad}
    if card.attachments[-1].package is None:
        before = copied(model)
        step(model, card, trained)
        assert changed(before, model)
        assert changed(before, model) <= set(trained)
    else:
        assert trained == {}


def adapters_library() -> Any:
    return pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)


def test_in_adapters(exported: Path, load: Load, base_of: BaseOf, adapters_name: str) -> None:
    adapters = adapters_library()
    card, ours, name = read_card(exported / adapters_name), load(adapters_name), adapters_name
    assert adapters_refuses(card) == ""
    model = adapters.AutoAdapterModel.from_pretrained(base_of(ours.package), dtype=torch.float32)
    names = []
    for piece in card.attachments:
        folder = str(exported / (piece.package or card.id) / ADAPTERHUB)
        names.append(model.load_adapter(folder, use_safetensors=True, with_head=piece.package is None))
    assert names[-1] == name
    if card.task is not None and card.task.kind == "choice":
        model.heads[name].config["num_choices"] = 1  # the rows of a probe are choices, one by one
    model.train_adapter(names[-1])
    model.set_active_adapters(adapters.Stack(*names) if len(names) > 1 else names[0])
    assert_same(model.eval(), ours)
    own = {key: value for key, value in model.named_parameters() if f".{name}." in key and "heads." not in key}
    before = copied(model)
    step(model, card, own)
    assert changed(before, model)
    assert changed(before, model) <= set(own)


def test_adapters_takes_safetensors_only_where_it_is_told(exported: Path, load: Load, base_of: BaseOf) -> None:
    """As the program on a card says in its first line."""
    adapters = adapters_library()
    cards = (read_card(file.parent) for file in sorted(exported.glob("*/transfer_card.json")))
    name = next(card.id for card in cards if not adapters_refuses(card))
    model = adapters.AutoAdapterModel.from_pretrained(base_of(load(name).package), dtype=torch.float32)
    with pytest.raises(OSError, match="Unable to load weights from pytorch checkpoint file"):
        model.load_adapter(str(exported / name / ADAPTERHUB))
    assert model.load_adapter(str(exported / name / ADAPTERHUB), use_safetensors=True) == name


def kinds(cards: Iterable[Card], refuses: Callable[[Card], str]) -> set[tuple[str, str, str]]:
    """Return module, composition and kind of the packages that a library takes."""
    return {
        (
            card.attachments[-1].module["name"],
            "" if card.composition is None else card.composition["name"],
            card.task.kind if card.task is not None else "",
        )
        for card in cards
        if not refuses(card)
    }


def test_who_reads_what(exported: Path) -> None:
    """So that nothing is left out above unseen."""
    cards = [read_card(file.parent) for file in exported.glob("*/transfer_card.json")]
    assert sum(not peft_refuses(card) for card in cards) == 26
    assert sum(not adapters_refuses(card) for card in cards) == 7
    assert kinds(cards, peft_refuses) == {
        ("lora", "", "classification"),
        ("lora", "", "choice"),
        ("lora", "", ""),
        ("lora", "warm", "tagging"),
        ("lora", "stack", "classification"),
        ("lora", "stack", "tagging"),
        ("lora", "merge", "choice"),
        ("lora", "merge", "classification"),
        ("ia3", "", "classification"),
        ("ia3", "stack", "choice"),
        ("dora", "", "choice"),
    }
    assert kinds(cards, adapters_refuses) == {
        ("lora", "", "classification"),
        ("bottleneck", "", "classification"),
        ("bottleneck", "", "choice"),
        ("bottleneck", "stack", "span"),
        ("bottleneck", "stack", "tagging"),
    }
    alone = {card.id for card in cards if reader_of(card) == "layover"}
    assert {name.removeprefix("mini-").split("-")[0] for name in alone} == {"beside", "fuse", "head", "route", "ties"}
