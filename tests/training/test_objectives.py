"""The seam of the loop: toy objectives prove what it promises to every objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from tests.objectives_of import acting, others, toy_rewriter
from tests.training.conftest import HIDDEN, Model, make_features, make_model
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from layover import heads, modules, objectives
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.data.masking import Moment
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.execution import Execution
from layover.inference.collate import Batch, collate
from layover.inference.hidden_states import HiddenStates
from layover.inference.predict import keep_states, last_hidden
from layover.objectives import Objective
from layover.objectives.consistency import Consistency
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, Progress, fit, optimizer
from layover.training.branches import DataOrder
from layover.training.forward import TrainingForward
from layover.training.optimizer import Optimizer, head_parts
from layover.training.schedule import Schedule

SETTINGS = Hyperparameters(lr=0.003, epochs=2, batch=8, seed=1)
EXECUTION = Execution(device="cpu", micro_batch_tokens=4096, checkpoint_seconds=1e9)
TOP = modules.get("lora")(rank=4, layers=(2,))


class Mean(Objective):
    """The mean loss of two draws of masks, one backward pass."""

    name = "mean"

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        yield (forward(batch).loss + forward(batch, draw=1).loss) / 2


class Turns(Objective):
    """The same, one backward pass after the other; keeps a gradient as it is between them."""

    name = "turns"
    watched: ClassVar[list[Tensor]] = []
    between: ClassVar[list[Tensor]] = []

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        yield forward(batch).loss / 2
        for weight in self.watched:
            assert weight.grad is not None
            self.between.append(weight.grad.clone())
        yield forward(batch, draw=1).loss / 2


class Ascent(Objective):
    """The loss, and that of embeddings moved along their gradient, each row by the same length."""

    name = "ascent"
    radius: float = 0.5

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        yield forward(batch).loss / 2
        start = torch.zeros(*batch.ids.shape, forward.hidden_size, requires_grad=True)
        (gradient,) = torch.autograd.grad(forward(batch, start).loss, start)
        yield forward(batch, self.radius * gradient / gradient.norm(dim=(1, 2), keepdim=True)).loss / 2


class Shortened(Objective):
    """The loss of another view alone: rows without their last token."""

    name = "shortened"

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        yield forward(replace(batch, ids=batch.ids[:, :-1], lengths=batch.lengths - 1)).loss


class Smooth(Objective):
    """The loss, and how far answers move, both ways, with embeddings that move along the gradient of the divergence."""

    name = "smooth"
    share: float = 1.0

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        clean = forward(batch)
        fixed = clean.logits.detach()
        start = (0.1 * forward.noise(batch)).requires_grad_()
        (gradient,) = torch.autograd.grad(forward.divergence(fixed, forward(batch, start).logits), start)
        moved = forward(batch, gradient / gradient.norm(dim=(1, 2), keepdim=True)).logits
        apart = forward.divergence(fixed, moved) + forward.divergence(moved.detach(), clean.logits)
        yield clean.loss + self.share * apart


EVERY = [Mean(), Turns(), Ascent(), Shortened(), Smooth(), *map(acting, others())]
every_objective = pytest.mark.parametrize("objective", EVERY, ids=lambda one: one.name)


def train(
    model: Model,
    features: Features,
    objective: Objective | None = None,
    *,
    settings: Hyperparameters = SETTINGS,
    folder: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    states: HiddenStates | None = None,
    **execution: Any,
) -> FitResult:
    given: dict[str, Any] = {} if objective is None else {"objective": objective}
    return fit(
        model.encoder,
        [Branch("task", model.head, features, states=states)],
        hyperparameters=settings,
        execution=EXECUTION.model_copy(update=execution),
        clock=model.clock,
        judge=None,
        checkpoint_dir=folder,
        progress=progress,
        rewriter=toy_rewriter() if isinstance(objective, Consistency) else None,
        **given,
    )


def far(one: Model, other: Model) -> float:
    theirs = other.weights()
    return max(float((value - theirs[name]).abs().max()) for name, value in one.weights().items())


def shortened(features: Features) -> Features:
    """Return features whose rows lack their last token."""
    offsets = features.arrays["offsets"]
    kept = np.delete(features.arrays["ids"], offsets[1:] - 1)
    return replace(features, arrays={**features.arrays, "ids": kept, "offsets": offsets - np.arange(len(offsets))})


@pytest.fixture(autouse=True)
def _faithful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "EPS", 1e-3)  # see test_loop.py
    Turns.watched.clear()
    Turns.between.clear()


@pytest.mark.parametrize("name", objectives.names())
def test_contract(name: str) -> None:
    kind = objectives.get(name)
    objective = kind()
    assert (kind.name, objective.canonical()["name"]) == (name, name)
    assert objectives.parse(objective.canonical()) == objective
    with pytest.raises(ModelError, match="no objective is called 'plane'; did you mean 'plain'"):
        objectives.get("plane")


def test_plain_is_the_loss_of_the_head_bit_for_bit() -> None:
    """Held to a loop that is written out: forward, backward, step."""
    features, ours, written = make_features(), make_model(), make_model()
    train(ours, features)
    encoder, head, clock = written.encoder.train(), written.head.train(), written.clock
    order = DataOrder([Branch("task", head, features)], SETTINGS)
    schedule = Schedule(SETTINGS, order.steps_per_epoch)
    adamw = Optimizer({**encoder.trained(), **head_parts([head])}, SETTINGS)
    for step in range(schedule.total):
        units = order.units(step)
        longest_first = units[np.argsort(-features.lengths[units], kind="stable")]
        batch = collate(features, longest_first, pad=1, moment=Moment(clock.seed, step))
        clock.set(step, batch.rows)
        logits = head(encoder(batch.ids, batch.lengths, first=True), batch.lengths)
        (cross_entropy(logits, batch.targets["label"], reduction="sum") / len(units)).backward()
        adamw.step(schedule.lr(step))
    assert far(ours, written) == 0


def test_draws_have_masks_of_their_own_and_the_mean_is_that_of_both() -> None:
    features = make_features()
    plain, mean, turns = make_model(), make_model(), make_model()
    train(plain, features)
    train(mean, features, Mean())
    train(turns, features, Turns())
    assert far(mean, turns) < 1e-6
    assert far(plain, mean) > 1e-4
    calm, still = make_model(dropout=0.0), make_model(dropout=0.0)
    train(calm, features)
    train(still, features, Mean())
    assert far(calm, still) < 1e-6, "without dropout all draws are equal"


@every_objective
def test_checkpointed_layers_run_again_with_the_masks_of_their_pass(objective: Objective) -> None:
    """With two passes before one backward pass, the first runs again after the second."""
    features, kept, again = make_features(), make_model(), make_model()
    train(kept, features, objective)
    train(again, features, objective, gradient_checkpointing=True)
    assert far(kept, again) < 1e-6


def test_backward_runs_on_each_loss_before_the_next_is_asked_for() -> None:
    features, model, half = make_features(rows=8), make_model(), make_model()
    once = replace(SETTINGS, steps=1)
    Turns.watched.append(model.head.out.weight)
    train(model, features, Turns(), settings=once)
    (between,) = Turns.between
    seen: list[Tensor] = []
    half.head.out.weight.register_hook(lambda gradient: seen.append(gradient / 2))
    train(half, features, settings=once)
    assert torch.allclose(between, seen[0], atol=1e-7)


@every_objective
def test_the_cut_into_micro_batches_changes_nothing(objective: Objective) -> None:
    features, whole, cut = make_features(), make_model(), make_model()
    train(whole, features, objective)
    result = train(cut, features, objective, micro_batch_tokens=1)
    assert result.measured.micro_tokens == 1
    assert far(whole, cut) < 1e-6


@every_objective
def test_a_stopped_training_resumes_to_equal_bits(objective: Objective, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def killed(progress: Progress) -> None:
        if progress.done == 4:
            raise Killed

    features = make_features()
    straight, resumed = make_model(), make_model()
    expected = train(straight, features, objective)
    often = {"checkpoint_seconds": 0.0}
    with pytest.raises(Killed):
        train(make_model(), features, objective, folder=tmp_path / "node", progress=killed, **often)
    result = train(resumed, features, objective, folder=tmp_path / "node", **often)
    assert result.measured.resumed_at == 4
    assert far(straight, resumed) == 0
    assert result.as_json() == expected.as_json()


@pytest.mark.parametrize("kind", ["classification", "choice", "span", "tagging", "mlm"])
def test_a_divergence_is_a_mean_over_the_step_as_the_loss_is(kind: str) -> None:
    """What answers all gold with certainty is as far from a pass as the loss of that pass."""
    features, model = make_features(kind, rows=8, group=2 if kind == "choice" else 1), make_model(kind, dropout=0.0)
    units = np.arange(features.units)
    batch = collate(features, units, pad=1, moment=Moment(0, 0))
    weight = model.head.weight(features, units)
    forward = TrainingForward(model.encoder.train(), model.head, model.clock, 0, weight, False, batch)
    passed = forward(batch)
    certain = torch.zeros_like(passed.logits)
    if kind == "choice":
        certain.view(-1, 2)[torch.arange(len(units)), batch.targets["label"]] = 1e6
    elif kind == "span":
        for side, name in enumerate(("start", "end")):
            certain[torch.arange(len(units)), batch.targets[name], side] = 1e6
    else:
        (gold,) = (batch.targets[name] for name in ("label", "labels", "masked") if name in batch.targets)
        certain = 1e6 * torch.nn.functional.one_hot(gold.clamp_min(0), certain.shape[-1]).float()
    far_off = forward.divergence(certain, passed.logits)
    assert far_off.item() == pytest.approx(passed.loss.item(), rel=1e-5)
    assert forward.divergence(passed.logits, passed.logits).item() == 0
    (gradient,) = torch.autograd.grad(far_off, passed.logits, retain_graph=True)
    (expected,) = torch.autograd.grad(passed.loss, passed.logits)
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_smoothing_of_share_0_is_plain_and_of_1_is_not() -> None:
    features, plain, without, smooth = make_features(), *(make_model(dropout=0.0) for _ in range(3))
    train(plain, features)
    train(without, features, Smooth(share=0.0))
    train(smooth, features, Smooth())
    assert far(plain, without) < 1e-6
    assert far(plain, smooth) > 1e-4


def test_noise_is_zero_on_padding_and_of_the_step_and_the_row() -> None:
    features, model = make_features(rows=8), make_model()
    batch = collate(features, np.arange(8), pad=1, moment=Moment(0, 0))
    few = collate(features, np.array([6, 3]), pad=1, moment=Moment(0, 0))
    forward, later = (
        TrainingForward(model.encoder, model.head, model.clock, step, 8.0, False, batch) for step in (4, 5)
    )
    whole, cut = forward.noise(batch), forward.noise(few)
    real = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    assert whole.shape == (*batch.ids.shape, HIDDEN)
    assert not whole[~real].any()
    assert torch.equal(cut, whole[[6, 3], : cut.shape[1]])
    for other in (later.noise(batch), forward.noise(batch, draw=1)):
        assert (other[real] != whole[real]).float().mean() > 0.99


def test_another_objective_is_another_training(tmp_path: Path) -> None:
    features = make_features()
    train(make_model(), features, Ascent(), folder=tmp_path, checkpoint_seconds=0.0)
    for objective in (None, Ascent(radius=0.25)):
        result = train(make_model(), features, objective, folder=tmp_path)
        assert "another training" in result.measured.notes[0]


def test_memory_that_runs_out_in_a_later_pass_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, calm, starved = make_features(), make_model(), make_model()
    train(calm, features, Ascent())
    forward = Encoder.forward

    def limited(self: Any, ids: Tensor, *rest: Any, perturbation: Tensor | None = None, **more: Any) -> Tensor:
        if perturbation is not None and ids.numel() > 100:
            raise torch.OutOfMemoryError("no memory")
        return forward(self, ids, *rest, perturbation=perturbation, **more)

    monkeypatch.setattr(Encoder, "forward", limited)
    result = train(starved, features, Ascent())
    assert "out of memory" in result.measured.notes[0]
    assert far(calm, starved) < 1e-6


def test_another_view_of_the_rows_has_their_masks_and_targets() -> None:
    """To train on the view alone is to train on data of that form."""
    features, viewed, made = make_features(), make_model(), make_model()
    train(viewed, features, Shortened())
    train(made, shortened(features))
    assert far(viewed, made) < 1e-6
    plain = make_model()
    train(plain, features)
    assert far(viewed, plain) > 1e-4


def test_the_embeddings_of_a_view_are_read_when_they_are_needed(tmp_path: Path) -> None:
    make_model().encoder.model.save_pretrained(tmp_path)
    encoder = Encoder.load(tmp_path, clock=DropoutClock(0), all_words=False)
    encoder.attach([AttachedModule("target", modules.get("lora")(), None, trainable=True)])
    head = heads.build("classification", HIDDEN, 3, clock=encoder.clock, dropout=0.0)
    features = make_features(rows=4, longest=6)
    words = np.unique(features.arrays["ids"])
    encoder.need(words)
    batch = collate(features, np.arange(4), pad=1, moment=Moment(0, 0))
    encoder.need(np.array([1]))
    forward = TrainingForward(encoder.train(), head, encoder.clock, 0, 4, False, batch)
    other = next(word for word in range(4, 100) if word not in words)
    view = replace(batch, ids=batch.ids.masked_fill(batch.ids == int(batch.ids[0, 1]), other))
    assert not torch.equal(forward(view).loss, forward(batch).loss)


XLM_R = (XLMRobertaModel, XLMRobertaConfig, {"max_position_embeddings": 70, "pad_token_id": 1})
BERT = (BertModel, BertConfig, {"max_position_embeddings": 70, "pad_token_id": 0, "type_vocab_size": 2})


@pytest.mark.parametrize("lengths", [(9, 4, 6), (6, 6)], ids=["padded", "of one length"])
@pytest.mark.parametrize(("kind", "module"), [("classification", TOP), ("tagging", modules.get("full")())], ids=str)
@pytest.mark.parametrize("family", [XLM_R, BERT], ids=["xlm-roberta", "bert"])
def test_the_gradient_of_a_perturbation_is_that_of_torch(family: Any, kind: str, module: Any, lengths: Any) -> None:
    """Held to a model of transformers that is handed its embeddings."""
    model_type, config_type, more = family
    sizes = {"vocab_size": 120, "hidden_size": HIDDEN, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = config_type(**sizes, intermediate_size=64, initializer_range=0.2, **more)
    torch.manual_seed(0)
    theirs = model_type(config, add_pooling_layer=False).eval()
    copy = model_type(config, add_pooling_layer=False)
    copy.load_state_dict(theirs.state_dict())
    encoder = Encoder.from_model(copy, clock=DropoutClock(0), dropout=0.0)
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    head = heads.build(kind, HIDDEN, 3, clock=encoder.clock, dropout=0.0)

    count, longest = len(lengths), max(lengths)
    real = torch.arange(longest) < torch.tensor(lengths)[:, None]
    ids = torch.randint(4, 120, (count, longest)).masked_fill(~real, config.pad_token_id)
    labels = torch.randint(0, 3, (count, longest)).masked_fill(~real, -100)
    targets = {"label": labels[:, 0], "labels": labels}
    batch = Batch(ids, torch.tensor(lengths), None, targets, np.arange(count), torch.arange(count))
    ours = (torch.randn(count, longest, HIDDEN) * real[..., None]).requires_grad_()
    other = ours.detach().clone().requires_grad_()

    passed = TrainingForward(encoder.train(), head.train(), encoder.clock, 0, 2.0, False, batch)(batch, ours)
    (gradient,) = torch.autograd.grad(passed.loss, ours)
    words = theirs.get_input_embeddings()(ids)
    hidden = theirs(inputs_embeds=words + other, attention_mask=real.long()).last_hidden_state
    loss = head.loss(head(hidden, batch.lengths, targets), targets) / 2.0
    (expected,) = torch.autograd.grad(loss, other)
    assert passed.loss.item() == pytest.approx(loss.item(), abs=1e-5)
    assert float((gradient - expected).abs().max()) < 1e-5
    assert float(expected.abs().max()) > 1e-3
    assert not gradient[~real].any()


def test_a_perturbation_in_bfloat16_has_a_gradient_in_float32() -> None:
    features, gradients = make_features(rows=8), []
    for dtype in (torch.float32, torch.bfloat16):
        model = make_model(module=TOP, dropout=0.0)
        model.encoder.model.to(dtype)
        batch = collate(features, np.arange(8), pad=1, moment=Moment(0, 0))
        forward = TrainingForward(model.encoder.train(), model.head, model.clock, 0, 8.0, False, batch)
        start = torch.zeros(*batch.ids.shape, HIDDEN, requires_grad=True)
        gradients += torch.autograd.grad(forward(batch, start).loss, start)
    exact, short = gradients
    assert short.dtype == torch.float32
    assert float((exact - short).norm() / exact.norm()) < 0.05


def test_what_cannot_be_perturbed_is_refused(tmp_path: Path) -> None:
    features, model = make_features(), make_model(module=TOP)
    size: dict[str, Any] = {"layer": 2, "kind": "float32", "tokens": len(features.arrays["ids"]), "hidden": HIDDEN}
    into = HiddenStates.create(tmp_path / "states.bin", **size)
    keep_states(model.encoder, features, into, execution=EXECUTION, precision="fp32")
    into.flush()
    kept = HiddenStates.open(tmp_path / "states.bin", **size)
    message = r"hidden states that enter layer 2 are read from the cache.*run\.hidden_state_cache"
    with pytest.raises(ModelError, match=message):
        train(model, features, Ascent(), states=kept)
    train(model, features, Mean(), states=kept)
    batch = collate(features, np.arange(2), pad=1, moment=Moment(0, 0))
    wrong = torch.zeros(2, batch.ids.shape[1] - 1, HIDDEN)
    with pytest.raises(
        ModelError, match=r"the perturbation has the shape \(2, \d+, 32\), but the hidden states have \(2,"
    ):
        last_hidden(model.encoder, model.head, batch, wrong)
