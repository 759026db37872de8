"""The nuScenes devkit sees in the same tables what we see: boxes, cameras, scenes."""

from pathlib import Path

import numpy as np
import pytest
from peer_readers import told_by
from recordings import HEIGHT, WIDTH
from recordings import nuscenes as recording

from parhelion.sim_adapters.nuscenes import CLASSES, Nuscenes, NuscenesConfig

pytestmark = pytest.mark.peer


def test_boxes_and_cameras_are_those_of_the_devkit(tmp_path: Path) -> None:
    recording.write(tmp_path)
    told = told_by("nuscenes", tmp_path)
    source = Nuscenes(NuscenesConfig(path=tmp_path))
    refs = source.index()
    assert {ref.native_id for ref in refs} == set(told)
    for ref in refs:
        frame, theirs = source.read(ref), told[ref.native_id]
        assert frame.group_id == f"nuscenes/{theirs['scene']}"
        assert frame.conditions.native == theirs["description"]
        assert frame.camera is not None
        assert np.allclose(frame.camera.intrinsics, theirs["intrinsics"])
        assert np.allclose(frame.camera.camera_to_world, theirs["camera_to_world"])
        # Of a body partly behind the camera or at the picture's edge the devkit keeps some corners.
        assert {o.category for o in frame.objects} >= {
            CLASSES[box["category"]] for box in theirs["boxes"]
        }
        whole = [box for box in theirs["boxes"] if box["in_front"]]
        assert whole
        for box in whole:
            (ours,) = (o for o in frame.objects if o.category is CLASSES[box["category"]])
            assert ours.centre_m == pytest.approx(box["centre"])
            assert ours.distance_m == pytest.approx(box["distance_m"])
            x0, y0, x1, y1 = box["extent"]
            clipped = max(x0, 0), max(y0, 0), min(x1, WIDTH), min(y1, HEIGHT)
            if clipped == (x0, y0, x1, y1):
                assert ours.box_xyxy == pytest.approx(clipped)
            else:  # ours is the box of the part inside, which the clipped box of the whole holds
                within = zip(ours.box_xyxy, clipped, (1, 1, -1, -1), strict=True)
                assert all((a - b) * sign >= -1e-6 for a, b, sign in within)
