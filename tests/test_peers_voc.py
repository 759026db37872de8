"""Datumaro and Supervision see in the same VOC files what we see: boxes, classes, masks.

VOC counts pixels from 1 and includes the last one. Supervision subtracts 1 from xmin and ymin, as
we do. Datumaro takes the numbers as they stand unless it is told "voc-one-based": by default its
boxes begin one pixel too far right and down. It reads masks by the colours of VOC's palette.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peer_readers import mask_of, told_by
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import voc as recording

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters.voc import VOC_WORDS, Voc, VocConfig

pytestmark = pytest.mark.peer
MANY = 40


def written(folder: Path) -> dict[str, Frame]:
    """Ours by path, of the recording and of a picture of many boxes."""
    settings, random = recording.write(folder), rng("tests.peers.voc")
    found = []
    for _ in range(MANY):
        x0, x1 = sorted(random.integers(1, WIDTH + 1, 2).tolist())
        y0, y1 = sorted(random.integers(1, HEIGHT + 1, 2).tolist())
        word = str(random.choice([*VOC_WORDS]))
        truncated = str(random.integers(2))
        found.append(recording.tag_object(word, (x0, y0, x1, y1), truncated=truncated))
    home = folder / "VOC2012"
    recording.write_xml(home / "Annotations/2009_000001.xml", "2009_000001.jpg", found)
    save(home / "JPEGImages/2009_000001.jpg", street_pixels(9))
    (home / "ImageSets/Main/test.txt").write_text("2009_000001\n")
    source = Voc(VocConfig(**settings))
    return {
        ref.native_id.replace("VOC2012", "JPEGImages") + ".jpg": source.read(ref)
        for ref in source.index()
    }


def boxes_of(frame: Frame) -> list[tuple[SceneClass, tuple[float, ...]]]:
    return [(o.category, o.box_xyxy) for o in frame.objects]


def test_boxes_are_those_of_supervision(tmp_path: Path) -> None:
    ours = written(tmp_path)
    told = told_by("supervision", tmp_path, "voc")
    assert {f"VOC2012/{name}" for name in ours} == set(told)
    for name, frame in ours.items():
        assert boxes_of(frame) == [
            (VOC_WORDS[one["label"]], tuple(one["box"])) for one in told[f"VOC2012/{name}"]
        ]


def test_boxes_flags_and_masks_are_those_of_datumaro(tmp_path: Path) -> None:
    ours = written(tmp_path)
    told = told_by("datumaro", tmp_path / "VOC2012", "voc", "coordinate_mode=voc-one-based")
    assert {one["picture"] for one in told["pictures"]} == set(ours)
    for theirs in told["pictures"]:
        frame = ours[theirs["picture"]]
        assert boxes_of(frame) == [
            (VOC_WORDS[one["label"]], tuple(one["box"])) for one in theirs["boxes"]
        ]
        assert [o.truncation != 0 for o in frame.objects] == [
            one["flags"]["truncated"] for one in theirs["boxes"]
        ]
        check_masks(frame, theirs["masks"])


def check_masks(frame: Frame, masks: list[dict[str, Any]]) -> None:
    """That each numbered thing and the border are where they lie for us."""
    assert (frame.instances is None) == (not masks)
    for one in masks:
        mask = mask_of(one, frame)
        border = one["label"] == "ignored"
        number, seen = (0, SceneClass.IGNORE) if border else (one["group"], VOC_WORDS[one["label"]])
        assert set(frame.instances[mask]) == {number}
        assert set(frame.stencil[mask]) == {seen}
        assert border or int((frame.instances == number).sum()) == int(mask.sum())
    if masks:
        things = {o.instance for o in frame.objects}
        assert things == {one["group"] for one in masks if one["label"] != "ignored"}


def test_datumaro_is_one_off_where_it_is_not_told(tmp_path: Path) -> None:
    ours = written(tmp_path)
    for theirs in told_by("datumaro", tmp_path / "VOC2012", "voc")["pictures"]:
        made = np.array([o.box_xyxy for o in ours[theirs["picture"]].objects])
        assert (np.array([one["box"] for one in theirs["boxes"]]) - made == (1, 1, 0, 0)).all()
