"""Word embeddings that are read from the disk when they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from layover.encoder import words
from layover.encoder.words import WordEmbeddings, WordTable
from layover.errors import ModelError


def test_rows_are_those_of_the_table_in_whatever_parts_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = torch.randn(50, 4)
    save_file({"table": whole}, tmp_path / "model.safetensors")
    monkeypatch.setattr(words, "AT_ONCE", 3)
    few = WordEmbeddings(WordTable(tmp_path / "model.safetensors", "table", 50, 4), torch.float32)
    for ids in ([7, 3, 49, 7, 0, 12, 30, 31], [3, 5, 6]):
        few.need(np.array(ids))
        assert torch.equal(few(torch.tensor([ids])), whole[ids][None])
    assert len(few.weight) == 9, "no row is there twice"
    with pytest.raises(ModelError, match="token 50 is not among the encoder's 50 word embeddings"):
        few.need(np.array([50]))
