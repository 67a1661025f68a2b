"""list: what there is to write into a recipe."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from layover.cli.console import answer, say, table
from layover.cli.shared import JsonOption
from layover.errors import LayoverError, nearest

ORDER = 70


def command(
    what: Annotated[str, typer.Argument(help="tasks, kinds, methods or models.")],
    *,
    json: JsonOption = False,
) -> None:
    """List the tasks, their kinds, the methods (modules, compositions, mixers) or the models known by name."""
    listings = {"tasks": _tasks, "kinds": _kinds, "methods": _methods, "models": _models}
    if what not in listings:
        raise LayoverError(f"nothing to list under {what!r}; {nearest(what, listings)}")
    headers, rows = listings[what]()
    if json:
        answer([dict(zip(headers, row, strict=True)) for row in rows])
    else:
        say(*table(headers, [[str(cell) for cell in row] for row in rows]))


def _tasks() -> tuple[list[str], list[list[Any]]]:
    from layover import tasks
    from layover.sandbox.sets import ALL

    rows = []
    for name in tasks.names():
        task = tasks.get(name)
        languages = len({*task.all_languages()} - {ALL})
        stages = "/".join(task.stages)
        rows.append([name, task.kind, stages, ", ".join(task.metrics), languages, task.summary])
    return ["task", "kind", "stage", "metrics", "languages", "summary"], rows


def _kinds() -> tuple[list[str], list[list[Any]]]:
    from layover import kinds

    rows: list[list[Any]] = []
    for name in kinds.names():
        kind = kinds.get(name)
        fields = ", ".join([*sorted(kind.required), *(f"[{field}]" for field in sorted(kind.optional))])
        rows.append([name, fields, ", ".join(kind.metrics)])
    return ["kind", "fields", "metrics"], rows


def _methods() -> tuple[list[str], list[list[Any]]]:
    from layover import compositions, mixers, modules
    from layover.mixers._router import Router

    rows: list[list[Any]] = []
    for name in modules.names():
        module = modules.get(name)
        settings = ", ".join(f"{field}={info.default!r}" for field, info in module.model_fields.items())
        numbers = f"lr={module.default_lr:g}, epochs={module.default_epochs:g}"
        rows.append(["module", name, f"{numbers}, {settings}" if settings else numbers])
    for name in compositions.names():
        composition = compositions.get(name)
        settings = ", ".join(f"{field}={info.default!r}" for field, info in composition.model_fields.items())
        rows.append(["composition", name, settings])
    for name in mixers.names():
        mixer = mixers.get(name)
        used = "mixer of fuse" if mixer.learned else "router of route" if issubclass(mixer, Router) else ""
        settings = ", ".join(f"{field}={info.default!r}" for field, info in mixer.model_fields.items())
        if used:
            rows.append([used, name, settings])
    return ["", "name", "settings"], rows


def _models() -> tuple[list[str], list[list[Any]]]:
    from layover.plan.encoders import KNOWN_SHAPES, packaged_shapes

    shapes = {**packaged_shapes(), **KNOWN_SHAPES}
    rows = [[name, shape.layers, shape.hidden, f"{shape.parameters / 1e6:.1f} M"] for name, shape in shapes.items()]
    return ["model", "layers", "hidden", "parameters"], rows
