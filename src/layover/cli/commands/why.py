"""why: explain why a node runs (again), or why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from layover.cli.console import answer, say
from layover.cli.shared import DEFAULT_STORE, JsonOption, Overrides, StoreOption, planned
from layover.errors import LayoverError, StoreError

if TYPE_CHECKING:
    from layover.plan.choices import Round

ORDER = 50


def command(
    key: Annotated[str, typer.Argument(help="First letters of a key; `layover plan --nodes` lists the keys.")],
    recipe: Annotated[str, typer.Argument(help="Recipe that needs the node.")] = "",
    overrides: Overrides = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Explain a node: its settings, and its differences from the nearest finished node."""
    from pathlib import Path

    from layover.plan.rounds import everything
    from layover.plan.why import NOTHING, NodeNames, explain
    from layover.store import FileHashes, Store
    from layover.store.hashes import HASHES

    if recipe:
        prepared = planned(Path(recipe), overrides, store)
        opened, nodes = prepared.store, everything(prepared.plan)
        rounds = {choice.key: choice for choice in prepared.plan.rounds}
        known = NodeNames.of(prepared.plan, FileHashes(store / HASHES))
    else:
        opened, nodes, rounds = Store.existing(store), {}, {}
        known = NOTHING
    looks = opened.survey()
    full = _full_key(key, {*nodes, *looks, *opened.failures.keys(), *rounds})
    if full in rounds:
        _print_round(rounds[full], opened.finished(), as_json=json)
        return
    damage = looks[full].damage if full in looks else None
    identity = nodes[full].spec.canonical() if full in nodes else _stored_identity(opened, full)
    result: dict[str, Any] = {
        "key": full,
        "finished": full in looks and damage is None,
        "damage": damage,
        "label": nodes[full].label if full in nodes else None,
        "identity": identity,
        "failure": opened.failures.get(full),
        "nearest": None,
    }
    if identity is not None and not result["finished"]:
        planned_forms = {key: node.spec.canonical() for key, node in nodes.items()}
        result["nearest"] = explain(full, identity, opened, planned_forms, known)
    if json:
        answer(result)
    else:
        _print(result)


def _print_round(choice: Round, finished: set[str], *, as_json: bool) -> None:
    """Print the candidates of a round, which of them are finished, their scores, and the choice."""
    chosen = choice.chosen
    candidates: list[dict[str, Any]] = [
        {
            "value": candidate.value,
            "nodes": list(candidate.nodes),
            "finished": finished.issuperset(candidate.nodes),
            "score": None if chosen is None else chosen.scores.get(candidate.value),
        }
        for candidate in choice.candidates
    ]
    values = None if chosen is None else list(chosen.values)
    if as_json:
        answer(
            {"key": choice.key, "label": choice.label, "rule": choice.rule, "candidates": candidates, "chosen": values}
        )
        return
    state = "open" if values is None else f"chose {', '.join(values)}"
    say(f"{choice.key}: {choice.label}, by {choice.rule}: {state}")
    for candidate in candidates:
        score = "" if candidate["score"] is None else f", {candidate['score']:g}"
        there = "finished" if candidate["finished"] else "not finished"
        nodes = ", ".join(key[:12] for key in candidate["nodes"])
        say(f"  {candidate['value']}: {there}{score} ({nodes})")


def _full_key(prefix: str, keys: set[str]) -> str:
    matching = sorted(key for key in keys if key.startswith(prefix))
    if len(matching) != 1:
        keys_found = "no key starts" if not matching else f"{len(matching)} keys start"
        raise StoreError(f"{keys_found} with {prefix!r}; name the recipe too, or write more letters")
    return matching[0]


def _stored_identity(store: Any, key: str) -> dict[str, Any] | None:
    try:
        identity: dict[str, Any] = store.done(key)["identity"]
    except LayoverError:
        return None
    return identity


def _print(result: dict[str, Any]) -> None:
    state = "finished" if result["finished"] else "not finished"
    say(f"{result['key']}: {state}" + (f" ({result['label']})" if result["label"] else ""))
    if result["damage"]:
        say(f"damaged: {result['damage']}; `layover run` computes it again")
    if result["failure"]:
        say(f"failed: {result['failure']['error']}")
        if result["failure"]["traceback"]:
            say(*result["failure"]["traceback"].split("\n"))
    if result["finished"]:
        for name, value in (result["identity"] or {}).items():
            say(f"  {name}: {value}")
    elif result["nearest"] is not None:
        label = result["nearest"]["label"]
        say(f"nearest finished node: {result['nearest']['key'][:12]}{f' ({label})' if label else ''}; it differs in")
        say(*(f"  {line}" for line in _lines(result["nearest"]["differences"])))
    else:
        say("there is no finished node of its kind to compare with")


def _lines(differences: list[dict[str, Any]]) -> list[str]:
    """Return a line for each difference; a changed file or plug-in gets one line for all its differences."""
    lines: dict[str, list[str]] = {}
    for difference in differences:
        there, here = difference["there"], difference["here"]
        if "file" in difference:
            before = there[:12] if isinstance(there, str) else repr(there)
            change = {True: " has changed", False: ": another file is read there", None: ""}[difference["changed"]]
            text = f"{difference['file']}{change}: sha256 {before} there, {here[:12]} here"
            lines.setdefault(text, []).append(difference["path"])
        elif (name := _plugin_at(difference["path"])) is not None:
            text = f"the plug-in {name} has changed: {there or 'none'} there, {here or 'none'} here"
            lines.setdefault(text, []).append(difference["path"])
        else:
            lines.setdefault(f"{difference['path']}: {there!r} there, {here!r} here", [])
    more = {text: f" and {len(paths) - 1} more" if len(paths) > 1 else "" for text, paths in lines.items()}
    return [f"{text} ({paths[0]}{more[text]})" if paths else text for text, paths in lines.items()]


def _plugin_at(path: str) -> str | None:
    """Return the distribution whose version differs, or None for any other difference."""
    own = path.rpartition(" > ")[2]
    return own.removeprefix(_PLUGINS) if own.startswith(_PLUGINS) else None


_PLUGINS = "plugins."
"""Prefix of a distribution in the path of a difference."""
