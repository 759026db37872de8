"""What a user can cure is told in one sentence and ends with code 2; a fault keeps its trace."""

import logging
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import yaml

from parhelion.flows import cli
from parhelion.flows.failures import Uncurable
from parhelion.generators.repaint import RepaintConfig
from parhelion.pipeline.contracts import TestGroupInFit
from parhelion.pipeline.plan_requests import NoParent
from parhelion.pipeline.readiness import NotReady
from parhelion.pipeline.run_lock import RunFolderBusy

FOLDER_RUN = {
    "name": "own",
    "sources": [{"adapter": "folder", "settings": {"path": "nowhere"}}],
    "generators": [{"generator": "weather"}],
}


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command says on standard error before it ends with code 2."""
    monkeypatch.setattr(sys, "argv", ["parhelion", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("augment", "nothing"), "nothing: wanted a YAML file or a recipe"),
        (
            ("audit", "own.yaml"),
            r"sources.0 (folder): folder: wanted a folder of images at nowhere",
        ),
        (("report", "runs/none"), "wanted the folder of a finished run, got runs/none"),
        (("replay", "f1", "--run", "runs/none"), "no frame f1 in runs/none"),
        (("ingest", "--adapter", "none", "x"), "--adapter none: "),
        (("ingest", "--adapter", "folder", "x", "--size", "9"), "--adapter folder: --size wants"),
        (("ingest", "--adapter", "folder", "x", "--setting", "a"), "--adapter folder: --setting"),
        (("ingest", "demo", "--size", "9x9"), "--size and --setting go with --adapter"),
        (("capture", "--out", "new", "--port", "99999"), "command line: wanted a capture"),
        (("generate", "demo", "--edit", " ?"), "--edit wants a wish such as"),
        (("serve", "demo"), "serve wants one of --cron and --interval"),
    ],
)
def test_a_command_that_cannot_be_done_says_so(
    words: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(yaml.safe_dump(FOLDER_RUN))
    assert told(monkeypatch, capsys, *words).startswith(sentence)


@pytest.mark.parametrize(
    "error", [NoParent("a"), NotReady("a"), RunFolderBusy("a"), TestGroupInFit("a")]
)
def test_a_failure_of_a_run_that_can_be_cured_is_a_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("parhelion.flows.launch.launch", _raising(error))
    assert told(monkeypatch, capsys, "augment", "demo") == "a\n"


def test_a_fault_in_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parhelion.flows.launch.launch", _raising(TypeError("a fault")))
    monkeypatch.setattr(sys, "argv", ["parhelion", "augment", "demo"])
    with pytest.raises(TypeError, match="a fault"):
        cli.main()


def test_the_orchestrator_logs_no_trace_of_what_is_told_in_a_sentence() -> None:
    def record(error: Exception) -> logging.LogRecord:
        info = (type(error), error, None)
        return logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 0, "failed", None, info)

    assert not Uncurable().filter(record(NoParent("no frame")))
    assert Uncurable().filter(record(TypeError("a fault")))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError("disk full"), True),
        (BrokenProcessPool("killed"), True),
        (TypeError("a fault"), False),
        (ValueError("a wrong value"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    from prefect.states import Failed

    from parhelion.flows.augment import draw_chunk, may_pass

    assert may_pass(None, None, Failed(data=error)) is again
    assert draw_chunk.retry_condition_fn is may_pass


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that ends well says on standard output."""
    monkeypatch.setattr(sys, "argv", ["parhelion", *words])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None)
    return capsys.readouterr().out


def test_parts_are_listed_with_what_they_give_and_need(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.strip() for line in said(monkeypatch, capsys, "generators").splitlines()]
    weather = next(i for i, line in enumerate(lines) if line.startswith("weather "))
    assert lines[weather + 1] == "models p(x | y, parent), needs camera, depth, stencil"
    rows = said(monkeypatch, capsys, "adapters").splitlines()
    street = next(row for row in rows if row.strip().startswith("street "))
    assert "camera, depth, " in street


def test_every_setting_of_a_generator_is_told_with_its_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = said(monkeypatch, capsys, "generators", "repaint")
    assert "a part of a picture drawn anew" in page
    rows = {cells[0]: cells for line in page.splitlines() if (cells := line.split())}
    assert set(RepaintConfig.model_fields) <= set(rows)
    assert rows["levels"][1:4] == ["20", "drawing", "of"]
    assert rows["width"][1:3] == ["64", "channels"]  # of the class that it has it from
    sentence = told(monkeypatch, capsys, "generators", "nobody")
    assert "no generator 'nobody'; there are: " in sentence


def test_the_page_of_adapters_is_the_one_in_the_docs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[1] / "docs" / "adapters.md"
    assert said(monkeypatch, capsys, "adapters", "--page") == page.read_text()


def _raising(error: Exception):  # type: ignore[no-untyped-def]
    def launch(*args: object, **settings: object) -> None:
        raise error

    return launch
