"""The first table: best scores, marks, and lines that fit a terminal."""

from __future__ import annotations

from dataclasses import replace

from tests.report.conftest import Group, record_of

from layover.report import CellRow
from layover.report.gains import gains
from layover.report.latex import tables
from layover.report.markdown import first_table
from layover.report.summary import explained, summary
from layover.report.terminal import lines_of

NONE = [60.0, 61.0, 62.0]


def text_of(rows: list[CellRow], columns: int = 80) -> list[str]:
    return ["".join(piece for piece, _ in line).rstrip() for line in lines_of(summary(rows), columns)]


def test_scores_marks_and_the_best(group: Group) -> None:
    rows = [
        *group("lora", "none", NONE, target="sandbox/ner"),
        *group("lora", "sandbox/nli", [70.0, 71.0, 72.0], NONE, target="sandbox/ner"),
        *group("full", "none", [50.0, 51.0, 52.0], target="sandbox/ner"),
    ]
    assert text_of(rows) == [
        "                      ner",
        "method  intermediate  accuracy",
        "lora    none          61.0",
        "lora    nli           71.0 ▲+10.0",
        "full    none          51.0",
    ]
    bold = [piece for line in lines_of(summary(rows)) for piece, strong in line if strong]
    assert bold == ["71.0"]
    assert "▲ is a gain and ▼ a loss" in explained(summary(rows))
    assert str(first_table(summary(rows))).count("**71.0** ▲+10.0") == 1


def test_names_stay_whole_where_folders_differ(group: Group) -> None:
    rows = [*group("lora", "none", NONE), *group("lora", "sandbox/nli", [70.0, 71.0, 72.0], NONE)]
    assert summary(rows).short("sandbox/nli+sandbox/copa") == "sandbox/nli+sandbox/copa"
    inside = group("lora", "sandbox/nli", NONE, NONE, target="sandbox/ner")
    assert summary(inside).short("sandbox/nli+sandbox/copa") == "nli+copa"


def test_a_score_that_is_missing_has_a_word(group: Group) -> None:
    rows = group("lora", "none", [60.0])
    failed = replace(group("stack", "none", [1.0])[0], record=None, failure="out of memory")
    absent = replace(group("bn", "none", [1.0])[0], record=None)
    elsewhere = group("bn", "none", [50.0], target="copa")
    lines = text_of([*rows, failed, absent, *elsewhere])
    assert [line.split() for line in lines[2:]] == [
        ["lora", "none", "60.0", "–"],
        ["stack", "none", "failed", "–"],
        ["bn", "none", "missing", "50.0"],
    ]


def test_equal_scores_are_best_together(group: Group) -> None:
    rows = group("lora", "none", [60.0]) + group("full", "none", [60.04])
    table = summary(rows)
    assert [line["xnli"].best for line in table.lines.values()] == [True, True]
    assert "no gain is marked" in explained(table)


def test_no_line_is_longer_than_the_terminal(group: Group) -> None:
    targets = [f"a-target-with-a-long-name-{number}" for number in range(12)]
    rows = [
        row
        for target in targets
        for model in ("base", "large-with-a-name-that-does-not-end")
        for intermediate in ("none", "sandbox/nli+sandbox/completion+sandbox/parallel")
        for row in group("lora", intermediate, NONE, NONE if intermediate != "none" else (), target=target, model=model)
    ]
    lines = text_of(rows)
    assert max(map(len, lines)) <= 80
    shown = "\n".join(lines)
    assert sum(line.startswith("model") for line in lines) > 1, "targets follow below"
    assert shown.count("61.0") == 12 * 4
    assert "…" in shown


def test_latex_is_whole_and_escaped(group: Group) -> None:
    rows = [
        *group("lo_ra", "none", NONE, target="50%&co"),
        *group("lo_ra", "a\\b{c}$^~", [70.0, 71.0, 72.0], NONE, target="50%&co"),
    ]
    text = tables(summary(rows), gains(rows), "my_sweep #1")
    assert r"lo\_ra & a\textbackslash{}b\{c\}\$\textasciicircum{}\textasciitilde{}" in text
    assert r"50\%\&co" in text
    assert r"\textbf{71.0}$^{\uparrow}$" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    for block in text.split(r"\begin{tabular}")[1:]:
        columns = block[1 : block.index("}")]
        body = block[: block.index(r"\end{tabular}")]
        lines = [line for line in body.split("\n") if line.endswith(r"\\")]
        assert {line.replace(r"\&", "").count("&") for line in lines} == {len(columns) - 1}
    assert r"\label{tab:my-sweep--1-scores}" in text


def test_bold_and_marks_are_over_the_same_languages(group: Group) -> None:
    whole = [replace(row, record=record_of(en=90.0, sw=60.0, de=70.0)) for row in group("lora", "none", NONE)]
    narrow = [replace(row, record=record_of(en=90.0, sw=None, de=65.0)) for row in group("full", "none", NONE)]
    table = summary([*whole, *narrow])
    assert [line["xnli"].score() for line in table.lines.values()] == ["65.0", "65.0"]
    assert [line["xnli"].best for line in table.lines.values()] == [True, False]
    assert "xnli: in some cells only 2 of 3 languages have scores." in explained(table)


def test_a_target_without_any_score_says_so(group: Group) -> None:
    blind = [replace(row, record=record_of(en=None, sw=None)) for row in group("lora", "none", [60.0])]
    table = summary(blind)
    assert table.lines["base", "lora", "none"]["xnli"].score() == "no score"
    assert "none is zero-shot" not in explained(table)
    english = [replace(row, record=record_of(en=90.0)) for row in group("lora", "none", [60.0])]
    assert "All languages: xnli (none is zero-shot)." in explained(summary(english))


def test_different_numbers_of_seeds_are_told(group: Group) -> None:
    rows = group("lora", "none", NONE) + group("full", "none", [60.0])
    assert "and 1 to 3 seeds" in explained(summary(rows))
    fixed = [replace(row, cell=replace(row.cell, seeded=False)) for row in group("bn", "none", [60.0])]
    assert "and 3 seeds" in explained(summary([*group("lora", "none", NONE), *fixed]))


def test_names_cannot_leave_their_place_in_latex(group: Group) -> None:
    english = [
        replace(row, record=record_of(en=90.0), cell=replace(row.cell, target="ev$il$"))
        for row in group("lora", "none", NONE)
    ]
    text = tables(summary(english), [], "x")
    assert r"All languages: ev\$il\$ (none is zero-shot)" in text
    marked = tables(summary(group("lora", "mnli", [70.0, 71.0, 72.0], NONE)), [], "x")
    assert r"$\uparrow$ is a gain and $\downarrow$ a loss" in marked
