"""init-encoder: write a small random encoder with its own tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import say

ORDER = 90


def command(
    directory: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    *,
    vocab_from: Annotated[Path, typer.Option(help="Folder of text data, or a sentencepiece .model file.")],
    layers: Annotated[int, typer.Option(min=1, help="Number of layers.")] = 4,
    hidden: Annotated[int, typer.Option(min=8, help="Width of the hidden states.")] = 256,
    heads: Annotated[int, typer.Option(min=1, help="Number of attention heads; --hidden is a multiple of it.")] = 4,
    vocab_size: Annotated[int, typer.Option(min=300, help="Size of the vocabulary; ignored for a .model file.")] = 8000,
    seed: Annotated[int, typer.Option(help="Seed of the weights.")] = 0,
) -> None:
    """Write a small XLM-R with random weights, to try a recipe without a download. It has learned no language."""
    from layover.encoder.initialise import init_encoder

    init_encoder(
        directory,
        layers=layers,
        hidden=hidden,
        heads=heads,
        vocab_from=vocab_from,
        vocab_size=vocab_size,
        seed=seed,
    )
    say(f"{directory}: XLM-R with random weights, {layers} layers x {hidden}, seed {seed}")
