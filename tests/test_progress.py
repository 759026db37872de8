"""Who watches a run sees its stages, and the steps of long chunks; and nothing depends on it."""

import io
import sys

from parhelion.flows.progress import LINES, StageBars
from parhelion.pipeline import progress, workers
from parhelion.pipeline.engine import Stage, run_stage
from parhelion.pipeline.progress import steps_told, told_in
from parhelion.pipeline.workers import SpawnPool


def test_a_long_chunk_is_seen_at_its_steps_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "LOOK_S", 0.05)
    seen = []

    def look(stage, done, total):
        seen.append((stage, done, total))
        (tmp_path / "seen").touch()

    stage = Stage(name="tell")
    with SpawnPool(1, look) as pool:
        run_stage(stage, [{}], "chunk_work:tell", tmp_path, pool, file="chunks/{stage}/{key}.json")
    assert set(seen[:-1]) == {("tell-00000", 3, 10)}
    assert seen[-1] == ("tell-00000", 10, 10)
    assert not any((tmp_path / "work").iterdir())


def test_steps_are_told_once_in_a_while(tmp_path, monkeypatch):
    assert steps_told(tmp_path) is None
    told = told_in(tmp_path)
    for step in range(3):
        told(step, 9)
    assert steps_told(tmp_path) == (0, 9)
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    told(8, 9)
    assert steps_told(tmp_path) == (8, 9)


def test_a_stage_that_begins_again_is_told_again(capsys):
    with StageBars() as bars:
        for done in (0, 1, 2, 0, 1, 2):
            bars("gate", done, 2)
    assert capsys.readouterr().err.split() == ["gate", "1/2", "gate", "2/2"] * 2


def test_nobody_who_reads_along_is_no_reason_to_end(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with StageBars() as bars:
        bars("gate", 2, 2)


def test_a_terminal_shows_bars_of_what_is_under_way_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with StageBars() as bars:
        for i in range(60):
            bars(f"arm-{i}", 5, 5)
        bars("judge", 1, 5)
        bars("audit", 0, 0)
    shown = terminal.getvalue()
    assert all(f"arm-{i} " in shown for i in range(60))
    assert "judge" in shown.rpartition("arm-59")[2]


def test_a_log_has_a_line_for_every_tenth_of_a_stage(capsys):
    with StageBars() as bars:
        for step in range(1001):
            bars("fit-ddpm-00000", step, 1000)
        bars("write", 2, 2)
        bars("nothing", 0, 0)
    told = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [words[-1] for words in told[:LINES]] == [f"{i}00/1000" for i in range(1, 11)]
    assert told[LINES:] == [["write", "2/2"], ["nothing", "0/0"]]
