"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers, processors

from layover.data.tokenizer import Tokenizer
from layover.sandbox.encoders import folder_of

ROOT = Path(__file__).resolve().parents[1]

# how long an example takes says more of the machine than of the code
settings.register_profile("layover", deadline=None)
settings.load_profile("layover")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The public test data, or a skip that says how to have it."""
    root = Path(os.environ.get("LAYOVER_DATA", ROOT.parent / "shared" / "data"))
    if not (root / "README.md").is_file():
        pytest.skip(f"no public test data at {root}; set LAYOVER_DATA to its folder")
    return root


LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'\"()-äöüßéñ"
LETTERS = LATIN + "กขคไทยแลนด์ฉันอยู่ที่กรุงเทพเมืองไหน你好世界北京中国我的朋友住在谁。مرحبا"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A small tokenizer built like XLM-R's: unigram pieces behind "▁", no token types."""
    pieces = [*SPECIAL, "▁", *dict.fromkeys(LETTERS)]
    words = ["▁the", "▁The", "▁what", "▁Was", "ing", "ed", "▁a", "▁is", "th", "er", "en", "ไทย", "世界", "<mask>"]
    scored = [(piece, -4.0) for piece in pieces] + [(word, -2.0) for word in words]
    backend = Backend(models.Unigram(scored, unk_id=3))
    backend.normalizer = normalizers.NFKC()
    splits = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    backend.pre_tokenizer = pre_tokenizers.Sequence(splits)
    special = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    backend.add_special_tokens([*SPECIAL, "<mask>"])
    return Tokenizer(backend)


@pytest.fixture(scope="session")
def segmented() -> Tokenizer:
    """A small tokenizer built like BERT's: word pieces, token types 0 and 1 in pairs."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "house", "red", "##ing", "##s"]
    letters = dict.fromkeys(LETTERS)
    vocabulary = {piece: index for index, piece in enumerate([*names, *letters, *(f"##{x}" for x in letters)])}
    backend = Backend(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    pair = "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", pair, special)
    backend.add_special_tokens(names[:5])
    return Tokenizer(backend)


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules that peft wrote: for sandbox/mini `lora` and `headed`, for other encoders the rest."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, BertConfig

    root, mini = tmp_path_factory.mktemp("foreign"), folder_of("sandbox/mini")
    assert mini is not None

    def other(**sizes: int) -> torch.nn.Module:
        return AutoModel.from_config(AutoConfig.from_pretrained(mini, vocab_size=50, **sizes))

    bert = BertConfig(vocab_size=50, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512)
    torch.manual_seed(0)
    models = {
        "lora": (AutoModel.from_pretrained(mini), None),
        "headed": (AutoModelForSequenceClassification.from_pretrained(mini, num_labels=3), "SEQ_CLS"),
        "deeper": (other(num_hidden_layers=6), None),
        "shallower": (other(num_hidden_layers=2), None),
        "wider": (other(hidden_size=160), None),
        "bert": (AutoModelForSequenceClassification.from_config(bert), "SEQ_CLS"),
    }
    for name, (model, task) in models.items():
        config = LoraConfig(task_type=task, r=4, lora_alpha=8, target_modules=["query", "value"])
        wrapped = get_peft_model(model, config)
        for key, weight in wrapped.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(weight, std=0.1)
        wrapped.save_pretrained(root / name, save_embedding_layers=False)
    return root
