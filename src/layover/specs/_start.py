"""The start of a training: a fresh module, or composed intermediates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from layover import compositions, modules
from layover.canonical import Canonical, Through, aside, typed
from layover.compositions import Composition
from layover.identity import Json
from layover.modules import Module
from layover.specs._spec import known

AnyModule = Annotated[Module, Through(modules.parse)]
"""A module of any name."""


@dataclass(frozen=True)
class Learned:
    """An intermediate module, trained or imported."""

    key: str
    """Key of its training, or of its import."""
    gates: str | None = None
    """Key of the training of its gates; None if its composition does not route by gates."""
    name: str = aside("")
    """The task, mixture or imported module."""
    module: Module | None = aside(None)
    """None if the specification was read from the store."""

    def known(self) -> Module:
        """Return the module.

        Raises:
            NodeError: the module is unknown.
        """
        return known(self.module, "the modules of intermediates")


@dataclass(frozen=True)
class Start(Canonical):
    """Intermediates and their composition; nothing by default."""

    composition: Composition | None = None
    """None without a composition."""
    learned: tuple[Learned, ...] = ()

    @property
    def module(self) -> Module:
        """The first module; mixed modules all attach to the same sites."""
        return self.learned[0].known()

    def modules(self) -> tuple[Module, ...]:
        """Return the module of each intermediate."""
        return tuple(learned.known() for learned in self.learned)

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """Return the layers that any module changes, ascending."""
        return tuple(sorted({layer for module in self.modules() for layer in module.layers_of(num_layers)}))

    def keys(self) -> tuple[str, ...]:
        """Return the keys of the nodes that the start needs."""
        return tuple(key for learned in self.learned for key in (learned.key, learned.gates) if key is not None)

    def canonical(self) -> dict[str, Json]:
        """Return the composition and the keys; a single key is written without a list."""
        keys: list[Json] = [learned.key for learned in self.learned]
        gates: list[Json] = [learned.gates for learned in self.learned if learned.gates is not None]
        composed = None if self.composition is None else self.composition.canonical()
        intermediate = None if not keys else keys[0] if len(keys) == 1 else keys
        return {"compose": composed, "intermediate": intermediate, **({"gates": gates} if gates else {})}

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the field names that a canonical form may have."""
        return frozenset({"compose", "intermediate", "gates"})

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the start of a canonical form.

        Raises:
            ModelError: the composition is unknown.
            ValueError: a field is missing, or of another type.
        """
        if missing := sorted({"compose", "intermediate"} - values.keys()):
            raise ValueError(f"Start: {missing[0]!r} is missing")
        named = typed(str | tuple[str, ...] | None, values["intermediate"], "Start.intermediate")
        keys = () if named is None else (named,) if isinstance(named, str) else named
        gates = typed(tuple[str, ...], values.get("gates", ()), "Start.gates") or (None,) * len(keys)
        learned = tuple(Learned(key, gate) for key, gate in zip(keys, gates, strict=True))
        return cls(None if values["compose"] is None else compositions.parse(values["compose"]), learned)
