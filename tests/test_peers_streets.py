"""Datumaro sees in Cityscapes, KITTI and SYNTHIA what we see, as far as it reads them rightly.

Cityscapes: of the pictures of instance ids it knows the plain ones, below 1000. Single things,
whose class is their number over 1000, it does not find; nor does it list "unlabeled".
KITTI: boxes are neither clipped nor dropped, and "DontCare" is one; both are for us to do.
SYNTHIA: it takes pictures of labels for colours, so that class numbers of any edition are all void
to it. Of the first edition it reads classes as text, and those are compared. It has a table for
SYNTHIA-SF, which is ours, and one for SYNTHIA-AL, in the order of the first edition: readers
disagree on AL, which nothing here can settle.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from peer_readers import mask_of, told_by
from recordings import HEIGHT, WIDTH, cityscapes, kitti, save, street_pixels, synthia

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.layers import clip_box
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._cityscapes_polygons import LABEL_IDS
from parhelion.sim_adapters._recordings import Recordings
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES
from parhelion.sim_adapters._synthia_editions import EDITIONS
from parhelion.sim_adapters.cityscapes import Cityscapes, CityscapesConfig
from parhelion.sim_adapters.kitti import CLASSES, Kitti, KittiConfig
from parhelion.sim_adapters.synthia import Synthia

pytestmark = pytest.mark.peer
SF_NAMES = {
    "Void": SceneClass.IGNORE,
    "Terrian": SceneClass.TERRAIN,
    "RoadLines": SceneClass.ROAD,
    "Other": SceneClass.OTHER,
    "RoadWorks": SceneClass.OTHER,
}
RAND_NAMES = {
    "Void": SceneClass.IGNORE,
    "Sign": SceneClass.TRAFFIC_SIGN,
    "Pedestrian": SceneClass.PERSON,
    "Cyclist": SceneClass.BICYCLE,
}
COMMON_IDS = 12  # from there on the editions that look like the first one number otherwise


def stripes(classes: int) -> NDArray[np.uint8]:
    """A picture (H, W) of class ids from 0, a column for each, and the rest of the last one."""
    columns = np.minimum(np.arange(WIDTH), classes - 1).astype(np.uint8)
    return np.tile(columns, (HEIGHT, 1))


def frames(source: Recordings) -> dict[str, Frame]:
    """Ours, by the names that the source gives them."""
    return {ref.native_id: source.read(ref) for ref in source.index()}


def joined(name: str) -> str:
    """A class name as Datumaro spells it."""
    return name.replace(" ", "").replace("_", "").lower()


def test_plain_ids_of_cityscapes_are_those_of_datumaro(tmp_path: Path) -> None:
    cityscapes.write(tmp_path)
    stem = "train/ulm/ulm_000001_000019"
    save(tmp_path / f"leftImg8bit/{stem}_leftImg8bit.png", street_pixels(5))
    save(tmp_path / f"gtFine/{stem}_gtFine_labelIds.png", stripes(len(LABEL_IDS)))
    numbered = stripes(len(LABEL_IDS)).astype(np.uint16)
    save(tmp_path / f"gtFine/{stem}_gtFine_instanceIds.png", numbered)
    told = told_by("datumaro", tmp_path, "cityscapes")
    assert told["labels"] == [*map(joined, LABEL_IDS), "licenseplate"]
    source = Cityscapes(CityscapesConfig(path=tmp_path, pictures={"leftImg8bit"}))
    ours = {f.provenance.twin_id.rpartition("/")[2]: f for f in frames(source).values()}
    assert len(ours) == len(told["pictures"]) == 3
    for theirs in told["pictures"]:
        frame = ours[theirs["id"].rpartition("/")[2]]
        found = check_classes(frame, theirs["masks"])
        plain = frame.instances == 0
        assert set(frame.stencil[plain & ~found]) <= {SceneClass.IGNORE}
        assert len(theirs["masks"]) == (len(LABEL_IDS) - 1 if "ulm" in theirs["id"] else 4)


def check_classes(frame: Frame, masks: list[dict[str, Any]]) -> NDArray[np.bool_]:
    """That masks are of the class of their name for us; gives all they cover (H, W)."""
    judged = {joined(c.label): c for c in CITYSCAPES}
    covered = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    for one in masks:
        mask = mask_of(one, frame)
        assert set(frame.stencil[mask]) == {judged.get(one["label"], SceneClass.IGNORE)}
        covered |= mask
    return covered


def test_pixels_of_kitti_are_those_of_datumaro(tmp_path: Path) -> None:
    kitti.write(tmp_path)
    ids = stripes(len(LABEL_IDS))
    number = np.repeat(np.arange(HEIGHT) // 8, WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    save(tmp_path / "training/image_2/000007_10.png", street_pixels(7))
    save(tmp_path / "training/semantic/000007_10.png", ids)
    save(tmp_path / "training/instance/000007_10.png", ids.astype(np.uint16) * 256 + number)
    told = told_by("datumaro", tmp_path, "kitti_segmentation")
    ours = frames(Kitti(KittiConfig(path=tmp_path)))
    seen = 0
    for theirs in told["pictures"]:
        if not theirs["masks"]:  # pictures of objects, and those of a moment later
            continue
        seen += 1
        frame = ours[f"training/{theirs['id']}"]
        assert check_classes(frame, theirs["masks"]).all()
        for one in theirs["masks"]:
            mask = mask_of(one, frame)
            value = told["labels"].index(one["label"]) * 256 + one["id"]
            if one["id"] == 0:
                assert not frame.instances[mask].any()
                continue
            assert np.array_equal(frame.instances == value, mask)
    assert seen == 3


def test_boxes_of_kitti_are_those_of_datumaro(tmp_path: Path) -> None:
    kitti.write(tmp_path)
    save(tmp_path / "training/image_2/000002.png", street_pixels(2))
    kitti.put(tmp_path / "training/label_2/000002.txt", "".join(map(row, range(40))))
    told = told_by("datumaro", tmp_path, "kitti_detection")
    ours = frames(Kitti(KittiConfig(path=tmp_path)))
    seen = 0
    for theirs in told["pictures"]:
        if "_" in theirs["id"]:
            continue
        seen += 1
        wanted = [
            (CLASSES[one["label"]], clip_box(one["box"], WIDTH, HEIGHT), one["flags"]["truncated"])
            for one in theirs["boxes"]
            if one["label"] != "DontCare"
        ]
        wanted = [one for one in wanted if one[1][0] < one[1][2] and one[1][1] < one[1][3]]
        objects = ours[f"training/{theirs['id']}"].objects
        assert [o.category for o in objects] == [category for category, _, _ in wanted]
        assert [o.truncation != 0 for o in objects] == [cut for _, _, cut in wanted]
        for one, (_, box, _) in zip(objects, wanted, strict=True):
            assert one.box_xyxy == pytest.approx(box, abs=1e-5, rel=0)  # single precision
    assert seen == 3


def row(seed: int) -> str:
    """A line of labels, its box anywhere on the picture or beyond."""
    random = rng("tests.peers.kitti", seed)
    word = [*CLASSES, "DontCare"][seed % (len(CLASSES) + 1)]
    x0, x1 = sorted(random.uniform(-10, WIDTH + 10, 2))
    y0, y1 = sorted(random.uniform(-10, HEIGHT + 10, 2))
    cut = seed % 3 / 4
    box = f"{x0:.2f} {y0:.2f} {x1:.2f} {y1:.2f}"
    return f"{word} {cut:.2f} 1 0.20 {box} 1.50 1.60 4.00 -2.00 1.60 10.00 -1.57\n"


def test_classes_of_the_first_synthia_are_those_of_datumaro(tmp_path: Path) -> None:
    synthia.write(tmp_path)
    ids = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint16)
    ids[..., 0] = stripes(COMMON_IDS)
    synthia.save_channels(tmp_path / "GT/LABELS/0000001.png", ids)
    (tmp_path / "GTTXT").mkdir()
    np.savetxt(tmp_path / "GTTXT/0000001.txt", ids[..., 0], fmt="%d")
    told = told_by("datumaro", tmp_path, "synthia_rand")
    (theirs,) = told["pictures"]
    frame = frames(Synthia(Synthia.Config(path=tmp_path)))[theirs["picture"].removesuffix(".png")]
    assert len(theirs["masks"]) == COMMON_IDS
    for one in theirs["masks"]:
        assert set(frame.stencil[mask_of(one, frame)]) == {meaning(one["label"], RAND_NAMES)}


def test_the_table_of_synthia_sf_is_that_of_datumaro(tmp_path: Path) -> None:
    synthia.write(tmp_path)
    told = told_by("datumaro", tmp_path / "SEQ1", "synthia_sf")
    assert EDITIONS["SF"].classes == {
        i: meaning(name, SF_NAMES) for i, name in enumerate(told["labels"])
    }


def meaning(name: str, own: dict[str, SceneClass]) -> SceneClass:
    """Of a name of SYNTHIA's, by a few words of its own and by ours."""
    return own[name] if name in own else {joined(c.label): c for c in SceneClass}[name.lower()]
