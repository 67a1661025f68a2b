"""The LaTeX of a report is compiled by a real LaTeX, hostile names included."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.report.conftest import Group

from layover.report.gains import gains
from layover.report.latex import tables
from layover.report.summary import summary

LATEX = shutil.which("pdflatex")
NONE = [60.0, 61.0, 62.0]
HOSTILE = [
    "a_b",
    "50%",
    "#1",
    "a&b",
    "$x$",
    "{",
    "}",
    "^",
    "~",
    "\\input{x}",
    "<>|",
    '"',
    "[x]",
    "– ± …",
    "é ü ß",
    "-x",
]
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
\begin{document}
\input{tables}
\end{document}
"""


def compiled(text: str, folder: Path) -> str:
    """Compile tables; return what LaTeX said."""
    (folder / "tables.tex").write_text(text, encoding="utf-8")
    (folder / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "document.tex"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "document.pdf").read_bytes().startswith(b"%PDF")
    return done.stdout


@pytest.mark.skipif(LATEX is None, reason="pdflatex is not installed")
def test_a_real_latex_takes_it(group: Group, tmp_path: Path) -> None:
    rows = [
        row
        for target in ("xnli", "50%_#")
        for intermediate in ("none", *HOSTILE)
        for row in group(
            "lo_ra", intermediate, [70.0, 71.0, 72.0], NONE if intermediate != "none" else (), target=target
        )
    ]
    said = compiled(tables(summary(rows), gains(rows), "a_b & $c$"), tmp_path)
    assert "Missing character" not in said


@pytest.mark.skipif(LATEX is None, reason="pdflatex is not installed")
def test_tables_of_a_usual_sweep_fit_a_page(group: Group, tmp_path: Path) -> None:
    """Four methods, three intermediates and none, four targets."""
    rows = [
        row
        for target in ("paraphrase", "ner", "copa", "aligned")
        for method in ("full", "lora", "stack", "bn")
        for intermediate in ("none", "parallel", "nli", "completion")
        for row in group(
            method,
            f"sandbox/{intermediate}" if intermediate != "none" else "none",
            [70.0, 71.0, 72.0],
            NONE if intermediate != "none" else (),
            target=f"sandbox/{target}",
        )
    ]
    said = compiled(tables(summary(rows), gains(rows), "quickstart"), tmp_path)
    assert "Overfull" not in said
    assert "Float too large" not in said
