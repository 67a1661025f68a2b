"""`layover predict`: files, standard input and texts in, lines of JSON out, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover import Layover
from layover.cli.commands import predict as verb
from layover.cli.main import main
from layover.inference.inputs import input_of
from layover.stopping import Stop

if TYPE_CHECKING:
    from tests.conftest import Served

NLI = "mini-stack-sandbox-nli-s1"
NER = "mini-bn-sandbox-nli-sandbox-ner-s1"
PAIRS = [{"premise": f"{name} lives in Berlin.", "hypothesis": f"{name} sleeps."} for name in ("Anna", "Clara", "Tom")]
SENTENCES = ["Anna lives in Berlin .", "Tom sleeps .", "Clara"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `layover predict ARGUMENTS` in this process, where the libraries are loaded."""

    def ran(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["layover", "predict", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return ran


@pytest.fixture(scope="module")
def expected(served: Served) -> dict[str, list[dict[str, Any]]]:
    """What the packages say of the rows, from Python."""
    model = Layover.load([served.packages / NLI, served.packages / NER])
    return {
        NLI: [as_json(one) for one in model.predict(PAIRS, package=NLI)],
        NER: [as_json(one) for one in model.predict(SENTENCES, package=NER)],
    }


def as_json(result: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(asdict(result)))
    return values


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def close(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Hold lines to each other, but for the rounding of batches of other sizes."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert {**one, "scores": None, "id": None} == {**other, "scores": None, "id": None}
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_files_of_all_formats(run: Run, served: Served, expected: dict[str, Any], tmp_path: Path) -> None:
    jsonl = written(tmp_path / "pairs.jsonl", [{**pair, "label": "?", "more": [1]} for pair in PAIRS])
    rows = ["premise\thypothesis", *(f"{pair['premise']}\t{pair['hypothesis']}" for pair in PAIRS)]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "pairs.jsonl.gz").write_bytes(gzip.compress(jsonl.read_bytes()))
    (tmp_path / "pairs").write_bytes(jsonl.read_bytes())
    for name, more in (
        ("pairs.jsonl", ()),
        ("pairs.tsv", ()),
        ("pairs.jsonl.gz", ()),
        ("pairs", ("--format", "jsonl")),
    ):
        code, out, _ = run("--package", served.packages / NLI, tmp_path / name, *more)
        assert code == 0
        close(lines(out), expected[NLI])
    (tmp_path / "words.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    code, out, _ = run("--package", served.packages / NER, tmp_path / "words.txt")
    assert code == 0
    close(lines(out), expected[NER])


def test_one_text_and_one_row(run: Run, served: Served, expected: dict[str, Any]) -> None:
    code, out, _ = run("--package", served.packages / NER, SENTENCES[0])
    close(lines(out), expected[NER][:1])
    code, out, _ = run("--package", served.packages / NLI, json.dumps(PAIRS[1]))
    assert code == 0
    close(lines(out), expected[NLI][1:2])


def test_quotes_in_a_table(run: Run, served: Served, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text('premise\thypothesis\n"Yes" he said.\tHe said "no".\n', encoding="utf-8")
    code, out, err = run("--package", served.packages / NLI, tmp_path / "pairs.tsv")
    assert (code, out) == (2, "")
    assert "pairs.tsv:2" in err
    code, out, _ = run("--package", served.packages / NLI, tmp_path / "pairs.tsv", "--no-quoting")
    assert code == 0
    row = json.dumps({"premise": '"Yes" he said.', "hypothesis": 'He said "no".'})
    close(lines(out), lines(run("--package", served.packages / NLI, row)[1]))


def test_rows_name_their_packages(run: Run, served: Served, expected: dict[str, Any], tmp_path: Path) -> None:
    rows, wanted = [], []
    for pair, sentence, one, other in zip(PAIRS, SENTENCES, expected[NLI], expected[NER], strict=True):
        rows += [{**pair, "package": NLI}, {"text": sentence, "package": NER}]
        wanted += [{"package": NLI, **one}, {"package": NER, **other}]
    both = ("--package", served.packages / NLI, "--package", served.packages / NER)
    code, out, _ = run(*both, written(tmp_path / "rows.jsonl", rows))
    assert code == 0
    close(lines(out), wanted)
    for package, message in (
        ("mini", "the package 'mini' is not loaded"),
        (None, "no package is named; name one of: "),
        (3, "'3'|3"),
    ):
        bad = written(
            tmp_path / "bad.jsonl", [rows[0], {**PAIRS[0], **({} if package is None else {"package": package})}]
        )
        code, out, err = run(*both, bad)
        assert (code, out) == (2, "")
        assert f"{bad}:2: " in err
        assert package == 3 or message in err
    alone = [{**pair, "package": NER} for pair in PAIRS]  # a column of some data, where one package is all there is
    code, out, _ = run("--package", served.packages / NLI, written(tmp_path / "other.jsonl", alone))
    assert code == 0
    close(lines(out), expected[NLI])
    close(lines(out), [as_json(one) for one in Layover.load(served.packages / NLI).predict(alone)])


def test_many_rows_are_read_some_at_a_time(
    run: Run, served: Served, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    predict = Layover.predict

    def counted(self: Layover, rows: Any, **more: Any) -> Any:
        seen.append(len(rows))
        return predict(self, rows, **more)

    monkeypatch.setattr(Layover, "predict", counted)
    monkeypatch.setattr(verb, "AT_ONCE", 4)
    code, out, _ = run("--package", served.packages / NLI, written(tmp_path / "rows.jsonl", PAIRS * 3))
    assert code == 0
    assert seen == [4, 4, 1]
    close(lines(out), expected[NLI] * 3)


def test_a_bad_row_stops_before_anything_is_computed_or_written(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Layover, "load", lambda *_, **__: pytest.fail("the rows are looked at first"))
    rows = written(tmp_path / "rows.jsonl", [*PAIRS, {"premise": "a", "hypotesis": "b"}])
    out = tmp_path / "out.jsonl"
    out.write_text("old\n", encoding="utf-8")
    for more in ((), ("--out", out)):
        code, said, err = run("--package", served.packages / NLI, rows, *more)
        assert (code, said) == (2, "")
        assert f"{rows}:4: the field 'hypothesis' is missing ('hypotesis': did you mean 'hypothesis'?)" in err
    assert out.read_text(encoding="utf-8") == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "rows.jsonl"]


def test_a_file_of_results_is_whole_or_not_there(
    run: Run, served: Served, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, out = written(tmp_path / "rows.jsonl", PAIRS), tmp_path / "out.jsonl"
    code, said, _ = run("--package", served.packages / NLI, rows, "--out", out)
    assert (code, said) == (0, "")
    close(lines(out.read_text(encoding="utf-8")), expected[NLI])
    out.unlink()
    monkeypatch.setattr(verb, "AT_ONCE", 2)
    predict, calls = Layover.predict, [0]

    def stopped(self: Layover, *arguments: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise Stop
        return predict(self, *arguments, **more)

    monkeypatch.setattr(Layover, "predict", stopped)
    code, _, err = run("--package", served.packages / NLI, rows, "--out", out)
    assert code == 130
    assert "nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_pipe_or_a_device_is_not_replaced_by_the_results(run: Run, served: Served, tmp_path: Path) -> None:
    rows, pipe = written(tmp_path / "rows.jsonl", PAIRS), tmp_path / "pipe"
    os.mkfifo(pipe)
    code, _, err = run("--package", served.packages / NLI, rows, "--out", pipe)
    assert code == 2
    assert "is not an ordinary file; omit --out" in err
    assert pipe.is_fifo()


def test_a_link_to_the_results_stays_one(run: Run, served: Served, expected: dict[str, Any], tmp_path: Path) -> None:
    rows, link, real = written(tmp_path / "rows.jsonl", PAIRS), tmp_path / "link", tmp_path / "real"
    link.symlink_to(real)
    assert run("--package", served.packages / NLI, rows, "--out", link)[0] == 0
    assert link.is_symlink()
    close(lines(real.read_text(encoding="utf-8")), expected[NLI])


def start(served: Served, *arguments: object) -> subprocess.Popen[str]:
    """Start `layover predict` in a process of its own."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [
        sys.executable,
        "-m",
        "layover",
        "predict",
        "--package",
        str(served.packages / NLI),
        *map(str, arguments),
    ]
    return subprocess.Popen(command, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}, **pipes)


def test_standard_input(served: Served, expected: dict[str, Any]) -> None:
    process = start(served, "-")
    out, err = process.communicate("".join(json.dumps(row) + "\n" for row in [*PAIRS * 400, {"premise": "a"}]), 120)
    assert process.returncode == 2
    assert "/dev/stdin:1201: the field 'hypothesis' is missing" in err
    close(lines(out), (expected[NLI] * 400)[: verb.AT_ONCE])


def test_a_stopped_stream_leaves_nothing_behind(served: Served, tmp_path: Path) -> None:
    process = start(served, "--out", tmp_path / "out.jsonl")
    assert process.stdin is not None
    process.stdin.write(json.dumps(PAIRS[0]) + "\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any(tmp_path.iterdir())
    process.send_signal(signal.SIGTERM)  # Ctrl-C is ignored where tests run in the background
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped; nothing was written" in err
    assert "Traceback" not in err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("nowhere.jsonl", (), "nowhere.jsonl: no such file"),
        ("a text", (), "row 1: the field 'premise' is missing (it has text); sandbox/nli reads premise and hypothesis"),
        ("{'premise': 1}", (), "the row \"{'premise': 1}\": not JSON"),
        (".", (), ". is a folder"),
        ("rows.dat", (), "rows.dat: unknown extension (known: .jsonl, .tsv, .txt); give the format with --format"),
        ("rows.dat", ("--format", "json"), "--format json: unknown format; did you mean 'jsonl'?"),
        ("rows.dat", ("--format", "text"), "rows.dat: the file has no rows"),
        ("nowhere", ("--format", "jsonl"), "nowhere: no such file; --format jsonl needs a file"),
        ("{" + '"a":[' * 100_000, (), "not JSON"),
        ("{}", ("--out", "."), "--out .: is a folder"),
        ("{}", ("--out", "nowhere/out"), "--out nowhere/out: the folder nowhere does not exist"),
        ("{}", (), "row 1: the field 'premise' is missing (it has none)"),
        (
            '{"first": "a", "second": "b"}',
            ("--precision", "fp16"),
            "precision: float16 is not offered: its gradients need a scale",
        ),
        (
            '{"first": "a", "second": "b"}',
            ("--precision", "bf61"),
            "precision: 'bf61' is unknown; did you mean 'bf16'?",
        ),
        ('{"first": "a", "second": "b"}', ("--device", "gpu"), "device: 'gpu' is not a device"),
        (
            '{"first": "a", "second": "b"}',
            ("--batch-tokens", "0"),
            "batch_tokens is 0, but must be a whole number of at least 1",
        ),
        ('{"first": "a", "second": "b"}', ("--base", "sandbox/small"), "belongs to an encoder of another size"),
    ],
)
def test_mistakes(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, more: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.dat").write_text("", encoding="utf-8")
    code, out, err = run("--package", served.packages / NLI, text, *more)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_an_empty_line_is_no_row_left_out(run: Run, served: Served, tmp_path: Path) -> None:
    (tmp_path / "holes.txt").write_text("a\n\nb\n", encoding="utf-8")
    code, out, err = run("--package", served.packages / NER, tmp_path / "holes.txt")
    assert (code, out) == (2, "")
    assert "holes.txt:2: an empty line between sentences" in err


def test_a_folder_that_is_no_package(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--package", tmp_path, "a text")
    assert code == 2
    assert "no package: the folder has no transfer_card.json" in err


def test_what_a_package_rests_on_is_named(run: Run, served: Served, tmp_path: Path) -> None:
    shutil.copytree(served.packages / NER, tmp_path / NER)
    code, _, err = run("--package", tmp_path / NER, "Anna sleeps .")
    assert code == 2
    assert "--with" in err
    code, out, _ = run(
        "--package", tmp_path / NER, "--with", served.packages / "mini-bn-sandbox-nli-s1", "Anna sleeps ."
    )
    assert code == 0
    assert lines(out)[0]["tokens"] == ["Anna", "sleeps", "."]


def test_a_text_is_told_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.txt").write_text("a\n", encoding="utf-8")
    assert input_of("there.txt", None).path == Path("there.txt")
    for text in ("a" * 5000, "Open there.txt", "x\0y", "What is a .jsonl?", "and/or"):
        assert [row.values for row in input_of(text, None).rows()] == [{"text": text}]
