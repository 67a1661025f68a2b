"""The interface of the planner for the parts of a plan."""

from __future__ import annotations

from typing import Protocol

from layover.plan.data import Portion
from layover.plan.nodes import Node, S
from layover.specs import EncoderSpec
from layover.specs.tokenize import TokenizeSpec
from layover.tasks import Task


class Maker(Protocol):
    """Makes nodes, each once."""

    def node(self, spec: S, needs: tuple[str, ...], label: str, job: str = "") -> Node[S]:
        """Return the node of a specification."""
        ...

    def tokenize(self, portion: Portion, encoder: EncoderSpec, settings_of: Task) -> Node[TokenizeSpec]:
        """Return the node of encoded data."""
        ...

    def trained_on(self, key: str) -> tuple[str, ...]:
        """Return the tokenized sets that a node and its dependencies are trained on."""
        ...
