"""Where a training starts: from nothing, or from finished intermediates that are composed."""

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
    """A module that was learned as an intermediate, or imported."""

    key: str
    """Of its training, or of its import."""
    gates: str | None = None
    """Key of the training of its gates, where it is routed to by such."""
    name: str = aside("")
    """The task, mixture or imported module."""
    module: Module | None = aside(None)
    """None where the specification was read from the store."""

    def known(self) -> Module:
        """Return the module.

        Raises:
            NodeError: it is not known.
        """
        return known(self.module, "the modules of intermediates")


@dataclass(frozen=True)
class Start(Canonical):
    """Finished intermediates and how they take part; nothing by default."""

    composition: Composition | None = None
    """None where nothing is composed."""
    learned: tuple[Learned, ...] = ()

    @property
    def module(self) -> Module:
        """The first one's; where they are mixed all act at the same places."""
        return self.learned[0].known()

    def modules(self) -> tuple[Module, ...]:
        """Return the module of each."""
        return tuple(one.known() for one in self.learned)

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """Return the layers that any of them changes, ascending."""
        return tuple(sorted({layer for module in self.modules() for layer in module.layers_of(num_layers)}))

    def keys(self) -> tuple[str, ...]:
        """Return the nodes that have to be finished before."""
        return tuple(key for one in self.learned for key in (one.key, one.gates) if key is not None)

    def canonical(self) -> dict[str, Json]:
        """Return the composition and the keys; a single one stands there without a list."""
        keys: list[Json] = [one.key for one in self.learned]
        gates: list[Json] = [one.gates for one in self.learned if one.gates is not None]
        composed = None if self.composition is None else self.composition.canonical()
        intermediate = None if not keys else keys[0] if len(keys) == 1 else keys
        return {"compose": composed, "intermediate": intermediate, **({"gates": gates} if gates else {})}

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names that may stand in the canonical form."""
        return frozenset({"compose", "intermediate", "gates"})

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the start of a canonical form.

        Raises:
            ModelError: there is no such composition.
            ValueError: a field is missing, or of another type.
        """
        if missing := sorted({"compose", "intermediate"} - values.keys()):
            raise ValueError(f"Start: there is no {missing[0]!r}")
        named = typed(str | tuple[str, ...] | None, values["intermediate"], "Start.intermediate")
        keys = () if named is None else (named,) if isinstance(named, str) else named
        gates = typed(tuple[str, ...], values.get("gates", ()), "Start.gates") or (None,) * len(keys)
        learned = tuple(Learned(key, gate) for key, gate in zip(keys, gates, strict=True))
        return cls(None if values["compose"] is None else compositions.parse(values["compose"]), learned)
