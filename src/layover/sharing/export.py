"""From the store to packages: a folder for each, that loads in peft, in adapters and in Layover."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import layouts
from layover.compositions import MIX, TARGET, Part
from layover.errors import LayoverError, ModelError
from layover.identity import file_sha256
from layover.layouts import CONFIG, Base, Named, heads
from layover.layouts.adapterhub import PICKLE
from layover.modules import AdapterDrop, Module
from layover.packages.card import (
    ADAPTERHUB,
    CARD,
    MIXER,
    MODULE,
    BaseModelFacts,
    Card,
    PieceFacts,
    read_card,
    write_card,
)
from layover.packages.fingerprint import of_weights
from layover.packages.package import MODULE_LAYOUT
from layover.plan import Plan
from layover.plan.encoders import EncoderRef
from layover.plan.imports import ImportInputs
from layover.plan.inputs import ComposeInputs
from layover.report.files import full_methods
from layover.report.rows import CellRow, rows_of
from layover.sharing import facts, model_card
from layover.sharing.choose import Trained, Wanted, learned_before
from layover.steps.files import HEAD, weights_of
from layover.steps.tokenize import load_tokenizer
from layover.steps.trained import composition_of, intermediates_of, load_head, module_of, roles, trained_pieces
from layover.store import Store, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from layover.encoder import Encoder
    from layover.heads import Head


@dataclass(frozen=True)
class Options:
    """How packages are written."""

    flatten: bool = False
    """One LoRA of summed rank instead of a stack, or of exactly merged ones."""
    adapterhub: bool = False
    """Write AdapterHub's layout of a LoRA, too; a bottleneck has it anyway."""
    name: str | None = None
    """Of the one package, instead of the cell's."""


@dataclass
class Export:
    """An export under way: what several packages share is computed once.

    Args:
        plan: Of the recipe.
        store: Where it is finished.
        directory: Where packages go, a folder each.
        options: How they are written.
    """

    plan: Plan
    store: Store
    directory: Path
    options: Options = field(default_factory=Options)
    written: list[Path] = field(default_factory=list)
    """New folders, those that others need before them."""
    _rows: list[CellRow] | None = None
    _bases: dict[str, BaseModelFacts] = field(default_factory=dict)

    def package(self, wanted: Wanted) -> Path:
        """Write a package, and before it those that it needs; return its folder.

        A folder that is there already is left alone where it is a package of the same training.

        Raises:
            LayoverError: another thing lies there; the training changed all weights of the encoder, or needs language
                adapters; or something does not have the form that was asked for.
        """
        folder = self.directory / (self.options.name or wanted.id)
        if folder.exists():
            if not (folder / CARD).is_file() or read_card(folder).key != wanted.key:
                raise LayoverError(
                    f"{folder} exists and is another package than that of {wanted.id}; remove it, or use --to"
                )
            return folder
        inputs: Trained = self.plan.nodes[wanted.key].inputs
        needed = [] if self.options.flatten else learned_before(self.plan, wanted)
        self._check(wanted, inputs, needed)
        others = {one.key: self._holding(one) for one in needed}
        draft = Draft(self, wanted, inputs, self._base(inputs.encoder), others)
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.directory, prefix=f".{folder.name}.") as temporary:
            work = Path(temporary) / folder.name  # the temporary directory itself is closed to others
            work.mkdir()
            draft.write(work)
            work.rename(folder)
        self.written.append(folder)
        return folder

    def _holding(self, one: Wanted) -> str:
        """Return the package that holds an intermediate: it is written now, or was imported."""
        inputs = self.plan.nodes[one.key].inputs
        if isinstance(inputs, ImportInputs) and inputs.package is not None:
            return inputs.package
        return Export.package(self._plainly(), one).name

    def _plainly(self) -> Export:
        """Return the export of what a package needs, which is named after its own training."""
        options = Options(adapterhub=self.options.adapterhub)
        return Export(self.plan, self.store, self.directory, options, self.written, self._rows, self._bases)

    def _check(self, wanted: Wanted, inputs: Trained, needed: Sequence[Wanted]) -> None:
        identity, nodes = self.store.done(wanted.key)["identity"], self.plan.nodes
        head_from = inputs.head_from if isinstance(inputs, ComposeInputs) else None
        if "import" in {nodes[key].kind for key in (wanted.key, head_from) if key is not None}:
            raise LayoverError(
                f"{wanted.id}: nothing in it was trained here, neither a module nor a head; share what was imported"
            )
        foreign = [one.name for one in needed if nodes[one.key].kind == "import" and not nodes[one.key].inputs.package]
        if foreign:
            raise LayoverError(
                f"{wanted.id}: rests on {foreign[0]}, a module that another library wrote: it is no package that could "
                "be referred to, and not ours to publish; where both are LoRAs, --flatten puts them into one"
            )
        if module_of(identity).whole:
            raise LayoverError(f"{wanted.id}: trains all weights of the encoder; only modules are exported")
        if identity.get("languages"):
            raise LayoverError(
                f"{wanted.id}: acts on top of language adapters, one for each language, which a package cannot hold; "
                "export a method without `languages`"
            )
        if isinstance(inputs, ComposeInputs) and inputs.task is None:
            raise LayoverError(f"{wanted.id}: nothing was trained in this cell; export its intermediates")

    def _base(self, encoder: EncoderRef) -> BaseModelFacts:
        if encoder.label not in self._bases:
            self._bases[encoder.label] = facts.base_of(self.plan, encoder)
        return self._bases[encoder.label]

    def rows(self) -> list[CellRow]:
        """Return the rows of the report."""
        if self._rows is None:
            self._rows = rows_of(self.plan, self.store)
        return self._rows


