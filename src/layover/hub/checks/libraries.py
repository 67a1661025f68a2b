"""Checks in other libraries: peft and adapters load the package, and compute the same values.

Both get a loaded encoder and a checked folder. Neither fetches anything by a name in a file, and adapters reads the
safetensors.
"""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.compositions import TARGET, AttachedModule
from layover.errors import ModelError, printable
from layover.hub.checks._base import SkippedError, Subject
from layover.layouts import CONFIG
from layover.modules import Module
from layover.packages.card import ADAPTERHUB, Card
from layover.packages.meaning import composition_of, module_of
from layover.packages.package import Package

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from layover.inference.probe import Rows

Load = Callable[["PreTrainedModel", Sequence[Package]], "nn.Module"]
"""Attaches modules to an encoder, and returns the model to call."""


def in_peft(subject: Subject) -> str:
    """The peft library loads the module and computes the probe's hidden states."""
    if subject.card.layout != "peft":
        raise SkippedError(_nothing(subject, "peft"))
    return _Library("peft", _load_peft, _adds_up).compared(subject)


def in_adapters(subject: Subject) -> str:
    """The adapters library loads the module and computes the probe's hidden states."""
    if f"{ADAPTERHUB}/{CONFIG}" not in subject.card.files:
        raise SkippedError(_nothing(subject, "adapters"))
    return _Library("adapters", _load_adapters, _in_a_row).compared(subject)


def _nothing(subject: Subject, library: str) -> str:
    module = subject.package.module
    why = "it has no module of its own" if module is None else f"the module is {module.name}"
    return f"the package has no files for {library}: {why}"


def compared_in(card: Card) -> dict[str, bool]:
    """Return the libraries that load a package in its checks, each with whether all modules act together.

    Otherwise the check compares the package's own module alone, in all layers.
    """
    stacks = {"peft": _adds_up} if card.layout == "peft" else {}
    stacks |= {"adapters": _in_a_row} if f"{ADAPTERHUB}/{CONFIG}" in card.files else {}
    return {library: _acts_together(card, combines) for library, combines in stacks.items()}


def _acts_together(card: Card, stacks: Callable[[Sequence[Module]], bool]) -> bool:
    """Return whether a library can combine all modules of a package as Layover does."""
    composition = composition_of(card.composition, Path(card.id))
    if card.skipped_layers or (composition is not None and not composition.in_a_row):
        return False
    return stacks([module_of(piece.module, Path(card.id)) for piece in card.attachments])


def _adds_up(modules: Sequence[Module]) -> bool:
    """Return whether peft combines the modules as Layover does: sums or products of modules of the same kind."""
    return len(modules) == 1 or (
        all(module.commutes for module in modules) and len({module.name for module in modules}) == 1
    )


def _in_a_row(modules: Sequence[Module]) -> bool:
    """Return whether adapters applies modules one after the other as Layover does; see `stacked_in_adapters`."""
    return len(modules) == 1 or all(not module.stacked_in_adapters() for module in modules)


@dataclass(frozen=True)
class _Library:
    name: str
    load: Load
    stacks: Callable[[Sequence[Module]], bool]
    """Whether the library can combine the modules as Layover does."""

    def compared(self, subject: Subject) -> str:
        """Return a text on the library's hidden states against the card's, or against the own module in Layover."""
        from layover.encoder.in_transformers import load_in_transformers

        version = self._version()
        packages = self._together(subject)
        expected = subject.card.probe.hidden if packages else _by_itself(subject)
        encoder = load_in_transformers(*subject.encoder)
        with _silent():
            try:
                model = self.load(encoder, packages or [subject.package])
                actual = _hidden(model, subject.card.probe.rows)
            except Exception as error:  # noqa: BLE001  the other library may raise any class
                message = printable(f"{type(error).__name__}: {error}"[:300])
                raise ModelError(f"{self.name} {version} does not load the package: {message}") from None
        pairs = zip(expected, actual, strict=True)
        differences = [abs(left - right) for row, other in pairs for left, right in zip(row, other, strict=True)]
        largest = max(differences)
        if not all(difference <= subject.card.probe.tolerance for difference in differences):  # refuses NaN, too
            raise ModelError(
                f"{self.name} {version} computes something else: its hidden states differ by {largest:.2g}"
            )
        states = (
            "the probe's hidden states"
            if packages
            else "the same hidden states as Layover with the package's own module alone"
        )
        return f"{self.name} {version} computes {states}: largest difference {largest:.2g}"

    def _version(self) -> str:
        try:
            with _silent():
                importlib.import_module(self.name)
            return importlib.metadata.version(self.name)
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            raise SkippedError(f"{self.name} is not installed, or needs another transformers ({error})") from None

    def _together(self, subject: Subject) -> list[Package]:
        """Return the packages of all modules if the library can combine them as Layover does, else an empty list."""
        card = subject.card
        return [subject.whole.holder(piece) for piece in card.attachments] if _acts_together(card, self.stacks) else []


def _by_itself(subject: Subject) -> Sequence[Sequence[float]]:
    """Return the hidden states of the probe with the package's own module alone."""
    from layover.encoder import DropoutClock, Encoder
    from layover.inference.probe import compute

    module = subject.package.module
    if module is None:
        raise ModelError(f"{subject.folder}: the package has no module of its own")
    encoder = Encoder.load(*subject.encoder, clock=DropoutClock(0), all_words=False)
    encoder.attach([AttachedModule(TARGET, module, subject.package.own_weights(), trainable=False)])
    return compute(encoder, None, subject.card.probe.rows)[0]


def _load_peft(model: PreTrainedModel, packages: Sequence[Package]) -> nn.Module:
    """Load packages as the users of peft do: into a model with a head, in which the encoder has a name."""
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification

    whole: Any = AutoModelForTokenClassification.from_config(model.config)  # type: ignore[no-untyped-call]
    setattr(whole, whole.base_model_prefix, model)
    loaded: Any = PeftModel.from_pretrained(whole, str(packages[0].folder), adapter_name="m0")
    for number, package in enumerate(packages[1:], start=1):
        loaded.load_adapter(str(package.folder), adapter_name=f"m{number}")
    loaded.base_model.set_adapter([f"m{number}" for number in range(len(packages))])
    loaded.eval()
    return model


def _load_adapters(model: PreTrainedModel, packages: Sequence[Package]) -> nn.Module:
    import adapters
    from adapters.composition import Stack

    adapters.init(model)
    adapted: Any = model
    names = [
        adapted.load_adapter(str(package.folder / ADAPTERHUB), use_safetensors=True, with_head=False)
        for package in packages
    ]
    adapted.set_active_adapters(Stack(*names) if len(names) > 1 else names[0])
    adapted.eval()
    return model


def _hidden(model: nn.Module, rows: Rows) -> list[list[float]]:
    import torch

    from layover.encoder import float32_products
    from layover.inference.probe import SEEN

    hidden = []
    with float32_products(), torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row])
            states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            hidden.append(states[0, 0, :SEEN].tolist())
    return hidden


@contextmanager
def _silent() -> Iterator[None]:
    """Keep libraries from writing to the terminal; Layover reports the result of the comparison itself."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
