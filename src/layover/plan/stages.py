"""The trainings of a plan: intermediates, each learned or imported once, and targets after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from layover import compositions
from layover.compositions import GateTraining
from layover.errors import NodeError
from layover.modules import AdapterDrop, Module
from layover.objectives import PLAIN, Objective
from layover.plan import heads
from layover.plan.data import DataRules
from layover.plan.heads import ordered
from layover.plan.imports import Imports
from layover.plan.languages import Adapter
from layover.plan.maker import Maker
from layover.plan.nodes import Node
from layover.recipe import Recipe, ResolvedMethod, Select
from layover.recipe.learned import ImportedHead
from layover.specs import EncoderSpec, Hyperparameters, Learned, ModuleStep, OnEncoder, Sampling, Start
from layover.specs.compose import ComposeSpec
from layover.specs.gate import GateSpec
from layover.specs.train import Below, Selection, TaskSpec, TrainSpec
from layover.tasks import Task


class Stages:
    """Makes the nodes of trainings, each once.

    Args:
        recipe: A recipe with the labels of its tasks.
        rules: The data rules of this recipe.
        encoders: By the label of the model; filled before the first request.
        imports: Its imported modules.
        maker: Makes nodes.
    """

    def __init__(
        self, recipe: Recipe, rules: DataRules, encoders: Mapping[str, EncoderSpec], imports: Imports, maker: Maker
    ) -> None:
        self.recipe, self.rules, self.encoders, self.imports, self.maker = recipe, rules, encoders, imports, maker
        self._made: dict[tuple[object, ...], Node[TrainSpec]] = {}

    def learned(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node[ModuleStep]:
        """Return the training of an intermediate (a task or a mixture), or the import of a module."""
        if name in self.recipe.document.modules:
            return self.imports.node(self.encoders[model], method.module, name, self.maker)
        return self.trained(model, method, name, seed)

    def trained(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node[TrainSpec]:
        """Return the training of an intermediate that is not imported."""
        method = method.of_intermediates
        if name in self.recipe.document.mixtures:
            return self._mixture(model, method, name, seed)
        task = self.recipe.tasks[name]
        return self._train(model, method, None, task, seed, method.module, method.objectives.intermediate)

    def _mixture(self, model: str, method: ResolvedMethod, name: str, seed: int) -> Node[TrainSpec]:
        request = (model, method.values, name, seed)
        if request in self._made:
            return self._made[request]
        mixture, encoder, train = self.recipe.document.mixtures[name], self.encoders[model], self.recipe.document.train
        when = train.select or Select()

        def member(task: Task) -> TaskSpec:
            own = self._task(model, method, task)
            if own.selection is None:
                return replace(own, weight=mixture.weights.get(task.name, 1.0))
            # all tasks are evaluated at the same steps
            selection = replace(own.selection, every=when.every, patience=when.patience, average=when.averaged)
            return replace(own, weight=mixture.weights.get(task.name, 1.0), selection=selection)

        named = train.epochs if mixture.epochs is None else mixture.epochs
        epochs = method.epochs or (method.module.default_epochs if named is None else named)
        batch = train.batch if mixture.batch is None else mixture.batch
        spec = TrainSpec(
            name=name,
            encoder=encoder,
            module=method.module,
            tasks=ordered(member(self.recipe.tasks[task]) for task in mixture.tasks),
            sampling=Sampling(mixture.exponent(), mixture.cap),
            hyperparameters=self._hyperparameters(method, epochs, batch, seed, after=False),
            objective=self.rules.with_files(method.objectives.intermediate),
            adapterdrop=method.adapterdrop,
        )
        label = f"train {name} {model}/{method.label}{_with(spec.objective)} seed {seed}"
        self._made[request] = self._node(spec, label)
        return self._made[request]

    def _node(self, spec: TrainSpec, label: str) -> Node[TrainSpec]:
        adapters = (key for task in spec.tasks for key in task.languages.adapters())
        needs = (*spec.read_keys(), *spec.start.keys(), *adapters)
        return self.maker.node(spec, needs, label)

    def target(self, model: str, method: ResolvedMethod, intermediate: str, task: Task, seed: int) -> Node[OnEncoder]:
        """Return the training of a target after an intermediate, or without one."""
        names = self.recipe.learned(intermediate)
        module = method.composition.target_module(method.module, len(names))
        if names and method.composition.trains() == "none":
            return self.composed(model, method, intermediate, task, seed)
        before = intermediate if names else None
        return self._train(model, method, before, task, seed, module, method.objectives.target)

    def trial(
        self, model: str, method: ResolvedMethod, intermediate: str, task: Task, seed: int, until: float | None
    ) -> Node[TrainSpec]:
        """Return the training of a target, or its beginning: up to a share of its steps."""
        names = self.recipe.learned(intermediate)
        module = method.composition.target_module(method.module, len(names))
        before = intermediate if names else None
        whole = self._train(model, method, before, task, seed, module, method.objectives.target)
        if until is None:
            return whole
        label = f"{whole.label}, the first {until:.0%}"
        return self.maker.node(replace(whole.spec, until=until), whole.needs, label, f"train {whole.key}")

    def adapter(self, model: str, method: ResolvedMethod, language: str) -> Adapter | None:
        """Return the language adapter for text of a language; None in a method without adapters, or if absent.

        It is trained once for all methods and seeds, by masked language modelling; the last weights are kept.
        """
        adapters = self.recipe.languages
        name = adapters.adapter_of(language) if adapters is not None and method.languages else None
        if adapters is None or name is None:
            return None
        how = adapters.method
        trained = self._train(model, how, None, adapters.texts[name], adapters.seed, how.module, PLAIN)
        return Adapter(name, trained.key)

    def composed(
        self, model: str, method: ResolvedMethod, intermediate: str, task: Task | None, seed: int
    ) -> Node[ComposeSpec]:
        """Return the node of an encoder with composed intermediates, without a training on top.

        With a `task`, the head comes from the first intermediate that has the same outputs.
        """
        names, encoder = self.recipe.learned(intermediate), self.encoders[model]
        seeded = self.seeded(method, intermediate)
        seed = seed if seeded else 0  # the same result for all seeds of the sweep
        composed = self._composed(model, method, intermediate, seed)
        bare = composed.composition.bare() if composed.composition is not None else method.composition
        head, language = None, None
        if task is not None:
            with_head = heads.first_with(self.recipe, names, task)
            if with_head is None:
                raise NodeError(f"{task.name}: none of {', '.join(names)} has its outputs")
            head, source = self.learned(model, method, with_head[0], seed).key, with_head[1]
            language = source.language if isinstance(source, ImportedHead) else self.rules.train_language(source)
        spec = ComposeSpec(
            encoder=encoder,
            module=bare.target_module(method.module, len(names)),
            start=replace(composed, composition=bare),
            kind=task.kind if task is not None else None,
            labels=task.labels if task is not None else (),
            head=head,
            precision=method.precision,
            seed=seed,
            name=task.name if task is not None else "",
            source_language=language,
        )
        needs = (*composed.keys(), *((head,) if head else ()))
        label = f"compose {intermediate} {model}/{method.label}" + (f" for {task.name}" if task else "")
        label += f" seed {seed}" if seeded else ""
        return self.maker.node(spec, needs, label)

    def alone(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Node[OnEncoder]:
        """Return the node of the encoder with one intermediate alone, for any composition."""
        (name,) = self.recipe.learned(intermediate)
        if name not in self.recipe.document.modules:
            return self.trained(model, method, name, seed)
        stack = compositions.get("stack")()
        return self.composed(model, method.model_copy(update={"composition": stack}), intermediate, None, seed)

    def seeded(self, method: ResolvedMethod, intermediate: str) -> bool:
        """Return whether intermediates without a training on top depend on a seed."""
        names = self.recipe.learned(intermediate)
        return method.composition.draws() or not all(name in self.recipe.document.modules for name in names)

    def _composed(self, model: str, method: ResolvedMethod, intermediate: str, seed: int) -> Start:
        """Return the intermediates; they are sorted by key if their order does not matter."""
        names = self.recipe.learned(intermediate)
        composition = method.composition.for_intermediates(names)
        how = composition.gate_training() if len(names) > 1 else None  # a single module gets all tokens
        learned = []
        for name in names:
            node = self.learned(model, method, name, seed)
            gates = None if how is None else self._gates(model, method, name, seed, how)
            learned.append(Learned(node.key, gates, name, node.spec.module))
        one_kind = len({module.known().name for module in learned}) == 1
        if one_kind and not composition.keeps_order(learned[0].known()):
            order = sorted(range(len(learned)), key=lambda index: learned[index].key)
            learned, composition = [learned[index] for index in order], composition.reordered(order)
        return Start(composition, tuple(learned))

    def _gates(self, model: str, method: ResolvedMethod, name: str, seed: int, how: GateTraining) -> str:
        """Return the key of the training of an intermediate's gates."""
        trained = self.trained(model, method, name, seed)
        numbers = replace(trained.spec.hyperparameters, steps=how.steps, lr=how.lr)
        gates = GateSpec(train=trained.key, steps=how.steps, lr=how.lr)
        spec = replace(trained.spec, gates=gates, hyperparameters=numbers, objective=PLAIN)
        label = f"train gates of {name} {model}/{method.label} seed {seed}"
        return self.maker.node(spec, (trained.key, *trained.needs), label).key

    def _train(
        self,
        model: str,
        method: ResolvedMethod,
        intermediate: str | None,
        task: Task,
        seed: int,
        module: Module,
        objective: Objective,
    ) -> Node[TrainSpec]:
        request = (model, method.values, intermediate, task.name, seed, module, objective)
        if request in self._made:
            return self._made[request]
        start = self._composed(model, method, intermediate, seed) if intermediate is not None else Start()
        acts = bool(start.learned) or module.trains_encoder
        spec = TrainSpec(
            name=task.name,
            encoder=self.encoders[model],
            module=module,
            start=start,
            head_from=self._head_from(model, method, intermediate, task, seed),
            tasks=(self._task(model, method, task),),
            hyperparameters=self._hyperparameters(
                method, *self._course(method, task, module), seed, after=bool(start.learned)
            ),
            objective=self.rules.with_files(objective),
            adapterdrop=method.adapterdrop if acts else AdapterDrop(),
        )
        origin = f" after {intermediate}" if intermediate is not None else ""
        label = f"train {task.name} {model}/{method.label}{origin}{_with(objective)} seed {seed}"
        self._made[request] = self._node(spec, label)
        return self._made[request]

    def _task(self, model: str, method: ResolvedMethod, task: Task) -> TaskSpec:
        """Return a task of a training: its data, its outputs, and the selection of its weights."""
        encoder = self.encoders[model]
        data, selection = self.maker.tokenize(self.rules.train(task), encoder, task), self._selection(task, encoder)
        return TaskSpec(
            data=data.key,
            kind=task.kind,
            labels=task.labels,
            selection=selection,
            languages=self._below(model, method, task, selection),
            class_weights=self.rules.class_weights(task),
            name=task.name,
            hidden_percent=data.spec.hidden_percent,
            metrics=task.metrics,
            rules=task.rules(),
        )

    def _below(self, model: str, method: ResolvedMethod, task: Task, selection: Selection | None) -> Below:
        """Return the language adapters below a training."""
        train = self.adapter(model, method, self.rules.train_language(task))
        select = self.adapter(model, method, selection.language) if selection is not None else None
        return Below(train.key if train is not None else None, select.key if select is not None else None)

    def _head_from(
        self, model: str, method: ResolvedMethod, intermediate: str | None, task: Task, seed: int
    ) -> str | None:
        """Return the key of the training whose head the target continues to train; None for a new head."""
        if intermediate is None or not method.continues_head:
            return None
        with_head = heads.first_with(self.recipe, self.recipe.learned(intermediate), task)
        return None if with_head is None else self.learned(model, method, with_head[0], seed).key

    def _course(self, method: ResolvedMethod, task: Task, module: Module) -> tuple[float, int]:
        """Return the epochs and the batch size of a task that is trained alone."""
        train = self.recipe.document.train
        usual = max(module.default_epochs, self.rules.usual_epochs(task)) if train.epochs is None else train.epochs
        epochs = method.epochs or self.rules.number(task, "epochs", usual)
        return epochs, self.rules.number(task, "batch", train.batch)

    def _hyperparameters(
        self, method: ResolvedMethod, epochs: float, batch: int, seed: int, *, after: bool
    ) -> Hyperparameters:
        train, lr = self.recipe.document.train, method.composition.target_lr() if after else None
        return Hyperparameters(
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

    def _selection(self, task: Task, encoder: EncoderSpec) -> Selection | None:
        select = self.rules.selection(task)
        texts = self.recipe.languages.settings if self.recipe.languages is not None else {}
        if select is None or task.name in texts:
            return None
        portion = self.rules.select(task, select.split, select.language)
        data = self.maker.tokenize(portion, encoder, task)
        metric, tags = self.rules.metric(task), task.scoring()
        return Selection(
            data.key, metric, select.every, select.patience, portion.language, average=select.averaged, tags=tags
        )


def _with(objective: Objective) -> str:
    """Return the words of a label for an objective; empty for the plain loss."""
    return "" if objective == PLAIN else f" with {objective.name}"
