"""Who watches a run sees its stages, and the steps of long chunks; and nothing depends on it."""

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


def test_a_log_has_a_line_for_every_tenth_of_a_stage(capsys):
    with StageBars() as bars:
        for step in range(1001):
            bars("fit-ddpm-00000", step, 1000)
        bars("write", 2, 2)
        bars("nothing", 0, 0)
    told = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [words[-1] for words in told[:LINES]] == [f"{i}00/1000" for i in range(1, 11)]
    assert told[LINES:] == [["write", "2/2"], ["nothing", "0/0"]]
