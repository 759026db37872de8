"""The makers' own scripts see in the same files what we see: classes, instances, every pixel."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from peer_readers import told_by
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import cityscapes as recording

from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._cityscapes_polygons import FIRST_THING, LABEL_IDS
from parhelion.sim_adapters._scene_vocabularies import class_table
from parhelion.sim_adapters.cityscapes import Cityscapes, CityscapesConfig

pytestmark = pytest.mark.peer
IGNORED = (255, -1)  # their train ids of what is not judged


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def test_pictures_of_ids_are_read_as_the_makers_draw_them(tmp_path: Path) -> None:
    recording.write(tmp_path)
    told = told_by("cityscapesscripts", tmp_path)["frames"]
    source = Cityscapes(CityscapesConfig(path=tmp_path, pictures={"leftImg8bit"}))
    refs = source.index()
    assert len(refs) == len(told) == 2
    for ref in refs:
        frame = source.read(ref)
        theirs = told[frame.provenance.twin_id.partition("/")[2]]
        assert theirs["drawn_as_the_picture"]  # what our test wrote by hand
        assert sha256(frame.stencil) == theirs["stencil_sha256"]
        judged = {
            i: box for i, box in theirs["boxes"].items() if theirs["classes"][i[:2]] not in IGNORED
        }
        assert {str(o.instance): list(o.box_xyxy) for o in frame.objects} == judged


def slanted(seed: int) -> dict[str, object]:
    """Outlines of any shape, some of them beyond the picture or of several things at once."""
    random = rng("tests.peers.cityscapes", seed)
    words = [*LABEL_IDS, "license plate", "cargroup", "persongroup"]
    objects = []
    for _ in range(40):
        size = int(random.integers(3, 9))
        corners = random.integers(-6, [WIDTH + 6, HEIGHT + 6], (size, 2)).tolist()
        word = words[int(random.integers(len(words)))]
        objects.append({"label": word, "polygon": corners, "deleted": int(random.random() < 0.1)})
    return {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}


def test_polygons_are_drawn_to_the_pixel_as_the_makers_draw_them(tmp_path: Path) -> None:
    for seed in range(20):
        stem = f"train/aachen/aachen_{seed:06d}_000019"
        save(tmp_path / f"leftImg8bit/{stem}_leftImg8bit.png", street_pixels(seed))
        recording.write_json(tmp_path / f"gtFine/{stem}_gtFine_polygons.json", slanted(seed))
    told = told_by("cityscapesscripts", tmp_path)["frames"]
    source = Cityscapes(CityscapesConfig(path=tmp_path))
    for ref in source.index():
        frame = source.read(ref)
        theirs = told[frame.provenance.twin_id.partition("/")[2]]
        assert sha256(frame.stencil) == theirs["stencil_sha256"]
        assert set(map(str, np.unique(frame.instances[frame.instances > 0]))) == set(
            theirs["boxes"]
        )
        for thing in frame.objects:
            assert list(thing.box_xyxy) == theirs["boxes"][str(thing.instance)]


def test_the_table_of_labels_is_the_makers(tmp_path: Path) -> None:
    told = told_by("cityscapesscripts", tmp_path)["labels"]
    ours = class_table("cityscapes_label_ids")
    assert {name: str(i) for name, i in LABEL_IDS.items()} == {
        name: i for i, (name, _, _) in told.items() if int(i) >= 0
    }
    for i, (_, train_id, has_instances) in told.items():
        if int(i) >= 0:
            assert ours[int(i)] == (SceneClass.IGNORE if train_id in IGNORED else train_id)
            assert has_instances == (int(i) >= FIRST_THING)
