"""init-encoder: a small random encoder with a tokenizer of its own."""

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
    layers: Annotated[int, typer.Option(min=1, help="Of the encoder.")] = 4,
    hidden: Annotated[int, typer.Option(min=8, help="Width of the hidden states.")] = 256,
    heads: Annotated[int, typer.Option(min=1, help="Attention heads; they share the width.")] = 4,
    vocab_size: Annotated[int, typer.Option(min=300, help="Ignored for a .model file.")] = 8000,
    seed: Annotated[int, typer.Option(help="Of the weights.")] = 0,
) -> None:
    """Make a small XLM-R with random weights, to try a recipe without a download. It knows no language."""
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
