"""sandbox: the built-in world: its sentences, its files, its encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import complain, say
from layover.cli.shared import DEFAULT_STORE, Overrides, RecipeArgument, StoreOption
from layover.errors import LayoverError, nearest

ORDER = 85

group = typer.Typer(help="The built-in world: its sentences, its files, its encoders.", no_args_is_help=True)


@group.command()
def show(
    *,
    count: Annotated[int, typer.Option(min=1, help="Number of sentences.")] = 5,
    language: Annotated[list[str] | None, typer.Option(help="Only these; all when not given.")] = None,
    seed: Annotated[int, typer.Option(help="Another one says other things.")] = 0,
) -> None:
    """Say a few things in every language."""
    from layover_sandbox import languages
    from layover_sandbox.sampling import Dice, Sampler
    from layover_sandbox.sets.text import draw_passage

    chosen = [languages.get(code) for code in language or languages.names()]
    sampler = Sampler(Dice("show", seed))
    for _ in range(count):
        passage = draw_passage(sampler)
        for spoken in chosen:
            say(f"{spoken.code}  {passage.text(spoken)}")
        say()


@group.command()
def write(
    directory: Annotated[Path, typer.Argument(help="Where to write the files, a folder per task.")],
    *,
    task: Annotated[list[str] | None, typer.Option(help="sandbox/nli, ...; all but the large pretraining.")] = None,
    seed: Annotated[int, typer.Option(help="Of the generator.")] = 2020,
) -> None:
    """Write the data of tasks as files in the layouts of their real siblings, to look at or for other programs."""
    from layover import tasks
    from layover_sandbox import files, sets

    known = [f"sandbox/{name}" for name in sets.names()]
    for name in task or known:
        if name not in known:
            raise LayoverError(f"the sandbox has no task {name!r}; {nearest(name, known)}")
    for name in task or (name for name in known if name != "sandbox/pretraining"):
        for split, spoken in tasks.get(name).languages.items():
            for code in spoken:
                say(str(files.write(name.removeprefix("sandbox/"), split, code, directory, seed=seed)))


@group.command()
def export(
    directory: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    *,
    model: Annotated[str, typer.Option(help="As `layover list models` names it.")] = "sandbox/mini",
) -> None:
    """Write an encoder as an ordinary transformers directory, for AutoModel, peft, adapters."""
    import shutil

    from layover_sandbox import encoders

    folder = encoders.folder_of(model)
    if folder is None:
        raise LayoverError(f"the sandbox has no encoder {model!r}; {nearest(model, encoders.names())}")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise LayoverError(f"{directory} is there and is not an empty folder; name another one, or remove it first")
    shutil.copytree(folder, directory, dirs_exist_ok=True)
    say(f"{directory}: {model}")


@group.command()
def package(
    recipe: RecipeArgument,
    directory: Annotated[Path, typer.Argument(help="A new folder.")],
    overrides: Overrides = None,
    *,
    model: Annotated[str, typer.Option(help="The model's label in the recipe.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write an encoder that a recipe pretrained, in fp16, with the card of how it came about."""
    from layover.cli.shared import planned
    from layover.hub.pretrained import package_encoder

    found = planned(recipe, overrides, store, needed=True)
    with found.store.locks.read("sandbox package", complain):
        card = package_encoder(found.plan, found.store, model, directory)
    say(f"{directory}: {card['recipe']} {model}, {card['steps']} steps, key {card['recipe_key'][:12]}")
    for language, scores in card["held_out"].items():
        say(f"  {language}  " + "  ".join(f"{name} {value:.3f}" for name, value in scores.items()))
