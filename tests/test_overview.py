"""A run that is cut short tells what it read, what it refused and what is missing."""

import io
from pathlib import Path

import pytest
from image_folder import pixels, save
from rich.console import Console

from parhelion.flows.tables import print_tables
from parhelion.pipeline.overview import Table
from parhelion.pipeline.quarantine_table import read_quarantine
from parhelion.pipeline.run import Outcome, augment
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.workers import Inline


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """Two sound pictures of a clear day and one that is cut off."""
    pictures = tmp_path / "pictures"
    for name in ("a/1", "a/2", "b/3"):
        save(pictures / f"{name}.png", pixels())
    cut = pictures / "b" / "3.png"
    cut.write_bytes(cut.read_bytes()[:40])
    rows = [f"{name}.png,Clear,13" for name in ("a/1", "a/2", "b/3")]
    (pictures / "metadata.csv").write_text("\n".join(["file_name,weather,hour", *rows]) + "\n")
    return RunConfig(
        name="short",
        sources=[{"adapter": "folder", "settings": {"path": str(pictures)}}],
        generators=[{"generator": "classical"}],
        splits={"train": 1, "validation": 0, "test": 0},
        plan={"mix": {"classical": 1}, "wanted": [{"weathers": ["Foggy"], "share": 0.5}]},
    )


def run(config: RunConfig, folder: Path, until: str) -> Outcome:
    return augment(
        config, folder, executor=Inline(), progress=lambda stage, done, total: None, until=until
    )


def printed(outcome: Outcome) -> str:
    text = io.StringIO()
    print_tables(outcome.tables, Console(file=text, width=120))
    return text.getvalue()


def test_ingest_tells_what_was_read_and_refused(config: RunConfig, tmp_path: Path) -> None:
    outcome = run(config, tmp_path / "run", "ingest")
    tables = {table.title: table for table in outcome.tables}
    read, refused = tables["frames read"], tables["quarantined"]
    assert read.rows == (("source", "clear/day", "2"),)
    assert tables["speed of reading"].rows[0][0] == "2"
    assert [row[:2] for row in refused.rows] == [("unreadable_image", "1")]
    assert "b/3.png" in refused.rows[0][2]
    (row,) = read_quarantine(Path(outcome.lines["quarantine"]))
    assert (row["native_id"], row["reason"]) == ("b/3.png", "unreadable_image")
    assert "clear/day" in printed(outcome)


def test_audit_tells_shares_and_what_is_missing(config: RunConfig, tmp_path: Path) -> None:
    outcome = run(config, tmp_path / "run", "audit")
    tables = {table.title: table for table in outcome.tables}
    assert tables["training frames by weather"].rows[0][:4] == ("Clear", "2", "2", "100.0%")
    assert tables["training frames by weather x time of day"].rows[0][0] == "clear/day"
    assert tables["missing by the plan"].rows == (("fog/day", "0", "2", "2"),)
    assert "missing by the plan" in printed(outcome)


def test_a_run_that_refused_nothing_leaves_no_quarantine(config: RunConfig, tmp_path: Path) -> None:
    run(config, tmp_path / "run", "ingest")
    save(tmp_path / "pictures" / "b" / "3.png", pixels())
    outcome = run(config, tmp_path / "run", "ingest")
    assert "quarantine" not in outcome.lines
    assert not (tmp_path / "run" / "quarantine.parquet").exists()


def test_a_name_that_looks_like_markup_is_printed_as_it_is() -> None:
    table = Table(title="t", columns=("name",), rows=(("[red]a[/red]",),))
    text = io.StringIO()
    print_tables([table], Console(file=text, width=60))
    assert "[red]a[/red]" in text.getvalue()
