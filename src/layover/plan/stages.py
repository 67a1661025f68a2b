"""The trainings of a plan: intermediates, each learned or imported once, and targets after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from layover import compositions
from layover.compositions import GateTraining
from layover.errors import NodeError
from layover.modules import AdapterDrop, Module
from layover.plan import heads
from layover.plan.data import DataRules
from layover.plan.encoders import EncoderRef
from layover.plan.identities import composed_identity, dropped, settings_of, train_identity
from layover.plan.imports import Imports
from layover.plan.inputs import (
    Adapter,
    Below,
    Composed,
    ComposeInputs,
    GateInputs,
    Learned,
    Optimisation,
    Selection,
    TrainInputs,
)
from layover.plan.mixtures import MixtureInputs, Taught, ordered
from layover.plan.nodes import Node
from layover.plan.retrieval import Maker
from layover.plan.sampling import Sampling
from layover.recipe import Recipe, ResolvedMethod, Select
from layover.recipe.imported import ImportedHead
from layover.tasks import Task


class Stages:
    """Makes the nodes of trainings, and remembers them by what they were asked for.

    Args:
        recipe: With the labels of its tasks.
        rules: Of this recipe.
        encoders: By the label of the model; filled before anything is asked for.
        imports: Its imported modules.
        maker: Makes nodes.
    """

    def __init__(
        self, recipe: Recipe, rules: DataRules, encoders: Mapping[str, EncoderRef], imports: Imports, maker: Maker
    ) -> None:
        self.recipe, self.rules, self.encoders, self.imports, self.maker = recipe, rules, encoders, imports, maker
        self._made: dict[tuple[object, ...], Node] = {}

    def learned(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node:
        """Return the training of an intermediate, a task or a mixture; or the import of one."""
        if name in self.recipe.document.modules:
            return self.imports.node(self.encoders[model], method.module, name, self.maker)
        if name in self.recipe.document.mixtures:
            return self._mixture(model, method, name, seed)
        return self._train(model, method, None, self.recipe.tasks[name], seed, method.module)

    def _mixture(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node:
        mixture, encoder, train = self.recipe.document.mixtures[name], self.encoders[model], self.recipe.document.train
        asked = (model, method.name, name, seed)
        if asked in self._made:
            return self._made[asked]

        when = train.select or Select()

        def taught(task: Task) -> Taught:
            data = self.maker.tokenize(self.rules.train(task), encoder, task)
            weight, selection = mixture.weights.get(task.name, 1.0), self._selection(task, encoder)
            if selection is not None:  # when to evaluate is one for all tasks
                selection = replace(selection, every=when.every, patience=when.patience)
            below = self._below(model, method, task, selection)
            return Taught(task, data.key, data.inputs.hidden_percent, weight, selection, below)

        given = train.epochs if mixture.epochs is None else mixture.epochs
        epochs = method.module.default_epochs if given is None else given
        batch = train.batch if mixture.batch is None else mixture.batch
        inputs = MixtureInputs(
            name=name,
            encoder=encoder,
            module=method.module,
            tasks=ordered(taught(self.recipe.tasks[task]) for task in mixture.tasks),
            sampling=Sampling(mixture.exponent(), mixture.cap),
            optimisation=self._optimisation(method, epochs, batch, seed, after=False),
            adapterdrop=method.adapterdrop,
        )
        start = {"encoder": dict(encoder.identity), "module": settings_of(method.module), **composed_identity(None)}
        start |= dropped(inputs.adapterdrop, selects=any(one.selection is not None for one in inputs.tasks))
        label = f"train {name} {model}/{method.name} seed {seed}"
        node = self.maker.node("train", {**start, **inputs.identity()}, inputs.needs(), label, inputs)
        self._made[asked] = node
        return node

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
        seeded = self.seeded(method, intermediate)
        seed = seed if seeded else 0  # one result, whatever the sweep's seeds
        composed = self._composed(model, method, intermediate, seed)
        composed = replace(composed, composition=composed.composition.bare())
        head, language = None, None
        if task is not None:
            found = heads.first_with(self.recipe, names, task)
            if found is None:
                raise NodeError(f"{task.name}: none of {', '.join(names)} has its outputs")
            head, of = self.learned(model, method, found[0], seed).key, found[1]
            language = of.language if isinstance(of, ImportedHead) else self.rules.train_language(of)
        inputs = ComposeInputs(encoder, composed, task, head, language, method.precision, seed)
        identity = {
            "encoder": dict(encoder.identity),
            "module": settings_of(composed.composition.target_module(method.module, len(names))),
            **composed_identity(composed),
            "kind": task.kind if task is not None else None,
            "labels": list(task.labels) if task is not None else [],
            "head": head,
            "precision": method.precision,
            "seed": seed,
        }
        needs = (*composed.keys(), *((head,) if head else ()))
        label = f"compose {intermediate} {model}/{method.name}" + (f" for {task.name}" if task else "")
        label += f" seed {seed}" if seeded else ""
        return self.maker.node("compose", identity, needs, label, inputs)

    def alone(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Node:
        """Return what gives the encoder with one intermediate on it and nothing else, whatever the composition."""
        (name,) = self.recipe.learned(intermediate)
        if name not in self.recipe.document.modules:
            return self.learned(model, method, name, seed)
        stack = compositions.get("stack")()
        return self.composed(model, method.model_copy(update={"composition": stack}), intermediate, None, seed)

    def seeded(self, method: ResolvedMethod, intermediate: str) -> bool:
        """Return whether a seed decides anything of intermediates that nothing is trained after."""
        names = self.recipe.learned(intermediate)
        return method.composition.draws() or not all(name in self.recipe.document.modules for name in names)

    def _composed(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Composed:
        """Return the intermediates, in the order of their keys where their own means nothing."""
        names = self.recipe.learned(intermediate)
        composition = method.composition.for_intermediates(names)
        trained = {name: self.learned(model, method, name, seed) for name in names}
        how = composition.gate_training() if len(names) > 1 else None  # of one all tokens go to it
        gates = {
            name: self._gates(node, how, f"{name} {model}/{method.name} seed {seed}") for name, node in trained.items()
        }
        found = [Learned(name, node.key, node.inputs.module, gates[name]) for name, node in trained.items()]
        one_kind = len({one.module.name for one in found}) == 1
        if one_kind and not composition.keeps_order(found[0].module):
            order = sorted(range(len(found)), key=lambda index: found[index].key)
            found, composition = [found[index] for index in order], composition.reordered(order)
        return Composed(composition, tuple(found))

    def _gates(self, trained: Node, how: GateTraining | None, of: str) -> str | None:
        """Return the key of the training of an intermediate's gates, None where it needs none."""
        if how is None:
            return None
        inputs = GateInputs(trained.inputs, trained.key, how.steps, how.lr)
        identity = {"train": trained.key, **how.settings()}
        return self.maker.node("gate", identity, (trained.key, *trained.needs), f"train gates of {of}", inputs).key

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
            optimisation=self._optimisation(method, *self._course(task, module), seed, after=composed is not None),
            adapterdrop=AdapterDrop() if composed is None and not module.trains_encoder else method.adapterdrop,
            languages=languages,
        )
        wanted = (data.key, selection and selection.data, *(composed.keys() if composed else ()), *languages.adapters())
        origin = f" after {intermediate}" if intermediate is not None else ""
        label = f"train {task.name} {model}/{method.name}{origin} seed {seed}"
        needs = tuple(key for key in wanted if key)
        node = self.maker.node("train", train_identity(inputs), needs, label, inputs)
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
        found = heads.first_with(self.recipe, self.recipe.learned(intermediate), task)
        return None if found is None else self.learned(model, method, found[0], seed).key

    def _course(self, task: Task, module: Module) -> tuple[float, int]:
        """Return the epochs and the batch of a task that is trained on its own."""
        train = self.recipe.document.train
        usual = max(module.default_epochs, self.rules.usual_epochs(task)) if train.epochs is None else train.epochs
        return self.rules.number(task, "epochs", usual), self.rules.number(task, "batch", train.batch)

    def _optimisation(
        self, method: ResolvedMethod, epochs: float, batch: int, seed: int, *, after: bool
    ) -> Optimisation:
        train, lr = self.recipe.document.train, method.composition.target_lr() if after else None
        return Optimisation(
            lr=method.lr if lr is None else lr,
            epochs=float(epochs),
            batch=batch,
            warmup=float(train.warmup),
            weight_decay=float(method.weight_decay),
            clip=float(train.clip),
            dropout=float(method.dropout),
            precision=method.precision,
            seed=seed,
            bucket=train.bucket,
        )

    def _selection(self, task: Task, encoder: EncoderRef) -> Selection | None:
        select = self.rules.selection(task)
        texts = self.recipe.languages.settings if self.recipe.languages is not None else {}
        if select is None or task.name in texts:
            return None
        portion = self.rules.select(task, select.split, select.language)
        data = self.maker.tokenize(portion, encoder, task)
        metric, tags = self.rules.metric(task), task.scoring()
        return Selection(data.key, metric, select.every, select.patience, portion.language, tags)
