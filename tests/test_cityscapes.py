"""Cityscapes: two ways of labels, depth from disparity, drawn skies, and cities as groups."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import cityscapes as recording
from torchvision import datasets

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _cityscapes_polygons as polygons
from parhelion.sim_adapters.cityscapes import Cityscapes, CityscapesConfig

CLEAR = "train/aachen_000000_000019_leftImg8bit"
OTHER = "train/bad-honnef_000003_000019_leftImg8bit"
FOGGY = f"{CLEAR}_foggy_beta_0.02"
RAINY = f"{CLEAR}_rain_alpha_0.01_beta_0.005_dropsize_0.01_pattern_1"
FINE = "gtFine/train/aachen/aachen_000000_000019_gtFine"


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    source = Cityscapes(CityscapesConfig(path=folder, **settings))
    return {ref.native_id: source.read(ref) for ref in source.index()}


def refusal(folder: Path, native_id: str = CLEAR) -> BadFrame:
    source = Cityscapes(CityscapesConfig(path=folder))
    ref = next(ref for ref in source.index() if ref.native_id == native_id)
    with pytest.raises(BadFrame) as caught:
        source.read(ref)
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recording.write(tmp_path)
    return tmp_path


def test_things_keep_their_numbers_and_crowds_have_none(folder: Path) -> None:
    frame = frames(folder)[CLEAR]
    assert np.array_equal(frame.image, street_pixels(1))
    first, second = frame.objects  # the caravan has no class of ours, the group is no single car
    assert (first.instance, second.instance) == (26000, 26001)
    assert first.category is second.category is SceneClass.CAR
    assert first.box_xyxy == (4, 18, 13, 26)
    assert second.box_xyxy == (10, 20, 16, 28)
    numbered = recording.numbered_ids()
    assert np.array_equal(frame.instances, np.where(numbered < 1000, 0, numbered))
    assert frame.stencil[20, 17] == SceneClass.CAR  # of the group
    assert frame.instances[20, 17] == 0
    assert frame.stencil[17, 42] == SceneClass.IGNORE  # the caravan
    assert frame.stencil[12, 45] == SceneClass.IGNORE  # nobody drew anything there
    assert frame.stencil[0, 0] == SceneClass.SKY


def test_depth_is_baseline_times_focal_length_over_disparity(folder: Path) -> None:
    frame = frames(folder)[CLEAR]
    distance = recording.BASELINE * recording.FX / 10
    assert frame.depth[15, 5] == pytest.approx(distance, rel=1e-6)
    assert frame.depth[20, 20] == pytest.approx(distance * 10 * 256 / 65534, rel=1e-6)
    assert np.isposinf(frame.depth[:12]).all()
    assert np.isnan(frame.depth[-4:]).all()
    assert frame.camera is not None
    assert frame.camera.intrinsics.tolist() == [
        [recording.FX, 0, recording.U0],
        [0, recording.FY, recording.V0],
        [0, 0, 1],
    ]


def test_drawn_skies_are_simulated_twins_with_the_labels_of_the_clear_one(folder: Path) -> None:
    found = frames(folder)
    clear, foggy, rainy = found[CLEAR], found[FOGGY], found[RAINY]
    assert clear.provenance.kind is Kind.REAL
    assert clear.conditions.weather is Weather.CLEAR
    assert clear.conditions.visibility_m is None
    assert foggy.conditions.weather is Weather.FOGGY
    assert foggy.conditions.visibility_m == pytest.approx(2.996 / 0.02, rel=1e-3)
    assert foggy.conditions.native == "leftImg8bit_foggy_beta_0.02"
    assert rainy.conditions.weather is Weather.RAINING
    assert rainy.conditions.visibility_m is None
    assert "alpha_0.01_beta_0.005_dropsize_0.01_pattern_1" in rainy.conditions.native
    for drawn in (foggy, rainy):
        assert drawn.provenance.kind is Kind.SIMULATED
        assert drawn.provenance.twin_id == clear.provenance.twin_id != ""
        assert drawn.group_id == clear.group_id
        assert drawn.conditions.time_of_day is TimeOfDay.DAY
        assert np.array_equal(drawn.stencil, clear.stencil)
        assert drawn.objects == clear.objects
    assert len({frame.content_sha256 for frame in found.values()}) == len(found)


def test_a_setting_leaves_drawn_skies_out(folder: Path) -> None:
    assert set(frames(folder, pictures=["leftImg8bit"])) == {CLEAR, OTHER}
    assert set(frames(folder, pictures=["leftImg8bit_foggy"])) == {
        FOGGY,
        f"{CLEAR}_foggy_beta_0.01",
    }


def test_a_group_is_a_city_whatever_the_sequence(folder: Path) -> None:
    """Snippets of one drive have numbers of their own, seconds apart."""
    drives = {"aachen": "aachen_000001_000019", "aachen_02": "aachen_02_000000_000001"}
    for drive, stem in drives.items():
        save(folder / f"leftImg8bit/demoVideo/{drive}/{stem}_leftImg8bit.png", street_pixels(4))
    groups = {name: frame.group_id for name, frame in frames(folder).items()}
    assert len(groups) == 7
    assert groups.pop(OTHER) == "cityscapes/bad-honnef"
    assert set(groups.values()) == {"cityscapes/aachen"}


def test_polygons_are_drawn_where_a_city_has_no_label_pictures(folder: Path) -> None:
    painted = frames(folder)[CLEAR]
    for kind in ("labelIds", "instanceIds"):
        (folder / f"{FINE}_{kind}.png").unlink()
    drawn = frames(folder)[CLEAR]
    assert np.array_equal(drawn.stencil, painted.stencil)
    assert np.array_equal(drawn.instances, painted.instances)
    assert drawn.objects == painted.objects


def without_label_pictures(folder: Path, **changes: Any) -> None:
    """Polygons alone, changed."""
    for kind in ("labelIds", "instanceIds"):
        (folder / f"{FINE}_{kind}.png").unlink()
    document = recording.polygons() | changes
    (folder / f"{FINE}_polygons.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"imgWidth": 2048}, Reason.SIZE_MISMATCH, "2048"),
        ({"objects": [{"label": "ufo", "polygon": []}]}, Reason.UNKNOWN_CLASS, "'ufo'"),
        ({"objects": [{"label": "road", "polygon": [[1e9, 0]]}]}, Reason.BAD_METADATA, "polygon"),
    ],
    ids=["size", "label", "corner"],
)
def test_polygons_that_make_no_sense_are_refused(
    folder: Path, change: dict[str, Any], reason: Reason, words: str
) -> None:
    without_label_pictures(folder, **change)
    refused = refusal(folder)
    assert refused.reason is reason
    assert words in refused.sentence


def test_polygons_that_would_take_for_ever_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polygons, "MOST_WORK", 1_000_000)
    road = {"label": "road", "polygon": [[0, 0], [WIDTH, 0], [0, HEIGHT]]}
    without_label_pictures(folder, objects=[road] * 1_000)
    assert "fewer polygons, got 1,000 with 3,000 corners" in refusal(folder).sentence


def test_another_reader_sees_the_same_pictures_classes_and_instances(folder: Path) -> None:
    peer = datasets.Cityscapes(
        str(folder), split="train", mode="fine", target_type=["semantic", "instance", "polygon"]
    )
    train_ids = np.full(256, 255)
    for c in peer.classes:
        if c.id >= 0:
            train_ids[c.id] = 255 if c.ignore_in_eval else c.train_id
    ours = frames(folder, pictures=["leftImg8bit"])
    assert len(peer) == len(ours) == 2
    for path, (image, (semantic, instance, told)) in zip(peer.images, peer, strict=True):
        frame = ours[f"train/{Path(path).stem}"]
        assert np.array_equal(frame.image, np.asarray(image))
        assert np.array_equal(frame.stencil, train_ids[np.asarray(semantic)])
        numbered = np.asarray(instance).astype(int)
        assert np.array_equal(frame.instances > 0, numbered >= 1000)
        assert np.array_equal(frame.instances[numbered >= 1000], numbered[numbered >= 1000])
        assert (told["imgHeight"], told["imgWidth"]) == frame.size
        for thing in frame.objects:
            rows, columns = np.nonzero(numbered == thing.instance)
            low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
            assert thing.box_xyxy == (*low, *high)
            assert train_ids[thing.instance // 1000] == thing.category


def test_the_dummy_labels_of_the_test_split_are_left_alone(folder: Path) -> None:
    stem = "test/berlin/berlin_000000_000019"
    save(folder / f"leftImg8bit/{stem}_leftImg8bit.png", street_pixels(3))
    recording.write_labels(folder / f"gtFine/{stem}_gtFine")
    frame = frames(folder)["test/berlin_000000_000019_leftImg8bit"]
    assert frame.layers == frozenset()
    assert frame.label_space == frozenset()


def test_coarse_labels_are_read_where_a_city_has_no_fine_ones(folder: Path) -> None:
    stem = "train_extra/augsburg/augsburg_000000_000000"
    save(folder / f"leftImg8bit/{stem}_leftImg8bit.png", street_pixels(3))
    recording.write_labels(folder / f"gtCoarse/{stem}_gtCoarse")
    name = "train_extra/augsburg_000000_000000_leftImg8bit"
    assert frames(folder)[name].stencil is not None
    assert frames(folder, labels=["gtFine"])[name].stencil is None


def test_parts_that_were_not_fetched_are_none(folder: Path) -> None:
    for part in ("gtFine", "disparity", "camera"):
        shutil.rmtree(folder / part)
    assert frames(folder)[CLEAR].layers == frozenset()


@pytest.mark.parametrize(
    "lost",
    [
        f"{FINE}_labelIds.png",
        f"{FINE}_instanceIds.png",
        "disparity/train/aachen/aachen_000000_000019_disparity.png",
        "camera/train/aachen/aachen_000000_000019_camera.json",
        "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png",
    ],
)
def test_a_file_that_its_neighbours_have_is_missed_by_name(folder: Path, lost: str) -> None:
    for path in list(folder.rglob("aachen_000000_000019_*")):  # a neighbour that has everything
        shutil.copyfile(path, path.with_name(path.name.replace("000000", "000007")))
    (folder / lost).unlink()
    refused = refusal(folder)
    assert refused.reason is Reason.MISSING_FILE
    assert lost in refused.sentence


def test_a_strange_name_is_told_and_the_rest_is_read(folder: Path) -> None:
    strange = "leftImg8bit_foggy/train/aachen/aachen_000000_000019_leftImg8bit_foggy_beta_x.png"
    save(folder / strange, street_pixels(1))
    refused = refusal(folder, strange)
    assert refused.reason is Reason.BAD_METADATA
    assert strange in refused.sentence
    assert CLEAR in {ref.native_id for ref in Cityscapes(CityscapesConfig(path=folder)).index()}


def test_disparity_of_eight_bits_is_refused(folder: Path) -> None:
    path = folder / "disparity/train/aachen/aachen_000000_000019_disparity.png"
    save(path, np.ones((HEIGHT, WIDTH), dtype=np.uint8))
    assert refusal(folder).reason is Reason.WRONG_TYPE


@pytest.mark.parametrize("value", [6657, 35001])  # KITTI's 26 * 256 + 1, and a class too many
def test_an_instance_of_no_thing_is_refused(folder: Path, value: int) -> None:
    ids = recording.numbered_ids()
    ids[5, 5] = value
    Image.fromarray(ids).save(folder / f"{FINE}_instanceIds.png")
    refused = refusal(folder)
    assert refused.reason is Reason.UNKNOWN_CLASS
    assert str(value) in refused.sentence


def test_a_label_id_outside_the_table_is_refused(folder: Path) -> None:
    ids = np.full((HEIGHT, WIDTH), 34, dtype=np.uint8)
    Image.fromarray(ids).save(folder / f"{FINE}_labelIds.png")
    assert refusal(folder).reason is Reason.UNKNOWN_CLASS


@pytest.mark.parametrize("value", [0, -0.2, float("nan"), 1e300])
def test_a_camera_without_a_baseline_is_refused(folder: Path, value: float) -> None:
    path = folder / "camera/train/aachen/aachen_000000_000019_camera.json"
    camera = recording.camera()
    camera["extrinsic"]["baseline"] = value
    path.write_text(json.dumps(camera))
    refused = refusal(folder)
    assert refused.reason is Reason.BAD_METADATA
    assert "baseline" in refused.sentence
