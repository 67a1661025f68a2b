"""The verbs of the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layover.cli.main import build_app
from layover.errors import LayoverError
from layover_sandbox import encoders, languages


def layover(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), arguments)


def test_show_says_the_same_in_every_language() -> None:
    found = layover("sandbox", "show", "--count", "2")
    assert found.exit_code == 0
    blocks = found.stdout.strip().split("\n\n")
    assert [[line.split()[0] for line in block.splitlines()] for block in blocks] == [list(languages.names())] * 2
    again, other = layover("sandbox", "show", "--count", "2"), layover("sandbox", "show", "--count", "2", "--seed", "1")
    assert again.stdout == found.stdout != other.stdout


def test_show_of_an_unknown_language() -> None:
    found = layover("sandbox", "show", "--language", "xx")
    assert isinstance(found.exception, LayoverError)
    assert "no language is called 'xx'" in str(found.exception)


def test_write_leaves_files_where_they_are_asked_for(tmp_path: Path) -> None:
    found = layover("sandbox", "write", str(tmp_path), "--task", "sandbox/copa", "--seed", "7")
    assert found.exit_code == 0
    written = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert "copa/train.en.jsonl" in written
    assert [name for name in written if name.startswith("copa/test.")] == [
        f"copa/test.{code}.jsonl" for code in languages.names()
    ]
    assert str(tmp_path / "copa/train.en.jsonl") in found.stdout.splitlines()


def test_write_of_an_unknown_task(tmp_path: Path) -> None:
    found = layover("sandbox", "write", str(tmp_path / "new"), "--task", "sandbox/nlii")
    assert "the sandbox has no task 'sandbox/nlii'; did you mean 'sandbox/nli'?" in str(found.exception)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", encoders.names())
def test_export_is_an_ordinary_directory_of_transformers(tmp_path: Path, name: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tmp_path / "encoder"
    assert layover("sandbox", "export", str(folder), "--model", name).exit_code == 0
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, report = AutoModel.from_pretrained(folder, add_pooling_layer=False, output_loading_info=True)
    assert not report["missing_keys"]
    inputs = tokenizer("Anna bought three apples. 安娜 and a word of no language: xyzzy.", return_tensors="pt")
    assert int(inputs["input_ids"].max()) < model.config.vocab_size
    assert bool(model(**inputs).last_hidden_state.isfinite().all())
    refused = layover("sandbox", "export", str(folder), "--model", name)
    assert "is not an empty folder" in str(refused.exception)


@pytest.mark.parametrize("name", encoders.names()[:1])
def test_peft_and_adapters_take_the_exported_encoder(tmp_path: Path, name: str) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForMaskedLM

    folder = tmp_path / "encoder"
    assert layover("sandbox", "export", str(folder), "--model", name).exit_code == 0
    ids = torch.tensor([[0, 10, 11, 12, 2]])
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    before = model(ids).logits
    with_lora = get_peft_model(model, LoraConfig(target_modules=["query", "value"])).eval()
    assert torch.equal(with_lora(ids).logits, before), "a fresh LoRA changes nothing"
    adapters = pytest.importorskip("adapters")
    model = adapters.AutoAdapterModel.from_pretrained(folder, dtype=torch.float32)
    model.add_adapter("fresh", config="seq_bn")
    assert "fresh" in model.adapters_config.adapters


def test_export_of_an_unknown_encoder(tmp_path: Path) -> None:
    found = layover("sandbox", "export", str(tmp_path / "new"), "--model", "sandbox/huge")
    assert "the sandbox has no encoder 'sandbox/huge'" in str(found.exception)
    assert not (tmp_path / "new").exists()
