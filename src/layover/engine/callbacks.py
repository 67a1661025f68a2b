"""Sends the events of a run to callbacks; a callback that fails gets no more events, and the run continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MappingProxyType
from typing import Any

from layover.errors import printable, shortened
from layover.plan import Node, Plan
from layover.specs import StepSpec
from layover.specs.train import TrainSpec
from layover.tracking import (
    Callback,
    DevelopmentScores,
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    Tracker,
    TrainingProgress,
)

KEY_DIGITS = 12


class Callbacks:
    """The callbacks of a run.

    Args:
        plan: The plan with the labels of the nodes.
        callbacks: They receive every event in this order.
        warn: Takes the message about a callback that failed.
    """

    def __init__(self, plan: Plan, callbacks: Sequence[Callback], warn: Callable[[str], None]) -> None:
        self._plan, self._callbacks, self._warn = plan, list(callbacks), warn
        self._causes: dict[str, str] = {}
        """Key of a blocked node -> key of the failed node that is the cause."""

    def follow(self, plan: Plan) -> None:
        """Continue with a plan that has more nodes."""
        self._plan = plan

    def send(self, event: Event) -> None:
        """Send an event to every callback that has not failed."""
        for callback in tuple(self._callbacks):
            try:
                callback(event)
            except (Exception, SystemExit) as error:  # noqa: BLE001  code of the user must not end the sweep
                self._callbacks = [other for other in self._callbacks if other is not callback]
                self._warn(
                    f"{_name_of(callback)} failed at {type(event).__name__} ({_described(error)}); it gets no more "
                    "events, and the sweep continues"
                )

    def event(self, values: Mapping[str, Any]) -> None:
        """Send an event of the engine, if callbacks receive its kind."""
        if "cause" in values:  # the engine names the node that it needs, which may be blocked itself
            cause = self._causes[values["key"]] = self._causes.get(values["cause"], values["cause"])
            values = {**values, "cause": cause}
        if self._callbacks and (event := _event(self._plan, values)) is not None:
            self.send(event)


def _event(plan: Plan, values: Mapping[str, Any]) -> Event | None:
    """Return the typed event of an event of the engine; None for a kind that callbacks do not receive."""
    node = plan.nodes[values["key"]]
    of, training = (node.key, node.label, node.kind), _training(plan, node)
    if values["event"] == "start":
        return NodeStarted(*of, training, values["resumes"])
    if values["event"] == "progress" and training is not None:
        loss = values["loss_step"], values["loss"], values["gradient_norm"]
        return TrainingProgress(*of, training, values["step"], values["steps"], values["epoch"], values["lr"], *loss)
    if values["event"] == "progress":
        return NodeProgress(*of, values["done"], values["total"], values["unit"])
    if values["event"] == "evaluation" and training is not None:
        metrics = MappingProxyType(dict(values["metrics"]))
        return DevelopmentScores(*of, training, values["step"], values["epoch"], values["loss"], metrics)
    return _ending(of, values) if values["event"] == "end" else None


def _ending(of: tuple[str, str, str], values: Mapping[str, Any]) -> Event:
    if values["state"] == "failed":
        return NodeFailed(*of, values["error"])
    if values["state"] == "blocked":
        return NodeBlocked(*of, values["cause"])
    return NodeFinished(*of, values.get("seconds"))


def _training(plan: Plan, node: Node[StepSpec]) -> str | None:
    """Return the name of the whole training of a node; None if it trains nothing."""
    if not isinstance(node.spec, TrainSpec):
        return None
    key = node.spec.whole.key
    whole = plan.nodes.get(key) or plan.possible.get(key) or node
    return f"{whole.label} {key[:KEY_DIGITS]}"


def _name_of(callback: Callback) -> str:
    """Return the name of a callback for a message."""
    if isinstance(callback, Tracker):
        return f"the tracker {callback.name}"
    own = callback.__qualname__ if isinstance(callback, FunctionType) else type(callback).__qualname__
    return f"the callback {printable(own)}"


def _described(error: BaseException) -> str:
    message = " ".join(str(error).split())
    return printable(shortened(f"{type(error).__name__}: {message}".removesuffix(": "), 300))
