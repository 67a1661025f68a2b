"""The base of all specifications: a canonical form that begins with step and version, and its key."""

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
from layover.specs._plugins import NO_PLUGINS, PluginName, Plugins, plugin_names_in

T = TypeVar("T")

STEP, VERSION = "node", "version"
"""The names of a step and of its version in a canonical form."""


def known(value: T | None, subject: str) -> T:
    """Return a value that is not part of the canonical form.

    Args:
        value: None if the specification was read from the store.
        subject: For the message, `the place of data`.

    Raises:
        NodeError: the value is None.
    """
    if value is None:
        raise NodeError(f"the specification was read from the store, which does not know {subject}")
    return value


@dataclass(frozen=True, kw_only=True)
class StepSpec(Canonical):
    """The inputs of a step, except for the files of the nodes that it needs."""

    step: ClassVar[str]
    order: ClassVar[int]
    """Its place in a table of all steps, ascending."""
    version: ClassVar[int]
    """Raised when the step computes something else from the same specification."""
    resumable: ClassVar[bool] = False
    """Whether a stopped step leaves a checkpoint and resumes from it."""
    encodes: ClassVar[bool] = False
    """Whether the step runs an encoder; an estimate of cost counts only these steps."""

    only_tokenizer: ClassVar[bool] = False
    """Whether it reads only the tokenizer of its encoder."""
    trains: ClassVar[bool] = False
    """Whether it trains weights."""

    plugins: Plugins | None = later(NO_PLUGINS, default=None)
    """The plug-ins that compute it; None is replaced by the installed plug-ins."""

    def __post_init__(self) -> None:
        if self.plugins is None:
            object.__setattr__(self, "plugins", Plugins.of(self.plugin_names()) if plugged.installed() else NO_PLUGINS)

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of everything that computes the step and may be a plug-in."""
        yield from plugin_names_in(self)

    def needed_plugins(self) -> dict[str, str]:
        """Return distribution -> version of the plug-ins that compute the step."""
        return dict((self.plugins or NO_PLUGINS).versions)

    def read_encoder(self) -> EncoderSpec | None:
        """Return the encoder whose files the step reads; None if it reads no encoder."""
        return None

    def learns_from(self) -> tuple[str, ...]:
        """Return the keys of the tokenized sets on which it trains weights."""
        return ()

    @property
    def of_task(self) -> str:
        """The task that it belongs to, for display; empty without a task, or with several."""
        return ""

    @property
    def kind_of_node(self) -> str:
        """The kind of its node in the store."""
        return self.step

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical form."""
        return key_of(self.canonical())

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form: step, version and all fields that decide the result."""
        return {STEP: self.step, VERSION: self.version, **super().canonical()}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the specification of a canonical form.

        Raises:
            StoreError: step or version differ, or a field is missing, unknown or of another type.
        """
        if (values.get(STEP), values.get(VERSION)) != (cls.step, cls.version):
            raise StoreError(
                f"this is a specification of {values.get(STEP)}, version {values.get(VERSION)}, but this version of "
                f"Layover reads version {cls.version} of {cls.step}"
            )
        try:
            own = {name: value for name, value in values.items() if name not in (STEP, VERSION)}
            return super().parse(cls.own_fields(own))
        except (ValueError, ModelError, PluginError) as error:
            needed = values.get("plugins")
            if isinstance(needed, Mapping) and (lacking := plugged.missing(needed)):
                raise StoreError(f"a specification of {cls.step} cannot be read: {lacking}") from None
            raise StoreError(f"a specification of {cls.step} cannot be read: {error}") from None

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields under the names of this class, if the canonical form has other names.

        Raises:
            ValueError: a field is missing, or of another type.
        """
        return values
