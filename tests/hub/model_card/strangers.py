"""Transfer cards with a text of a stranger wherever it may stand, and the elements of a page."""

from __future__ import annotations

import json
from typing import Any

from markdown_it import MarkdownIt

from layover.packages.card import Card

READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def elements(page: str) -> list[tuple[str, str, str]]:
    """Return the elements of Markdown without their texts, in their order."""
    tokens = READER.parse(page)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    texts = {"text", "text_special", "softbreak", "inline"}
    return [(token.type, token.tag, token.info) for token in flat if token.type not in texts]


def told(card: Card, text: str) -> Card:
    """Return a scored package with a text of a stranger wherever it may stand."""
    values: dict[str, Any] = json.loads(card.model_dump_json(by_alias=True))
    scores = values["scores"]
    scores |= {"split": text, "languages": {text: 50.0, "en": 60.0, "de": None, "de-x": 1.0}, "missing": {"de": text}}
    scores |= {"examples": {text: 5, "en": 7}, "partial": {text: text}, "thresholds": {text: 0.25}}
    scores |= {"every": {text: {"accuracy": 50.0}, "en": {"accuracy": 60.0}}, "by_seed": {"1": 50.0, "2": None}}
    for data in scores["data"]:
        data |= {"hub": f"org/name:{text}", "revision": text, "split": text, "licence": text}
    for data in values["data"]:
        data |= {"split": text, "licence": text, "task": text, "language": text, "citation": text}
    values["data"][0] |= {"joined": text}
    values["task"] |= {"labels": [text, f"{text}2"], "meanings": {text: text}}
    for training in values["trainings"]:
        training |= {"tasks": [text, text], "precision": text, "selection": text}
        training |= {"class_weights": {text: {text: 2.0}}, "kept_step": 2, "objective": {"name": text, text: 2.0}}
        training |= {"curve": [{"step": 2, "epoch": 1.0, "loss": None, "scores": {text: 50.0}}]}
        training["module"] |= {"name": text, "rank": text, text: {text: [text]}}
    search = {"searched": text, "chosen": text, "chosen_for": text, "sampler": text, "budget": 2, "seeds": [1]}
    search |= {"trials": [{"values": text, "score": 1.0, "share": 1.0}], "edges": [text], "stage": "both"}
    named = {"title": text, "recipe": text, "versions": {text: text}}
    return Card.model_validate({**values, **named, "search": search})


def unlabelled(card: Card, text: str) -> Card:
    """Return an intermediate of a mixture that says little of itself, with a text of a stranger."""
    values: dict[str, Any] = json.loads(told(card, text).model_dump_json(by_alias=True))
    values["probe"]["outputs"] = None
    values |= {"scores": None, "cost": None, "stage": "intermediate"}
    values["base"] |= {"name": None}
    return Card.model_validate(values)


def unexplained(card: Card, text: str) -> Card:
    """Return a package over an encoder of a hub whose labels have no meaning, with a text of a stranger."""
    values: dict[str, Any] = json.loads(told(card, text).model_dump_json(by_alias=True))
    values["task"] |= {"meanings": None}
    values["base"] |= {"name": "org/encoder", "revision": "abc"}
    values |= {"plugins": {"plug": "1.0"}, "skipped_layers": 1}
    values["scores"] |= {"task": text, "languages": {"es-ar": 50.0}}
    first, second = values["data"]
    first |= {"sandbox": True, "hub": "org/set:name"}
    second |= {"sandbox": False, "hub": f"org/{text}:{text}", "revision": text}
    return Card.model_validate(values)


def merged(card: Card) -> Card:
    """Return a package whose program for peft adds up modules with weights."""
    values: dict[str, Any] = json.loads(card.model_dump_json(by_alias=True))
    below, own = values["pieces"]
    values["composition"] = {"name": "merge", "method": "exact", "weights": [0.75, -0.5], "rank": None, "density": None}
    values["pieces"] = [below | {"role": "intermediate.0"}, below | {"role": "intermediate.1"}, own]
    return Card.model_validate(values)
