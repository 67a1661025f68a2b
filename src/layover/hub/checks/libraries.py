"""Checks in other people's libraries: peft and adapters load the package, and compute the same.

Both are handed an encoder that is loaded already and a folder that was checked; neither looks anything up by a name
in a file, and adapters is told to read the safetensors.
"""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layover.compositions import TARGET, AttachedModule
from layover.errors import ModelError, printable
from layover.hub.checks._base import SkippedError, Subject
from layover.layouts import CONFIG
from layover.packages.card import ADAPTERHUB
from layover.packages.meaning import composition_of
from layover.packages.package import Package

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from layover.inference.probe import Rows

Load = Callable[["PreTrainedModel", Sequence[Package]], "nn.Module"]
"""Puts modules on an encoder, and returns what to call."""


def in_peft(subject: Subject) -> str:
    """Whether peft loads the module and computes the probe's hidden states."""
    if subject.card.layout != "peft":
        raise SkippedError(_nothing(subject, "peft"))
    return _Library("peft", _load_peft, _adds_up).compared(subject)


def in_adapters(subject: Subject) -> str:
    """Whether adapters loads the module and computes the probe's hidden states."""
    if f"{ADAPTERHUB}/{CONFIG}" not in subject.card.files:
        raise SkippedError(_nothing(subject, "adapters"))
    return _Library("adapters", _load_adapters, _in_a_row).compared(subject)


def _nothing(subject: Subject, library: str) -> str:
    module = subject.package.module
    why = "it has no module of its own" if module is None else f"the module is {module.name}"
    return f"nothing here is for {library}: {why}"


def _adds_up(packages: Sequence[Package]) -> bool:
    """Return whether peft puts modules on one another as Layover does: sums and products of one kind."""
    modules = [package.module for package in packages]
    commute = all(one is not None and one.commutes for one in modules)
    return len(packages) == 1 or (commute and len({one.name for one in modules if one is not None}) == 1)


def _in_a_row(packages: Sequence[Package]) -> bool:
    """Return whether adapters applies modules one after the other as Layover does; see `stacked_in_adapters`."""
    modules = [package.module for package in packages]
    return len(packages) == 1 or all(one is not None and not one.stacked_in_adapters() for one in modules)


@dataclass(frozen=True)
class _Library:
    name: str
    load: Load
    stacks: Callable[[Sequence[Package]], bool]
    """Whether the library can put these modules together as Layover does."""

    def compared(self, subject: Subject) -> str:
        """Return how the library's hidden states compare with the card's, or with the module's own in Layover."""
        from layover.encoder.loading import load_model

        version = self._version()
        packages = self._together(subject)
        expected = subject.card.probe.hidden if packages else _by_itself(subject)
        encoder = load_model(*subject.encoder)
        with _silent():
            try:
                model = self.load(encoder, packages or [subject.package])
                found = _hidden(model, subject.card.probe.rows)
            except Exception as error:  # noqa: BLE001  another library's: whatever it raises is what it says of the package
                said = printable(f"{type(error).__name__}: {error}"[:300])
                raise ModelError(f"{self.name} {version} does not load it: {said}") from None
        pairs = zip(expected, found, strict=True)
        apart = [abs(one - other) for row, others in pairs for one, other in zip(row, others, strict=True)]
        largest = max(apart)
        if not all(one <= subject.card.probe.tolerance for one in apart):  # also where one is no number
            raise ModelError(
                f"{self.name} {version} computes something else: its hidden states differ by {largest:.2g}"
            )
        what = "the probe's hidden states" if packages else "the same as Layover with the package's own module alone"
        return f"{self.name} {version} computes {what}: largest difference {largest:.2g}"

    def _version(self) -> str:
        try:
            with _silent():
                importlib.import_module(self.name)
            return importlib.metadata.version(self.name)
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            raise SkippedError(f"{self.name} is not installed, or not for this transformers ({error})") from None

    def _together(self, subject: Subject) -> list[Package]:
        """Return the packages of all that acts where it acts one upon the other; nothing else has a form there."""
        card = subject.card
        composition = composition_of(card.composition, subject.folder)
        if card.skipped_layers or (composition is not None and not composition.in_a_row):
            return []
        found = [subject.whole.holder(piece) for piece in card.attachments]
        return found if self.stacks(found) else []


def _by_itself(subject: Subject) -> Sequence[Sequence[float]]:
    """Return what the card would have as hidden states if the package's own module were all that acts."""
    from layover.encoder import DropoutClock, Encoder
    from layover.inference.probe import compute

    module = subject.package.module
    if module is None:
        raise ModelError(f"{subject.folder}: holds no module of its own")
    encoder = Encoder.load(*subject.encoder, clock=DropoutClock(0), all_words=False)
    encoder.attach([AttachedModule(TARGET, module, subject.package.own_weights(), trainable=False)])
    return compute(encoder, None, subject.card.probe.rows)[0]


def _load_peft(model: PreTrainedModel, packages: Sequence[Package]) -> nn.Module:
    """Load as its users do: into a model with a head, in which the encoder has a name."""
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
    taking: Any = model
    names = [
        taking.load_adapter(str(one.folder / ADAPTERHUB), use_safetensors=True, with_head=False) for one in packages
    ]
    taking.set_active_adapters(Stack(*names) if len(names) > 1 else names[0])
    taking.eval()
    return model


def _hidden(model: nn.Module, rows: Rows) -> list[list[float]]:
    import torch

    from layover.inference.probe import SEEN

    found = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row])
            states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            found.append(states[0, 0, :SEEN].tolist())
    return found


@contextmanager
def _silent() -> Iterator[None]:
    """Keep libraries from writing to the terminal; what they would say is compared, and said by us."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
