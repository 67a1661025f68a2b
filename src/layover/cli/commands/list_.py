"""list: list the names that a recipe can use."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from layover import plugins
from layover.cli.console import answer, say, table
from layover.cli.shared import JsonOption
from layover.errors import LayoverError, PluginError, nearest

if TYPE_CHECKING:
    from layover.canonical import CanonicalModel

ORDER = 70

LISTINGS = ("tasks", "kinds", "methods", "objectives", "perturbations", "models", "plugins")


def command(
    listing: Annotated[str, typer.Argument(help=f"{', '.join(LISTINGS[:-1])} or {LISTINGS[-1]}.")],
    *,
    json: JsonOption = False,
) -> None:
    """List tasks, kinds, methods (modules, compositions, mixers), objectives, perturbations, models, or plug-ins.

    A plug-in that cannot be used is listed with the reason.
    """
    makers = (_tasks, _kinds, _methods, _objectives, _perturbations, _models, _plugins)
    listings = dict(zip(LISTINGS, makers, strict=True))
    if listing not in listings:
        raise LayoverError(f"there is no list {listing!r}; {nearest(listing, listings)}")
    headers, rows = listings[listing]()
    if json:
        answer([dict(zip(headers, row, strict=True)) for row in rows])
    else:
        say(*table(headers, [[str(cell) for cell in row] for row in rows]))


def _tasks() -> tuple[list[str], list[list[Any]]]:
    from layover import tasks
    from layover_sandbox.sets import ALL

    rows: list[list[Any]] = []
    for name in tasks.names():
        if problem := _problem(tasks.get, name):
            rows.append([name, "", "", "", "", problem])
            continue
        task = tasks.get(name)
        languages = len({*task.all_languages()} - {ALL})
        stages, summary = "/".join(task.stages), f"{task.summary}{_by(plugins.TASKS, name)}"
        rows.append([name, task.kind, stages, ", ".join(task.metrics), languages, summary])
    return ["task", "kind", "stage", "metrics", "languages", "summary"], rows


def _kinds() -> tuple[list[str], list[list[Any]]]:
    from layover import kinds

    rows: list[list[Any]] = []
    for name in kinds.names():
        if problem := _problem(kinds.get, name):
            rows.append([name, "", problem])
            continue
        kind = kinds.get(name)
        fields = ", ".join([*sorted(kind.required), *(f"[{field}]" for field in sorted(kind.optional))])
        rows.append([name, fields, ", ".join(kind.metrics) + _by(plugins.KINDS, name)])
    return ["kind", "fields", "metrics"], rows


def _methods() -> tuple[list[str], list[list[Any]]]:
    from layover import compositions, mixers, modules
    from layover.mixers._router import Router

    rows: list[list[Any]] = []
    for name in modules.names():
        if problem := _problem(modules.get, name):
            rows.append(["module", name, problem])
            continue
        module = modules.get(name)
        numbers = f"lr={module.default_lr:g}, epochs={module.default_epochs:g}"
        settings = ", ".join([numbers, *_settings(module)])
        rows.append(["module", name, settings + _by(plugins.MODULES, name)])
    for name in compositions.names():
        if problem := _problem(compositions.get, name):
            rows.append(["composition", name, problem])
            continue
        settings = ", ".join(_settings(compositions.get(name)))
        rows.append(["composition", name, settings + _by(plugins.COMPOSITIONS, name)])
    for name in mixers.names():
        if problem := _problem(mixers.get, name):
            rows.append(["mixer", name, problem])
            continue
        mixer = mixers.get(name)
        used = "mixer of fuse" if mixer.learned else "router of route" if issubclass(mixer, Router) else ""
        if used:
            rows.append([used, name, ", ".join(_settings(mixer)) + _by(plugins.MIXERS, name)])
    return ["", "name", "settings"], rows


def _objectives() -> tuple[list[str], list[list[Any]]]:
    from layover import objectives

    def settings_of(name: str) -> str:
        objective = objectives.get(name)
        return ", ".join(_settings(objective, without=objective.planned))

    rows = _described(objectives, plugins.OBJECTIVES, settings_of)
    return ["objective", "settings", "minimises"], rows


def _perturbations() -> tuple[list[str], list[list[Any]]]:
    from layover import perturbations

    def labels(name: str) -> str:
        return ", ".join(f"{name}-{percent}" for percent in perturbations.PERCENTS)

    return ["perturbation", "in a recipe", "summary"], _described(perturbations, plugins.PERTURBATIONS, labels)


class _Room(Protocol):
    """A room of things that are found by name."""

    def names(self) -> tuple[str, ...]: ...

    def get(self, name: str) -> type[Any]: ...


def _described(room: _Room, group: str, detail: Callable[[str], str]) -> list[list[Any]]:
    """Return name, detail and summary of everything in a room; a plug-in that cannot be used has the reason."""
    rows: list[list[Any]] = []
    for name in room.names():
        if problem := _problem(room.get, name):
            rows.append([name, "", problem])
            continue
        summary = (inspect.getdoc(room.get(name)) or "").partition("\n")[0]
        rows.append([name, detail(name), f"{summary}{_by(group, name)}"])
    return rows


def _settings(model: type[CanonicalModel], without: Collection[str] = ()) -> list[str]:
    fields = {field: info.default for field, info in model.model_fields.items() if field not in without}
    return [
        f"{field}={value:g}" if isinstance(value, float) else f"{field}={value!r}" for field, value in fields.items()
    ]


def _problem(get: Callable[[str], object], name: str) -> str:
    """Return why a plug-in cannot be used; empty if it can, or if the name is Layover's own."""
    try:
        get(name)
    except PluginError as error:
        return str(error)
    return ""


def _by(group: str, name: str) -> str:
    """Return the distribution of a plug-in in brackets, to append to a text; empty for names of Layover itself."""
    plugin = plugins.find(group, name)
    return "" if plugin is None else f" ({plugin})"


def _plugins() -> tuple[list[str], list[list[Any]]]:
    rows: list[list[Any]] = []
    for installed in plugins.installed().values():
        for plugin in installed:
            if plugin.group in plugins.GROUPS:
                state = _problem(importlib.import_module(plugins.GROUPS[plugin.group]).get, plugin.name) or "ok"
            else:
                state = f"Layover has no group of this name; {nearest(plugin.group, plugins.GROUPS)}"
            rows.append([plugin.group, plugin.name, plugin.distribution, plugin.version, plugin.target, state])
    return ["group", "name", "distribution", "version", "object", "state"], rows


def _models() -> tuple[list[str], list[list[Any]]]:
    from layover.plan.encoders import KNOWN_SHAPES, packaged_shapes

    shapes = {**packaged_shapes(), **KNOWN_SHAPES}
    rows = [[name, shape.layers, shape.hidden, f"{shape.parameters / 1e6:.1f} M"] for name, shape in shapes.items()]
    return ["model", "layers", "hidden", "parameters"], rows
