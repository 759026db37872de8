"""A second run in one process reads what is there now, not what an earlier one saw."""

from pathlib import Path

from image_folder import pixels, save

from parhelion.pipeline.receipts import read_receipts
from parhelion.pipeline.run import augment
from parhelion.pipeline.run_config import RunConfig
from parhelion.pipeline.workers import Inline


def test_files_that_came_since_the_last_run_are_read(tmp_path: Path) -> None:
    save(tmp_path / "pictures" / "a" / "1.png", pixels())
    config = RunConfig(
        name="grows",
        sources=[{"adapter": "folder", "settings": {"path": str(tmp_path / "pictures")}}],
        generators=[{"generator": "classical"}],
        plan={"mix": {"classical": 1}},
    )
    rows = []
    for name in ("2", "3"):
        augment(
            config,
            tmp_path / "run",
            executor=Inline(),
            progress=lambda stage, done, total: None,
            until="ingest",
        )
        (receipt,) = read_receipts(tmp_path / "run", "ingest-0-source")
        assert not receipt.quarantined
        rows.append(receipt.rows)
        save(tmp_path / "pictures" / "a" / f"{name}.png", pixels(int(name)))
    assert rows == [1, 2]
