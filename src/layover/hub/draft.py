"""A package that is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from layover import kinds
from layover.compositions import MIX, TARGET, AttachedModule, Attachment, Composition, Mix
from layover.errors import ModelError
from layover.hub import facts, flatten, model_card
from layover.hub.choose import Wanted
from layover.hub.contents import README
from layover.hub.flatten import Term
from layover.hub.options import Options
from layover.hub.search_facts import search_of
from layover.hub.writing import write_head, write_module
from layover.identity import Json, file_sha256
from layover.layouts import WrittenNames
from layover.modules import AdapterDrop, Module
from layover.packages.card import ADAPTERHUB, CARD, MIXER, Card, read_card, write_card
from layover.packages.fingerprint import of_weights
from layover.packages.sections import AttachmentFacts, BaseModelFacts, ModuleFacts, Scores, TermFacts
from layover.plan import Plan, tokenizers
from layover.specs import OnEncoder, Plugins, kind_and_head, plugin_names_in
from layover.steps.artifacts import HEAD, weights_of
from layover.steps.trained import attachments_to_train, load_head, roles, trained_attachments, trained_module
from layover.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from layover.encoder import Encoder
    from layover.heads import Head
    from layover.inference.probe import Rows

Stage = Literal["intermediate", "target"]


@dataclass(frozen=True)
class Own:
    """The module in the package itself."""

    module: Module
    weights: Mapping[str, Tensor]
    """By canonical name."""


@dataclass
class Draft:
    """A package that is being written.

    Args:
        plan: The plan of the recipe.
        store: The store with its results.
        options: The options of the export.
        wanted: The training to export.
        id: The name of the package.
        spec: The specification of the training, or of the composition.
        facts: The facts on the encoder.
        others: Key of a training -> the folder of its package.
        scores: The scores on its card; None for an intermediate.
    """

    plan: Plan
    store: Store
    options: Options
    wanted: Wanted
    id: str
    spec: OnEncoder
    facts: BaseModelFacts
    others: Mapping[str, Path]
    scores: Scores | None

    def __post_init__(self) -> None:
        self.base = self.facts.base()
        self.named = WrittenNames(self.id, self.facts.name, self.facts.revision)
        self.task = facts.task_of(self.plan, self.store, self.spec)
        self.module = self.spec.module
        self.trains_module = self.module.trains_encoder and self.spec.trains
        """Whether a module was trained, not only a head."""
        self.composition = self.spec.start.composition
        apart = self.composition is not None and self.composition.apart
        self.learned = [intermediate.key for intermediate in self.spec.start.learned]
        self.intermediates = self.learned if apart else []
        """Keys of the intermediates that are separate modules."""
        self.skipped = facts.skipped_of(self.plan, self.wanted)
        """The number of lowest layers without modules in predictions."""
        self.terms = self._terms() if self.options.flatten else []
        """The modules that are merged into one."""

    def write(self, folder: Path) -> None:
        """Write all files; the card comes last."""
        encoder = self._assembled()
        own = self._flattened(encoder) if self.terms else self._trained(encoder)
        layout = None
        if own is not None:
            adapterhub = self.options.adapterhub
            layout = write_module(folder, own.module, own.weights, self.base, self.named, adapterhub=adapterhub)
        if not self.terms:
            self._write_mixer(folder, encoder)
        head = self._write_head(folder, encoder)
        card = self._card(own, layout, encoder, head).model_copy(update={"files": _hashed(folder)})
        model_card.write(folder, card)
        files = _hashed(folder)
        readme = files.pop(README)
        write_card(folder, card.model_copy(update={"files": files, "readme_sha256": readme}))
        for file in folder.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)

    def _assembled(self) -> Encoder:
        """Return the encoder with its modules as in predictions, in float32."""
        from layover.encoder import DropoutClock, Encoder

        ref = self.spec.encoder
        encoder = Encoder.load(ref.source, ref.revision, clock=DropoutClock(self.wanted.seed), all_words=False)
        encoder.attach(trained_attachments(self.store, self.wanted.key, encoder.shape))
        encoder.drop(AdapterDrop(predict=self.skipped))
        return encoder

    def _trained(self, encoder: Encoder) -> Own | None:
        """Return the module of the training, or None if it trained only a head or nothing."""
        return Own(self.module, encoder.state(TARGET)) if self.trains_module else None

    def _terms(self) -> list[Term]:
        """Return the modules that are merged into one.

        Raises:
            ModelError: the training has no composition.
        """
        names = roles(len(self.intermediates))
        parts = [trained_module(self.store, key, name) for name, key in zip(names, self.intermediates, strict=True)]
        target = trained_module(self.store, self.wanted.key, TARGET) if self.trains_module else None
        if self.composition is None:
            raise ModelError(f"{self.id}: the training has no composition, so --flatten has nothing to merge")
        return flatten.terms_of(self.composition, parts, target, self.skipped)

    def _flattened(self, encoder: Encoder) -> Own:
        """Merge the modules on the encoder into one module, attach it instead, and return it.

        Raises:
            ModelError: the merged module computes other hidden states.
        """
        from layover.inference import probe

        before = probe.make(encoder, None, self._rows())
        module, weights = flatten.flattened(self.terms, self.base)
        encoder.attach([AttachedModule(TARGET, module, weights, trainable=False)])
        encoder.drop(AdapterDrop())
        difference = probe.largest_difference(before, encoder, None)
        if difference > probe.TOLERANCE:
            raise ModelError(
                f"{self.id}: after the merge the hidden states differ by {difference:.1e}; export it without --flatten"
            )
        return Own(module, weights)

    def _write_mixer(self, folder: Path, encoder: Encoder) -> None:
        """Write the trained weights of the mixer, or the gates of the modules."""
        from layover.encoder import write_weights

        weights: dict[str, Tensor] = {}
        if (self.store.path(self.wanted.key) / weights_of(MIX)).is_file():
            weights = {f"{MIX}.{name}": value for name, value in encoder.state(MIX).items()}
        elif any(intermediate.gates is not None for intermediate in self.spec.start.learned):
            for part in gated_modules(attachments_to_train(self.store, self.spec, encoder.shape)):
                weights |= {f"{part.name}.{name}": value for name, value in (part.gates or {}).items()}
        if weights:
            write_weights(folder / MIXER, weights)

    def _write_head(self, folder: Path, encoder: Encoder) -> Head | None:
        """Write the head if there is one that can be shared, and return it."""
        if self.task is None or kinds.get(self.task.kind).head is None:
            return None
        if not (self.store.path(self.wanted.key) / HEAD).is_file():
            return None
        head = load_head(self.store, self.wanted.key, encoder, 0.0)
        adapters = (folder / ADAPTERHUB).is_dir()
        write_head(folder, head, self.task, self.base, self.named, adapters=adapters)
        return head

    def _card(self, own: Own | None, layout: str | None, encoder: Encoder, head: Head | None) -> Card:
        from layover.inference import probe

        plan, store, wanted, composition = self.plan, self.store, self.wanted, self.composition
        before = [key for key in self.learned if plan.nodes[key].kind == "train"]
        stage: Stage = "intermediate" if wanted.cell is None else "target"
        trainings = [facts.training_of(plan, store, key, "intermediate") for key in before]
        trainings += [facts.training_of(plan, store, wanted.key, stage)] if self.spec.trains else []
        card = Card(
            id=self.id,
            title="",
            stage=stage,
            base=self.facts,
            task=self.task,
            composition=None if composition is None else _composed(composition),
            pieces=self._attachments(own),
            flattened=bool(self.terms),
            made_of=self._made_of(),
            layout=layout,
            precision=self.spec.computes_in,
            skipped_layers=0 if self.terms else self.skipped,  # a merged module does not act in these layers
            recipe=plan.recipe.document.name,
            key=wanted.key,
            settings=self.spec.canonical(),
            trainings=tuple(trainings),
            learned_before=tuple(facts.trained_on(plan, key) for key in self.learned),
            data=facts.data_of(plan, store, [training.key for training in trainings]),
            seeds=(wanted.seed,),
            scores=self.scores,
            cost=facts.cost_of(plan, store, wanted.key),
            versions=facts.versions(),
            probe=probe.make(encoder, head, self._rows()),
            files={},
            readme_sha256="0" * 64,
            plugins=dict(self._plugins(own).versions),
            search=None if wanted.cell is None else search_of(plan, wanted.cell),
        )
        return card.model_copy(update={"title": model_card.title(card)})

    def _plugins(self, own: Own | None) -> Plugins:
        """Return the plug-ins that the package needs to compute."""
        acting = [] if self.terms else [*self.spec.start.modules(), self.composition]
        computing = [*acting, None if own is None else own.module]
        answers = () if self.task is None else kind_and_head(self.task.kind)
        return Plugins.of((*(thing for part in computing for thing in plugin_names_in(part)), *answers))

    def _rows(self) -> Rows:
        """Return the rows of the probe."""
        from layover.inference import probe

        tokenizer = tokenizers.load(self.spec.encoder.source, self.spec.encoder.revision)
        return probe.rows_for((tokenizer.cls, tokenizer.sep), self.facts.vocabulary, tokenizer.special)

    def _attachments(self, own: Own | None) -> tuple[AttachmentFacts, ...]:
        """Return the facts on all modules, the package's own module last."""
        modules = []
        if not self.terms:
            for role, key in zip(roles(len(self.intermediates)), self.intermediates, strict=True):
                module, other = self._module_facts(trained_module(self.store, key, role), key), self.others[key]
                # the folder of an imported package may be elsewhere
                if (other / CARD).is_file() and read_card(other).own()[0].weights_sha256 != module.weights_sha256:
                    raise ModelError(
                        f"{other} already exists, but has other weights than {self.id} was trained on: it comes from "
                        "another run of the same training; remove it, or use --to"
                    )
                modules.append(AttachmentFacts(**module.model_dump(), package=other.name))
        if own is not None:
            part = AttachedModule(TARGET, own.module, own.weights, trainable=False)
            module = self._module_facts(part, self.wanted.key)
            if self.terms:
                tasks = tuple(dict.fromkeys(task for merged in self._made_of() for task in merged.trained_on))
                module = module.model_copy(update={"trained_on": tasks, "key": None})
            modules.append(AttachmentFacts(**module.model_dump(), package=None))
        return tuple(modules)

    def _made_of(self) -> tuple[TermFacts, ...]:
        """Return the facts on the merged modules."""
        keys = {**dict(zip(roles(len(self.intermediates)), self.intermediates, strict=True)), TARGET: self.wanted.key}
        return tuple(
            TermFacts(
                **self._module_facts(term.part, keys[term.part.name]).model_dump(),
                factor=term.factor,
                from_layer=term.from_layer,
            )
            for term in self.terms
        )

    def _module_facts(self, part: AttachedModule, key: str) -> ModuleFacts:
        """Return the facts on the module of a training."""
        return ModuleFacts(
            role=part.name,
            module=part.module.canonical(),
            trained_on=facts.trained_on(self.plan, key),
            key=None if self.plan.nodes[key].kind == "import" else key,
            weights_sha256=of_weights(part.weights or {}),
        )


def _hashed(folder: Path) -> dict[str, str]:
    """Return the name of every file below a folder -> SHA-256."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}


def gated_modules(attachments: Sequence[Attachment]) -> list[AttachedModule]:
    """Return the modules with gates among attachments and the members of mixes."""
    members = [
        member
        for attachment in attachments
        for member in (attachment.members if isinstance(attachment, Mix) else (attachment,))
    ]
    return [member for member in members if isinstance(member, AttachedModule) and member.gates is not None]


def _composed(composition: Composition) -> dict[str, Json]:
    """Return the composition as a card has it; the module trained on top is among the card's attachments."""
    settings = {name: value for name, value in composition.settings().items() if name != "on_top"}
    return {"name": composition.name, **settings}
