"""Several modules put together into one compute what they did: with other places, layers, ranks and scales each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, XLMRobertaConfig, XLMRobertaModel

from layover import compositions, modules
from layover.compositions import TARGET, AttachedModule, Composition
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.hub.flatten import Term, flattened, refuses, terms_of
from layover.hub.writing import write_module
from layover.layouts import Base, WrittenNames
from layover.modules import LINEARS, AdapterDrop, Module
from layover.packages.card import read_card
from layover.shape import Shape

SHAPE = Shape(layers=4, hidden=48, intermediate=96, vocabulary=100)
BASE = Base("xlm-roberta", SHAPE)
LORA, IA3 = modules.get("lora"), modules.get("ia3")
PLAIN = LORA(rank=2, alpha=3.0)
LOW = LORA(rank=3, alpha=7.0, target=("query", "output"), layers=(0, 1), rslora=True)
PATTERNED = LORA(
    rank=4,
    alpha=2.0,
    target=tuple(LINEARS),
    layers="top-2",
    patterns=(
        {"target": ("key",), "layers": (1,), "rank": 5, "alpha": 9.0},
        {"target": ("value",), "layers": (3,), "rank": 0},
    ),
)
IDS = torch.randint(4, 200, (2, 13), generator=torch.Generator().manual_seed(3))
LENGTHS = torch.tensor([13, 13])


def make_model() -> PreTrainedModel:
    config = XLMRobertaConfig(
        vocab_size=200,
        hidden_size=SHAPE.hidden,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=4,
        intermediate_size=SHAPE.intermediate,
        max_position_embeddings=66,
        type_vocab_size=1,
        initializer_range=0.2,  # large, so that a difference anywhere shows
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return XLMRobertaModel(config, add_pooling_layer=False).eval()


def part(name: str, module: Module, seed: int) -> AttachedModule:
    """Return a part with random weights, scales around 1."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for site in module.sites(SHAPE):
        for weight, size in module.weights(site).items():
            value = torch.randn(size, generator=generator) * 0.1
            weights[f"{site.name}.{weight}"] = value + 1.0 if weight == "scale" else value
    return AttachedModule(name, module, weights, trainable=False)


def hidden(pieces: Sequence[Any], skipped: int = 0) -> Tensor:
    encoder = Encoder.from_model(make_model(), clock=DropoutClock(0))
    encoder.attach(pieces)
    encoder.drop(AdapterDrop(predict=skipped))
    with torch.inference_mode():
        return encoder.eval()(IDS, LENGTHS)


def assert_same(found: Tensor, expected: Tensor) -> None:
    assert float((found - expected).abs().max()) <= 3e-6 * max(1.0, float(expected.abs().max()))


def flat_of(
    composition: Composition, parts: Sequence[AttachedModule], target: AttachedModule | None, skipped: int = 0
) -> AttachedModule:
    module, weights = flattened(terms_of(composition, parts, target, skipped), BASE)
    return AttachedModule(TARGET, module, weights, trainable=False)


STACK = compositions.get("stack")()


@pytest.mark.parametrize("skipped", [0, 2], ids=["all layers", "upper layers"])
@pytest.mark.parametrize(
    "several", [[PLAIN, PATTERNED], [PATTERNED, LOW, PLAIN], [PLAIN, PLAIN]], ids=["two", "three", "equal"]
)
def test_a_stack_is_one_lora(several: list[Module], skipped: int) -> None:
    parts = [part(f"intermediate.{number}", module, number) for number, module in enumerate(several[:-1])]
    target = part(TARGET, several[-1], 9)
    one = flat_of(STACK, parts, target, skipped)
    ranks: dict[str, int] = {}
    for each in (*parts, target):
        for site in each.module.sites(SHAPE):
            if site.layer >= skipped:
                ranks[site.name] = ranks.get(site.name, 0) + each.module.weights(site)["A"][0]
    assert {site.name: one.module.weights(site)["A"][0] for site in one.module.sites(SHAPE)} == ranks
    before = hidden([*parts, target], skipped)
    assert_same(hidden([one]), before)
    assert float((before - hidden([*parts], skipped)).abs().max()) > 1e-2


@pytest.mark.parametrize("weights", [(0.75, -0.5), (1.0, 0.0), None], ids=["weighted", "one left out", "mean"])
@pytest.mark.parametrize("target", [PATTERNED, None], ids=["module on top", "nothing on top"])
def test_an_exact_merge_is_one_lora(weights: tuple[float, ...] | None, target: Module | None) -> None:
    merge = compositions.get("merge")(weights=weights)
    parts = [part("intermediate.0", PLAIN, 0), part("intermediate.1", PATTERNED, 1)]
    top = None if target is None else part(TARGET, target, 9)
    folded = merge.model_copy(update={"on_top": "none"}).attachments(PLAIN, parts, shape=SHAPE, seed=0)
    acting = [*folded, *([] if top is None else [top])]
    one = flat_of(merge, parts, top)
    expected = hidden(acting)
    assert_same(hidden([one]), expected)
    assert len(terms_of(merge, parts, top, 0)) == (1 if weights == (1.0, 0.0) else 2) + (target is not None)


def test_the_change_of_each_linear_map_is_the_weighted_sum() -> None:
    """In float64, where nothing hides behind rounding."""
    terms = [Term(part("", module, number), 1.5 - number, 0) for number, module in enumerate((PLAIN, LOW, PATTERNED))]
    doubled = [Term(as_double(one.part), one.factor, one.from_layer) for one in terms]
    module, weights = flattened(doubled, BASE)
    sites = {site for one in terms for site in one.part.module.sites(SHAPE)}
    assert set(module.sites(SHAPE)) == sites
    for site in sites:
        expected = torch.zeros(site.outputs, site.inputs, dtype=torch.float64)
        for one in doubled:
            if site in one.part.module.sites(SHAPE):
                left, right = one.part.module.factors(site, one.part.at(site))
                expected += one.factor * left @ right
        left, right = module.factors(site, {name: weights[f"{site.name}.{name}"] for name in ("A", "B")})
        assert float((left @ right - expected).abs().max()) <= 1e-14