@dataclass
class Draft:
    """A package that is being written."""

    export: Export
    wanted: Wanted
    inputs: Trained
    facts: BaseModelFacts
    others: Mapping[str, str]
    """Key of a training -> the package that holds it."""

    def __post_init__(self) -> None:
        store = self.export.store
        self.identity: dict[str, Any] = store.done(self.wanted.key)["identity"]
        self.base: Base = self.facts.base()
        self.id = self.export.options.name or self.wanted.id
        self.task = facts.task_of(self.export.plan, store, self.inputs)

    def write(self, folder: Path) -> None:
        """Write all files; the card comes last."""
        encoder, head = self._assembled()
        pieces = self._pieces(encoder)
        own, layout = next((one for one in pieces if one.package is None), None), None
        if own is not None:
            module = self.own_module()
            layout = write_module(
                folder, module, self.own_weights(encoder), self.base, self._named(), self.export.options
            )
        self._write_mixer(folder, encoder)
        if head is not None and self.task is not None and heads.shared(self.task.kind):
            adapters = (folder / ADAPTERHUB).is_dir()
            write_head(
                folder,
                head,
                self.task.kind,
                self.task.labels,
                self.base,
                self._named(),
                adapters=adapters,
                choices=self.task.choices,
            )
        else:
            head = None
        card = self._card(pieces, layout, encoder, head)
        model_card.write(folder, card, self.export)
        files = {
            str(file.relative_to(folder)): file_sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()
        }
        readme = files.pop(model_card.README)
        write_card(folder, card.model_copy(update={"files": files, "readme_sha256": readme}))
        for file in folder.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)

    def own_module(self) -> Module:
        """Return the module that the package itself holds."""
        return module_of(self.identity)

    def own_weights(self, encoder: Encoder) -> dict[str, Tensor]:
        """Return its weights by canonical name."""
        return encoder.state(TARGET)

    def skipped(self) -> int:
        """Return how many of the lowest layers go without modules in predictions."""
        predicted = [node.inputs for node in self.export.plan.nodes.values() if node.kind == "predict"]
        return max((one.skipped for one in predicted if one.train == self.wanted.key), default=0)

    def _named(self) -> Named:
        return Named(self.id, self.facts.name, self.facts.revision)

    def _assembled(self) -> tuple[Encoder, Head | None]:
        """Return encoder and head as they predict, in float32."""
        from layover.encoder import DropoutClock, Encoder

        ref, store = self.inputs.encoder, self.export.store
        encoder = Encoder.load(ref.source, ref.revision, clock=DropoutClock(self.wanted.seed), all_words=False)
        encoder.attach(trained_pieces(store, self.wanted.key, encoder.shape), seed=self.wanted.seed)
        encoder.drop(AdapterDrop(predict=self.skipped()))
        there = self.task is not None and (store.path(self.wanted.key) / HEAD).is_file()
        return encoder, load_head(store, self.wanted.key, encoder, 0.0) if there else None

    def _pieces(self, encoder: Encoder) -> tuple[PieceFacts, ...]:
        """Return what acts, the package's own module last."""
        from safetensors.torch import load_file

        store, plan, found = self.export.store, self.export.plan, []
        keys = [] if self.identity["compose"] == "warm" else intermediates_of(self.identity)
        for role, key in zip(roles(len(keys)), keys, strict=True):
            weights = load_file(store.path(key) / weights_of(TARGET))
            module = store.done(key)["identity"]["module"]
            tasks, trained = facts.trained_on(plan, key), None if plan.nodes[key].kind == "import" else key
            found.append(_piece(role, module, tasks, trained, of_weights(weights), self.others[key]))
        there = (store.path(self.wanted.key) / weights_of(TARGET)).is_file()
        if there and self.own_module().trains_encoder:  # a head alone is no module
            digest = of_weights(self.own_weights(encoder))
            tasks = facts.trained_on(plan, self.wanted.key)
            found.append(_piece(TARGET, self.identity["module"], tasks, self.wanted.key, digest, None))
        return tuple(found)

    def _write_mixer(self, folder: Path, encoder: Encoder) -> None:
        """Write what mixes modules: the trained weights of the mixer, or the gates of the modules."""
        from layover.encoder import write_weights
        from layover.steps.trained import pieces_to_train

        store = self.export.store
        found: dict[str, Tensor] = {}
        if (store.path(self.wanted.key) / weights_of(MIX)).is_file():
            found = {f"{MIX}.{name}": value for name, value in encoder.state(MIX).items()}
        elif "gates" in self.identity:
            for piece in gated_parts(pieces_to_train(store, self.identity, encoder.shape)):
                found |= {f"{piece.name}.{name}": value for name, value in (piece.gates or {}).items()}
        if found:
            write_weights(folder / MIXER, found)

    def _card(self, pieces: tuple[PieceFacts, ...], layout: str | None, encoder: Encoder, head: Head | None) -> Card:
        from layover.sharing import probe

        plan, store, wanted = self.export.plan, self.export.store, self.wanted
        row = next((row for row in self.export.rows() if row.cell == wanted.cell), None)
        composition = composition_of(self.identity)
        keys = [key for key in (*intermediates_of(self.identity), wanted.key) if plan.nodes[key].kind == "train"]
        tokenizer = load_tokenizer(self.inputs.encoder.source, self.inputs.encoder.revision)
        rows = probe.rows_for((tokenizer.cls, tokenizer.sep), self.facts.vocabulary, tokenizer.special)
        return Card(
            id=self.id,
            title=model_card.title(wanted, self.export),
            stage="intermediate" if wanted.cell is None else "target",
            base=self.facts,
            task=self.task,
            composition=None if composition is None else {"name": composition.name, **composition.settings()},
            pieces=pieces,
            flattened=False,
            layout=layout,
            precision=self.identity["precision"],
            skipped_layers=self.skipped(),
            recipe=plan.recipe.document.name,
            key=wanted.key,
            settings=self.identity,
            data=facts.data_of(plan, store, keys),
            seeds=(wanted.seed,),
            scores=None if row is None else facts.scores_of(row, self.export.rows(), full_methods(plan)),
            cost=None if row is None else facts.cost_of(row),
            versions=facts.versions(),
            probe=probe.make(encoder, head, rows),
            files={},
            readme_sha256="0" * 64,
        )


