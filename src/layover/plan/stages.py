"""The trainings of a plan: intermediates, each learned once, and targets after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from layover.errors import NodeError
from layover.modules import Module
from layover.plan import heads
from layover.plan.data import DataRules
from layover.plan.encoders import EncoderRef
from layover.plan.inputs import (
    Adapter,
    Below,
    Composed,
    ComposeInputs,
    Learned,
    Optimisation,
    Selection,
    TrainInputs,
)
from layover.plan.nodes import Node
from layover.plan.retrieval import Maker
from layover.recipe import Recipe, ResolvedMethod
from layover.tasks import Task


class Stages:
    """Makes the nodes of trainings, and remembers them by what they were asked for.

    Args:
        recipe: With the labels of its tasks.
        rules: Of this recipe.
        encoders: By the label of the model; filled before anything is asked for.
        maker: Makes nodes.
    """

    def __init__(self, recipe: Recipe, rules: DataRules, encoders: Mapping[str, EncoderRef], maker: Maker) -> None:
        self.recipe, self.rules, self.encoders, self.maker = recipe, rules, encoders, maker
        self._made: dict[tuple[object, ...], Node] = {}

    def learned(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node:
        """Return the training of an intermediate."""
        return self._train(model, method, None, self.recipe.tasks[name], seed, method.module)

    def target(self, model: str, method: ResolvedMethod, intermediate: str, task: Task, seed: int) -> Node:
        """Return the training of a target after an intermediate, or without one."""
        names = self.recipe.learned(intermediate)
        module = method.composition.target_module(method.module, len(names))
        if not names:
            return self._train(model, method, None, task, seed, module)
        if method.composition.trains() == "none":
            return self.composed(model, method, intermediate, task, seed)
        return self._train(model, method, intermediate, task, seed, module)

    def adapter(self, model: str, method: ResolvedMethod, language: str) -> Adapter | None:
        """Return the adapter that acts on text of a language; None in a method without, or where there is none.

        It is trained once for all methods and seeds: by masked language modelling, the last weights kept.
        """
        adapters = self.recipe.languages
        name = adapters.adapter_of(language) if adapters is not None and method.languages else None
        if adapters is None or name is None:
            return None
        how = adapters.method
        return Adapter(name, self._train(model, how, None, adapters.texts[name], adapters.seed, how.module).key)

    def composed(self, model: str, method: ResolvedMethod, intermediate: str, task: Task | None, seed: int) -> Node:
        """Return the node of an encoder with composed intermediates that nothing is trained after.

        With a `task` its head is that of the first intermediate that has the same outputs.
        """
        names, encoder = self.recipe.learned(intermediate), self.encoders[model]
        composed = self._composed(model, method, intermediate, seed)
        head = None
        if task is not None:
            index = heads.first_with(self.recipe, names, task)
            if index is None:
                raise NodeError(f"{task.name}: none of {', '.join(names)} has its outputs")
            head = self.learned(model, method, names[index], seed).key
        inputs = ComposeInputs(encoder, composed, task, head, method.precision, seed)
        identity = {
            "encoder": dict(encoder.identity),
            "module": _settings(method.composition.target_module(method.module, len(names))),
            **_composed_identity(composed),
            "kind": task.kind if task is not None else None,
            "labels": list(task.labels) if task is not None else [],
            "head": head,
            "precision": method.precision,
            "seed": seed,
        }
        needs = (*composed.keys(), *((head,) if head else ()))
        label = (
            f"compose {intermediate} {model}/{method.name}" + (f" for {task.name}" if task else "") + f" seed {seed}"
        )
        return self.maker.node("compose", identity, needs, label, inputs)

    def _composed(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Composed:
        """Return the intermediates, in the order of their keys where their own means nothing."""
        names = self.recipe.learned(intermediate)
        composition = method.composition.for_intermediates(names)
        found = [Learned(name, self.learned(model, method, name, seed).key) for name in names]
        if not composition.keeps_order(method.module):
            order = sorted(range(len(found)), key=lambda index: found[index].key)
            found, composition = [found[index] for index in order], composition.reordered(order)
        return Composed(composition, method.module, tuple(found))

    def _train(
        self,
        model: str,
        method: ResolvedMethod,
        intermediate: str | None,
        task: Task,
        seed: int,
        module: Module,
    ) -> Node:
        asked = (model, method.name, intermediate, task.name, seed, module)
        if asked in self._made:
            return self._made[asked]
        encoder = self.encoders[model]
        composed = self._composed(model, method, intermediate, seed) if intermediate is not None else None
        data = self.maker.tokenize(self.rules.train(task), encoder, task)
        selection = self._selection(task, encoder)
        languages = self._below(model, method, task, selection)
        inputs = TrainInputs(
            encoder=encoder,
            module=module,
            composed=composed,
            head_from=self._head_from(model, method, intermediate, task, seed),
            task=task,
            data=data.key,
            hidden_percent=data.inputs.hidden_percent,
            selection=selection,
            optimisation=self._optimisation(method, task, seed, after=composed is not None),
            languages=languages,
        )
        wanted = (data.key, selection and selection.data, *(composed.keys() if composed else ()), *languages.keys())
        origin = f" after {intermediate}" if intermediate is not None else ""
        label = f"train {task.name} {model}/{method.name}{origin} seed {seed}"
        needs = tuple(key for key in wanted if key)
        node = self.maker.node("train", _train_identity(inputs), needs, label, inputs)
        self._made[asked] = node
        return node

    def _below(self, model: str, method: ResolvedMethod, task: Task, selection: Selection | None) -> Below:
        """Return the language adapters below a training."""
        train = self.adapter(model, method, self.rules.train_language(task))
        select = self.adapter(model, method, selection.language) if selection is not None else None
        return Below(train.key if train is not None else None, select.key if select is not None else None)

    def _head_from(
        self, model: str, method: ResolvedMethod, intermediate: str | None, task: Task, seed: int
    ) -> str | None:
        """Return the key of the training whose head the target goes on with, None for a fresh head."""
        if intermediate is None or not method.continues_head:
            return None
        names = self.recipe.learned(intermediate)
        index = heads.first_with(self.recipe, names, task)
        return None if index is None else self.learned(model, method, names[index], seed).key

    def _optimisation(self, method: ResolvedMethod, task: Task, seed: int, *, after: bool) -> Optimisation:
        train, lr = self.recipe.document.train, method.composition.target_lr() if after else None
        return Optimisation(
            lr=method.lr if lr is None else lr,
            epochs=float(self.rules.number(task, "epochs", train.epochs)),
            batch=self.rules.number(task, "batch", train.batch),
            warmup=float(train.warmup),
            weight_decay=float(method.weight_decay),
            clip=float(train.clip),
            dropout=float(method.dropout),
            precision=method.precision,
            seed=seed,
        )

    def _selection(self, task: Task, encoder: EncoderRef) -> Selection | None:
        select = self.recipe.document.train.select
        texts = self.recipe.languages.settings if self.recipe.languages is not None else {}
        if select is None or task.name in texts:
            return None
        portion = self.rules.select(task, select.split, select.language)
        data = self.maker.tokenize(portion, encoder, task)
        return Selection(data.key, self.rules.metric(task), select.every, select.patience, portion.language)


def _settings(module: Module) -> dict[str, Any]:
    return {"name": module.name, **module.model_dump(mode="json")}


def _composed_identity(composed: Composed | None) -> dict[str, Any]:
    """Return what a composition of finished trainings is; one of them stands there without a list."""
    if composed is None:
        return {"compose": None, "intermediate": None}
    keys = [one.key for one in composed.learned]
    return {"compose": composed.composition.identity(), "intermediate": keys[0] if len(keys) == 1 else keys}


def _train_identity(inputs: TrainInputs) -> dict[str, Any]:
    """Return all that decides the trained weights; neither the task's name nor the method's is among it."""
    selection, composed = inputs.selection, inputs.composed
    identity = {
        "encoder": dict(inputs.encoder.identity),
        "module": _settings(inputs.module),
        **_composed_identity(composed),
        "kind": inputs.task.kind,
        "labels": list(inputs.task.labels),
        "data": inputs.data,
        "select": None if selection is None else asdict(selection),
        **asdict(inputs.optimisation),
    }
    if inputs.languages.keys():
        identity["languages"] = asdict(inputs.languages)
    if inputs.head_from is None:
        return identity
    one = composed is not None and len(composed.learned) == 1
    return {**identity, "head": "continue" if one else {"continue": inputs.head_from}}