def as_double(one: AttachedModule) -> AttachedModule:
    return AttachedModule(
        one.name, one.module, {name: value.double() for name, value in (one.weights or {}).items()}, False
    )


def test_what_is_merged_acts_in_the_lower_layers_too() -> None:
    merge, parts, top = compositions.get("merge")(), [part("intermediate", PLAIN, 0)], part(TARGET, LOW, 9)
    folded = merge.model_copy(update={"on_top": "none"}).attachments(PLAIN, parts, shape=SHAPE, seed=0)
    one = flat_of(merge, parts, top, skipped=1)
    assert [site.layer for site in one.module.sites(SHAPE) if site.layer == 0]
    expected = hidden([*folded, top], skipped=1)
    assert_same(hidden([one]), expected)


def test_a_stack_of_ia3_is_one() -> None:
    parts, top = [part("intermediate", IA3(), 0)], part(TARGET, IA3(), 9)
    one = flat_of(STACK, parts, top)
    assert one.module == IA3()
    assert_same(hidden([one]), hidden([*parts, top]))
    upper = flat_of(STACK, parts, top, skipped=1)
    assert upper.module == IA3(layers=(1, 2, 3))
    other = Term(part(TARGET, IA3(target=("query",), layers=(0,)), 1), 1.0, 0)
    with pytest.raises(ModelError, match="has nothing to merge"):
        flattened([Term(parts[0], 1.0, SHAPE.layers)], BASE)
    with pytest.raises(ModelError, match="different places in different layers"):
        flattened([Term(parts[0], 1.0, 0), other], BASE)


def test_peft_computes_the_same(tmp_path: Path) -> None:
    """Ranks that differ from place to place, layers left out: all of it is said by patterns."""
    from peft import PeftModel

    parts, target = [part("intermediate.0", LOW, 0), part("intermediate.1", PLAIN, 1)], part(TARGET, PATTERNED, 9)
    one = flat_of(STACK, parts, target)
    layout = write_module(
        tmp_path, one.module, one.weights or {}, BASE, WrittenNames("one", None, None), adapterhub=False
    )
    assert layout == "peft"
    model = PeftModel.from_pretrained(make_model(), str(tmp_path), key_mapping={"^roberta\\.": ""}).eval()
    with torch.inference_mode():
        found = model(input_ids=IDS).last_hidden_state
    expected = hidden([*parts, target])
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("composition", "module", "reason"),
    [
        (None, "lora", "already a single module"),
        ("warm", "lora", "already a single module"),
        ("stack", "lora", ""),
        ("stack", "ia3", ""),
        ("stack", "bottleneck", "does not change the frozen weights linearly"),
        ("merge", "lora", ""),
        ({"name": "merge", "method": "ties"}, "lora", "merge by ties is not a sum"),
        ({"name": "merge", "method": "dare"}, "lora", "merge by dare is not a sum"),
        ({"name": "merge", "method": "svd"}, "lora", "merge by svd is not a sum"),
        ({"name": "merge", "method": "magnitude"}, "lora", "merge by magnitude is not a sum"),
        ("fuse", "lora", "fuse is not a sum"),
        ("route", "lora", "route is not a sum"),
    ],
    ids=str,
)
def test_what_is_one_module(composition: str | dict[str, str] | None, module: str, reason: str) -> None:
    values = {"name": composition} if isinstance(composition, str) else dict(composition or {})
    made = compositions.get(values.pop("name"))(**values) if composition else None
    found = refuses(made, [modules.get(module)()] * 2, ["mnli", "squad"])
    assert reason in found
    assert bool(reason) == bool(found)


def test_the_card_tells_what_it_was_made_of(exported: Path) -> None:
    plain = read_card(exported / "mini-merge-sandbox-nli-sandbox-completion-sandbox-copa-s1")
    flat = read_card(exported / f"{plain.id}-flat")
    assert not plain.flattened
    assert plain.made_of == ()
    assert flat.flattened
    assert flat.needed() == ()
    (piece,) = flat.attachments
    assert (piece.role, piece.package, piece.key) == ("target", None, None)
    assert piece.module["rank"] == 6
    assert set(piece.trained_on) == {"sandbox/completion", "sandbox/nli", "sandbox/copa"}
    parts = {one.trained_on: one for one in flat.made_of}
    assert {tasks: one.factor for tasks, one in parts.items()} == {
        ("sandbox/nli",): 0.75,
        ("sandbox/completion",): -0.5,
        ("sandbox/copa",): 1.0,
    }
    assert {one.key: one.weights_sha256 for one in flat.made_of} == {
        one.key: one.weights_sha256 for one in plain.attachments
    }
    assert flat.scores == plain.scores
    assert flat.key == plain.key


def test_flattened_packages_compute_the_same(load: Any, exported: Path) -> None:
    flat = sorted(folder.name for folder in exported.glob("*-flat"))
    assert len(flat) == 8
    for name in flat:
        one, several = load(name), load(name.removesuffix("-flat"))
        for row in one.package.card.probe.rows:
            expected = several.hidden(row)
            assert_same(one.hidden(row), expected)
    dropped = read_card(exported / "mini-drop-sandbox-nli-sandbox-paraphrase-s1-flat")
    assert dropped.skipped_layers == 0
    assert {one.from_layer for one in dropped.made_of} == {2}
    assert read_card(exported / dropped.id.removesuffix("-flat")).skipped_layers == 2
