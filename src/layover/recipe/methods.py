"""Methods of a recipe: module and composition parsed, defaults filled in."""

from __future__ import annotations

from layover import compositions, modules
from layover.compositions import Composition
from layover.errors import ModelError, Problem, nearest
from layover.modules import AdapterDrop, Module
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.objective_checks import too_fine
from layover.recipe.objectives import resolve_objectives
from layover.recipe.resolved import ResolvedMethod
from layover.recipe.schema import Document, Method
from layover.recipe.validation import validate


def resolve_methods(document: Document, source: RecipeFile) -> tuple[dict[str, ResolvedMethod], list[Problem]]:
    """Return the valid methods by name, and the problems of the other methods."""
    methods: dict[str, ResolvedMethod] = {}
    problems: list[Problem] = []
    for name, method in document.methods.items():
        resolved, mistakes = resolve_method(name, method, document, source)
        problems += mistakes
        if resolved is not None:
            methods[name] = resolved
    return methods, problems


def _parse_module(name: str, method: Method, source: RecipeFile) -> tuple[Module | None, list[Problem]]:
    loc: Loc = ("methods", name)
    if method.module not in modules.names():
        message = f"unknown module {method.module!r}; {nearest(method.module, modules.names())}"
        return None, [source.problem((*loc, "module"), message)]
    extra = method.model_extra or {}
    return validate(modules.get(method.module), extra, source, loc, also=tuple(Method.model_fields))


def _parse_composition(
    name: str, method: Method, module: Module | None, source: RecipeFile
) -> tuple[Composition | None, list[Problem]]:
    loc: Loc = ("methods", name, "compose")
    settings = {"name": method.compose} if isinstance(method.compose, str) else dict(method.compose)
    known, called = compositions.names(), settings.pop("name", None)
    if called is None:
        return None, [source.problem(loc, f"has no name; write {{name: X, ...}}, X one of {', '.join(known)}")]
    if called not in known:
        at = loc if isinstance(method.compose, str) else (*loc, "name")
        return None, [source.problem(at, f"unknown composition {called!r}; {nearest(str(called), known)}")]
    composition, problems = validate(compositions.get(called), settings, source, loc, also=("name",))
    if composition is not None and module is not None and module.trains_encoder:
        try:
            composition.check(module, [module])
        except ModelError as error:
            return None, [source.problem(loc, str(error))]
    return composition, problems


def _parse_adapterdrop(
    name: str, method: Method, module: Module | None, source: RecipeFile
) -> tuple[AdapterDrop, list[Problem]]:
    drop, message = method.adapterdrop, ""
    if drop is None:
        return AdapterDrop(), []
    if module is not None and (module.whole or not module.trains_encoder):
        message = f"{module.name} adds no module to single layers, so adapterdrop has no effect; remove it"
    elif drop.random and not drop.train:
        message = "random draws a number of layers from 0 to train; set train"
    elif not drop.drops():
        message = "drops nothing; set train or predict to a number of layers"
    return drop, [source.problem(("methods", name, "adapterdrop"), message)] if message else []


def resolve_method(
    name: str, method: Method, document: Document, source: RecipeFile
) -> tuple[ResolvedMethod | None, list[Problem]]:
    """Return a method with its settings parsed and its defaults filled in; None with problems that prevent it."""
    module, problems = _parse_module(name, method, source)
    composition, mistakes = _parse_composition(name, method, module, source)
    problems += mistakes
    drop, mistakes = _parse_adapterdrop(name, method, module, source)
    problems += mistakes
    if module is None or composition is None:
        return None, problems
    train = document.train
    staged, mistakes = resolve_objectives(name, method.objective, module, source)
    problems += mistakes + too_fine(name, staged, method.precision or train.precision, source)
    dropout = next((value for value in (method.dropout, train.dropout) if value is not None), module.default_dropout)
    return ResolvedMethod(
        name=name,
        module=module,
        composition=composition,
        continues_head=method.head == "continue",
        lr=method.lr if method.lr is not None else module.default_lr,
        epochs=method.epochs,
        dropout=dropout,
        weight_decay=train.weight_decay if method.weight_decay is None else method.weight_decay,
        precision=method.precision or train.precision,
        adapterdrop=drop,
        objectives=staged,
        languages=method.languages,
    ), problems
