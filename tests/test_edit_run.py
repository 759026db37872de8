"""A whole run whose plan is an edit: what was put in is in the dataset, and replays."""

from pathlib import Path

import numpy as np
from test_run import DAY, dataset, run, street
from tiny_parts import REPAINT

from parhelion.pipeline.replay import replay_frame
from parhelion.pipeline.report import read_report
from parhelion.pipeline.run_config import RunConfig

SETTINGS = {**REPAINT, "layers": ["stencil", "instances", "depth"], "crop": [36, 64]}


def edit_config() -> RunConfig:
    source = street("source", 0, DAY, scenes=4)
    source["settings"]["width"], source["settings"]["height"] = 96, 54  # type: ignore[index]
    return RunConfig.model_validate(
        {
            "name": "edits",
            "sources": [source],
            "generators": [
                {
                    "generator": "insert",
                    "settings": {"classes": ["car"], "least_seen": 0.5, "repaint": SETTINGS},
                }
            ],
            "splits": {"train": 1, "validation": 0, "test": 0},
            "plan": {
                "wanted": [],
                "mix": {},
                "edits": [{"name": "more cars", "generator": "insert", "count": 2}],
                "max_rounds": 3,
            },
            "gate": None,
            "scores": None,
            "downstream": None,
        }
    )


def test_an_edit_is_planned_drawn_written_and_replayed(tmp_path: Path) -> None:
    run(edit_config(), tmp_path)
    frames = dataset(tmp_path)
    drawn = [key for key in frames.keys if key.kind == "generated"]
    assert len(drawn) >= 2
    for key in drawn:
        frame = frames.by_id(key.frame_id)
        parent = frames.by_id(frame.provenance.parent_id)
        assert frame.conditions == parent.conditions
        assert len(frame.objects) >= len(parent.objects)
        assert frame.instances is not None
        assert parent.instances is not None
        new = frame.instances > parent.instances.max()
        assert new.any()
        assert not np.array_equal(frame.image[new], parent.image[new])
        assert replay_frame(tmp_path, key.frame_id).same
    (need,) = [cell for cell in read_report(tmp_path / "report")[0].plan if cell.target]
    assert need.cell == "edit: more cars"
    assert need.accepted == len(drawn)
