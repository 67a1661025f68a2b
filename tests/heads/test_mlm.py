"""The head of masked language modelling against the one of transformers: loss, gradients, pretrained weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from layover import heads, modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.heads import Head

HIDDEN, VOCABULARY = 32, 90
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "type_vocab_size": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.2,
}


def reference() -> XLMRobertaForMaskedLM:
    """A model of transformers whose head has no weight at its start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = XLMRobertaForMaskedLM(XLMRobertaConfig(**SIZES, pad_token_id=1)).eval()
        with torch.no_grad():
            for parameter in model.lm_head.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn(parameter.shape) * 0.3)
    return model


def ours(folder: Path, module: str = "full") -> tuple[Encoder, Head]:
    clock = DropoutClock(0)
    encoder = Encoder.load(folder, clock=clock)
    encoder.attach([AttachedModule("target", modules.get(module)(), None, trainable=True)])
    head = heads.build("mlm", HIDDEN, VOCABULARY, clock=clock, dropout=0.0)
    head.tie(encoder)
    return encoder, head


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (3, 11), lengths and labels, -100 where nothing is asked."""
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([11, 7, 4])
    ids = torch.randint(4, VOCABULARY, (3, 11), generator=generator)
    ids[torch.arange(11) >= lengths[:, None]] = 1
    labels = torch.full_like(ids, -100)
    for row, position in ((0, 2), (0, 9), (1, 1), (1, 5), (2, 2)):
        labels[row, position] = int(torch.randint(4, VOCABULARY, (), generator=generator))
    return ids, lengths, labels


def targets_of(labels: Tensor) -> dict[str, Tensor]:
    places = (labels.flatten() != -100).nonzero()[:, 0]
    return {"places": places, "masked": labels.flatten()[places]}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    reference().save_pretrained(tmp_path / "mlm")
    return tmp_path / "mlm"


def test_loss_and_gradients_are_those_of_transformers(saved: Path) -> None:
    model, (encoder, head) = reference(), ours(saved)
    assert head.start_from(str(saved), None)
    ids, lengths, labels = batch()
    expected = model(input_ids=ids, attention_mask=(ids != 1).long(), labels=labels).loss
    targets = targets_of(labels)
    loss = head.loss(head(encoder(ids, lengths), lengths, targets), targets) / 5
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)
    expected.backward()
    loss.backward()
    theirs = {name: weight.grad for name, weight in model.named_parameters(remove_duplicate=False)}
    assert theirs.pop("lm_head.decoder.weight") is theirs["roberta.embeddings.word_embeddings.weight"]
    theirs.pop("lm_head.decoder.bias", None)  # transformers has the head's bias under two names
    mine = {f"roberta.{name}": weight.grad for name, weight in encoder.model.named_parameters()}
    mine |= {f"lm_head.{name}": weight.grad for name, weight in head.named_parameters()}
    assert set(mine) == set(theirs)
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], atol=1e-5, rtol=1e-4, msg=name)


def test_the_embedding_learns_from_both_of_its_uses(saved: Path) -> None:
    encoder, head = ours(saved)
    ids, lengths, labels = batch()
    targets = targets_of(labels)
    head.loss(head(encoder(ids, lengths), lengths, targets), targets).backward()
    gradient = encoder.word_embeddings.weight.grad
    assert gradient is not None
    unseen = sorted(set(range(VOCABULARY)) - set(ids.flatten().tolist()))
    assert unseen
    assert bool((gradient[unseen].abs().sum(dim=1) > 0).all()), "as decoder every token has a gradient"
    encoder.word_embeddings.weight.grad = None
    head.loss(head(encoder(ids, lengths).detach(), lengths, targets), targets).backward()
    decoder_only = encoder.word_embeddings.weight.grad
    assert decoder_only is not None
    torch.testing.assert_close(decoder_only[unseen], gradient[unseen])
    seen = sorted(set(ids.flatten().tolist()) - {1})
    assert not torch.allclose(decoder_only[seen], gradient[seen])


@pytest.mark.parametrize("module", ["lora", "none"])
def test_a_frozen_encoder_keeps_its_embeddings(saved: Path, module: str) -> None:
    encoder, head = ours(saved, module)
    ids, lengths, labels = batch()
    targets = targets_of(labels)
    head.loss(head(encoder(ids, lengths), lengths, targets), targets).backward()
    assert encoder.word_embeddings.weight.grad is None
    assert all(weight.grad is not None for weight in head.parameters())


def test_the_decoder_is_not_among_the_heads_weights(saved: Path) -> None:
    encoder, head = ours(saved)
    assert set(head.state_dict()) == {"dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias", "bias"}
    table = encoder.word_embeddings.weight
    assert all(weight is not table for weight in head.parameters())
    ids, lengths, labels = batch()
    before = head(encoder(ids, lengths), lengths, targets_of(labels))
    weights = encoder.state("target")
    weights["embeddings.word_embeddings.weight"] = weights["embeddings.word_embeddings.weight"] * 2
    encoder.attach([AttachedModule("target", modules.get("full")(), weights, trainable=False)])
    assert not torch.allclose(head(encoder(ids, lengths), lengths, targets_of(labels)), before)
    assert head.layer_norm.eps == encoder.model.config.layer_norm_eps


def test_a_checkpoint_without_a_head_leaves_it_fresh(tmp_path: Path) -> None:
    reference().roberta.save_pretrained(tmp_path / "bare")
    _, head = ours(tmp_path / "bare")
    before = {name: value.clone() for name, value in head.state_dict().items()}
    assert not head.start_from(str(tmp_path / "bare"), None)
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def save_bert(folder: Path) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = BertForMaskedLM(BertConfig(**SIZES)).eval()
        with torch.no_grad():
            model.cls.predictions.bias.normal_()
    model.save_pretrained(folder)
    return model


def test_the_head_of_a_bert(tmp_path: Path) -> None:
    model = save_bert(tmp_path / "bert")
    encoder, head = ours(tmp_path / "bert")
    assert head.start_from(str(tmp_path / "bert"), None)
    ids, lengths, labels = batch()
    mask = (torch.arange(11) < lengths[:, None]).long()
    expected = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    targets = targets_of(labels)
    loss = head.loss(head(encoder(ids, lengths), lengths, targets), targets) / 5
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)


def test_shards_are_read_and_what_is_missing_is_said(tmp_path: Path) -> None:
    reference().save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    _, head = ours(tmp_path / "parts")
    assert head.start_from(str(tmp_path / "parts"), None)
    expected = dict(reference().lm_head.named_parameters())
    assert all(torch.equal(value, expected[name]) for name, value in head.state_dict().items())
    next(iter((tmp_path / "parts").glob("*.safetensors"))).unlink()
    with pytest.raises(ModelError, match="or one of its files is missing"):
        head.start_from(str(tmp_path / "parts"), None)


def test_refusals(saved: Path) -> None:
    encoder, _ = ours(saved)
    head = heads.build("mlm", HIDDEN, VOCABULARY, clock=DropoutClock(0), dropout=0.0)
    ids, lengths, labels = batch()
    with pytest.raises(ModelError, match="tie it to an encoder first"):
        head(encoder(ids, lengths), lengths, targets_of(labels))
    other = heads.build("mlm", HIDDEN, VOCABULARY + 1, clock=DropoutClock(0), dropout=0.0)
    with pytest.raises(ModelError, match="91 outputs, but the encoder has 90"):
        other.tie(encoder)
    head.tie(encoder)
    with pytest.raises(ModelError, match="needs masked rows"):
        head(encoder(ids, lengths), lengths)
