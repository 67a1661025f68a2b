"""Fixtures that every room's tests share."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers, processors

from layover import stopping
from layover.data.tokenizer import Tokenizer
from layover_sandbox.encoders import folder_of

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROOT = Path(__file__).resolve().parents[1]

# how long an example takes says more of the machine than of the code
settings.register_profile("layover", deadline=None)
settings.load_profile("layover")


NOWHERE = "http://127.0.0.1:9"
"""An address where nobody answers."""


def pytest_configure() -> None:
    """Keep every test from the real hub, and let it meet signals, which `nohup` and a shell in the background ignore.

    HF_HUB_OFFLINE would hide what happens without a network; a test that needs it sets it.
    """
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ.pop("HF_TOKEN", None)
    os.environ["HF_ENDPOINT"] = NOWHERE
    for number in REQUESTS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    HANDLERS.update({number: signal.getsignal(number) for number in REQUESTS})


HANDLERS: dict[int, Any] = {}
"""Signal -> its handler before any test or fixture."""


@pytest.fixture(autouse=True)
def _requests_to_end_are_for_pytest() -> Iterator[None]:
    """Give signals back to pytest before and after a test: a command line in this process ignores them once it ended.

    Before, too: a fixture of a module that runs the command line would leave them ignored for the test. A request that
    a test made is forgotten, and is not raised again by its timer: it would stop the run of a later test.
    """
    _forget_requests()
    yield
    _forget_requests()


def _forget_requests() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    stopping._requests.__init__()  # type: ignore[misc]
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


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


SERVED = """\
schema: 1
name: served
models: {mini: {name: sandbox/mini}}
methods:
  stack: {module: lora, compose: stack, lr: 3e-3, rank: 4, alpha: 8}
  merge: {module: lora, compose: {name: merge, on_top: module}, lr: 3e-3, rank: 4, alpha: 8}
  fuse:  {module: bottleneck, compose: fuse, lr: 3e-3, reduction: 8}
  route: {module: lora, compose: {name: route, gates: {steps: 4}}, lr: 3e-3, rank: 4, alpha: 8}
  bn:    {module: bottleneck, placement: pfeiffer, compose: stack, lr: 5e-3, reduction: 8}
train: {batch: 16, epochs: 1, max_length: 64, stride: 4, select: null}
tasks:
  sandbox/nli:        {limit: {train: 48}}
  sandbox/completion: {limit: {train: 16}}
  sandbox/paraphrase: {limit: {train: 48, test: 6}}
  sandbox/ner:        {limit: {train: 48, test: 6}, max_length: 10}
  sandbox/copa:       {limit: {train: 16, test: 6}}
  sandbox/qa:         {limit: {train: 48, test: 6}, max_length: 40}
  sandbox/qa_open:    {limit: {train: 48, validation: 12, test: 6}, max_length: 40}
  moods: {kind: classification, labels: [bad, good], text: [said, meant], label: mood,
          files: {train: moods.jsonl, test: {en: moods.jsonl, sw: moods.jsonl}}}
sweep:
  model: [mini]
  method: [stack, merge, fuse, route, bn]
  intermediate: [sandbox/nli, [sandbox/nli, sandbox/completion]]
  target: [sandbox/paraphrase, sandbox/ner, sandbox/copa, sandbox/qa, sandbox/qa_open, moods]
  seed: [1]
  exclude:
    - {method: [stack, merge, bn], intermediate: sandbox/nli+sandbox/completion}
    - {method: [fuse, route], intermediate: sandbox/nli}
    - {method: stack, target: [sandbox/ner, sandbox/copa, sandbox/qa_open]}
    - {method: merge, target: [sandbox/paraphrase, sandbox/ner, sandbox/qa, sandbox/qa_open, moods]}
    - {method: fuse, target: [sandbox/paraphrase, sandbox/copa, sandbox/qa, sandbox/qa_open, moods]}
    - {method: route, target: [sandbox/paraphrase, sandbox/ner, sandbox/copa, sandbox/qa, moods]}
    - {method: bn, target: [sandbox/paraphrase, sandbox/copa, sandbox/qa, sandbox/qa_open, moods]}
eval: {split: test, languages: [en, sw]}
"""
"""Every kind that packages have heads for, and every composition that puts several packages together."""


@dataclass(frozen=True)
class Served:
    """A folder with a finished sweep, and with the packages of all its cells in `adapters_hub_export`."""

    root: Path

    @property
    def packages(self) -> Path:
        """The folder of the packages."""
        return self.root / "adapters_hub_export"

    @property
    def data(self) -> str:
        """Where the files of the task of its own are, as an override."""
        return f"data_root={self.root / 'data'}"

    @cached_property
    def planned(self) -> Any:
        """The plan beside the store."""
        from layover.cli.shared import planned

        return planned(self.root / "recipe.yaml", [self.data], self.root / "store")

    def predicted(self, method: str, target: str) -> Mapping[str, tuple[list[Any], list[Any]]]:
        """Return language -> the examples of a cell and what the sweep predicted for them."""
        from layover.plan.nodes import spec_at
        from layover.specs.score import ScoreSpec
        from layover.steps.artifacts import PREDICTIONS, load_examples, read_lines

        plan, store = self.planned.plan, self.planned.store
        (cell,) = (cell for cell in plan.cells if (cell.method, cell.target) == (method, target))
        scored = spec_at(plan.nodes, cell.score, ScoreSpec)
        return {
            language: (load_examples(store, data, scored.kind), read_lines(store.path(node) / PREDICTIONS))
            for language, (node, data) in scored.predictions.items()
        }


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A finished sweep and its packages; tests only read them."""
    from layover.cli.main import build_app
    from layover.engine.worker import run_node
    from layover.store import Store

    found = Served(tmp_path_factory.mktemp("served"))
    Store(found.root / "store")
    (found.root / "recipe.yaml").write_text(SERVED, encoding="utf-8")
    (found.root / "data").mkdir()
    moods = [{"said": f"it is {word}", "meant": "so", "mood": mood} for word in "abcd" for mood in ("bad", "good")]
    (found.root / "data" / "moods.jsonl").write_text("".join(json.dumps(one) + "\n" for one in moods), encoding="utf-8")
    plan, store = found.planned.plan, found.planned.store
    states = {run_node(node, store, plan.recipe.document.run, lambda _: None) for node in plan.wanted(set())}
    assert states == {"done"}
    arguments = ["export", str(found.root / "recipe.yaml"), found.data, *(cell.label for cell in plan.cells)]
    build_app()([*arguments, "--to", str(found.packages), "--store", str(found.root / "store")], standalone_mode=False)
    return found


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
