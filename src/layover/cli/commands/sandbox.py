"""sandbox: sentences, files and encoders of the built-in generated world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layover.cli.console import complain, say
from layover.cli.shared import DEFAULT_STORE, Overrides, RecipeArgument, StoreOption
from layover.errors import LayoverError, nearest

ORDER = 85

group = typer.Typer(help="Sentences, files and encoders of the built-in generated world.", no_args_is_help=True)


@group.command()
def show(
    *,
    count: Annotated[int, typer.Option(min=1, help="Number of sentences.")] = 5,
    language: Annotated[
        list[str] | None, typer.Option(help="Only this language; repeat for several; default: all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sentences.")] = 0,
) -> None:
    """Print a few sentences in every language."""
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
    directory: Annotated[Path, typer.Argument(help="Folder for the files; it gets a folder per task.")],
    *,
    task: Annotated[
        list[str] | None, typer.Option(help="sandbox/nli, ...; default: all but the large sandbox/pretraining.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generator.")] = 2020,
) -> None:
    """Write the data of tasks as files, in the format of the corresponding real tasks."""
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
    model: Annotated[str, typer.Option(help="A model from `layover list models`.")] = "sandbox/mini",
) -> None:
    """Write an encoder as a transformers directory, for AutoModel, peft and adapters."""
    import shutil

    from layover_sandbox import encoders

    folder = encoders.folder_of(model)
    if folder is None:
        raise LayoverError(f"the sandbox has no encoder {model!r}; {nearest(model, encoders.names())}")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise LayoverError(f"{directory} exists and is not an empty folder; name another folder, or remove it first")
    shutil.copytree(folder, directory, dirs_exist_ok=True)
    say(f"{directory}: {model}")


@group.command()
def package(
    recipe: RecipeArgument,
    directory: Annotated[Path, typer.Argument(help="A new folder.")],
    overrides: Overrides = None,
    *,
    model: Annotated[str, typer.Option(help="Label of the model in the recipe.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write an encoder that a recipe pretrained, in fp16, with a card about its training."""
    from layover.cli.shared import planned
    from layover.hub.pretrained import package_encoder

    prepared = planned(recipe, overrides, store, needed=True)
    with prepared.store.locks.read("sandbox package", complain):
        card = package_encoder(prepared.plan, prepared.store, model, directory)
    say(f"{directory}: {card['recipe']} {model}, {card['steps']} steps, key {card['recipe_key'][:12]}")
    for language, scores in card["held_out"].items():
        say(f"  {language}  " + "  ".join(f"{name} {value:.3f}" for name, value in scores.items()))