def gated_parts(pieces: Sequence[Any]) -> list[Part]:
    """Return the parts with gates among the pieces, and among the members of mixes."""
    parts = [member for piece in pieces for member in getattr(piece, "members", (piece,))]
    return [part for part in parts if isinstance(part, Part) and part.gates is not None]


def _piece(
    role: str, module: Mapping[str, Any], tasks: tuple[str, ...], key: str | None, digest: str, package: str | None
) -> PieceFacts:
    return PieceFacts(role=role, module=dict(module), trained_on=tasks, key=key, weights_sha256=digest, package=package)


def write_module(
    folder: Path,
    module: Module,
    weights: Mapping[str, Tensor],
    base: Base,
    named: Named,
    options: Options,
) -> str:
    """Write a module in the layouts that have a form for it; return which of them the card names.

    Args:
        folder: Of the package.
        module: Settings.
        weights: By canonical name.
        base: The encoder.
        named: The package and its encoder.
        options: Whether AdapterHub's layout of a LoRA is wanted.

    Raises:
        ModelError: AdapterHub's layout is wanted and has no form for it.
    """
    import torch

    from layover.encoder import write_weights

    peft, hub = layouts.get("peft"), layouts.get("adapterhub")
    used = []
    if not peft.refuses(module, base):
        write_json(folder / CONFIG, peft.config(module, base, named))
        write_weights(folder / peft.file, peft.laid_out(module, base, named.name, weights))
        used.append(peft.name)
    if module.name == "bottleneck" or options.adapterhub:
        reason = hub.refuses(module, base)
        if reason and options.adapterhub:
            raise ModelError(f"{named.name}: AdapterHub's layout: {reason}")
        if not reason:
            inner = folder / ADAPTERHUB
            inner.mkdir()
            write_json(inner / CONFIG, hub.config(module, base, named))
            theirs = hub.laid_out(module, base, named.name, weights)
            write_weights(inner / hub.file, theirs)
            torch.save(theirs, inner / PICKLE)  # the one its loader asks for; never read here
            used.append(hub.name)
    if not used:
        write_weights(folder / MODULE, weights)
        used.append(MODULE_LAYOUT)
    return used[0]


def write_head(
    folder: Path,
    head: Head,
    kind: str,
    labels: Sequence[str],
    base: Base,
    named: Named,
    *,
    adapters: bool,
    choices: int | None,
) -> None:
    """Write a head under the names of transformers, and of adapters where its folder is there.

    `choices` is how many an example has, None for kinds other than `choice`.
    """
    import torch

    from layover.encoder import write_weights

    own = dict(head.state_dict())
    write_json(folder / heads.HEAD_CONFIG, heads.config(kind, labels, base))
    write_weights(folder / heads.HEAD, heads.renamed(own, heads.in_transformers(kind, base)))
    if adapters:
        inner = folder / ADAPTERHUB
        write_json(inner / heads.HEAD_CONFIG, heads.adapters_config(kind, labels, base, named, choices=choices))
        theirs = heads.renamed(own, heads.in_adapters(kind, named.name))
        write_weights(inner / heads.ADAPTERS_HEAD, theirs)
        torch.save(theirs, inner / heads.ADAPTERS_PICKLE)
