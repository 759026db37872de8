"""Unity's own tools see in the same files what we see: boxes, colours, cameras."""

from pathlib import Path

import numpy as np
import pytest
from peer_readers import told_by
from PIL import Image
from recordings import HEIGHT, WIDTH
from recordings import solo as recording

from parhelion.sim_adapters._dataset_words import WORDS, bare
from parhelion.sim_adapters.solo import Solo, SoloConfig

pytestmark = pytest.mark.peer


def test_frames_are_those_of_unitys_tools(tmp_path: Path) -> None:
    told = told_by("pysolotools", recording.write(tmp_path)["path"])
    config = SoloConfig(path=tmp_path, classes=recording.CLASSES)
    classes, source = {**WORDS, **config.classes}, Solo(config)
    refs = source.index()
    assert {ref.native_id for ref in refs} == set(told)
    for ref in refs:
        frame, theirs = source.read(ref), told[ref.native_id]
        place = tmp_path / ref.native_id.partition("/")[0]
        assert np.array_equal(frame.image, np.asarray(Image.open(place / theirs["picture"])))
        for label, colour in theirs["classes"].items():
            there = np.all(np.asarray(Image.open(place / theirs["semantic"])) == colour, axis=2)
            assert np.array_equal(frame.stencil == classes[bare(label)], there)
        for i, colour in theirs["ids"].items():
            there = np.all(np.asarray(Image.open(place / theirs["instance"])) == colour, axis=2)
            assert np.array_equal(frame.instances == int(i), there)
        assert [(o.category, o.instance, o.box_xyxy) for o in frame.objects] == [
            (classes[bare(label)], i, (x, y, min(x + width, WIDTH), min(y + height, HEIGHT)))
            for label, i, x, y, width, height in theirs["boxes"]
        ]
        assert (frame.depth is not None) == ("depth" in theirs)
        assert frame.camera is not None
        x, y, z = theirs["position"]
        assert frame.camera.camera_to_world[:3, 3] == pytest.approx((x, -y, z))
        width, height = theirs["dimension"]
        focal = theirs["matrix"][0] * width / 2, theirs["matrix"][4] * height / 2
        assert np.diag(frame.camera.intrinsics)[:2] == pytest.approx(focal)
