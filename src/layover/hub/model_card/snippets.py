"""The programs of a model card: each runs as it stands, in the folder that holds those of the packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layover import kinds
from layover.hub.model_card.demonstration import has_sandbox_encoder
from layover.kinds._answers import FIRST, INFERENCE
from layover.kinds.choice import CHOICES
from layover.layouts import Base, heads
from layover.packages.card import ADAPTERHUB, Card
from layover.packages.meaning import composition_of
from layover.packages.sections import TaskFacts

OWN_ENCODER = "encoder"
"""Where a program looks for an encoder that has no name: a folder that its user puts there."""


def for_layover(card: Card) -> str:
    """Return the program for Layover; none of a package without a head, which is for recipes."""
    if not has_head(card) or card.task is None:
        return ""
    base = "" if has_sandbox_encoder(card) else f', base="{card.base.name or OWN_ENCODER}"'
    return "\n".join(
        [
            "from layover import Layover",
            "",
            f'model = Layover.load("{card.id}"{base})',
            f"rows = [{kinds.get(card.task.kind).shown_row(card.task.columns or {})}]",
            "print(model.predict(rows))",
        ]
    )


def for_peft(card: Card) -> str:
    """Return the program for peft, for a package that it does not refuse (`layover.hub.libraries`)."""
    headed, base = has_head(card), card.base.base()
    form = card.task.form() if headed and card.task is not None else None
    model = f"{base.family.transformers[base.model_type]}Model" if form is None else heads.class_of(form, base)
    imports = ["import torch", "from peft import PeftModel"]
    imports += ["from peft.tuners.tuners_utils import BaseTunerLayer"] if card.skipped_layers else []
    imports += ["from safetensors.torch import load_file"] if headed else []
    imports += [f"from transformers import AutoTokenizer, {model}"]
    labels = ", num_labels=len(labels)" if _has_labels(card) else ""
    lines = [
        *_imports(card, imports),
        *_names(card),
        f"model = {model}.from_pretrained({_base(card)}{labels}, dtype=torch.float32)",
    ]
    lines += ['model.load_state_dict(load_file(f"{package}/head.safetensors"), strict=False)'] if headed else []
    lines += [*_peft_modules(card, base, headed=headed), "model.eval()", "", *_use(card)]
    return "\n".join(lines)


def for_adapters(card: Card) -> str:
    """Return the program for adapters, for a package that it does not refuse (`layover.hub.libraries`)."""
    below = [piece.package for piece in card.pieces if piece.package is not None]
    names = "AutoAdapterModel, Stack" if below else "AutoAdapterModel"
    imports = ["import torch", f"from adapters import {names}", "from transformers import AutoTokenizer"]
    lines = [
        *_imports(card, imports),
        *_names(card),
        f"model = AutoAdapterModel.from_pretrained({_base(card)}, dtype=torch.float32)",
    ]
    folders = [f'"{package}/{ADAPTERHUB}", use_safetensors=True, with_head=False' for package in below]
    loaded = ["below"] if len(below) == 1 else [f"below_{number}" for number in range(len(below))]
    lines += [f"{name} = model.load_adapter({folder})" for name, folder in zip(loaded, folders, strict=True)]
    lines += [f'own = model.load_adapter(f"{{package}}/{ADAPTERHUB}", use_safetensors=True)']
    active = f"Stack({', '.join([*loaded, 'own'])})" if below else "own"
    skipped = f", skip_layers={list(range(card.skipped_layers))}" if card.skipped_layers else ""
    lines += [f"model.set_active_adapters({active}{skipped})", "model.eval()", ""]
    if has_head(card) and card.task is not None and card.task.form().competes:
        lines += [f'model.heads[own].config["num_choices"] = {len(CHOICES)}  # as many as there are below']
    lines += _use(card)
    return "\n".join(lines)


def has_head(card: Card) -> bool:
    """Return whether a package has a head."""
    return card.probe.outputs is not None


def _has_labels(card: Card) -> bool:
    return has_head(card) and card.task is not None and card.task.form().labelled


def _imports(card: Card, others: Sequence[str]) -> list[str]:
    standard = ["import json", "from pathlib import Path", ""] if _has_labels(card) else []
    from_layover = ["from layover_sandbox.encoders import folder_of"] if has_sandbox_encoder(card) else []
    return [*standard, *sorted([*others, *from_layover], key=_as_sorted), ""]


def _as_sorted(line: str) -> tuple[bool, str]:
    """Return what imports are sorted by: plain ones first."""
    return line.startswith("from "), line


def _names(card: Card) -> list[str]:
    """Return the lines that name package and encoder, and read the labels."""
    if has_sandbox_encoder(card):
        base = f'base = folder_of("{card.base.name}")  # comes with Layover'
    elif card.base.name is None:
        base = f'base = "{OWN_ENCODER}"  # the folder of the encoder; its weights have the fingerprint of the card'
    else:
        base = f'base = "{card.base.name}"'
    lines = [f'package = "{card.id}"', base]
    if _has_labels(card):
        lines += ['labels = json.loads(Path(package, "head_config.json").read_text(encoding="utf-8"))["labels"]']
    return lines


def _base(card: Card) -> str:
    """Return the encoder as the arguments that load it."""
    return "base" if card.base.revision is None else f'base, revision="{card.base.revision}"'


def _peft_modules(card: Card, base: Base, *, headed: bool) -> list[str]:
    """Return the lines that load all modules and let them act together."""
    roles = [(piece.role.replace(".", "_"), piece.package) for piece in card.pieces]
    mapping = "" if headed else f', key_mapping={{"^{base.prefix}[.]": ""}}'
    lines = []
    for number, (role, package) in enumerate(roles):
        folder = "package" if package is None else f'"{package}"'
        name = "" if len(roles) == 1 else f', {"adapter_name=" if number == 0 else ""}"{role}"'
        call = "model = PeftModel.from_pretrained(model, " if number == 0 else "model.load_adapter("
        lines.append(f"{call}{folder}{name}{mapping})")
    composition = composition_of(card.composition, Path(card.id))
    apart = [role for role, package in roles if package is not None]
    factors = composition.summed(apart) if composition is not None and apart else None
    active = [role for role, _ in roles]
    if factors is not None and set(factors) != {1.0}:
        lines += [f'model.add_weighted_adapter({_listed(apart)}, {list(factors)}, "merged", combination_type="cat")']
        active = ["merged", *(role for role, package in roles if package is None)]
    if len(active) > 1:
        lines += [f"model.base_model.set_adapter({_listed(active)})  # all of them act, one beside the other"]
    elif active != [roles[0][0]]:
        lines += [f"model.base_model.set_adapter({_listed(active)})"]
    if card.skipped_layers:
        inside = f"{base.prefix}.{base.family.layers}" if headed else base.family.layers
        lines += [
            f"for layer in model.base_model.model.{inside}[:{card.skipped_layers}]:  # where no module acts",
            "    for part in layer.modules():",
            "        if isinstance(part, BaseTunerLayer):",
            "            part.enable_adapters(False)",
        ]
    return lines


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _use(card: Card) -> list[str]:
    """Return the lines that read a text and print what the model says of it."""
    return [f"tokenizer = AutoTokenizer.from_pretrained({_base(card)})", *_asked(card.task if has_head(card) else None)]


def _asked(task: TaskFacts | None) -> list[str]:
    """Return the lines that ask the model: what its task asks, or None for hidden states."""
    if task is None:
        return [
            f'inputs = tokenizer("{FIRST}", return_tensors="pt")',
            INFERENCE,
            "    hidden = model(**inputs).last_hidden_state",
            "print(tuple(hidden.shape))  # a vector for every token: it has no head",
        ]
    cut = f"truncation=True, max_length={task.max_length}"
    return kinds.get(task.kind).shown_program(task.columns or {}, cut)
