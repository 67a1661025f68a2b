"""What every specification is: a canonical form that begins with step and version, and the key of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

from layover import plugins as plugged
from layover.canonical import Canonical, later
from layover.errors import ModelError, NodeError, PluginError, StoreError
from layover.identity import Json, key_of
from layover.specs._encoder import EncoderSpec
from layover.specs._plugins import NO_PLUGINS, Plugins, Thing, things_in

T = TypeVar("T")

STEP, VERSION = "node", "version"
"""The names of a step and of its version in a canonical form."""


def known(value: T | None, what: str) -> T:
    """Return a value that stands aside in a specification.

    Args:
        value: None where the specification was read from the store.
        what: For the message, `where data lie`.

    Raises:
        NodeError: it is None.
    """
    if value is None:
        raise NodeError(f"the specification was read from the store, which does not know {what}")
    return value


@dataclass(frozen=True, kw_only=True)
class StepSpec(Canonical):
    """All that a step reads beside the files of the nodes that it needs."""

    step: ClassVar[str]
    order: ClassVar[int]
    """Where people see its nodes in a table of all steps, ascending."""
    version: ClassVar[int]
    """Raised when the step computes something else from the same specification."""
    resumable: ClassVar[bool] = False
    """Whether a stopped step leaves a checkpoint and resumes from it."""
    encodes: ClassVar[bool] = False
    """Whether the step runs an encoder: all arithmetic that counts belongs to such steps."""

    only_tokenizer: ClassVar[bool] = False
    """Whether it reads nothing of its encoder but the tokenizer."""
    trains: ClassVar[bool] = False
    """Whether weights are trained in it."""

    plugins: Plugins | None = later(NO_PLUGINS, default=None)
    """Those that compute it; where they are not named, they are taken as they are installed here."""

    def __post_init__(self) -> None:
        if self.plugins is None:
            object.__setattr__(self, "plugins", Plugins.of(self.things()) if plugged.installed() else NO_PLUGINS)

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in."""
        yield from things_in(self)

    def needed_plugins(self) -> dict[str, str]:
        """Return distribution -> version of the plug-ins that compute it."""
        return dict((self.plugins or NO_PLUGINS).versions)

    def read_encoder(self) -> EncoderSpec | None:
        """Return the encoder whose files the step reads; None where it reads none."""
        return None

    def learns_from(self) -> tuple[str, ...]:
        """Return the keys of the tokenized sets that weights are trained on in it."""
        return ()

    @property
    def of_task(self) -> str:
        """The task that it belongs to, for people; empty where there is none, or several."""
        return ""

    @property
    def kind_of_node(self) -> str:
        """The name under which the store keeps it."""
        return self.step

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical form."""
        return key_of(self.canonical())

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form: step, version and all that decides the result."""
        return {STEP: self.step, VERSION: self.version, **super().canonical()}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the specification of a canonical form.

        Raises:
            StoreError: it is of another step or version, or a field of it is missing, unknown or of another type.
        """
        if (values.get(STEP), values.get(VERSION)) != (cls.step, cls.version):
            raise StoreError(
                f"a specification of {values.get(STEP)}, version {values.get(VERSION)}; this version of Layover "
                f"reads version {cls.version} of {cls.step}"
            )
        try:
            return super().parse(cls.own_fields({one: values[one] for one in values if one not in (STEP, VERSION)}))
        except (ValueError, ModelError, PluginError) as error:
            needed = values.get("plugins")
            if isinstance(needed, Mapping) and (lacking := plugged.missing(needed)):
                raise StoreError(f"a specification of {cls.step} cannot be read: {lacking}") from None
            raise StoreError(f"a specification of {cls.step} cannot be read: {error}") from None

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields under their own names, where the canonical form of a step has others.

        Raises:
            ValueError: a field is missing, or of another type.
        """
        return values
