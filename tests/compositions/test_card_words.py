"""A composition says what other libraries make of it, and what a card calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from layover import compositions, modules
from layover.compositions import AttachedModule, Attachment, CardWords, Composition, SentenceWords
from layover.hub import flatten
from layover.modules import Module
from layover.shape import Shape

LORA, IA3, BOTTLENECK = (modules.get(name)() for name in ("lora", "ia3", "bottleneck"))
NAMES = ("nli", "qa")


TOP = "a LoRA for E that has learned ner on top of the LoRAs of nli and qa"
MIX = "a mix of the LoRAs of nli and qa and a LoRA of its own for E: the mixing weights (`attention`)"


class Toy(Composition):
    """One whose file says what it must, and no more."""

    name: ClassVar[str] = "toy"

    def _after(
        self,
        module: Module,  # noqa: ARG002
        intermediates: Sequence[AttachedModule],  # noqa: ARG002
        shape: Shape,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> list[Attachment]:
        return []


def words(own: str | None = "LoRA", *, several: bool = True, flat: bool = False) -> CardWords:
    return CardWords(own, "LoRAs" if several else "LoRA", several, flat)


def told(own: str | None = "LoRA", *, several: bool = True, untrained: bool = False) -> SentenceWords:
    learned, count = ("nli and qa", 2) if several else ("nli", 1)
    return SentenceWords(
        **vars(words(own, several=several)), encoder="E", goal="ner", learned=learned, count=count, untrained=untrained
    )


def of(name: str, **settings: object) -> Composition:
    return Toy() if name == "toy" else compositions.get(name).model_validate(settings)


@pytest.mark.parametrize(
    ("name", "headline", "sentence"),
    [
        (
            "toy",
            "a LoRA on toy LoRAs",
            f"{TOP}, which act unchanged below.",
        ),
        (
            "stack",
            "a stack of LoRAs",
            f"{TOP}, which act unchanged below.",
        ),
        ("warm", "a warm-started LoRA", "a LoRA for E that first learned nli and qa and then ner."),
        (
            "fuse",
            "fused LoRAs",
            f"{MIX} were learned on ner.",
        ),
        (
            "merge",
            "a LoRA on merged LoRAs",
            f"{TOP}, merged into the encoder's weights (`ties`, weights 0.5 and -2).",
        ),
        (
            "route",
            "a LoRA on routed LoRAs",
            f"{TOP}, to which each token is routed by its scores (`arrow`).",
        ),
    ],
)
def test_a_card_says_what_the_composition_says(name: str, headline: str, sentence: str) -> None:
    settings = {"merge": {"method": "ties", "weights": (0.5, -2.0)}, "route": {"router": "arrow"}}.get(name, {})
    found = of(name, **settings)
    assert found.headline(words()) == headline
    assert found.sentence(told()) == sentence


def test_what_was_not_trained_on_top_is_told_otherwise() -> None:
    stack, toy = of("stack"), of("toy")
    assert stack.headline(words(None)) == "a head on LoRAs"
    assert stack.headline(words(None, several=False)) == "a head on a LoRA"
    assert stack.headline(words(flat=True)) == "a stack of LoRAs joined into one"
    assert toy.headline(words(None, several=False)) == "a head on a toy LoRA"
    assert stack.sentence(told(None, untrained=True)) == (
        "the LoRAs of nli and qa for E, stacked, with the head of one of them for ner."
    )
    assert toy.sentence(told(None, several=False, untrained=True)) == (
        "the LoRA of nli for E, which acts unchanged below, with its head for ner."
    )


PEFT = "peft cannot compute the composition {}"
ADAPTERS = "adapters cannot compute the composition {}"


@pytest.mark.parametrize(
    ("name", "settings", "peft", "adapters"),
    [
        ("stack", {}, "", ""),
        ("warm", {}, PEFT.format("warm"), ""),
        ("merge", {}, "", ADAPTERS.format("merge")),
        ("merge", {"method": "ties"}, PEFT.format("merge"), ADAPTERS.format("merge")),
        ("fuse", {}, PEFT.format("fuse"), ADAPTERS.format("fuse")),
        ("route", {}, PEFT.format("route"), ADAPTERS.format("route")),
        ("toy", {}, PEFT.format("toy"), ADAPTERS.format("toy")),
    ],
)
def test_what_other_libraries_make_of_it(name: str, settings: dict[str, object], peft: str, adapters: str) -> None:
    """Of `warm` nobody asks peft: it leaves one module."""
    found = of(name, **settings)
    assert found.not_in_peft(NAMES, 0) == peft
    assert found.not_in_adapters() == adapters
    assert found.apart is (name != "warm")


def test_what_is_merged_acts_in_dropped_layers_too() -> None:
    assert of("merge").not_in_peft(NAMES, 2) == "the merged change also acts in the layers without modules"
    assert of("stack").not_in_peft(NAMES, 2) == ""


@pytest.mark.parametrize(
    ("name", "settings", "parts", "reason"),
    [
        ("stack", {}, (LORA, LORA), ""),
        ("stack", {}, (IA3, IA3), ""),
        ("stack", {}, (IA3, LORA), "ia3 does not change the frozen weights linearly"),
        ("stack", {}, (BOTTLENECK, BOTTLENECK), "bottleneck does not change the frozen weights linearly"),
        ("merge", {}, (IA3, IA3), "ia3 does not change the frozen weights linearly"),
        ("warm", {}, (LORA,), "it is already a single module; omit --flatten"),
        (
            "merge",
            {"method": "dare"},
            (LORA, LORA),
            "merge by dare is not a sum of its modules, so no single module",
        ),
        (
            "toy",
            {},
            (LORA, LORA),
            "toy is not a sum of its modules, so no single module computes the same; export it",
        ),
    ],
)
def test_what_becomes_one_module(
    name: str, settings: dict[str, object], parts: tuple[Module, ...], reason: str
) -> None:
    found = flatten.refuses(of(name, **settings), parts, NAMES)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (
            modules.get("lora")(),
            "adapters feeds the change of one LoRA into the next one instead of adding the changes",
        ),
        (modules.get("bottleneck")(), ""),
        (modules.get("bottleneck")(placement="houlsby"), ""),
        (
            modules.get("bottleneck")(placement="parallel"),
            "of several parallel bottlenecks, adapters applies the last one only",
        ),
    ],
)
def test_what_a_stack_of_it_is_in_adapters(module: Module, reason: str) -> None:
    assert module.stacked_in_adapters() == reason
