"""Faults to plant into Layover, so that the test is seen to catch them; a comment marks the line of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch

from layover.encoder import layer, packing
from layover.heads.tagging import TaggingHead
from layover.modules.lora import Lora
from layover.training import optimizer

MARK = "# FAULT"


@dataclass(frozen=True)
class Plant:
    """A fault, and how it shows: by the kind of an event, or by an error."""

    owner: Any
    attribute: str
    make: Callable[[Callable[..., Any]], Callable[..., Any]]
    """Original function -> the function with the fault."""
    shows: str
    """The name of an error, or the kind of an event."""

    def planted(self) -> AbstractContextManager[Any]:
        """Return a context with the fault."""
        original = inspect.getattr_static(self.owner, self.attribute)
        if isinstance(original, staticmethod):
            return mock.patch.object(self.owner, self.attribute, staticmethod(self.make(original.__func__)))
        return mock.patch.object(self.owner, self.attribute, self.make(original))

    @property
    def line(self) -> str:
        """The place of the fault, `plants.py:41`."""
        lines, first = inspect.getsourcelines(self.make)
        (marked,) = (number for number, text in enumerate(lines, first) if MARK in text)
        return f"plants.py:{marked}"


def every() -> Iterator[tuple[str, Plant]]:
    """Yield the name of every fault, and the fault."""
    yield "a CPU tensor in a module", Plant(Lora, "changed", _cpu_tensor, "error")
    yield "an item in a head", Plant(TaggingHead, "loss", _item, "wait")
    yield "a boolean index in attention", Plant(layer, "attend", _boolean_index, "wait")
    yield "a list as index in a head", Plant(TaggingHead, "forward", _list_index, "pageable")
    yield "a copy from pageable memory", Plant(TaggingHead, "forward", _pageable, "pageable")
    yield "a copy that blocks", Plant(TaggingHead, "forward", _blocking, "wait")
    yield "a wait in a backward pass", Plant(packing._Take, "backward", _item_in_backward, "wait")
    yield "a wait in every optimizer step", Plant(optimizer.Optimizer, "step", _norms_at_once, "wait")
    yield "a copy that is read on its way", Plant(TaggingHead, "outputs", _read_early, "early")
    yield "a list of CPU tensors", Plant(optimizer.Optimizer, "step", _lists, "error")
    yield "a synchronisation", Plant(optimizer.Optimizer, "step", _synchronised, "wait")


def _cpu_tensor(original: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*args: Any) -> Any:
        hidden = original(*args)
        return hidden * torch.ones(hidden.shape[-1])  # FAULT

    return changed


def _item(original: Callable[..., Any]) -> Callable[..., Any]:
    def loss(*args: Any) -> Any:
        value = original(*args)
        return value if value.item() < 1e9 else value * 0  # FAULT

    return loss


def _boolean_index(original: Callable[..., Any]) -> Callable[..., Any]:
    def attend(query: Any, *args: Any) -> Any:
        query[query > 0] *= 1  # FAULT
        return original(query, *args)

    return attend


def _list_index(original: Callable[..., Any]) -> Callable[..., Any]:
    def forward(head: Any, hidden: Any, *args: Any) -> Any:
        order = list(range(len(hidden)))
        return original(head, hidden[order], *args)  # FAULT

    return forward


def _pageable(original: Callable[..., Any]) -> Callable[..., Any]:
    def forward(head: Any, hidden: Any, lengths: Any, *args: Any) -> Any:
        return original(head, hidden, lengths.to(hidden.device, non_blocking=True), *args)  # FAULT

    return forward


def _blocking(original: Callable[..., Any]) -> Callable[..., Any]:
    def forward(head: Any, hidden: Any, lengths: Any, *args: Any) -> Any:
        return original(head, hidden, lengths.pin_memory().to(hidden.device), *args)  # FAULT

    return forward


def _item_in_backward(original: Callable[..., Any]) -> Callable[..., Any]:
    def backward(ctx: Any, grad: Any) -> Any:
        float(grad.sum())  # FAULT
        return original(ctx, grad)

    return backward


def _read_early(original: Callable[..., Any]) -> Callable[..., Any]:
    def outputs(head: Any, logits: Any, *args: Any) -> Any:
        copy = logits.to("cpu", non_blocking=True)
        copy[0].isnan().any()  # FAULT
        return original(head, logits, *args)

    return outputs


def _norms_at_once(original: Callable[..., Any]) -> Callable[..., Any]:
    def step(*args: Any) -> Any:
        norms = original(*args)
        assert all(norm.isfinite() for norm in norms) or True  # FAULT
        return norms

    return step


def _lists(original: Callable[..., Any]) -> Callable[..., Any]:
    def step(this: Any, *args: Any) -> Any:
        weights = [weight.detach() for weight in this.named.values()]
        torch._foreach_mul(weights, [torch.ones(weight.shape) for weight in weights])  # FAULT
        return original(this, *args)

    return step


def _synchronised(original: Callable[..., Any]) -> Callable[..., Any]:
    def step(*args: Any) -> Any:
        torch.cuda.synchronize()  # FAULT
        return original(*args)

    return step
