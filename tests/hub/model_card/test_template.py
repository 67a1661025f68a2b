"""The template of a model card: no value reaches the page without a filter that escapes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.hub.model_card.conftest import SHIPPED
from tests.hub.model_card.strangers import elements, merged, told, unexplained, unlabelled

from layover.hub import model_card
from layover.hub.model_card import environment, markdown
from layover.hub.model_card.page import page_of
from layover.hub.model_card.programs import programs_of
from layover.packages.card import Card, read_card

TEXT = "a|b `c` [d](e) <b>x</b> *y* \u202e"
SOURCE = (Path(model_card.__file__).parent / model_card.TEMPLATE).read_text(encoding="utf-8")
STACKED = ("mini-stack-sandbox-nli-sandbox-paraphrase-s1", "mini-bn-sandbox-completion-sandbox-copa-s1")
ESCAPES = re.compile(r" \| (plain|plains|inline|bold|code|codes|note|cell|quoted|address)\b(?! \|\| )")


def of(card: Card) -> dict[str, Any]:
    """Return what the template reads."""
    return {"card": card, "page": page_of(card, 5, pictured=True), "programs": programs_of(card)}


@pytest.fixture(scope="module")
def pages() -> list[tuple[dict[str, Any], str]]:
    """The values of cards that together use every line of the template with a filter, and their pages."""
    cards = [read_card(file.parent) for file in sorted(SHIPPED.glob("*/transfer_card.json"))]
    stack, bottleneck = (next(card for card in cards if card.id.startswith(name)) for name in STACKED)
    hostile = [made(card, TEXT) for made in (told, unlabelled, unexplained) for card in (stack, bottleneck)]
    hostile.append(merged(stack))
    every = [of(card) for card in [*hostile, *cards]]
    return [(values, environment().get_template(model_card.TEMPLATE).render(values)) for values in every]


class Switches:
    """The template with every escaping filter behind a switch of its own; one of them may be off."""

    def __init__(self) -> None:
        self.off: int | None = None
        self.parts: list[str] = []
        made = environment().overlay()
        made.filters = dict(made.filters)
        self.template = made.from_string(ESCAPES.sub(lambda match: self._switch(match, made.filters), SOURCE))

    def _switch(self, match: re.Match[str], filters: dict[str, Any]) -> str:
        """Return the name of a filter that the switch of this number turns off."""
        number, escape = len(self.parts), filters[match[1]]
        filters[f"switch_{number}"] = lambda value: value if self.off == number else escape(value)
        self.parts.append(SOURCE[match.start() - 60 : match.end()])
        return f" | switch_{number}"

    def is_noticed(self, number: int, pages: list[tuple[dict[str, Any], str]]) -> bool:
        """Return whether the template without a filter fails, or makes pages with other elements."""
        self.off = number
        for values, page in pages:
            try:
                text = self.template.render(values)
            except TypeError as error:
                if "passed no filter of layover.escape" in str(error):
                    return True
                raise
            if text != page and elements(text) != elements(page):
                return True
        return False


def test_without_any_of_its_filters_no_page_is_made(pages: list[tuple[dict[str, Any], str]]) -> None:
    """A filter that is forgotten stops the rendering, or changes the elements of a page with a stranger's text."""
    switches = Switches()
    assert [switches.template.render(values) for values, _ in pages] == [page for _, page in pages]
    assert len(switches.parts) > 80
    assert [part for number, part in enumerate(switches.parts) if not switches.is_noticed(number, pages)] == []


def test_a_text_that_passed_no_filter_is_refused(shipped: Card) -> None:
    template = environment().from_string("{{ card.title }}")
    with pytest.raises(TypeError, match="passed no filter"):
        template.render(card=shipped)
    assert environment().from_string("{{ card.title | plain }}").render(card=shipped) == model_card.title(shipped)


def test_a_page_has_no_empty_paragraphs(pages: list[tuple[dict[str, Any], str]]) -> None:
    for values, page in pages:
        assert "\n\n\n" not in page, values["card"].id
        assert page.endswith(".\n")
        assert not re.search(r"[^\n]\n#", page.split("```")[0])
        assert page == markdown(values["card"], 5, pictured=True)
